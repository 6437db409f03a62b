/* What passes leave, as text and as rules that hold: the placement of an entry, the program. */
#ifndef PASSES_PROG_TEXT_H
#define PASSES_PROG_TEXT_H

#include "passes/entry.h"

/* The placement table; arena-owned. */
char *place_print(const Lower *l);
/* The groups in launch order, the axes of their kernels, or the kernels: as far as passes have come. */
char *drafts_print(const Lower *l);
/* Whether what is known of values and groups agrees, and groups come after all that they need once they are
 * in order. */
bool place_verify(Lower *l);
/* Whether every kernel is well formed, and no two buffers alive together overlap; reports what is not. */
bool prog_verify(const Prog *p);

#endif
