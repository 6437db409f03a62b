/* Placement of reductions: into the kernel of others of the same rows, or beside a contraction. */
#include "passes/lower/lower.h"

/* How far back a reduction looks for others of the same rows: the neighbours that one formula makes. */
enum { LOOK_BACK = 64 };

/* The largest operand of an expression that is read by two reductions makes sharing their pass worthwhile. */
typedef struct Shared {
  Group *with;
  int64_t least; /* elements of an operand that counts */
  bool found;
  int64_t mark;
} Shared;

static bool mark_visit(Lower *l, const Node *read, bool aligned, void *ctx) {
  Shared *s = ctx;
  (void)aligned;
  if (shape_count(&read->shape) >= s->least) site_of(l, read)->shared = s->mark;
  return true;
}

static bool meet_visit(Lower *l, const Node *read, bool aligned, void *ctx) {
  Shared *s = ctx;
  (void)aligned;
  s->found |= site_of(l, read)->shared == s->mark || group_of(site_of(l, read)) == s->with;
  return true;
}

static bool share_reads(Lower *l, Group *g, const Node *n) {
  Shared s = {.with = g, .least = shape_count(&n->in[0]->shape) / 2};
  s.mark = (int64_t)l->graph->nnode * (g->id + 1) + n->id + 1;
  for (int i = 0; i < g->ncore; i++) lower_reads(l, g->core[i], mark_visit, &s);
  lower_reads(l, n, meet_visit, &s);
  return s.found;
}

/* `asked`: somebody wants them together, though they share no reads. */
static DReason why_apart(Lower *l, Group *g, const Node *n, bool asked) {
  DReason why = group_may_reduce(l, g, n);
  return why || asked || share_reads(l, g, n) ? why : DR_APART;
}

void lower_place_reduce(Lower *l, const Node *n) {
  int last = l->ngroup - LOOK_BACK < 0 ? 0 : l->ngroup - LOOK_BACK;
  int target = strategy_target(l, n);
  DReason latest = DR_NONE;
  for (int i = l->ngroup - 1; i >= last; i--) {
    Group *g = l->group[i];
    if (g->merged || !g->ncore || (target >= 0 && !group_computes(l, g, target))) continue;
    bool beside = !site_of(l, n)->supply && !g->alone && !strategy_parts(l, g, n) &&
                  g->backward == site_of(l, n)->backward && g->core[0]->op == O_CONTRACT && g->ncore == 1 &&
                  group_sums_beside(g->core[0], n);
    DReason why = beside ? DR_NONE : why_apart(l, g, n, target >= 0);
    if (why) {
      decide_refuse(l, n, g, why);
      latest = latest ? latest : why;
      continue;
    }
    group_add_core(l, g, n);
    group_add_root(l, g, n);
    return;
  }
  if (target >= 0) strategy_no_host(l, n, latest);
  group_new(l, n, n);
}

/* A sum of the contraction's left rows that came before joins it, when nothing in between needs it. */
void lower_place_contract(Lower *l, const Node *n) {
  Group *g = group_new(l, n, n);
  int last = g->id - LOOK_BACK < 0 ? 0 : g->id - LOOK_BACK;
  for (int i = g->id - 1; i >= last && !g->alone; i--) {
    Group *o = l->group[i];
    if (o->merged || o->alone || o->ncore != 1 || o->nroot != 1 || o->root[0] != o->core[0]) continue;
    if (o->backward != g->backward || strategy_parts(l, g, o->core[0]) || strategy_parts(l, o, n)) continue;
    if (!group_sums_beside(n, o->core[0]) || !group_direct(l, o, g)) continue;
    group_add_core(l, g, o->core[0]);
    group_merge(l, g, o);
    return;
  }
}
