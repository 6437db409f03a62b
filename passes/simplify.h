/* Local rewrites of the graph: each a pattern at one node and what it becomes, in a direction that ends.
 * docs/graph-ir.md lists them. Those that change rounding in floating point are licences. Nothing is
 * rewritten through a value that may be given from outside. */
#ifndef PASSES_SIMPLIFY_H
#define PASSES_SIMPLIFY_H

#include "ir/graph.h"

typedef enum SimplifyLicence {
  SL_STOP = 1,       /* stop_gradient(x) is x: when nothing is differentiated any more */
  SL_ZERO = 2,       /* x * 0 is 0, also where x is not finite */
  SL_BROADCAST = 4,  /* the sum of n equal terms is n times one; sums of sums are one sum */
  SL_CONST = 8,      /* (x * c) * d is x * (c * d), and the sum of a constant one product */
  SL_RECIPROCAL = 16 /* x / y, with one y for many x, is x * (1 / y) */
} SimplifyLicence;

enum {
  SL_AUTODIFF = SL_ZERO | SL_BROADCAST | SL_CONST, /* what autodiff applies at once */
  SL_ALL = SL_AUTODIFF | SL_STOP | SL_RECIPROCAL
};

/* The node that stands for n after the rewrites at n itself; its operands are taken as they are. NULL gives
 * NULL. New nodes get the graph's current place. */
Node *simplify_node(Graph *g, Node *n, unsigned licences);

/* Rewrites the whole graph until nothing changes, then prunes it: ids change. */
void simplify(Graph *g, unsigned licences);

#endif
