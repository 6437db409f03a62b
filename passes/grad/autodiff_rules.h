/* What autodiff.c and its rules share. A rule gives the gradient of the loss towards operand i of n, a node
 * of that operand's shape and type, from dy, the gradient towards n; NULL stands for zeros everywhere. */
#ifndef PASSES_AUTODIFF_RULES_H
#define PASSES_AUTODIFF_RULES_H

#include "passes/grad/autodiff.h"

/* Of an elementwise node (passes/grad/autodiff_elt.c). */
Node *autodiff_elt(Graph *g, Node *n, Node *dy, int i);
/* Of any other (passes/grad/autodiff_ops.c). */
Node *autodiff_op(Graph *g, Node *n, Node *dy, int i);
/* The sum of n gradients of one shape (passes/grad/autodiff_ops.c): paddings of neighbouring slices become
 * concatenations, the rest is added in the order given. */
Node *autodiff_sum(Graph *g, int n, Node *const *term);
/* An elementwise operation with the cheap simplifications applied. */
Node *autodiff_map(Graph *g, EltOp op, Node *a, Node *b);
/* A constant of x's shape and type. */
Node *autodiff_const(Graph *g, const Node *x, double v);

#endif
