/* Which kernels an entry has, and the axes of each. */
#include "passes/lower/draft.h"

#include "passes/lower/lower.h"
#include "passes/place/group.h"

const char *draft_word(DraftKind kind) {
  static const char *const words[DRAFT_COUNT] = {
#define X(k, text) [DRAFT_##k] = text,
      DRAFT_KINDS(X)
#undef X
  };
  return words[kind];
}

static const char *origin(Arena *a, const Group *g) {
  const Node *n = group_last(g);
  const char *what = n->name ? n->name : node_op_name(a, g->ncore ? g->core[0] : n);
  return arena_printf(a, "%s%s%s", n->path ? n->path : "", n->path && n->path[0] ? "." : "", what);
}

/* The supplied bits that make the group's kernels unnecessary. */
static uint64_t guard(const Lower *l, const Group *g) {
  return g->alone && g->nroot == 1 ? site_of(l, g->root[0])->supply : 0;
}

static double flop(const Group *g) {
  double sum = 0;
  for (int i = 0; i < g->ncore; i++)
    if (g->core[i]->op == O_CONTRACT) sum += node_flop(g->core[i]);
  return sum;
}

static Draft *add(Lower *l, DraftKind kind, Group *made_for, const Group *g) {
  Draft *d = ARENA_NEW(l->arena, Draft);
  *d = (Draft){.kind = kind, .made_for = made_for, .group = g, .acc = -1, .origin = origin(l->arena, g)};
  d->guard = made_for ? guard(l, made_for) : 0;
  d->flop = flop(g);
  d->axes = kind == DRAFT_COMBINE ? axes_combining(l->arena, g) : axes_open(l->arena, g, false);
  ARENA_GROW(l->arena, l->draft, l->ndraft, l->cap_draft);
  return l->draft[l->ndraft++] = d;
}

static void add_values(Lower *l, DraftKind kind, Group *g) {
  walk_cut(l, &add(l, kind, g, g)->axes, walk_roots, NULL);
}

/* Copies. */

const Ix *draft_copy_address(Arena *a, const Lower *l, const Copy *c, const Ix **idx) {
  if (!c->concat) return index_flatten(a, c->from, idx);
  return index_address(a, l, c->concat, index_slice(a, c->concat, c->operand, idx));
}

typedef struct CopyWalk {
  const Lower *l;
  const Copy *copy;
} CopyWalk;

static void walk_copy(Walk *w, const void *ctx) {
  const CopyWalk *c = ctx;
  const Axes *x = walk_axes(w);
  const Ix **idx = index_unflatten(x->arena, &c->copy->from->shape, x->points[0].result.linear);
  walk_value(w, c->copy->from, idx);
  walk_address(w, draft_copy_address(x->arena, c->l, c->copy, idx));
}

static void add_copy(Lower *l, DraftKind kind, Group *made_for, const Copy *c) {
  Draft *d = add(l, kind, made_for, group_bare(l->arena, NULL, c->from));
  CopyWalk walk = {l, &d->copy};
  d->copy = *c;
  walk_cut(l, &d->axes, walk_copy, &walk);
}

static void add_concat(Lower *l, Group *g) {
  const Site *s = site_of(l, g->root[0]);
  Copy c = {.to = s->buf, .at = s->at, .concat = g->root[0]};
  for (c.operand = 0; c.operand < c.concat->nin; c.operand++) {
    c.from = c.concat->in[c.operand];
    if (!lower_is_slice(l, c.concat, c.operand)) add_copy(l, DRAFT_CONCAT, g, &c);
  }
}

/* What could not be stored straight into its state. */
static void add_assignments(Lower *l) {
  for (int i = 0; i < l->entry->nassign; i++) {
    const Assign *a = &l->entry->assign[i];
    const State *s = a->state;
    if (site_of(l, a->value)->assign == a) continue;
    Copy c = {.from = a->value, .to = l->state_buf[s->id], .at = prog_state_at(s)};
    add_copy(l, DRAFT_COPY, NULL, &c);
  }
}

/* Long reductions. */

DType draft_partial_type(const Node *reduction) {
  return kern_acc(node_reduce(reduction), reduction->dtype);
}

static void add_partials(Lower *l, Group *g) {
  Draft *d = add(l, DRAFT_PARTIAL, g, g);
  const char *name = arena_printf(l->arena, "%s.partials", d->origin);
  int64_t count = g->extent[ROLE_PART] * g->extent[ROLE_OUTER];
  d->partial = ARENA_ARRAY(l->arena, g->ncore, PBuf *);
  for (int i = 0; i < g->ncore; i++)
    d->partial[i] = lower_buf(l, name, draft_partial_type(g->core[i]), count, g->core[i]->loc);
  walk_cut(l, &d->axes, walk_reductions, NULL);
  Draft *combine = add(l, DRAFT_COMBINE, g, g);
  combine->partial = d->partial;
  walk_cut(l, &combine->axes, walk_roots, NULL);
}

static void add_group(Lower *l, Group *g) {
  const Node *lead = g->part[0].lead;
  if (g->npart > 1)
    add_values(l, DRAFT_CHAIN, g);
  else if (lead->op == O_CONCAT)
    add_concat(l, g);
  else if (g->part[0].flat)
    add_values(l, DRAFT_MAP, g);
  else if (lead->op == O_CONTRACT)
    add_values(l, DRAFT_DOT, g);
  else if (g->extent[ROLE_PART])
    add_partials(l, g);
  else
    add_values(l, DRAFT_REDUCE, g);
}

void lower_axes(Lower *l) {
  for (int i = 0; i < l->norder; i++)
    if (l->order[i]->nroot) add_group(l, l->order[i]);
  add_assignments(l);
}
