/* One kernel against the peak of the same minute. A sample is a slice of the peak loop, the kernel for a
 * while and another slice, on every thread at once and by each thread's own processor time, so that others on
 * the machine count as little as can be; its share is the slowest thread's. */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include "base/arena.h"
#include "base/machine/peak.h"

typedef struct Measure {
  const char *label;
  const char *text; /* a kernel and its plan for the CPU; no step scalars, no draws */
  double flops;     /* of one run */
  PeakKind kind;
  int threads, repeat; /* samples: at most 64 */
  /* Element i of integer buffer `name`; NULL when there is none. */
  int (*integer)(const char *name, long i);
} Measure;

/* Prints a line: the label, the median and the best share. Ends the program when the text is broken. */
void measure(Arena *a, const Measure *m);

#endif
