/* Any bytes as an IDX file, plain or in gzip, read whole and in part. */
#define _GNU_SOURCE /* memfd_create */
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "runtime/data/rt_idx.h"
#include "runtime/rt_base.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
  rt_messages_to(NULL);
  for (uint64_t limit = 0; limit < 2; limit++) {
    RtIdx x;
    int fd = memfd_create("input", 0);
    if (fd < 0 || write(fd, data, n) != (ssize_t)n || lseek(fd, 0, SEEK_SET) != 0) abort();
    if (!rt_idx_read(fd, "input", limit, &x)) continue;
    volatile uint8_t last = x.count ? x.data[x.count - 1] : 0;
    (void)last;
    rt_idx_free(&x);
  }
  return 0;
}
