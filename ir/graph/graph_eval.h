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

/* Whether the elements of a gather's or scatter's index are 0 .. extent-1; else false with an error there. */
bool graph_indices_fit(const Node *n, int64_t extent, const double *index);

/* Memory for n doubles, to be given to free(). */
double *graph_doubles(int64_t n);

#endif
