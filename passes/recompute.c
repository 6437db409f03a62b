/* Saved values: a value that both passes need, and that is little work from values which are kept anyway, is
 * not kept: the backward pass' kernels make it again where they use it. */
#include "passes/lower.h"

/* Operations on an element above which a value is kept: about one transcendental function and what is around
 * it. */
static const double most_ops = 40;

/* A kernel is of one pass, that of what it began with, even where values of the other have joined it. */
static void mark_backward(Lower *l) {
  for (int i = 0; i < l->ngroup; i++) {
    Group *g = l->group[i];
    g->backward = !g->merged && !site_of(l, g->ncore ? g->core[0] : g->root[0])->forward;
  }
}

/* Visits what a group's values read. */
static bool group_visit(Lower *l, Group *g, LowerVisit *visit, void *ctx) {
  for (int i = 0; i < g->nroot; i++)
    if (!lower_reads(l, g->root[i], visit, ctx)) return false;
  for (int i = 0; i < g->ncore; i++)
    if (!lower_reads(l, g->core[i], visit, ctx)) return false;
  return true;
}

static bool late_visit(Lower *l, const Node *read, bool aligned, void *ctx) {
  (void)aligned, (void)ctx;
  site_of(l, read)->late = true;
  return true;
}

static bool kept_visit(Lower *l, const Node *read, bool aligned, void *ctx) {
  const Site *s = site_of(l, read);
  (void)aligned, (void)ctx;
  return s->where == W_GIVEN || (s->late && !s->recompute);
}

static void choose(Lower *l, const Node *n) {
  Site *s = site_of(l, n);
  if (s->where != W_BUFFER || !s->forward || !s->late || s->forced) return;
  if ((n->op != O_ELT && n->op != O_CAST) || s->ops > most_ops) return;
  s->recompute = strategy_may_repeat(l, n) && lower_reads(l, n, kept_visit, NULL);
}

void lower_recompute(Lower *l) {
  mark_backward(l);
  for (int i = 0; i < l->ngroup; i++)
    if (l->group[i]->backward) group_visit(l, l->group[i], late_visit, NULL);
  for (int i = 0; i < l->graph->nnode; i++)
    if (l->site[i].where == W_BUFFER) choose(l, l->graph->node[i]);
  for (int i = 0; i < l->ngroup; i++) {
    Group *g = l->group[i];
    if (!g->backward) continue;
    for (int r = 0; r < g->nroot; r++) group_depend(l, g, g->root[r]);
    for (int c = 0; c < g->ncore; c++) group_depend(l, g, g->core[c]);
  }
}
