/* Labelled images in memory. The order of an epoch is a function of (seed, epoch), the augmentation of an
 * image of (seed, epoch, sample): nothing else reaches them, so a run can be resumed anywhere. */
#ifndef RUNTIME_RT_DATA_H
#define RUNTIME_RT_DATA_H

#include "abi/program.h"
#include "runtime/data/rt_idx.h"

typedef struct RtData {
  RtIdx images, labels;
  uint64_t n; /* samples used */
  uint64_t chans, height, width;
  uint32_t *order; /* of the epoch below; NULL before the first */
  uint64_t order_seed, order_epoch;
} RtData;

/* Which samples make a batch: number first .. first+count-1 of the epoch's order, or of the file's. */
typedef struct RtPick {
  uint64_t seed, epoch, first, count;
  bool shuffled; /* and augmented */
} RtPick;

/* Reads PREFIX-images-idx3-ubyte[.gz] and PREFIX-labels-idx1-ubyte[.gz] in `dir` ("train", "t10k") and keeps
 * the first `limit` samples (0: all). Checks them against the values of `entry`. False with an error. */
bool rt_data_open(RtData *d, const char *dir, const char *prefix, uint64_t limit, uint32_t entry);
void rt_data_close(RtData *d);
/* Bytes held. */
uint64_t rt_data_bytes(const RtData *d);

/* Whether the entry has values that come from images or labels. */
bool rt_data_needed(uint32_t entry);
/* Whether no value of the entry is given from outside, as no data folder can; else an error for each. */
bool rt_data_possible(uint32_t entry);

/* Fills the data values of `entry` in the arena. `count` may be less than the batch: then the samples are
 * repeated in turn until the batch is full. */
void rt_data_fill(RtData *d, const RtPick *p, uint32_t entry, char *arena);

#endif
