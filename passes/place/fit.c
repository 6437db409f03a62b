#include "passes/place/fit.h"

#include "passes/axes/axes.h"
#include "passes/place/strategy.h"

enum { MOST_CORES = 6 };

static Axes fine_axes(Arena *a, const Group *g) {
  Axes x = axes_open(a, g, true);
  axes_make(&x);
  return x;
}

bool group_fits(Lower *l, const Group *g) {
  Arena *a = arena_new();
  Axes x = fine_axes(a, g);
  bool good = walk_group_fits(l, &x);
  arena_free(a);
  return good;
}

static Reason fits(Lower *l, Group *g, const Node *n, bool row) {
  Arena *a = arena_new();
  Axes x = fine_axes(a, g);
  const Space *at = row ? &x.points[0].row : &x.points[0].result;
  Reason why = DR_NONE;
  if (!at->shape || shape_count(at->shape) != node_count(n))
    why = DR_POINTS;
  else if (!walk_fits(l, &x, n, at))
    why = DR_AWAY;
  arena_free(a);
  return why;
}

/* A row's elements are only met again where the row is resident: not in partials. */
static bool has_row(const Group *g) {
  return g->ncore && g->core[0]->op == O_REDUCE && node_sum(g->core[0]).parts == 1 &&
         node_sum(g->core[0]).terms > 1;
}

Reason group_may_take(Lower *l, Group *g, const Node *n, bool row) {
  Reason parted = strategy_parts(l, g, n);
  if (parted) return parted;
  if (!group_of_pass(g, site_of(l, n)->backward)) return DR_PASSES;
  if (g->alone || (site_of(l, n)->supply && (row || g->nroot > 1 || g->ncore > 1))) return DR_ALONE;
  if (row && !has_row(g)) return DR_FULL;
  if (!group_allows(l, g, n)) return DR_CYCLE;
  if (group_too_large(l, g, NULL, n)) return DR_LARGE;
  return fits(l, g, n, row);
}

static bool same_rows(const Node *a, const Node *b) {
  return a->op == O_REDUCE && b->op == O_REDUCE && a->at.axes == b->at.axes &&
         shape_same(&a->in[0]->shape, &b->in[0]->shape);
}

Reason group_may_reduce(Lower *l, Group *g, const Node *n) {
  Reason parted = strategy_parts(l, g, n);
  if (parted) return parted;
  if (!group_of_pass(g, site_of(l, n)->backward)) return DR_PASSES;
  if (g->alone || site_of(l, n)->supply) return DR_ALONE;
  if (g->ncore && g->core[0]->op == O_CONTRACT) return DR_FULL;
  if (!g->ncore || !same_rows(g->core[0], n)) return DR_ROWS;
  if (g->ncore == MOST_CORES) return DR_CORES;
  if (node_sum(n).terms == 1) return DR_ROWS;
  if (!group_allows(l, g, n)) return DR_CYCLE;
  if (group_too_large(l, g, NULL, n)) return DR_LARGE;
  Arena *a = arena_new();
  Axes x = fine_axes(a, g);
  bool good = walk_fits(l, &x, n->in[0], &x.points[0].row);
  arena_free(a);
  if (!good) return DR_AWAY;
  return has_row(g) || !group_reads(l, g, n) ? DR_NONE : DR_FULL;
}
