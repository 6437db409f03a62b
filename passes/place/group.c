/* Groups: the nodes that one kernel computes, and the order between kernels that their reads ask for. */
#include "passes/place/group.h"

#include "passes/place/strategy.h"

Group *group_current(Group *g) {
  while (g->merged) g = g->merged;
  return g;
}

Group *group_of(const Site *s) {
  return s->group ? group_current(s->group) : NULL;
}

bool group_has_core(const Group *g, const Node *n) {
  for (int i = 0; i < g->ncore; i++)
    if (g->core[i] == n) return true;
  return false;
}

const Node *group_last(const Group *g) {
  return g->nroot ? g->root[g->nroot - 1] : g->core[0];
}

bool group_sums_beside(const Lower *l, const Group *g, const Node *n) {
  const Part *p = part_of(l, g, n);
  return !p->flat && p->lead->op == O_CONTRACT && n != p->lead && group_has_core(g, n);
}

/* More of the forward pass than losses needs g, and all that g needs. */
static void go_on(Lower *l, Group *g) {
  l->nstack = 0;
  for (; g; g = l->nstack ? group_current(l->stack[--l->nstack]) : NULL) {
    for (int i = 0; !g->goes_on && i < g->ndep; i++) {
      ARENA_GROW(l->arena, l->stack, l->nstack, l->cap_stack);
      l->stack[l->nstack++] = g->dep[i];
    }
    g->goes_on = true;
  }
}

/* Whether what g needs goes on. */
static bool leads_on(const Group *g) {
  return !g->backward && (g->goes_on || g->wide);
}

void group_add_dep(Lower *l, Group *g, Group *dep) {
  dep = group_current(dep);
  if (dep == g) return;
  for (int i = 0; i < g->ndep; i++)
    if (group_current(g->dep[i]) == dep) return;
  ARENA_GROW(l->arena, g->dep, g->ndep, g->cap_dep);
  g->dep[g->ndep++] = dep;
  if (leads_on(g)) go_on(l, dep);
}

/* `aligned` stays true while the path keeps the row-major order of points. */
static bool reads(Lower *l, const Node *n, bool aligned, ReadVisit *visit, void *ctx) {
  Site *s = site_of(l, n);
  if (s->seen[aligned] == l->mark) return true;
  s->seen[aligned] = l->mark;
  if (s->where != W_INLINE) return visit(l, n, aligned, ctx);
  bool keeps = node_is_pointwise(n);
  for (int i = 0; i < n->nin; i++)
    if (!reads(l, n->in[i], aligned && keeps, visit, ctx)) return false;
  return true;
}

/* The same for the operands of n, whatever is decided for n itself. */
static bool operands_read(Lower *l, const Node *n, ReadVisit *visit, void *ctx) {
  for (int i = 0; i < n->nin; i++)
    if (!reads(l, n->in[i], node_is_pointwise(n), visit, ctx)) return false;
  return true;
}

bool each_read(Lower *l, const Node *n, ReadVisit *visit, void *ctx) {
  l->mark++;
  return operands_read(l, n, visit, ctx);
}

bool each_read_of(Lower *l, const Node *const *n, int count, ReadVisit *visit, void *ctx) {
  l->mark++;
  for (int i = 0; i < count; i++)
    if (!operands_read(l, n[i], visit, ctx)) return false;
  return true;
}

/* What is left of some work after the node's own and that of what it is made of, as far as it was not met. */
static double spend(Lower *l, const Node *n, double left) {
  Site *s = site_of(l, n);
  if (s->seen[0] == l->mark) return left;
  s->seen[0] = l->mark;
  left -= 1 + node_work(n);
  for (int i = 0; i < n->nin && left > 0; i++)
    if (site_of(l, n->in[i])->where == W_INLINE) left = spend(l, n->in[i], left);
  return left;
}

static double spend_all(Lower *l, const Node *const *n, int count, double left) {
  for (int i = 0; i < count && left > 0; i++) left = spend(l, n[i], left);
  return left;
}

static double spend_group(Lower *l, const Group *g, double left) {
  left = spend_all(l, g->core, g->ncore, left);
  return spend_all(l, g->root, g->nroot, left);
}

