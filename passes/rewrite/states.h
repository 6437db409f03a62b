/* What a graph says of states, made explicit as assignments. */
#ifndef PASSES_STATES_H
#define PASSES_STATES_H

#include "ir/graph/graph.h"

/* Whether two states have memory in common. */
bool states_overlap(const State *a, const State *b);
/* States' first values are assigned in entry init, where nothing else is. */
void states_first_values(Graph *g);
/* Old values of states that are assigned to others, or named while the state gets a new value, become nodes
 * of their own, with memory of their own. */
void states_keep_old(Graph *g);

#endif
