/* Columns whose samples are the rows of one tensor: all that IDX and safetensors files have. The file's type
 * may be another one than the program's of the same sort: floats are rounded to the nearest, integers must be
 * in range.
 */
#ifndef RUNTIME_RT_TABLE_H
#define RUNTIME_RT_TABLE_H

#include "runtime/data/rt_source.h"

typedef struct RtTable {
  RtType type;
  uint32_t rank;
  uint64_t dim[TESS_MAX_RANK]; /* of the whole tensor, samples first */
  uint64_t per;                /* elements of a sample */
  char *data;                  /* in memory, owned, or NULL: in the file */
  const RtFile *file;
  const RtTensor *tensor;
  char *row;   /* room for one sample of the file */
  bool looked; /* every sample that is used was looked at */
  bool said;   /* that there are values that are not finite */
} RtTable;

/* Makes the column's own table, of its tensor's type and shape; the rest is the caller's. False with an error
 * where these do not fit the value: the name, what was found and what was expected. */
bool rt_table_new(RtColumn *c, RtType type, uint32_t rank, const uint64_t *dim);

/* An RtSourceKind's functions. What is hashed is what the rows hold, in the byte order of this machine; of
 * more than 1 GiB pieces at equal distances are looked at, the rest when it is used. */
bool rt_table_settle(RtColumn *c, uint64_t n);
bool rt_table_read(RtColumn *c, uint64_t sample, const uint64_t *key, void *to);
uint64_t rt_table_bytes(const RtColumn *c);
void rt_table_drop(RtColumn *c);

#endif
