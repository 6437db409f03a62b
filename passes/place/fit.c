/* Whether a node may join a kernel: a dry run of its expression there, looking only at where the kernel's own
 * values are read. */
#include "passes/lower/kbuild.h"

enum { MOST_CORES = 6 };

static KBuild dry(Lower *l, Group *g, Arena *a) {
  KBuild b = {.l = l, .group = g, .arena = a, .dry = true};
  kb_roles(&b);
  b.k = kern_new(a, "dry", (Loc){0});
  kb_axes(&b);
  kb_points(&b);
  return b;
}

static DReason fits(Lower *l, Group *g, const Node *n, bool row) {
  Arena *a = arena_new();
  KBuild b = dry(l, g, a);
  const Space *at = row ? &kb_at(&b)->row : &kb_at(&b)->result;
  DReason why = DR_NONE;
  if (!at->shape || shape_count(at->shape) != shape_count(&n->shape))
    why = DR_POINTS;
  else if (!kb_dry_fits(&b, n, at))
    why = DR_AWAY;
  arena_free(a);
  return why;
}

/* A row's elements are only met again where the row is resident: not in partials. */
static bool has_row(const Group *g) {
  return g->ncore && g->core[0]->op == O_REDUCE && kb_sum(g->core[0]).parts == 1 &&
         kb_sum(g->core[0]).terms > 1;
}

DReason group_may_take(Lower *l, Group *g, const Node *n, bool row) {
  DReason parted = strategy_parts(l, g, n);
  if (parted) return parted;
  if (!group_of_pass(l, g, site_of(l, n)->backward)) return DR_PASSES;
  if (g->alone || (site_of(l, n)->supply && (row || g->nroot > 1 || g->ncore > 1))) return DR_ALONE;
  if (row && !has_row(g)) return DR_FULL;
  if (!group_allows(l, g, n)) return DR_CYCLE;
  return fits(l, g, n, row);
}

static bool same_rows(const Node *a, const Node *b) {
  return a->op == O_REDUCE && b->op == O_REDUCE && a->at.axes == b->at.axes &&
         shape_same(&a->in[0]->shape, &b->in[0]->shape);
}

DReason group_may_reduce(Lower *l, Group *g, const Node *n) {
  DReason parted = strategy_parts(l, g, n);
  if (parted) return parted;
  if (!group_of_pass(l, g, site_of(l, n)->backward)) return DR_PASSES;
  if (g->alone || site_of(l, n)->supply) return DR_ALONE;
  if (g->ncore && g->core[0]->op == O_CONTRACT) return DR_FULL;
  if (!g->ncore || !same_rows(g->core[0], n)) return DR_ROWS;
  if (g->ncore == MOST_CORES) return DR_CORES;
  if (kb_sum(n).terms == 1) return DR_ROWS;
  if (!group_allows(l, g, n)) return DR_CYCLE;
  Arena *a = arena_new();
  KBuild b = dry(l, g, a);
  bool good = kb_dry_fits(&b, n->in[0], &kb_at(&b)->row);
  arena_free(a);
  if (!good) return DR_AWAY;
  return has_row(g) || !group_reads(l, g, n) ? DR_NONE : DR_FULL;
}
