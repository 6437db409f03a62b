/* A kernel being written from a group: its axes by role, its buffers, and the graph values it has expressed
 * so far. Each role (points; or batch, m, n and k; or outer and row) begins as one flat axis; reshapes inside
 * expressions show up as quotients and remainders of it, whose divisors cut it into atoms; then the kernel is
 * written again, with every access affine in the atoms. */
#ifndef PASSES_KBUILD_H
#define PASSES_KBUILD_H

#include "passes/lower/lower.h"

enum { MOST_CUTS = 10, MOST_ROLES = 5 };

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

/* Points that a kernel computes values at: a shape, the current index into it, and its row-major position. */
typedef struct Space {
  const Shape *shape;
  const Ix **idx;
  const Ix *linear;
} Space;

/* Where a group computes its values: results, and elements of the rows reduced (shape NULL: none). */
typedef struct Points {
  Space result, row;
} Points;

typedef struct KBuild KBuild;
struct KBuild {
  Lower *l;
  Kernel *k;
  Group *group;
  int nrole;
  Role role[MOST_ROLES];
  Arena *arena;                               /* of the kernel's parts */
  int part;                                   /* of a chain: whose roles are meant; else 0 */
  Points *points;                             /* by part */
  int (*define)(KBuild *b, const Node *core); /* makes the value of a reduction of the group */
  void *ctx;                                  /* the body's own */
  int acc;                                    /* the contraction's value */
  Loc at;           /* of the node whose value is being made; of no source: the kernel's own */
  bool combine;     /* sums partials, not elements */
  bool dry, misfit; /* only looking whether reads of the group are at their points; one was not */
  bool factor;      /* dry: of a contraction of a chain */
  int nmemo, cap_memo;
  KMemo *memo;
  int nbuf, cap_buf; /* parallel to the kernel's buffers */
  struct KBound {
    PBuf *buf;
    int64_t at;
  } *bound;
  bool recut; /* a new divisor was found */
};

/* passes/lower/kbuild.c */
KBuild kb_new(Lower *l, Group *g, Arena *a);
/* What the group computes, for people: "blocks.3.attn.qkv". */
const char *kb_origin(Lower *l, const Group *g);
/* Writes the kernel by `body`, again and again until no access asks for another cut, and plans it. Its symbol
 * begins with `kind`. */
void kb_write(KBuild *b, const char *kind, void (*body)(KBuild *));
/* Adds the written kernel (or its equal) to the program and a launch of it to the entry. */
void kb_launch(KBuild *b, double flop, uint64_t guard);
/* The supplied bits that make the group's kernels unnecessary. */
uint64_t kb_guard(const Lower *l, const Group *g);
void kb_store_roots(KBuild *b);

/* passes/lower/points.c: the roles of the group's kernel, and, once they have axes, its points. */
void kb_roles(KBuild *b);
void kb_points(KBuild *b);
/* The points of the part at hand. */
static inline const Points *kb_at(const KBuild *b) {
  return &b->points[b->part];
}
/* The flat index of one of the group's own roles, whatever roles of the kernel it is. */
extern const char *const chain_role[CHAIN_ROLES];
const Ix *kb_own(KBuild *b, const char *role);
/* The roles of the kernel that a value of the group's own roles (NULL-ended) is over, in the kernel's order;
 * `out` holds MOST_ROLES + 1. */
void kb_domain(const KBuild *b, const char *const *own, const char **out);
/* How a reduction (or scatter) is cut: its results and terms; parts 1: not at all, else partials of `chunk`
 * terms. */
typedef struct Sum {
  int64_t results, terms;
  int64_t parts, chunk;
  Shape kept, gone; /* extents of the results' points and of the terms */
} Sum;
Sum kb_sum(const Node *n);
/* The number of the term at hand, over the partial and row axes; in the last partial perhaps beyond them. */
const Ix *kb_term(KBuild *b, const Sum *s);
/* The roles of the kernel that combines partials instead: its row is the parts. */
void kb_combine_roles(KBuild *b, const Sum *s);
/* A contraction's operand on side 0 (m) or 1 (n), and the index into it at the current point. */
const Node *kb_side(KBuild *b, const Node *contract, int side, const Ix **idx);
/* A contraction's operand at the current point. */
const KExpr *kb_factor(KBuild *b, const Node *contract, int side);
/* What a reduction does. */
KReduce kb_reduce(const Node *n);
/* Extents of a contraction's roles batch, m, n and k. */
void kb_extents(const Node *contract, int64_t extent[4]);
/* Multiplications and additions of a contraction. */
double kb_flop(const Node *contract);

/* passes/lower/axes.c */
void kb_role(KBuild *b, const char *name, int64_t extent);
Role *kb_find_role(KBuild *b, const char *name);
/* Makes the kernel's axes from the roles' cuts. */
void kb_axes(KBuild *b);
/* Cuts the role's flat index at a divisor of its extent; what does not fit the other cuts is left uncut. */
void kb_cut(KBuild *b, Role *r, int64_t at);
/* Looks at an index expression that the kernel uses, for cuts. */
void kb_note(KBuild *b, const Ix *x);

/* passes/lower/lower_expr.c: n's rule at idx (one expression a dimension), and a read of its memory there. */
const KExpr *kb_rule(KBuild *b, const Node *n, const Ix *const *idx);
const KExpr *kb_read(KBuild *b, const Node *n, const Ix *const *idx);
/* passes/lower/lower_value.c: the value of n at idx, wherever placement put it. */
const KExpr *kb_expr(KBuild *b, const Node *n, const Ix *const *idx);
/* One index a dimension, from a linear index. */
const Ix **kb_unflatten(KBuild *b, const Shape *s, const Ix *linear);
/* The kernel's number of a piece of memory; `out` makes it writable. */
int kb_buf(KBuild *b, PBuf *buf, int64_t at, DType t, int64_t count, bool out);
/* The linear position in its memory of the element of n at idx. */
const Ix *kb_address(KBuild *b, const Node *n, const Ix *const *idx);
/* Elements of the memory that n is stored in: its own, or the concatenation's that it is a part of. */
int64_t kb_count(const KBuild *b, const Node *n);
/* The index into a concatenation where its operand `part` has idx, which is changed. */
const Ix **kb_slice_index(KBuild *b, const Node *concat, int part, const Ix **idx);
/* A value over all axes of the given roles (NULL-ended); reduced over the axes of role `over`, if not NULL.
 */
int kb_value(KBuild *b, const char *name, DType t, const char *const *roles, KReduce reduce, const char *over,
             const KExpr *e);
/* A reference to value v at its own axes. */
const KExpr *kb_ref(KBuild *b, int v);
/* Whether n's expression at those points reads the group's values at their own points; nothing is built. */
bool kb_dry_fits(KBuild *b, const Node *n, const Space *at);
/* The same for all that the group computes. */
bool kb_dry_group(KBuild *b);
/* Stores node n (of the group) at the current point into its site's memory. */
void kb_store_root(KBuild *b, const Node *n);

#endif
