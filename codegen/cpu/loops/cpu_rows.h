/* The row skeleton's analysis: what is computed in which pass over a resident row. */
#ifndef CODEGEN_CPU_ROWS_H
#define CODEGEN_CPU_ROWS_H

#include "codegen/cpu/cpu_axes.h"

/* Columns that one unit takes when lanes run along an outer axis. */
enum { CPU_COLUMNS = 64 };

/* A loop over axes that some values and stores share. A reduction runs over the axes from `inner` on, once
 * for each point of those before. */
typedef struct RowPass {
  int level;
  CpuAxes axes;
  const KRed *red; /* of the first reduction, for its bounds; NULL: whole axes */
  int nred;
  int inner; /* -1: no reduction in this pass */
  int nval, nstore;
  int *val; /* reductions, and values put into scratch */
  int *store;
} RowPass;

typedef struct RowShape {
  Arena *arena;
  const Kernel *k;
  const KPlan *p;
  CpuFusion fusion;
  CpuAxes outer; /* without the lane axis when by_column */
  int lane;      /* the lane axis */
  bool by_column;
  int64_t columns; /* extent of the lane axis when by_column, else 1 */
  bool is_outer[CPU_MAX_AXES];
  bool *stored;     /* value lives in scratch */
  int64_t *scratch; /* its byte offset there */
  int64_t bytes;    /* of scratch */
  int *pass;        /* the pass that computes each value; -1: it is inlined */
  int npass;
  RowPass *passes; /* in order */
  int64_t chunks;  /* of CPU_COLUMNS columns */
  int64_t tasks;
} RowShape;

RowShape cpu_row_shape(Arena *a, const Kernel *k, const KPlan *p);
/* Axes of the value that are not outer ones: what a row of it in scratch is made of. */
CpuAxes cpu_row_axes(const RowShape *s, const KVal *v);

#endif
