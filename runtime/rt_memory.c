#define _GNU_SOURCE /* dl_iterate_phdr */
#include "runtime/rt_memory.h"

#include <link.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/rt_session.h"

enum { BUFFERS = 2 << 20, MAIN_STACK = 128 << 10 };

static int add_segments(struct dl_phdr_info *info, size_t size, void *sum) {
  (void)size;
  for (int i = 0; i < info->dlpi_phnum; i++)
    if (info->dlpi_phdr[i].p_type == PT_LOAD) *(uint64_t *)sum += info->dlpi_phdr[i].p_memsz;
  return 0;
}

RtMemory rt_memory_plan(int threads, uint64_t data) {
  RtMemory m = {.arena = tess_program.arena_bytes,
                .scratch = rt_scratch_stride() * (uint64_t)threads,
                .data = data,
                .stacks = MAIN_STACK + RT_STACK * (uint64_t)(threads - 1),
                .buffers = BUFFERS};
  dl_iterate_phdr(add_segments, &m.program);
  m.total = m.arena + m.scratch + m.data + m.program + m.stacks + m.buffers;
  return m;
}

static double mib(uint64_t bytes) {
  return (double)bytes / 1048576;
}

void rt_memory_print(const RtMemory *m, int threads, FILE *out) {
  fprintf(out,
          "memory %.1f MiB: arena %.1f (at least %.1f live at once), scratch of %d thread%s %.1f, data %.1f, "
          "program %.1f, stacks %.1f, buffers %.1f\n",
          mib(m->total), mib(m->arena), mib(tess_program.live_bytes), threads, threads == 1 ? "" : "s",
          mib(m->scratch), mib(m->data), mib(m->program), mib(m->stacks), mib(m->buffers));
}

uint64_t rt_memory_peak(void) {
  FILE *f = fopen("/proc/self/status", "r");
  if (!f) return 0;
  char line[256];
  uint64_t kib = 0;
  while (!kib && fgets(line, sizeof line, f))
    if (!strncmp(line, "VmHWM:", 6)) kib = strtoull(line + 6, NULL, 10);
  fclose(f);
  return kib * 1024;
}
