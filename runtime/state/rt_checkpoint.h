/* Checkpoints: parameters under their names in files (an alias each once more), fixed tensors likewise,
 * `slot.NAME.PARAM` for the optimizer's, and in the metadata the step, the seed, the data position, the
 * settings, and for each frozen module the hash of its file. */
#ifndef RUNTIME_RT_CHECKPOINT_H
#define RUNTIME_RT_CHECKPOINT_H

#include "runtime/state/rt_load.h"

/* Where a run stands, beside the tensors. */
typedef struct RtPosition {
  uint64_t step;    /* updates made */
  uint64_t total;   /* updates in the whole run */
  uint64_t samples; /* of the training data, 0 without */
} RtPosition;

bool rt_checkpoint_write(const char *path, const RtSession *s, const RtOptions *o, const RtPosition *p);
/* Restores tensors, seed, settings and position. Settings and seed given on the command line win, with a
 * note. False with errors reported: anything missing, another frozen file, not a checkpoint. */
bool rt_checkpoint_read(const char *path, RtSession *s, const RtOptions *o, RtPosition *p);

#endif
