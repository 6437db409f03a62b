/* The dot skeleton on a CPU: one contraction, both operands packed, epilogue on the finished tile.
 *
 * The axes of a role are fused into one, so that a contraction is C[m, n] = sum(k) A[m, k] B[n, k] for every
 * batch. Packed operands are made of 32-bit units: one f32, or two neighbours along k in bf16. Rows of A are
 * cut into panels of equal height (two heights when M does not divide), columns of B into panels of a few
 * vectors; a tile is one panel by one panel. One operand is held: packed once for a run of tasks; the other
 * is streamed: packed for each task and each block of k. Threads share nothing but inputs and outputs. */
#ifndef CODEGEN_CPU_DOT_H
#define CODEGEN_CPU_DOT_H

#include "codegen/cpu/cpu_axes.h"

enum { DOT_MAX_SUMS = 4, DOT_MAX_ROWS = 16, DOT_MAX_VECS = 6, DOT_MAX_LANES = 16 };

/* A factor of the contraction, over the fused axes. */
typedef struct DotOperand {
  const KExpr *expr;
  int rows;     /* the fused axis of its rows: m or n */
  bool along_k; /* memory runs along k, so vectors are evaluated along k; else along the rows */
  bool bounded; /* it is 0 outside the bounds of the reduction */
  const KExpr
      *unrounded; /* of a bf16 factor: what is rounded to give it, since packing in pairs rounds anyway */
} DotOperand;

/* What is computed, whatever the target. */
typedef struct DotShape {
  Arena *arena;
  const Kernel *k;
  const KPlan *plan;
  int val;               /* the contraction */
  int nsum;              /* sums over k of something that depends on batch, m and k only */
  int sum[DOT_MAX_SUMS]; /* their values */
  CpuAxes batch;
  int64_t nbatch, m, n, kk;
  int axis_m, axis_n, axis_k;
  const Ix *to[KERN_MAX_AXES]; /* an axis of the kernel as an index over the fused axes; NULL: kept */
  DotOperand a, b;
  bool bf16; /* both factors are bf16 */
} DotShape;

/* How it is cut. Strides and sizes are in units, offsets into scratch in bytes. */
typedef struct DotBlocks {
  int64_t lanes;
  bool pairs;             /* units are pairs of bf16 */
  bool hold_b;            /* B is held and A streamed; else the reverse */
  int64_t groups, bm, bn; /* tasks: groups of batches x blocks of m x blocks of n */
  int64_t mpanels, tall;  /* panels of A; the first `tall` have mr rows, the rest mr - 1 */
  int64_t mr, w, nr;      /* rows, vectors and columns of a tile */
  int64_t nvecs, npanels; /* vectors and panels of n */
  int64_t ku, kc, nk;     /* units of k in all and in a block, blocks */
  int64_t a_row, a_k;     /* strides of packed A */
  int64_t a_panel;        /* when A is packed along its rows: of its panels */
  int64_t b_panel;        /* stride of B's panels */
  int64_t max_mp, max_np; /* most panels in a block */
  int64_t a_at, b_at, tile_at, sum_at, bytes;
} DotBlocks;

/* A dot kernel under construction. */
typedef struct Dot {
  CpuFn *f;
  const DotShape *s;
  const DotBlocks *g;
  LLVMTypeRef unit;        /* float, or i32 holding two bf16 */
  LLVMValueRef kbase, len; /* the current block of k: its first unit, its units */
  LLVMValueRef mp0, mp1;   /* the task's panels of A */
  LLVMValueRef np0, np1;   /* and of B */
  LLVMValueRef tile;       /* the contraction at the current point, or NULL */
  LLVMValueRef sums[DOT_MAX_SUMS];
} Dot;

/* Reads the roles (cpu_dot_plan.c). Broken rules end the compiler: the verifier came before. */
const DotShape *dot_shape(Arena *a, const Kernel *k, const KPlan *p);
/* The definition of the value that e reads, at the indices of e. */
const KExpr *dot_definition(Arena *a, const Kernel *k, const KExpr *e);
/* Whether e is a value whose expression counts as part of e's: a reduction has been stored before. */
bool dot_is_written_here(const Kernel *k, const KExpr *e);
/* Whether the memory that e reads runs along k rather than along the axis `rows`; of s, only the arena, the
 * kernel, `to` and axis_k are used. */
bool dot_runs_along_k(const DotShape *s, const KExpr *e, int rows);
/* How it is cut for that processor. */
DotBlocks dot_blocks(const DotShape *s, const Processor *t);

/* Packs (cpu_dot_pack.c) panels mp0 .. mp1 of A, np0 .. np1 of B, over the current block of k. */
void dot_pack_a(Dot *d);
void dot_pack_b(Dot *d);
/* One row of A over the current block of k, to `to`; `sum`, if not NULL, holds slots of the side sums, to
 * which the elements are added. */
void dot_pack_row(Dot *d, LLVMValueRef row, LLVMValueRef to, LLVMValueRef *sum);
/* Whether the current point lies inside the bounds of value val's reduction: i1, for each lane; NULL when it
 * has none. */
LLVMValueRef dot_in_bounds(CpuFn *f, int val);
/* The address of unit `index` of the scratch area `at` bytes from its start. */
LLVMValueRef dot_scratch(Dot *d, int64_t at, LLVMValueRef index);
/* The first row of panel p of A, and its number of rows. */
LLVMValueRef dot_panel_start(Dot *d, LLVMValueRef p);
LLVMValueRef dot_panel_rows(Dot *d, LLVMValueRef p);

/* The micro-kernel (cpu_dot_tile.c), void (float *c, const unit *a, const unit *b, i64 units, i1 first):
 * c += a b, or = when first, for `rows` rows and `vecs` vectors. Strides are in units (of c: floats). */
typedef struct DotTile {
  int64_t rows, vecs;
  int64_t a_row, a_k; /* of A's rows, and of its units along k */
  int64_t b_k;        /* of B's units along k */
  int64_t c_row;
  bool pairs;
} DotTile;
LLVMValueRef dot_tile(CpuFn *f, const DotTile *t);
LLVMTypeRef dot_tile_type(CpuFn *f);

#endif
