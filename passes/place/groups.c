/* Groups: the nodes that one kernel computes, and the order between kernels that their reads ask for. */
#include "passes/lower/lower.h"

Group *group_now(Group *g) {
  while (g->merged) g = g->merged;
  return g;
}

Group *group_of(const Site *s) {
  return s->group ? group_now(s->group) : NULL;
}

bool group_has_core(const Group *g, const Node *n) {
  for (int i = 0; i < g->ncore; i++)
    if (g->core[i] == n) return true;
  return false;
}

void group_add_dep(Lower *l, Group *g, Group *dep) {
  dep = group_now(dep);
  if (dep == g) return;
  for (int i = 0; i < g->ndep; i++)
    if (group_now(g->dep[i]) == dep) return;
  ARENA_GROW(l->arena, g->dep, g->ndep, g->cap_dep);
  g->dep[g->ndep++] = dep;
}

/* `aligned` stays true while the path keeps the row-major order of points. */
static bool reads(Lower *l, const Node *n, bool aligned, LowerVisit *visit, void *ctx) {
  Site *s = site_of(l, n);
  if (s->seen[aligned] == l->mark) return true;
  s->seen[aligned] = l->mark;
  if (s->where != W_INLINE) return visit(l, n, aligned, ctx);
  bool keeps = n->op == O_ELT || n->op == O_CAST || node_keeps_order(n);
  for (int i = 0; i < n->nin; i++)
    if (!reads(l, n->in[i], aligned && keeps, visit, ctx)) return false;
  return true;
}

/* The same for the operands of n, whatever is decided for n itself. */
bool lower_reads(Lower *l, const Node *n, LowerVisit *visit, void *ctx) {
  l->mark++;
  bool keeps = n->op == O_ELT || n->op == O_CAST || node_keeps_order(n);
  for (int i = 0; i < n->nin; i++)
    if (!reads(l, n->in[i], keeps, visit, ctx)) return false;
  return true;
}

static bool depend_visit(Lower *l, const Node *stored, bool aligned, void *ctx) {
  (void)aligned;
  Group *g = group_of(site_of(l, stored));
  if (g) group_add_dep(l, ctx, g);
  return true;
}

bool group_computes(const Lower *l, const Group *g, int class) {
  for (int i = 0; i < g->ncore; i++)
    if (l->classes->of[g->core[i]->id] == class) return true;
  for (int i = 0; i < g->nroot; i++)
    if (l->classes->of[g->root[i]->id] == class) return true;
  return false;
}

void group_depend(Lower *l, Group *g, const Node *n) {
  lower_reads(l, n, depend_visit, g);
}

Group *group_new(Lower *l, const Node *core, const Node *root) {
  Group *g = ARENA_NEW(l->arena, Group);
  g->id = l->ngroup;
  ARENA_GROW(l->arena, l->group, l->ngroup, l->cap_group);
  l->group[l->ngroup++] = g;
  g->backward = site_of(l, root)->backward;
  if (core) group_add_core(l, g, core);
  group_add_root(l, g, root);
  return g;
}

void group_add_core(Lower *l, Group *g, const Node *n) {
  group_depend(l, g, n);
  ARENA_GROW(l->arena, g->core, g->ncore, g->cap_core);
  g->core[g->ncore++] = n;
}

void group_add_root(Lower *l, Group *g, const Node *n) {
  Site *s = site_of(l, n);
  group_depend(l, g, n);
  ARENA_GROW(l->arena, g->root, g->nroot, g->cap_root);
  g->root[g->nroot++] = n;
  s->where = W_BUFFER;
  s->group = g;
  if (s->supply) g->alone = true;
}

static bool search(Group *from, Group *to, int mark) {
  to = group_now(to);
  if (to == from) return true;
  if (to->mark == mark) return false;
  to->mark = mark;
  for (int i = 0; i < to->ndep; i++)
    if (search(from, to->dep[i], mark)) return true;
  return false;
}

