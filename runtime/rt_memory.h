/* What a run takes, said before it starts: everything that will be resident. */
#ifndef RUNTIME_RT_MEMORY_H
#define RUNTIME_RT_MEMORY_H

#include <stdint.h>
#include <stdio.h>

typedef struct RtMemory {
  uint64_t arena;   /* the plan's */
  uint64_t scratch; /* of all threads */
  uint64_t data;    /* images, labels and their order */
  uint64_t program; /* code and constants, the C library's included */
  uint64_t stacks;  /* of the threads */
  uint64_t buffers; /* of files, tables and the C library */
  uint64_t total;
} RtMemory;

RtMemory rt_memory_plan(int threads, uint64_t data);
/* "memory 345.1 MiB: arena ..." and a line end. */
void rt_memory_print(const RtMemory *m, int threads, FILE *out);
/* The most that was resident so far (VmHWM), bytes; 0 when the system doesn't say. */
uint64_t rt_memory_peak(void);

#endif
