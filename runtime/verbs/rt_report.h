/* The numbers that a program reports: their weighted means, as text and as JSON, and what train says of them
 * while it runs. */
#ifndef RUNTIME_RT_REPORT_H
#define RUNTIME_RT_REPORT_H

#include <stdio.h>

#include "runtime/rt_session.h"
#include "runtime/verbs/rt_log.h"

typedef struct RtReport {
  double *sum, *weight; /* one a value of the program */
} RtReport;

RtReport rt_report_new(void);
void rt_report_free(RtReport *r);
void rt_report_clear(RtReport *r);
/* Adds the reported numbers of an entry as they stand in the arena. */
void rt_report_add(RtReport *r, const RtSession *s, TessEntryKind e, double weight);
/* "  ar 1.234  kd 0.51  lr 0.001": losses first, then the rest in the program's order. */
void rt_report_text(const RtReport *r, FILE *out);
/* ","ar":1.234" for each. */
void rt_report_json(const RtReport *r, FILE *out);

/* Train's progress: one line that is renewed on a terminal, plain lines elsewhere, and JSON lines in a file.
 */
typedef struct RtProgress {
  bool terminal;
  RtLog log;
  uint64_t every; /* updates from one plain line to the next */
  uint64_t total, epoch_steps;
  double start, printed; /* when the run and the current interval began */
  uint64_t first, last;  /* steps at those times */
  RtReport step, interval;
} RtProgress;

/* Starts behind update `first` of `total`. The log is opened as rt_log_open does. False with an error. */
bool rt_progress_open(RtProgress *p, const char *log, uint64_t every, uint64_t first, uint64_t total,
                      uint64_t epoch_steps);
/* Takes the reported numbers of an entry that has just run. */
void rt_progress_add(RtProgress *p, const RtSession *s, TessEntryKind e);
/* Update number `done` (from 1) is complete. */
void rt_progress_step(RtProgress *p, uint64_t done);
/* What an evaluation behind update `done` found: a line of its own, and one in the log. */
void rt_progress_validation(RtProgress *p, uint64_t done, uint64_t n, const RtReport *r, bool best);
/* Ends the line; samples a second over the whole run. False when the log is incomplete, which was said. */
bool rt_progress_close(RtProgress *p, uint64_t done, double *rate);

#endif