bool group_before(Lower *l, Group *from, Group *to) {
  return search(from, to, ++l->mark);
}

typedef struct Reads {
  Group *self;
  int n, cap;
  Group **other;
} Reads;

static bool other_visit(Lower *l, const Node *stored, bool aligned, void *ctx) {
  (void)aligned;
  Reads *r = ctx;
  Group *g = group_of(site_of(l, stored));
  if (!g || g == r->self) return true;
  ARENA_GROW(l->arena, r->other, r->n, r->cap);
  r->other[r->n++] = g;
  return true;
}

static bool not_of_visit(Lower *l, const Node *stored, bool aligned, void *ctx) {
  (void)aligned;
  return group_of(site_of(l, stored)) != ctx;
}

bool group_reads(Lower *l, Group *g, const Node *n) {
  return !lower_reads(l, n, not_of_visit, g);
}

bool group_allows(Lower *l, Group *g, const Node *n) {
  Reads r = {.self = g};
  lower_reads(l, n, other_visit, &r);
  for (int i = 0; i < r.n; i++)
    if (group_before(l, g, r.other[i])) return false;
  return true;
}

static bool aligned_visit(Lower *l, const Node *stored, bool aligned, void *ctx) {
  return aligned || group_of(site_of(l, stored)) != ctx;
}

bool group_reads_aligned(Lower *l, Group *reader, Group *of) {
  for (int i = 0; i < reader->nroot; i++)
    if (!lower_reads(l, reader->root[i], aligned_visit, of)) return false;
  return true;
}

bool group_direct(Lower *l, Group *a, Group *b) {
  for (int i = 0; i < b->ndep; i++) {
    Group *d = group_now(b->dep[i]);
    if (d != a && group_before(l, a, d)) return false;
  }
  return true;
}

static void mark_goes_on(Group *g) {
  g = group_now(g);
  if (g->goes_on) return;
  g->goes_on = true;
  for (int i = 0; i < g->ndep; i++) mark_goes_on(g->dep[i]);
}

static bool only_scalars(const Group *g) {
  for (int i = 0; i < g->nroot; i++)
    if (shape_count(&g->root[i]->shape) > 1) return false;
  return true;
}

bool group_of_pass(Lower *l, const Group *g, bool backward) {
  if (g->backward == backward) return true;
  for (int i = 0; !l->ends_known && i < l->ngroup; i++) {
    const Group *h = l->group[i];
    for (int d = 0; !h->merged && !h->backward && !only_scalars(h) && d < h->ndep; d++)
      mark_goes_on(h->dep[d]);
  }
  l->ends_known = true;
  return backward && !g->goes_on;
}

DReason group_may_merge(Lower *l, Group *a, Group *b) {
  if (a->ncore || b->ncore) return DR_FULL;
  DReason parted = strategy_parts_groups(l, a, b);
  if (parted) return parted;
  if (a->backward != b->backward) return DR_PASSES;
  if (a->alone || b->alone) return DR_ALONE;
  if (shape_count(&a->root[0]->shape) != shape_count(&b->root[0]->shape)) return DR_POINTS;
  if (!group_direct(l, a, b) || !group_direct(l, b, a)) return DR_CYCLE;
  return group_reads_aligned(l, a, b) && group_reads_aligned(l, b, a) ? DR_NONE : DR_AWAY;
}

void group_merge(Lower *l, Group *into, Group *from) {
  from->merged = into;
  into->goes_on |= from->goes_on;
  for (int i = 0; i < from->ndep; i++) group_add_dep(l, into, from->dep[i]);
  const Node **both = ARENA_ARRAY(l->arena, into->nroot + from->nroot, const Node *);
  int n = 0;
  for (int i = 0; i < from->nroot; i++) both[n++] = from->root[i];
  for (int i = 0; i < into->nroot; i++) both[n++] = into->root[i];
  into->root = both;
  into->nroot = into->cap_root = n;
}
