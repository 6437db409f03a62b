/* The plain rule: how any compute becomes threads, without a plan.
 *
 * Stores are split into parts. A part is either
 *   points  a thread a point of the domain; reductions are serial loops in it; or
 *   rows    a block a row. The row's axes are bound; reductions that depend on them alone are done by the
 * whole block, once (a scalar), or once an element of a further axis (an array in shared memory), and then
 *           the stores' remaining axes are shared out over the threads.
 * Which one, and which axes make a row, is what an estimate of the work on the critical path finds cheapest;
 * it is a function of the compute alone. A value that is held is computed once a row, everything else at its
 * use. */
#ifndef CODEGEN_CUDA_PLAIN_H
#define CODEGEN_CUDA_PLAIN_H

#include "codegen/cuda/text/cuda_emit.h"

typedef uint32_t AxisSet; /* bit i: axis i */

typedef struct CudaPart {
  bool rows;
  AxisSet row; /* the row's axes; of points: the domain */
  int nstore;
  int *store;
  int nhold;
  int *hold; /* values, in their order */
} CudaPart;

/* What the values are needed for by some stores. pos[v][i] are the axes of the stores' points that index i of
 * value v depends on; empty where the index is a loop's own. */
typedef struct CudaNeed {
  bool *need;
  AxisSet (*pos)[KERN_MAX_DOMAIN];
  bool *in_sum;  /* used inside another value's reduction */
  bool *repeats; /* used in one whose value has an axis outside the row that this one lacks */
  bool *summed;  /* is or uses a reduction */
} CudaNeed;

/* The value's axes, without those of extent 1, which index nothing. */
AxisSet cuda_domain(const Kernel *k, int val);
AxisSet cuda_store_domain(const Kernel *k, int store);
CudaNeed cuda_need(const Kernel *k, Arena *a, int nstore, const int *store);
/* The kernel's parts, in order of their first store. */
int cuda_parts(const Kernel *k, Arena *a, CudaPart **part);
/* Threads a block that suit the part. */
int cuda_part_block(const Kernel *k, const CudaPart *p);
int64_t cuda_part_grid(const Kernel *k, const CudaPart *p, int block);
int64_t cuda_extent(const Kernel *k, AxisSet s);

#endif
