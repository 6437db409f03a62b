/* What a kernel may take on: whether it can be written is asked of its indices (passes/axes/walk.c). */
#ifndef PASSES_FIT_H
#define PASSES_FIT_H

#include "passes/place/group.h"

/* Why g's kernel may not also compute n, or DR_NONE: its other reads have to allow it, and what it reads of g
 * has to be there at its own point (`row`: at the row's elements). */
Reason group_may_take(Lower *l, Group *g, const Node *n, bool row);
/* The same for another reduction n of g's rows. */
Reason group_may_reduce(Lower *l, Group *g, const Node *n);
/* Whether all that g computes can be written as one kernel. */
bool group_fits(Lower *l, const Group *g);

#endif
