/* What a pass changed. */
#ifndef PASSES_DUMP_DIFF_H
#define PASSES_DUMP_DIFF_H

#include "base/arena.h"

/* The unified difference of two dumps of one stage, under a line that names the pass. Passes number and order
 * nodes anew, which means nothing, so the text after is first written as the one before would be: lines of
 * both are matched with the numbers left out (a longest common subsequence, then lines that moved) and nodes
 * are called as the matched ones before. A new node that matched lines read where they read one that is gone
 * is called as that one; the other new ones get numbers that the text before does not use. Nodes then stand
 * in the order before, new ones in front of what followed them. So a line differs exactly if what it says, or
 * which nodes it reads, differs. Arena-owned. */
char *dump_diff(Arena *a, const char *pass, const char *before, const char *after);

#endif
