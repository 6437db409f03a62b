/* How far a program's tensors are from those of a file, in L2 norms, and the worst of each kind. */
#ifndef RUNTIME_RT_COMPARE_H
#define RUNTIME_RT_COMPARE_H

#include <stdio.h>

#include "runtime/state/rt_safetensors.h"

/* The reference of one comparison. */
typedef struct RtRef {
  const RtFile *file;
  const RtTensor *want;
  uint64_t first;       /* element of `want` that the program's first one is compared with */
  const RtTensor *base; /* what distance is measured from; NULL: zero */
  double rounding;      /* how far an element may be off, relative to it, and count as equal */
  const RtTensor *grad; /* elements whose gradient is below 1e-6 of its tensor's root mean square are left
                         * out; NULL: none */
} RtRef;

/* |found - want| / |want - base| over n elements; 0 / 0 is 0. NaN when anything isn't finite or can't be
 * read. Adds the number of elements left out; -1 when all were. */
double rt_distance(const RtRef *ref, uint32_t type, const void *found, uint64_t n, uint64_t *left_out);

/* The worst of one kind: "losses", "grad", "final", or the name of a reported value. */
typedef struct RtKind {
  const char *name;
  double bound;
  double worst;
  char *tensor; /* where; NULL when nothing was compared */
  int compared;
} RtKind;

/* Takes one measurement; `tensor` is copied. NaN is worse than any number. */
void rt_kind_add(RtKind *k, double distance, const char *tensor);
bool rt_kind_passes(const RtKind *k);

#endif
