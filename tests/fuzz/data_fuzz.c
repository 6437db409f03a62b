/* Any bytes as a file of samples: opened as what they look like, found by name, looked at, and every sample
 * put into a batch. The program has a datum of each sort. */
#define _GNU_SOURCE /* memfd_create */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "runtime/data/rt_data.h"
#include "runtime/rt_base.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { BATCH = 2 };

static struct {
  float x[BATCH * 3];
  int32_t token[BATCH * 2], y[BATCH];
  uint8_t byte[BATCH], image[BATCH * 16];
} memory;

#define TENSOR(e, n, s, member, type, ...)                                                                   \
  {                                                                                                          \
    .name = (n), .flags = TESS_DATA, .entry = (e), .data = (s), .classes = (type) == TESS_I32 ? 5 : 0,       \
    .shift = 2, .flip = 0.5f, .t = {                                                                         \
      type,                                                                                                  \
      __VA_ARGS__,                                                                                           \
      offsetof(__typeof__(memory), member),                                                                  \
      sizeof memory.member / sizeof *memory.member                                                           \
    }                                                                                                        \
  }

/* An entry is a place where a file may have something. */
static const TessValue values[] = {TENSOR(0, "x", "tensor", x, TESS_F32, 2, {BATCH, 3}),
                                   TENSOR(1, "token", "tensor", token, TESS_I32, 2, {BATCH, 2}),
                                   TENSOR(2, "y", "label", y, TESS_I32, 1, {BATCH}),
                                   TENSOR(3, "byte", "tensor", byte, TESS_U8, 1, {BATCH}),
                                   TENSOR(4, "image", "image", image, TESS_U8, 4, {BATCH, 1, 4, 4})};
enum { VALUES = sizeof values / sizeof *values };
const TessProgram tess_program = {.batch = BATCH, .nvalue = VALUES, .value = values};

static void read_all(const RtOptions *o, TessEntryKind entry) {
  RtData d;
  if (!rt_data_open(&d, o, RT_PART_TRAIN, entry)) return;
  for (uint64_t at = 0; at < d.n && at < 64; at++) {
    RtPick p = {.first = at, .count = 1, .shuffled = at % 2};
    if (!rt_data_fill(&d, &p, (char *)&memory)) break;
  }
  rt_data_close(&d);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
  char path[64], named[80];
  int fd = memfd_create("input", 0);
  if (fd < 0 || write(fd, data, n) != (ssize_t)n) abort();
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  rt_messages_to(NULL);
  for (int e = 0; e < VALUES; e++) {
    snprintf(named, sizeof named, "%s=%s", values[e].name, path);
    read_all(&(RtOptions){.verb = RT_TRAIN, .data = {1, {path}}}, (TessEntryKind)e);
    read_all(&(RtOptions){.verb = RT_TRAIN, .data = {1, {named}}}, (TessEntryKind)e);
  }
  close(fd);
  return 0;
}
