/* Local rewrites of the graph: each a pattern at one node and what it becomes, in a direction that ends.
 * docs/graph-ir.md lists them. Those that change rounding in floating point are licences. Nothing is
 * rewritten through a value that may be given from outside. */
#ifndef PASSES_SIMPLIFY_H
#define PASSES_SIMPLIFY_H

#include "ir/graph/graph.h"

/* X(member, bit, name on the command line, what it allows) */
#define SIMPLIFY_LICENCES(X)                                                                                 \
  X(STOP, 1, "stop", "stop_gradient(x) is x, when nothing is differentiated any more")                       \
  X(ZERO, 2, "zero", "x * 0 is 0, also where x is not finite")                                               \
  X(BROADCAST, 4, "broadcast", "the sum of n equal terms is n times one; sums of sums are one sum")          \
  X(CONST, 8, "const", "(x * c) * d is x * (c * d), and the sum of a constant is a product")                 \
  X(RECIPROCAL, 16, "reciprocal", "x / y, with one y for many x, is x * (1 / y)")

typedef enum SimplifyLicence {
#define X(member, bit, name, meaning) SL_##member = (bit),
  SIMPLIFY_LICENCES(X)
#undef X
} SimplifyLicence;

typedef struct SimplifyLicenceRow {
  unsigned bit;
  const char *name, *meaning;
} SimplifyLicenceRow;

/* The licences, for the command line and its help; ends with name NULL. */
extern const SimplifyLicenceRow simplify_licences[];

enum {
  SL_AUTODIFF = SL_ZERO | SL_BROADCAST | SL_CONST, /* what autodiff applies at once */
  SL_ALL = SL_AUTODIFF | SL_STOP | SL_RECIPROCAL
};

/* The node that stands for n after the rewrites at n itself; its operands are taken as they are. NULL gives
 * NULL. New nodes get the graph's current place. Licences that the graph refuses (Graph.refused) are not
 * used.
 */
Node *simplify_node(Graph *g, Node *n, unsigned licences);

/* Rewrites the whole graph until nothing changes, then prunes it: ids change. */
void simplify(Graph *g, unsigned licences);

#endif
