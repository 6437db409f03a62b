/* IDX files (LeCun's format of MNIST), plain or in gzip, of unsigned bytes. */
#ifndef RUNTIME_RT_IDX_H
#define RUNTIME_RT_IDX_H

#include <stdbool.h>
#include <stdint.h>

enum { RT_IDX_RANK = 4 };

typedef struct RtIdx {
  char *path;
  uint32_t rank;
  uint64_t dim[RT_IDX_RANK]; /* of the file */
  uint64_t kept;             /* of the first dimension, in `data` */
  uint64_t count;            /* bytes of `data` */
  uint8_t *data;
} RtIdx;

/* Reads the whole file and keeps the first `limit` of its first dimension (0: all). A file that is cut,
 * longer than its header says, or of another type is refused with an error. The descriptor is closed. */
bool rt_idx_read(int fd, const char *path, uint64_t limit, RtIdx *out);
/* Opens DIR/NAME or DIR/NAME.gz. */
bool rt_idx_find(const char *dir, const char *name, uint64_t limit, RtIdx *out);
void rt_idx_free(RtIdx *x);

#endif
