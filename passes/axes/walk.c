/* The walk over a kernel's expressions that looks at indices alone. Before memory is laid out it tells
 * whether a kernel can be written: whether all that is read of the kernel's own values is read at their own
 * points. Afterwards it finds the cuts that make the accesses affine. The kernel is then written with those
 * axes (passes/lower/write.c), and reads its own values where this found them. */
#include "passes/axes/axes.h"
#include "passes/place/group.h"

typedef struct Seen {
  const Node *node;
  const Ix **idx; /* NULL: of a value of the group, which has one point */
} Seen;

struct Walk {
  Lower *l;
  Axes *x;
  bool checks; /* whether it looks for misfits; else for cuts */
  bool misfit;
  bool early; /* what is walked is evaluated before a chain's last block of rows */
  int nseen, cap_seen;
  Seen *seen;
};

/* Whether it was met at that index before; from now on it was. */
static bool met(Walk *w, const Node *n, const Ix *const *idx) {
  for (int i = 0; i < w->nseen; i++)
    if (w->seen[i].node == n && (!idx || (w->seen[i].idx && index_same(n, w->seen[i].idx, idx)))) return true;
  ARENA_GROW(w->x->arena, w->seen, w->nseen, w->cap_seen);
  Seen *s = &w->seen[w->nseen++];
  *s = (Seen){.node = n};
  if (idx) s->idx = arena_copy(w->x->arena, idx, sizeof *idx * (size_t)n->shape.rank);
  return false;
}

static bool is_own(const Walk *w, const Site *s) {
  return (s->where == W_HELD || s->where == W_BUFFER) && group_of(s) == w->x->group;
}

static void note(Walk *w, const Ix *index) {
  if (!w->checks) axes_note(w->x, index);
}

static bool is_m(const RoleMap *r) {
  return r->n && r->as[r->n - 1] == ROLE_M;
}

/* Whether n is reduced over a chain's rows, or is made of what is: nobody has it before the last block of
 * rows. */
static bool ends_batch(const Walk *w, const Node *n) {
  const Part *p = part_of(w->l, w->x->group, n);
  return !site_of(w->l, n)->row && (is_m(&p->role[ROLE_K]) || is_m(&p->role[ROLE_ROW]));
}

static void check(Walk *w, const Node *n, const Ix *const *idx) {
  bool here = index_same(n, axes_at(w->x, w->l, n), idx) && !group_sums_beside(w->l, w->x->group, n);
  w->misfit |= !here || (w->early && ends_batch(w, n));
}

/* Whether the group itself makes a gather's index, or a view of it on the way: an address needs memory. */
static bool makes_index(const Walk *w, const Node *gather) {
  const Node *base = node_index_base(gather);
  for (const Node *n = gather->in[1];; n = n->in[0]) {
    if (group_of(site_of(w->l, n)) == w->x->group) return true;
    if (n == base) return false;
  }
}

/* The address of the index that a gather reads, given the index into it. */
static const Ix *index_read(Walk *w, const Node *n, const Ix *const *idx) {
  const Ix *of[MAX_RANK] = {0};
  if (site_of(w->l, n)->where != W_INLINE) return index_address(w->x->arena, w->l, n, idx);
  index_operand(w->x->arena, n, idx, of);
  return index_read(w, n->in[0], of);
}

static void walk_gather(Walk *w, const Node *n, const Ix *const *idx) {
  const Node *x = n->in[0], *index = n->in[1];
  Arena *a = w->x->arena;
  const Ix *of[MAX_RANK] = {0};
  int nbatch = index->shape.rank - 1;
  walk_value(w, index, idx);
  for (int i = 0; i < x->shape.rank; i++) of[i] = idx[i];
  if (w->checks) {
    w->misfit |= makes_index(w, n);
    of[nbatch] = ix_const(a, 0);
  } else {
    const Ix **at = ARENA_NEW(a, const Ix *);
    *at = index_read(w, index, idx);
    of[nbatch] = ix_read(a, node_index_base(n)->id, x->shape.dim[nbatch], 1, at);
  }
  walk_value(w, x, of);
}

