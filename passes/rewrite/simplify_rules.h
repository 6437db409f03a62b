/* The rewrites' tables, one a file: what simplify.c tries at each node. */
#ifndef PASSES_SIMPLIFY_RULES_H
#define PASSES_SIMPLIFY_RULES_H

#include "passes/rewrite/simplify.h"

/* Tried on nodes of `op` when all licences that it needs are given; `apply` gives NULL where the pattern does
 * not match. A table ends with apply NULL. */
typedef struct SimplifyRule {
  const char *name;
  Op op;
  unsigned licence;
  Node *(*apply)(Graph *g, Node *n);
} SimplifyRule;

extern const SimplifyRule simplify_elt_rules[];  /* elementwise operations, casts, stop_gradient */
extern const SimplifyRule simplify_move_rules[]; /* what only moves elements */
extern const SimplifyRule simplify_sum_rules[];  /* reductions and contractions */

/* Which dimension of a BROADCAST's operand result dimension `dim` is, or -1 for a new one. */
int simplify_broadcast_from(const Node *broadcast, int dim);
/* x moved as `like`, a BROADCAST, RESHAPE or PERMUTE of a tensor of x's shape, moves its own operand. */
Node *simplify_move(Graph *g, const Node *like, Node *x);
/* A constant of that value everywhere. */
static inline bool simplify_is_const(const Node *n, double v) {
  return n->op == O_CONST && n->at.value == v;
}

#endif
