/* Checkpoints: parameters and states under their names in files (an alias each once more), fixed tensors
 * likewise, `slot.NAME.PARAM` for the optimizer's, and in the metadata the step, the seed, the data position,
 * the settings, what the data holds, for each frozen module the hash of its file, and what else was kept. */
#ifndef RUNTIME_RT_CHECKPOINT_H
#define RUNTIME_RT_CHECKPOINT_H

#include "runtime/state/rt_load.h"

/* What a datum of the program is read from. */
typedef struct RtHeld {
  const char *name;  /* the datum's */
  const char *what;  /* identifies what it holds */
  const char *where; /* file and tensor, for messages */
} RtHeld;

enum { RT_MOST_KEPT = 1000 };

/* What else was kept beside the checkpoint (runtime/verbs/rt_keep.h). */
typedef struct RtKept {
  double best; /* the evaluation's number of the best one; not finite when there is none */
  int n;       /* those on the way, oldest first; one more than is kept while a new one is written */
  uint64_t step[RT_MOST_KEPT + 1];
} RtKept;

/* Where a run stands, beside the tensors. */
typedef struct RtPosition {
  uint64_t step;    /* updates made */
  uint64_t total;   /* updates in the whole run */
  uint64_t samples; /* of the training data, 0 without */
  const RtHeld *data;
  int ndata;
  RtKept kept;
} RtPosition;

bool rt_checkpoint_write(const RtDest *to, const RtSession *s, const RtOptions *o, const RtPosition *p);
/* Restores tensors, seed, settings and position. Settings and seed given on the command line win, with a
 * note. p->samples and p->data are those of the data at hand. False with errors reported: anything missing,
 * other data, another frozen file, not a checkpoint. */
bool rt_checkpoint_read(const char *path, RtSession *s, const RtOptions *o, RtPosition *p);

#endif
