/* IDX files (LeCun's format of MNIST), plain or in gzip, of any of their types. */
#ifndef RUNTIME_RT_IDX_H
#define RUNTIME_RT_IDX_H

#include "abi/program.h"
#include "runtime/state/rt_type.h"

typedef struct RtIdx {
  char *path;
  RtType type;
  uint32_t rank;
  uint64_t dim[TESS_MAX_RANK]; /* of the file */
  uint64_t kept;               /* of the first dimension, in `data` */
  uint64_t count;              /* bytes of `data` */
  char *data;                  /* in this machine's byte order */
} RtIdx;

/* Reads the whole file and keeps the first `limit` of its first dimension (0: all). A file that is cut,
 * longer than its header says, or no IDX file is refused with an error. The descriptor is closed. */
bool rt_idx_read(int fd, const char *path, uint64_t limit, RtIdx *out);
bool rt_idx_open(const char *path, uint64_t limit, RtIdx *out);
void rt_idx_free(RtIdx *x);

#endif
