/* The axes of a group's kernel. Each role of the kernel begins as one flat axis; reshapes inside expressions
 * show up as quotients and remainders of it, whose divisors cut it into atoms, until every access is affine
 * in the atoms. In terms of the axes: the points at which each part computes its values, and where an
 * operation reads its operands. */
#ifndef PASSES_AXES_H
#define PASSES_AXES_H

#include "passes/entry.h"

enum { MOST_CUTS = 10 };

typedef struct Role {
  int64_t extent; /* 0: the kernel does not have the role */
  int ncut;
  int64_t cut[MOST_CUTS]; /* rising, each dividing the next and the extent */
  int naxes;
  int axis[MOST_CUTS + 1]; /* outermost first; axes of extent 1 left out */
  int64_t length[MOST_CUTS + 1];
  const Ix *linear; /* the role's flat index in terms of its axes */
} Role;

/* Points that a kernel computes values at: a shape, the current index into it, and its row-major position. */
typedef struct Space {
  const Shape *shape;
  const Ix **idx;
  const Ix *linear;
} Space;

/* Where a part computes its values: results, and elements of the rows reduced (shape NULL: none). */
typedef struct Points {
  Space result, row;
} Points;

typedef struct Axes {
  Arena *arena;
  const Group *group;
  bool fine;     /* cut at every dimension of the parts' points, so that indices compare */
  bool combines; /* the kernel sums partials: their number is the row */
  Role role[ROLE_COUNT];
  int naxes;
  Points *points; /* by part */
  bool grew;      /* a role was cut since the axes were made */
} Axes;

/* The roles of the group's kernel, with the cuts that its parts' own shapes ask for. */
Axes axes_open(Arena *a, const Group *g, bool fine);
/* Those of the kernel that combines the partials of a long reduction. */
Axes axes_combining(Arena *a, const Group *g);
/* Makes axes of the cuts, and the points in terms of them. */
void axes_make(Axes *x);
/* Looks at an index expression that the kernel uses, for divisors that cut a role. What does not fit the
 * other cuts is left uncut. */
void axes_note(Axes *x, const Ix *index);
/* Cuts one of the part's own roles at a divisor of its extent. */
void axes_cut(Axes *x, int part, KRole own, int64_t at);
/* The axes made, as axes of a kernel that has none yet. */
void axes_declare(const Axes *x, Kernel *k);

/* passes/axes/points.c */
/* The flat index of one of the part's own roles, whatever roles of the kernel it is. */
const Ix *axes_own(const Axes *x, int part, KRole own);
void axes_cut_points(Axes *x);
void axes_points(Axes *x);
/* The number of the term of a reduction at hand, over its partial and row axes; in the last partial perhaps
 * beyond the terms. */
const Ix *axes_term(const Axes *x, int part, const Sum *s);
/* A contraction's operand on side 0 (m) or 1 (n), and the index into it at the current point. */
const Node *axes_side(const Axes *x, int part, const Node *contract, int side, const Ix **idx);
/* The index of n, a value of the group, at the current point. */
const Ix *const *axes_at(const Axes *x, const Lower *l, const Node *n);
/* The same of a value of that shape at those points. */
const Ix *const *axes_reshaped(const Axes *x, const Space *at, const Shape *s);

/* passes/axes/index.c */
/* One index a dimension, from a linear index. */
const Ix **index_unflatten(Arena *a, const Shape *s, const Ix *linear);
/* The row-major position of the element of n at idx. */
const Ix *index_flatten(Arena *a, const Node *n, const Ix *const *idx);
/* Where a view or an elementwise operation, at idx, reads its operands. `out` holds MAX_RANK. */
void index_operand(Arena *a, const Node *n, const Ix *const *idx, const Ix **out);
/* Of a padded value: dimension i of idx counted from the operand's first element. */
const Ix *index_padded(Arena *a, const Node *n, int i, const Ix *const *idx);
/* Whether the index lies inside n whatever the axes are. */
bool index_inside(const Node *n, const Ix *const *idx);
bool index_same(const Node *n, const Ix *const *x, const Ix *const *y);
/* The linear position in its memory of the element of n at idx. */
const Ix *index_address(Arena *a, const Lower *l, const Node *n, const Ix *const *idx);
/* Elements of the memory that n is stored in: its own, or the concatenation's that it is a part of. */
int64_t index_memory_count(const Lower *l, const Node *n);
/* The index into a concatenation where its operand `part` has idx, which is changed. */
const Ix **index_slice(Arena *a, const Node *concat, int part, const Ix **idx);

/* passes/axes/walk.c: the indices at which a kernel reads, without the kernel. */
typedef struct Walk Walk;
/* Whether what the group computes can be written by one kernel: every value of the group is read at its own
 * point. `axes` are fine. */
bool walk_group_fits(Lower *l, Axes *x);
/* The same for n, which is of no group yet, at those of the group's points. */
bool walk_fits(Lower *l, Axes *x, const Node *n, const Space *at);
/* Cuts the roles until every access that the kernel of `roots` makes is affine, as far as cuts can. Memory is
 * laid out.
 */
void walk_cut(Lower *l, Axes *x, void (*visit)(Walk *, const void *), const void *ctx);
/* For visitors: the operands of the group's reductions and what it stores; of its reductions alone; a value
 * at an index, and an address. */
void walk_roots(Walk *w, const void *unused);
void walk_reductions(Walk *w, const void *unused);
void walk_value(Walk *w, const Node *n, const Ix *const *idx);
void walk_address(Walk *w, const Ix *address);
const Axes *walk_axes(const Walk *w);

#endif
