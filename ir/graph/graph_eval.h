/* What one node computes in the reference interpreter: arrays of doubles in row-major order. */
#ifndef IR_GRAPH_EVAL_H
#define IR_GRAPH_EVAL_H

#include "ir/graph/graph.h"

/* in[i]: the values of operand i. `out` has the node's element count. */
typedef struct EvalCtx {
  const Graph *g;
  const GraphEnv *env;
  bool f64;
  GraphRun *run;
} EvalCtx;

/* False with an error at the node's place: an index out of range, an unknown step field. STATE and INPUT are
 * the caller's. */
bool graph_eval(const EvalCtx *c, const Node *n, const double *const *in, double *out);

/* A CONTRACT (ir/graph/graph_eval_contract.c): sums over the contracted labels in the order of their numbers,
 * in f32 unless f64. */
void graph_eval_contract(const Node *n, const double *a, const double *b, double *out, bool f64);

/* Copies a block of `rank` dimensions between arrays with strides, counted in elements. */
void graph_copy_block(int rank, const int64_t *dim, double *to, const int64_t *to_stride, const double *from,
                      const int64_t *from_stride);
/* Row-major strides of a shape. */
void graph_strides(const Shape *s, int64_t *stride);
/* Memory for n doubles, to be given to free(). */
double *graph_doubles(int64_t n);

#endif
