/* The chain skeleton on a CPU: contractions and row reductions chained through blocks of rows that stay in
 * scratch. Roles: batch, m (rows), n (the elements of a resident row), k and d (features). A task is a group
 * of batches. For each block of rows, every value is finished before the next one is begun:
 *
 *   score      (m, n), a sum over k or d     tiles into a resident block
 *   map        (m, n), resident              a pass over the block
 *   row        (m), reduced over n, k or d   one number a row
 *   out        (m, x), a sum over n          the resident block times B, then stored
 *   column     (n, x), a sum over m          accumulated over the blocks of rows, stored after the last
 *   sum        (n) or (x), reduced over m    the same, a number each
 *
 * x is k or d. Anything else is written where it is used. Columns that no consumer's bounds reach, for any
 * row of a block, are not computed. */
#ifndef CODEGEN_CPU_CHAIN_H
#define CODEGEN_CPU_CHAIN_H

#include "codegen/cpu/dot/cpu_dot.h"

typedef enum ChainClass { AT_INLINE, AT_SCORE, AT_MAP, AT_ROW, AT_OUT, AT_COLUMN, AT_SUM } ChainClass;

enum { CHAIN_COLUMN_ROWS = 8 };

/* A contraction: A (over m or n) times B. For out and column the left factor is resident. */
typedef struct ChainDot {
  const KExpr *left, *right;
  int x;          /* fused axis that is reduced (score) or of the columns (out, column) */
  int64_t extent; /* of x */
  DotShape shape; /* for the packs */
  DotBlocks g;
  int slot;                 /* the resident left factor (out, column) */
  int64_t a_at, b_at, c_at; /* scratch: packed A, packed B, result (bytes) */
  int64_t a_row, c_row;     /* strides of packed A and of the result */
} ChainDot;

/* A resident block: rows x columns of a value or of a left factor, 0 outside the bounds of contraction
 * `bound`
 * (-1: everywhere itself). It is made by value `from` and last read by value `to`. */
typedef struct ChainSlot {
  int val; /* the value; -1: only a factor */
  const KExpr *expr;
  int bound, from, to;
  int64_t at; /* scratch, bytes */
} ChainSlot;

typedef struct ChainShape {
  Arena *arena;
  const Kernel *k;
  const KPlan *plan;
  CpuAxes batch;
  int64_t nbatch, m, n;
  int axis_m, axis_n, axis_k, axis_d;
  int64_t extent_k, extent_d;
  const Ix *to[KERN_MAX_AXES];
  ChainClass *cls; /* one a value */
  ChainDot *dot;   /* one a value; those of contractions are filled */
  int *row_axis;   /* rows: the fused axis they are reduced over; sums: the one they lie along */
  int64_t *row_at; /* rows and sums: scratch, bytes */
  bool *reads;     /* [v * nval + w]: whether v's expression, with what is written into it, reads w */
  int nslot, cap_slot;
  ChainSlot *slot;
  int lanes;
  int64_t groups;            /* tasks */
  int64_t mr, mpanels, tall; /* as in DotBlocks */
  int64_t w, nr;             /* vectors and columns of a tile */
  int64_t width;             /* stride of a resident row */
  int64_t bytes;             /* scratch */
} ChainShape;

/* A kernel under construction. */
typedef struct Chain {
  CpuFn *f;
  const ChainShape *s;
  LLVMValueRef p, row0, rows; /* the block of rows */
  LLVMValueRef c0, c1;        /* its columns: multiples of lanes; c1 may pass n */
  int reader;                 /* the value that is being computed; -1: a store */
} Chain;

/* What each value is, and where it lives for that processor (cpu_chain_plan.c). */
ChainShape *chain_plan(Arena *a, const Kernel *k, const KPlan *p, const Processor *t);
/* The slot in which `reader` finds value v at its own point: the whole block, or for a reduction one under
 * the same bounds; -1: none. */
int chain_slot_of(const ChainShape *s, int val, int reader);
bool chain_same_bounds(const Kernel *k, int a, int b);
int64_t chain_extent(const ChainShape *s, int axis);

/* A block of rows (cpu_chain_block.c): element (row, column) of an area of scratch; the columns that a block
 * of rows needs; the passes over it. */
LLVMValueRef chain_at(Chain *a, int64_t area, LLVMValueRef row, int64_t stride, LLVMValueRef col);
void chain_columns(Chain *a);
/* Fills the slots that value `val` makes: its own, and the left factors made for it. */
void chain_fill(Chain *a, int val);
void chain_row(Chain *a, int val);
/* Makes a sum over the rows that of none; adds a block of rows. */
void chain_sum_clear(Chain *a, int val);
void chain_sum(Chain *a, int val);
CpuPlaced chain_placed;
/* Runs the stores whose values live on (m), (m, x) and (m, n) for the block; on (n), (x)
 * and (n, x), once for a batch. */
void chain_store_block(Chain *a);
void chain_store_columns(Chain *a);

#endif
