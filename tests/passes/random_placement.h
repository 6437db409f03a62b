/* Programs whose values are placed at random, as strategy files may ask. */
#ifndef TESTS_RANDOM_PLACEMENT_H
#define TESTS_RANDOM_PLACEMENT_H

#include "ir/prog.h"

/* Makes the graph to place: an equal one at each call. */
typedef Graph *MakeGraph(Arena *a, const void *ctx);

/* The program of that graph with a drawn placement for each class of its values, as entry e has them. What is
 * illegal among them is left to the compiler; NULL when something new is after a dozen tries. */
Prog *random_placement(Arena *a, MakeGraph *make, const void *ctx, EntryKind e);

#endif
