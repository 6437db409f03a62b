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

typedef struct RtDistance {
  double off;           /* |found - want| */
  double wanted, found; /* |want - base|, |found - base| */
  uint64_t left_out;    /* elements that the three do not cover */
} RtDistance;

/* Over n elements; `off` is NaN when anything can't be read. */
RtDistance rt_distance(const RtRef *ref, uint32_t type, const void *found, uint64_t n);
/* off / wanted; 0 / 0 is 0, and NaN where anything isn't finite. */
double rt_relative(const RtDistance *d);

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

/* What was measured of a parameter: its gradient, or how far it moved. */
typedef struct RtMeasured {
  const TessState *param;
  const char *tensor; /* its name in the file; NULL: it is not there */
  RtDistance d;
  uint64_t count; /* elements */
  bool zero;      /* its gradient is zero but for rounding */
  bool left_out;  /* and could not be compared */
} RtMeasured;

/* Adds gradients to their kind, but for those that are zero in exact arithmetic, as of a bias before a batch
 * norm: what rounding makes of them cannot be compared. They are out of bounds, and all of them together are
 * on both sides no more than 1e-6 of the norm of the file's gradients: then `left_out` is set, and gradients
 * as a whole are known to 2e-6. */
void rt_judge_gradients(RtMeasured *m, int n, RtKind *k);
/* Adds final parameters to their kind, but for those out of bounds whose gradient was zero, as `zero` says,
 * and that moved no further an element than twice what the furthest of the others did: an optimizer may
 * divide by the size of a gradient. The elements of what is left out are added to *left_out. */
void rt_judge_finals(const RtMeasured *m, int n, RtKind *k, uint64_t *left_out);

#endif