static void walk_rule(Walk *w, const Node *n, const Ix *const *idx) {
  const Ix *of[MAX_RANK] = {0};
  if (n->op == O_IOTA) note(w, idx[n->at.axis]);
  if (n->op == O_RANDOM) note(w, index_flatten(w->x->arena, n, idx));
  for (int i = 0; n->op == O_PAD && i < n->shape.rank; i++) note(w, index_padded(w->x->arena, n, i, idx));
  if (n->op == O_GATHER) {
    walk_gather(w, n, idx);
  } else if (n->nin) {
    index_operand(w->x->arena, n, idx, of);
    for (int i = 0; i < n->nin; i++) walk_value(w, n->in[i], of);
  }
}

static void walk_contract(Walk *w, const Node *n) {
  int part = site_of(w->l, n)->part;
  const Node *contract = w->x->group->part[part].lead;
  for (int side = n == contract; side >= 0; side--) { /* in the order in which they are written */
    const Ix *idx[MAX_RANK] = {0};
    walk_value(w, axes_side(w->x, part, contract, side, idx), idx);
  }
}

/* The term is looked for where its index is the result's place. */
static void walk_scatter(Walk *w, const Node *n) {
  int part = site_of(w->l, n)->part;
  Sum s = node_sum(n);
  const Ix **idx = index_unflatten(w->x->arena, &n->shape, w->x->points[part].result.linear);
  idx[n->in[1]->shape.rank - 1] = axes_term(w->x, part, &s);
  walk_value(w, n->in[1], idx);
  walk_value(w, n->in[0], idx);
}

/* What a reduction of the group reads; what combines partials reads those alone. */
static void walk_core(Walk *w, const Node *n) {
  if (w->x->combines) return;
  if (n->op == O_CONTRACT || group_sums_beside(w->l, w->x->group, n))
    walk_contract(w, n);
  else if (n->op == O_SCATTER)
    walk_scatter(w, n);
  else
    walk_value(w, n->in[0], w->x->points[site_of(w->l, n)->part].row.idx);
}

static void walk_own(Walk *w, const Node *n) {
  if (met(w, n, NULL)) return;
  if (group_has_core(w->x->group, n))
    walk_core(w, n);
  else
    walk_rule(w, n, axes_at(w->x, w->l, n));
}

void walk_value(Walk *w, const Node *n, const Ix *const *idx) {
  const Site *s = site_of(w->l, n);
  if (is_own(w, s)) {
    if (w->checks)
      check(w, n, idx);
    else
      walk_own(w, n);
  } else if (s->where != W_INLINE) {
    if (!w->checks) axes_note(w->x, index_address(w->x->arena, w->l, n, idx));
  } else if (s->uses <= 1 || !met(w, n, idx)) {
    walk_rule(w, n, idx);
  }
}

void walk_address(Walk *w, const Ix *address) {
  axes_note(w->x, address);
}

const Axes *walk_axes(const Walk *w) {
  return w->x;
}

void walk_reductions(Walk *w, const void *unused) {
  (void)unused;
  for (int i = 0; i < w->x->group->ncore; i++) walk_core(w, w->x->group->core[i]);
}

void walk_roots(Walk *w, const void *unused) {
  const Group *g = w->x->group;
  (void)unused;
  for (int i = 0; i < g->nroot; i++) {
    walk_own(w, g->root[i]);
    walk_address(w, index_address(w->x->arena, w->l, g->root[i], axes_at(w->x, w->l, g->root[i])));
  }
}

bool walk_group_fits(Lower *l, Axes *x) {
  Walk w = {.l = l, .x = x, .checks = true, .early = true};
  const Group *g = x->group;
  walk_reductions(&w, NULL);
  for (int i = 0; i < g->nroot; i++) {
    w.early = !ends_batch(&w, g->root[i]);
    if (!group_has_core(g, g->root[i])) walk_rule(&w, g->root[i], axes_at(x, l, g->root[i]));
  }
  return !w.misfit;
}

bool walk_fits(Lower *l, Axes *x, const Node *n, const Space *at) {
  Walk w = {.l = l, .x = x, .checks = true};
  walk_value(&w, n, axes_reshaped(x, at, &n->shape));
  return !w.misfit;
}

void walk_cut(Lower *l, Axes *x, void (*visit)(Walk *, const void *), const void *ctx) {
  Arena *lasting = x->arena;
  do {
    x->arena = arena_new();
    axes_make(x);
    Walk w = {.l = l, .x = x};
    visit(&w, ctx);
    arena_free(x->arena);
  } while (x->grew);
  x->arena = lasting;
  axes_make(x);
}
