/* Facts: classes of values, where each row's kernels have them, and which rows read each other's results. */
#include <string.h>

#include "passes/explain/facts.h"
#include "passes/lower/lower.h"
#include "passes/place/group.h"

typedef struct Walk {
  Facts *f;
  FactEntry *e;
  FactRow *row;
  int to; /* the row's number */
  Group *group;
  const Node *top; /* the value of the group that reads what is met */
  int *seen;       /* by node id: the number of the last walk that met it */
  int mark;
} Walk;

static bool is_kept(const Site *s) {
  return s->where == W_BUFFER && s->kept;
}

static int new_value(Facts *f, FactEntry *e, const char *name, const Node *n) {
  ARENA_GROW(f->arena, e->value, e->nvalue, e->cap_value);
  e->value[e->nvalue] = (FactValue){.name = name, .first = n, .backward = site_of(e->lower, n)->backward};
  return e->nvalue++;
}

static bool same_class(const FactValue *v, const char *name, const Node *n, bool backward) {
  return strcmp(v->name, name) == 0 && v->first->dtype == n->dtype && v->backward == backward &&
         shape_same(&v->first->shape, &n->shape);
}

static int find_value(Facts *f, FactEntry *e, const Node *n) {
  const char *name = fact_class(e, n);
  for (int i = 0; i < e->nvalue; i++)
    if (same_class(&e->value[i], name, n, site_of(e->lower, n)->backward)) return i;
  return new_value(f, e, name, n);
}

/* The class of a node, which is added to it when it is met first. */
static int value_of(Walk *w, const Node *n) {
  int *of = &w->e->value_of[n->id];
  if (*of >= 0) return *of;
  const Site *s = site_of(w->e->lower, n);
  *of = find_value(w->f, w->e, n);
  FactValue *v = &w->e->value[*of];
  v->count++;
  v->kept |= is_kept(s);
  v->recomputed |= n->at.again;
  return *of;
}

static void use(Walk *w, const Node *n, FactPlace place) {
  FactRow *r = w->row;
  int value = value_of(w, n);
  for (int i = 0; i < r->nuse; i++)
    if (r->use[i].value == value && r->use[i].place == place) return;
  ARENA_GROW(w->f->arena, r->use, r->nuse, r->cap_use);
  r->use[r->nuse++] = (FactUse){value, place};
}

/* Notes that the row's kernel has n's class written into it. */
static void written(Walk *w, const Node *n) {
  int at = w->e->decisions->row_of[n->id];
  if (at < 0) return;
  FactInlined *x = &w->e->inlined[at];
  for (int i = 0; i < x->n; i++)
    if (x->row[i] == w->to) return;
  ARENA_GROW(w->f->arena, x->row, x->n, x->cap);
  x->row[x->n++] = w->to;
}

/* What was decided of the two. */
static const DecisionPair *pair_of(const Walk *w, const Node *producer) {
  const Decisions *d = w->e->decisions;
  int from = d->row_of[producer->id], to = d->row_of[w->top->id];
  for (int i = 0; i < d->npair && from >= 0 && to >= 0; i++)
    if (d->pair[i].producer == from && d->pair[i].consumer == to) return &d->pair[i];
  return NULL;
}

static void reads(Walk *w, const Node *n) {
  const FactLaunch *made = &w->e->launch[group_of(site_of(w->e->lower, n))->first];
  int from = made->row, value = value_of(w, n);
  FactEntry *e = w->e;
  FactNeighbour *found = NULL;
  for (int i = 0; i < e->nneighbour && !found; i++) {
    FactNeighbour *x = &e->neighbour[i];
    if (x->from == from && x->to == w->to && x->value == value) found = x;
  }
  if (!found) {
    ARENA_GROW(w->f->arena, e->neighbour, e->nneighbour, e->cap_neighbour);
    found = &e->neighbour[e->nneighbour++];
    *found = (FactNeighbour){.from = from, .to = w->to, .value = value, .why = pair_of(w, n)};
  }
  found->count++;
  found->bytes += shape_count(&n->shape) * dtype_size(n->dtype);
}

/* Down from what the kernel computes to what it reads: of a concatenation the parts that other kernels have
 * stored there, and what its own kernels have copied. Views and what has no name are passed through
 * silently. */
static void walk(Walk *w, const Node *n) {
  const Site *s = site_of(w->e->lower, n);
  if (w->seen[n->id] == w->mark) return;
  w->seen[n->id] = w->mark;
  Group *g = group_of(s);
  bool own = g == w->group, read = s->where != W_INLINE;
  if (read && !own) {
    for (int i = 0; n->op == O_CONCAT && i < n->nin; i++)
      if (lower_is_slice(w->e->lower, n, i)) walk(w, n->in[i]);
    if (g && g->first <= g->last) reads(w, n);
    return;
  }
  if (!own) written(w, n);
  if (!own && !node_is_view(n) && (n->name || n->at.again))
    use(w, n, n->at.again ? FP_RECOMPUTED : FP_INLINE);
  for (int i = 0; i < n->nin; i++) walk(w, n->in[i]);
}

static void walk_all(Walk *w, const Node *const *n, int count, FactPlace place) {
  for (int i = 0; i < count; i++) {
    bool stored = site_of(w->e->lower, n[i])->where == W_BUFFER;
    w->top = n[i];
    use(w, n[i], stored ? FP_STORED : place);
    walk(w, n[i]);
  }
}

static void group_values(Walk *w, Group *g) {
  w->group = g;
  w->to = w->e->launch[g->first].row;
  w->row = &w->e->row[w->to];
  w->mark++;
  walk_all(w, g->core, g->ncore, FP_HELD);
  walk_all(w, g->held, g->nheld, FP_HELD);
  walk_all(w, g->root, g->nroot, FP_STORED);
}

void facts_values(Facts *f, FactEntry *e) {
  int nodes = e->lower->graph->nnode;
  Walk w = {.f = f, .e = e, .seen = ARENA_ARRAY(f->arena, nodes + 1, int)};
  e->inlined = ARENA_ARRAY(f->arena, e->decisions->nrow + 1, FactInlined);
  e->value_of = ARENA_ARRAY(f->arena, nodes + 1, int);
  for (int i = 0; i <= nodes; i++) e->value_of[i] = -1;
  for (int i = 0; i < e->nlaunch; i++) {
    Group *g = e->launch[i].group;
    if (g && g->first == i) group_values(&w, g);
  }
}