bool group_too_large(Lower *l, const Group *a, const Group *b, const Node *n) {
  l->mark++;
  double left = spend_group(l, a, MOST_KERNEL_WORK);
  if (b) left = spend_group(l, b, left);
  if (n) left = spend(l, n, left);
  return left <= 0;
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

/* Takes on every group that the node's inline expression reads. */
static void add_dependences(Lower *l, Group *g, const Node *n) {
  each_read(l, n, depend_visit, g);
}

static void set_role(Group *g, KRole r, int64_t extent) {
  g->extent[r] = extent;
  g->part[0].role[r] = (RoleMap){1, {r}};
}

/* The roles of a part that is a kernel of its own. */
static void set_own_roles(Group *g, const Part *p) {
  if (p->flat) {
    set_role(g, ROLE_POINTS, node_count(p->lead));
  } else if (p->lead->op == O_CONTRACT) {
    Contract c = node_contract(p->lead);
    for (KRole r = ROLE_BATCH; r <= ROLE_K; r++) set_role(g, r, contract_extent(&c, r));
  } else {
    Sum s = node_sum(p->lead);
    if (s.parts > 1) set_role(g, ROLE_PART, s.parts);
    set_role(g, ROLE_OUTER, s.results);
    set_role(g, ROLE_ROW, s.chunk);
  }
}

void group_append(Arena *a, const Node ***list, int *n, int *cap, const Node *const *more, int nmore) {
  for (int i = 0; i < nmore; i++) {
    ARENA_GROW(a, *list, *n, *cap);
    (*list)[(*n)++] = more[i];
  }
}

Group *group_bare(Arena *a, const Node *core, const Node *root) {
  Group *g = ARENA_NEW(a, Group);
  ARENA_GROW(a, g->part, g->npart, g->cap_part);
  g->part[g->npart++] = (Part){.lead = core ? core : root, .flat = !core};
  if (core) group_append(a, &g->core, &g->ncore, &g->cap_core, &core, 1);
  group_append(a, &g->root, &g->nroot, &g->cap_root, &root, 1);
  g->wide = node_count(root) > 1;
  set_own_roles(g, &g->part[0]);
  return g;
}

static void widen(Lower *l, Group *g, bool wide) {
  if (!wide || g->wide) return;
  g->wide = true;
  for (int i = 0; leads_on(g) && i < g->ndep; i++) go_on(l, group_current(g->dep[i]));
}

static void stored_by(Lower *l, Group *g, const Node *n) {
  Site *s = site_of(l, n);
  s->where = W_BUFFER;
  s->group = g;
  if (s->supply) g->alone = true;
}

Group *group_new(Lower *l, const Node *core, const Node *root) {
  Group *g = group_bare(l->arena, core, root);
  g->id = l->ngroup;
  ARENA_GROW(l->arena, l->group, l->ngroup, l->cap_group);
  l->group[l->ngroup++] = g;
  g->backward = site_of(l, root)->backward;
  if (core) add_dependences(l, g, core);
  add_dependences(l, g, root);
  stored_by(l, g, root);
  return g;
}

void group_add_core(Lower *l, Group *g, const Node *n) {
  add_dependences(l, g, n);
  group_append(l->arena, &g->core, &g->ncore, &g->cap_core, &n, 1);
}

void group_add_root(Lower *l, Group *g, const Node *n) {
  add_dependences(l, g, n);
  group_append(l->arena, &g->root, &g->nroot, &g->cap_root, &n, 1);
  widen(l, g, node_count(n) > 1);
  stored_by(l, g, n);
}

/* Puts a group on the stack, each once in a search. */
static void push(Lower *l, Group *g) {
  g = group_current(g);
  if (g->mark == l->mark) return;
  g->mark = l->mark;
  ARENA_GROW(l->arena, l->stack, l->nstack, l->cap_stack);
  l->stack[l->nstack++] = g;
}

bool group_before(Lower *l, Group *from, Group *to) {
  l->mark++;
  l->nstack = 0;
  push(l, to);
  while (l->nstack) {
    const Group *g = l->stack[--l->nstack];
    if (g == from) return true;
    for (int i = 0; i < g->ndep; i++) push(l, g->dep[i]);
  }
  return false;
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
  return !each_read(l, n, not_of_visit, g);
}

bool group_allows(Lower *l, Group *g, const Node *n) {
  Reads r = {.self = g};
  each_read(l, n, other_visit, &r);
  for (int i = 0; i < r.n; i++)
    if (group_before(l, g, r.other[i])) return false;
  return true;
}

static bool aligned_visit(Lower *l, const Node *stored, bool aligned, void *ctx) {
  return aligned || group_of(site_of(l, stored)) != ctx;
}

/* Whether all that the reader's roots read of another group is read at their own points. */
static bool reads_aligned(Lower *l, Group *reader, Group *of) {
  return each_read_of(l, reader->root, reader->nroot, aligned_visit, of);
}

bool group_direct(Lower *l, Group *a, Group *b) {
  for (int i = 0; i < b->ndep; i++) {
    Group *d = group_current(b->dep[i]);
    if (d != a && group_before(l, a, d)) return false;
  }
  return true;
}

bool group_of_pass(const Group *g, bool backward) {
  return g->backward == backward || (backward && !g->goes_on);
}

Reason group_may_merge(Lower *l, Group *a, Group *b) {
  if (a->ncore || b->ncore) return DR_FULL;
  Reason parted = strategy_parts_groups(l, a, b);
  if (parted) return parted;
  if (a->backward != b->backward) return DR_PASSES;
  if (a->alone || b->alone) return DR_ALONE;
  if (shape_count(&a->root[0]->shape) != shape_count(&b->root[0]->shape)) return DR_POINTS;
  if (!group_direct(l, a, b) || !group_direct(l, b, a)) return DR_CYCLE;
  if (!reads_aligned(l, a, b) || !reads_aligned(l, b, a)) return DR_AWAY;
  return group_too_large(l, a, b, NULL) ? DR_LARGE : DR_NONE;
}

void group_merge(Lower *l, Group *into, Group *from) {
  from->merged = into;
  if (from->goes_on) go_on(l, into);
  widen(l, into, from->wide);
  for (int i = 0; i < from->ndep; i++) group_add_dep(l, into, from->dep[i]);
  const Node **both = ARENA_ARRAY(l->arena, into->nroot + from->nroot, const Node *);
  int n = 0;
  for (int i = 0; i < from->nroot; i++) both[n++] = from->root[i];
  for (int i = 0; i < into->nroot; i++) both[n++] = into->root[i];
  into->root = both;
  into->nroot = into->cap_root = n;
  if (into->part[0].flat) into->part[0].lead = both[0];
}
