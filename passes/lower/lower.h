/* From placed values to kernels and launches: what each pass of this folder does, in their order. */
#ifndef PASSES_LOWER_H
#define PASSES_LOWER_H

#include "passes/entry.h"

/* passes/lower/assign.c: stores results straight into the states they are assigned to where every other
 * reader of the old value can run before; those readers become dependences. */
void lower_assign(Lower *l);
/* passes/lower/layout.c: memory order of every stored node, operands of concatenations in their slices,
 * buffers. */
void lower_layout(Lower *l);
/* Whether the operand of a concatenation is stored in its slice. */
bool lower_is_slice(const Lower *l, const Node *concat, int operand);
/* A buffer of this entry. */
PBuf *lower_buf(Lower *l, const char *name, DType t, int64_t count, Loc loc);
/* passes/lower/order.c: l->order, the groups in launch order. */
void lower_order(Lower *l);

/* passes/lower/tables.c: the program's states and values; memory of each state by its id; where an entry's
 * values are once they have memory. */
PBuf **prog_add_states(Prog *p);
void prog_add_values(Prog *p);
void prog_bind_values(Lower *l);
/* The memory of a state that is nobody's member; where in its group's a member begins, in bytes, else 0. */
PBuf *prog_state_buf(Prog *p, const State *s);
int64_t prog_state_at(const State *s);
/* passes/lower/share.c: once all launches are there, kernels that are alike become one, and each has a
 * symbol. */
void share_alike(Prog *p);
/* passes/lower/memory.c: offsets for all buffers of the program; arena_bytes and live_bytes. */
void prog_memory(Prog *p);

#endif
