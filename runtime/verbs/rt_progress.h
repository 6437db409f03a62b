/* What train says while it runs: one line that is renewed on a terminal, plain lines elsewhere, and JSON
 * lines in a file. */
#ifndef RUNTIME_RT_PROGRESS_H
#define RUNTIME_RT_PROGRESS_H

#include "runtime/verbs/rt_report.h"

typedef struct RtProgress {
  bool terminal;
  FILE *log; /* or NULL */
  const char *log_path;
  uint64_t every; /* updates from one plain line to the next */
  uint64_t total, epoch_steps;
  double start, printed; /* when the run and the current interval began */
  uint64_t first, last;  /* steps at those times */
  RtReport step, interval;
} RtProgress;

/* Starts behind update `first` of `total`. The log is appended to, from the line of that update on. False
 * with an error when it can't be opened. */
bool rt_progress_open(RtProgress *p, const char *log, uint64_t every, uint64_t first, uint64_t total,
                      uint64_t epoch_steps);
/* Takes the reported numbers of an entry that has just run. */
void rt_progress_add(RtProgress *p, const RtSession *s, TessEntryKind e);
/* Update number `done` (from 1) is complete. */
void rt_progress_step(RtProgress *p, uint64_t done);
/* Ends the line; images a second over the whole run. False with an error when the log is incomplete. */
bool rt_progress_close(RtProgress *p, uint64_t done, double *rate);

#endif
