/* Reverse-mode differentiation of the graph IR, by one rule an op. */
#ifndef PASSES_AUTODIFF_H
#define PASSES_AUTODIFF_H

#include "ir/graph/graph.h"

/* Gradients of the scalar `loss` with respect to each of wrt[0..n): nodes of the same shape, added to the
 * graph; zeros where the loss does not depend on one. Nothing is differentiated through STOP_GRADIENT, into
 * integers or towards nodes that reach none of wrt. False, with an error at the op's line, when an op on the
 * way has no gradient. */
bool autodiff(Graph *g, Node *loss, Node *const *wrt, int n, Node **grad);

#endif
