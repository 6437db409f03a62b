/* The tensor-core dot of a plan: what it multiplies, and its numbers.
 *
 * A block computes a tile of bm x bn results. Its operands' tiles of bk terms go through a ring of `ring`
 * stages in shared memory, both with the reduced axis innermost: by cp.async where an operand is a bf16
 * buffer whose reduced axis is contiguous, else by evaluating the operand's expression once an element. wm x
 * wn warps multiply with mma.m16n8k16 in bf16 and add in f32; the stores' values are computed on the
 * accumulators. */
#ifndef CODEGEN_CUDA_DOT_H
#define CODEGEN_CUDA_DOT_H

#include "codegen/cuda/text/cuda_emit.h"

typedef struct CudaSide {
  const char *stage; /* name of its ring in shared memory */
  const KExpr *expr; /* bf16, over the row's role, batch and k */
  KRole rows;        /* m or n */
  const char *first; /* name of the tile's first row */
  int64_t height;    /* bm or bn */
} CudaSide;

struct CudaDot {
  const KPlan *plan;
  int acc; /* the contraction */
  CudaSide side[2];
  int64_t bm, bn, bk, ring, wm, wn;
};

/* Whether the kernel's plan asks for such a dot. */
bool cuda_dot_match(const Kernel *k, CudaDot *d);

#endif
