/* The writer of one kernel: graph values as kernel expressions over the axes of its draft. */
#ifndef PASSES_WRITE_H
#define PASSES_WRITE_H

#include "passes/lower/draft.h"

typedef struct Memo {
  const Node *node;
  const Ix **idx; /* NULL: a value of the group, which has one point */
  const KExpr *expr;
} Memo;

typedef struct Writer {
  Lower *l;
  Draft *d;
  Kernel *k;
  Arena *arena;
  Loc at; /* of the node whose value is being made; of no source: the kernel's own */
  int nmemo, cap_memo;
  Memo *memo;
} Writer;

/* A set of roles. */
typedef unsigned RoleSet;
#define ROLE_BIT(r) (1u << ROLE_##r)

/* passes/lower/write.c */
/* The value of n at idx, wherever placement put it. */
const KExpr *write_value(Writer *w, const Node *n, const Ix *const *idx);
/* A value of the kernel over the axes of a part's own roles; reduced over the axes of own role `over`, if
 * any. */
int write_define(Writer *w, const char *name, DType t, int part, RoleSet own, KReduce reduce, KRole over,
                 const KExpr *e);
/* A reference to value v at its own axes. */
const KExpr *write_ref(Writer *w, int v);
/* The kernel's number of a piece of memory; `out` makes it writable. */
int write_buffer(Writer *w, PBuf *buf, int64_t at, DType t, int64_t count, bool out);
void write_store(Writer *w, int value, int buffer, const Ix *address);

/* passes/lower/rules.c: n's rule at idx, an expression of its operands' values. */
const KExpr *write_rule(Writer *w, const Node *n, const Ix *const *idx);
/* Whether x < with (E_LT), x <= with (E_LE) or x == with (E_EQ). */
const KExpr *write_compare(Writer *w, EltOp op, const Ix *x, int64_t with);
/* passes/lower/reduce.c: the value of a reduction of the group. */
int write_core(Writer *w, const Node *n);
/* The partials of all reductions, stored. */
void write_partials(Writer *w);

#endif
