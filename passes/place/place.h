/* Placement: where each value of an entry lives, and which values share a kernel. The passes in their order.
 */
#ifndef PASSES_PLACE_H
#define PASSES_PLACE_H

#include "passes/place/group.h"

/* passes/place/liveness.c: live nodes, how many consumers compute from each and at how many points, what is
 * of the backward pass, what must have memory. */
void place_liveness(Lower *l);
/* Decides every Site's `where`, and the groups. l->classes are there. */
void place_values(Lower *l);
/* passes/place/chain.c: groups that follow each other through rows of a contraction's result become one
 * kernel. */
void place_chains(Lower *l);
/* Results that only their own kernel reads need no memory: they are held. */
void place_trim(Lower *l);

#endif
