/* A program of random_graph.h's graphs run beside the graph interpreter, which knows nothing of placement. */
#ifndef TESTS_PROGRAM_AGREES_H
#define TESTS_PROGRAM_AGREES_H

#include "ir/prog.h"

/* Runs a program's eval entry in its arena: its kernels interpreted, or as machine code with red zones around
 * every buffer. */
typedef void Execute(Arena *a, const Prog *p, char *arena);
void execute_interpreted(Arena *a, const Prog *p, char *arena);
void execute_native(Arena *a, const Prog *p, char *arena);

/* Every element of out0 to out3 must be the graph's, in f32, within `within` * (1 + |element|); NaN is NaN.
 * The 1 is for sums of terms of about 1 that cancel. `g` is as it was built: the passes change the one they
 * get. */
void program_agrees(Arena *a, const Prog *p, const Graph *g, Execute *execute, double within);

#endif
