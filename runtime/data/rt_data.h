/* The data of a run: a column for each datum of an entry that is read from files. The order of an epoch is a
 * function of (seed, epoch), what is drawn for a sample of (seed, epoch, sample): nothing else reaches them,
 * so a run can be resumed anywhere. */
#ifndef RUNTIME_RT_DATA_H
#define RUNTIME_RT_DATA_H

#include "runtime/data/rt_source.h"
#include "runtime/state/rt_checkpoint.h"

typedef struct RtData {
  RtSource *source;
  RtColumn *column;
  int nsource, ncolumn;
  uint64_t n;      /* samples used */
  RtHeld *held;    /* what each column holds */
  uint32_t *order; /* of the epoch below; NULL before the first */
  uint64_t order_seed, order_epoch;
} RtData;

/* Which samples make a batch: number first .. first+count-1 of the epoch's order, or of the files'. */
typedef struct RtPick {
  uint64_t seed, epoch, first, count;
  bool shuffled; /* and augmented */
} RtPick;

/* Opens what --data names (for evaluation --eval-data, where it is given) and finds each value of the entry
 * there. Of training data the first --limit samples are kept. False with an error: a value that is found
 * nowhere or at two places, another type or shape, other numbers of samples or none, a value out of range. */
bool rt_data_open(RtData *d, const RtOptions *o, RtPart part, TessEntryKind entry);
void rt_data_close(RtData *d);
/* Bytes held. */
uint64_t rt_data_bytes(const RtData *d);

/* Whether the entry has values that are read from files. */
bool rt_data_needed(uint32_t entry);
/* Whether no value of the entry is given from outside, as no file can; else an error for each. */
bool rt_data_possible(uint32_t entry);

/* Puts a batch's samples where the entry has them. `count` may be less than the batch: then the samples are
 * repeated in turn until the batch is full. False with an error when one can't be read. */
bool rt_data_fill(RtData *d, const RtPick *p, char *arena);

#endif
