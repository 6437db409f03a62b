/* Any bytes as a safetensors file: opened, and every tensor of a type that is known read and converted. */
#define _GNU_SOURCE /* memfd_create */
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "runtime/rt_base.h"
#include "runtime/state/rt_safetensors.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void read_all(const RtFile *f) {
  for (int i = 0; i < f->ntensor; i++) {
    const RtTensor *t = &f->tensor[i];
    uint64_t inexact = 0;
    double *v = RT_NEW(t->type == RT_TYPE_COUNT ? 0 : t->count, double);
    bool read = rt_file_read(f, t, 0, t->type == RT_TYPE_COUNT ? 0 : t->count, RT_F64, v, &inexact);
    if (read != (t->type != RT_TYPE_COUNT) || rt_file_find(f, t->name) != t) abort();
    free(v);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
  int fd = memfd_create("input", 0);
  if (fd < 0 || write(fd, data, n) != (ssize_t)n) abort();
  rt_messages_to(NULL);
  RtFile *f = rt_file_from(fd, "input");
  if (f) read_all(f);
  rt_file_close(f);
  return 0;
}
