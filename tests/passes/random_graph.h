/* Random graphs for tests: an eval entry that reports out0 to out3. */
#ifndef TESTS_RANDOM_GRAPH_H
#define TESTS_RANDOM_GRAPH_H

#include "ir/graph/graph.h"

enum { RANDOM_OUTS = 4 };

/* The same graph for the same seed. */
Graph *random_graph(Arena *a, uint64_t seed);
/* A chain of contractions and row reductions, and its gradients. */
Graph *chain_graph(Arena *a, uint64_t seed);
/* The same with values of other types in it, gathers, and rows used in more ways. */
Graph *wild_chain_graph(Arena *a, uint64_t seed);

#endif
