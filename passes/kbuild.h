/* A kernel being written from a group: its axes by role, its buffers, and the graph values it has expressed
 * so far. Each role (points; or batch, m, n and k; or outer and row) begins as one flat axis; reshapes inside
 * expressions show up as quotients and remainders of it, whose divisors cut it into atoms; then the kernel is
 * written again, with every access affine in the atoms. */
#ifndef PASSES_KBUILD_H
#define PASSES_KBUILD_H

#include "passes/lower.h"

enum { MOST_CUTS = 10, MOST_ROLES = 4 };

typedef struct Role {
  const char *name;
  int64_t extent;
  int ncut;
  int64_t cut[MOST_CUTS]; /* rising, each dividing the next and the extent */
  int naxes;
  int axis[MOST_CUTS + 1]; /* outermost first; axes of extent 1 left out */
  const Ix *linear;        /* the role's flat index in terms of its axes */
} Role;

typedef struct KMemo {
  const Node *node;
  const Ix **idx;
  const KExpr *expr;
} KMemo;

typedef struct KBuild {
  Lower *l;
  Kernel *k;
  Group *group;
  int nrole;
  Role role[MOST_ROLES];
  const Node *core;    /* the reduction that `core_value` is, or NULL */
  int core_value;      /* its value's number */
  const Ix **core_idx; /* its own index at the current point */
  const Ix *point;     /* the row-major linear index of the current point */
  int nmemo, cap_memo;
  KMemo *memo;
  int nbuf, cap_buf; /* parallel to the kernel's buffers */
  struct KBound {
    PBuf *buf;
    int64_t at;
  } *bound;
  bool recut; /* a new divisor was found */
} KBuild;

/* passes/kbuild.c */
KBuild kb_new(Lower *l, Group *g);
/* What the group computes, for people: "blocks.3.attn.qkv". */
const char *kb_origin(Lower *l, const Group *g);
/* Writes the kernel by `body`, again and again until no access asks for another cut, and plans it. Its symbol
 * begins with `kind`. */
void kb_write(KBuild *b, const char *kind, void (*body)(KBuild *, void *), void *ctx);
/* Adds the written kernel (or its equal) to the program and a launch of it to the entry. */
void kb_launch(KBuild *b, double flop, uint64_t guard);
/* The supplied bits that make the group's kernels unnecessary. */
uint64_t kb_guard(const Lower *l, const Group *g);
void kb_store_roots(KBuild *b);
/* A role's axes as reductions; their number. */
int kb_reduced(const Role *r, KRed *red);

/* passes/axes.c */
void kb_role(KBuild *b, const char *name, int64_t extent);
Role *kb_find_role(KBuild *b, const char *name);
/* Makes the kernel's axes from the roles' cuts. */
void kb_axes(KBuild *b);
/* Cuts the role's flat index at a divisor of its extent; what does not fit the other cuts is left uncut. */
void kb_cut(KBuild *b, Role *r, int64_t at);
/* Looks at an index expression that the kernel uses, for cuts. */
void kb_note(KBuild *b, const Ix *x);

/* passes/lower_expr.c: the value of n at idx (one expression a dimension). */
const KExpr *kb_expr(KBuild *b, const Node *n, const Ix *const *idx);
/* One index a dimension, from a linear index. */
const Ix **kb_unflatten(KBuild *b, const Shape *s, const Ix *linear);
/* The kernel's number of a piece of memory; `out` makes it writable. */
int kb_buf(KBuild *b, PBuf *buf, int64_t at, DType t, int64_t count, bool out);
/* The linear position in its memory of the element of n at idx. */
const Ix *kb_address(KBuild *b, const Node *n, const Ix *const *idx);
/* A value over all axes of the given roles. */
int kb_value(KBuild *b, const char *name, DType t, KReduce reduce, int nred, const KRed *red, const KExpr *e,
             const char *const *roles);
/* A reference to value v at its own axes. */
const KExpr *kb_ref(KBuild *b, int v);
/* Stores node n (of the group) at the current point into its site's memory. */
void kb_store_root(KBuild *b, const Node *n);

/* passes/plan_cpu.c: the kernel's plans for the target of the options. */
void kb_plan(KBuild *b);

#endif
