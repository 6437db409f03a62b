/* What replay's two parts share: running the steps (rt_replay.c) and telling the result. */
#ifndef RUNTIME_RT_REPLAY_H
#define RUNTIME_RT_REPLAY_H

#include "runtime/rt_option.h"
#include "runtime/verbs/rt_compare.h"
#include "runtime/verbs/rt_report.h"

/* A replay under way. */
typedef struct RtReplay {
  RtOptions *o;
  RtSession s;
  RtFile *f;
  uint64_t steps;
  RtKind losses, grad, final;
  RtKind *value;     /* one a value of the program */
  RtReport report;   /* of the step in hand */
  uint64_t left_out; /* elements of final.* */
  int params;        /* that the file sets */
  bool failed;       /* an error was reported */
} RtReplay;

/* How many losses the program reports. */
uint64_t rt_replay_losses(void);
/* Prints the result as one JSON line and each failure as an error; whether all passed. `ran`: all steps
 * were run. */
bool rt_replay_print(const RtReplay *r, bool ran);

#endif
