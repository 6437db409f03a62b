/* Which checkpoints a run writes and keeps: the newest under its own name, net.safetensors; the best by a
 * number of the evaluation, net.best.safetensors; and the last K of those on the way, net.400.safetensors.
 * Each is whole at any moment; a run that is resumed goes on with what it kept, for the checkpoint says what
 * that is. */
#ifndef RUNTIME_RT_KEEP_H
#define RUNTIME_RT_KEEP_H

#include "runtime/state/rt_checkpoint.h"
#include "runtime/state/rt_lock.h"
#include "runtime/verbs/rt_report.h"

/* What is to be written. */
typedef struct RtOccasion {
  bool newest; /* under the checkpoint's own name */
  bool due;    /* and it is one of those on the way, which --keep counts */
  bool best;   /* by the evaluation of this update */
} RtOccasion;

typedef struct RtKeep {
  const char *path; /* --checkpoint; NULL: nothing is written */
  RtLock lock;
  uint64_t most;       /* --keep; 0: none but the newest and the best */
  uint32_t judge;      /* the value that says which is best */
  bool larger;         /* larger ones are better */
  uint64_t written_at; /* update of the newest that could be written; UINT64_MAX before */
  RtOccasion failed;   /* what could not be written last.. */
  uint64_t failed_at;  /* ..and of which update */
  bool lost_best;      /* the best one was not written, and no better one came */
  uint64_t lost_due;   /* the last one on the way that was not written; UINT64_MAX: none */
} RtKeep;

/* Takes the checkpoint's lock, and finds the number of --best in the evaluation. False with an error. */
bool rt_keep_open(RtKeep *k, const RtOptions *o);
/* Whether what is written takes the place of no input and not of the log: once all inputs are open. Reports
 * it. */
bool rt_keep_apart(const RtKeep *k, const RtOptions *o);
/* Once a run is resumed: what another checkpoint kept is not this one's. */
void rt_keep_resume(RtKeep *k, const RtOptions *o, RtPosition *p);
/* Whether an evaluation at p->step is the best so far; notes it if so. */
bool rt_keep_judge(const RtKeep *k, const RtReport *r, RtPosition *p);

/* Writes what the occasion asks for; one of update p->step that was written is not written again under its
 * own name. */
void rt_keep_write(RtKeep *k, const RtSession *s, const RtOptions *o, RtPosition *p, RtOccasion is);
/* False when something that should be there could not be written, which was said. */
bool rt_keep_complete(const RtKeep *k, const RtPosition *p);
void rt_keep_close(RtKeep *k);

#endif
