/* Placement: where each value lives. A value is written into its consumers' kernels when that moves fewer
 * bytes and does less work than storing it; elementwise values that follow a reduction point by point become
 * its epilogue; reductions join others of the same rows, or stand beside a contraction. Costs are in bytes of
 * memory traffic. */
#include "passes/place/place.h"

#include "passes/place/fit.h"
#include "passes/place/strategy.h"

enum { MOST_INLINE_NODES = 160 };

static double count(const Node *n) {
  return (double)node_count(n);
}

/* What reading one element of n costs a consumer, into its own site's sums. */
static void inline_cost(Lower *l, const Node *n) {
  Site *s = site_of(l, n);
  s->ops = node_work(n);
  s->size = 1;
  for (int i = 0; i < n->nin; i++) {
    const Site *o = site_of(l, n->in[i]);
    bool stored = o->where != W_INLINE;
    double ratio = count(n->in[i]) / count(n);
    s->ops += stored ? 0 : o->ops;
    s->bytes += (stored ? dtype_size(n->in[i]->dtype) : o->bytes) * (ratio < 1 ? ratio : 1);
    if (!node_repeats_operand(n, i)) s->size += stored ? 1 : o->size;
  }
}

/* Why n cannot be inline. */
static Reason no_inline(const Lower *l, const Node *n) {
  const Site *s = site_of(l, n);
  if (s->forced) return DR_MEMORY;
  if (s->operand && !l->options->target->in_operand(n)) return DR_OPERAND;
  return s->size > MOST_INLINE_NODES ? DR_LARGE : DR_NONE;
}

/* What the backward pass makes again it makes where it is read: that is what was weighed against keeping it.
 */
static bool is_repeated(const Lower *l, const Node *n) {
  return n->at.again && site_of(l, n)->spread <= 1;
}

/* Whether n is better inline; why not is noted. */
static bool cheaper_inline(Lower *l, const Node *n, bool free_read) {
  const Site *s = site_of(l, n);
  const TargetCost *t = &l->options->target->cost;
  double e = count(n), size = dtype_size(n->dtype), ops = t->near / t->operations * s->ops;
  if (no_inline(l, n)) {
    note_stored(l, n, no_inline(l, n), 0, 0);
    return false;
  }
  double once = s->bytes + ops;
  double inlined = e * s->uses * (s->bytes + ops * s->spread);
  double stored = e * ((free_read ? ops : once) + size + s->uses * size);
  if (!free_read) stored += t->launch * t->near;
  bool better = inlined <= stored || is_repeated(l, n);
  note_stored(l, n, better ? DR_NONE : DR_COST, inlined, stored);
  return better;
}

static const Node *under_order(const Node *n) {
  while (node_keeps_order(n)) n = n->in[0];
  return n;
}

/* The reduction's result is used by n alone: n is stored in its place. */
static bool absorb(Lower *l, const Node *n) {
  Group *best = NULL;
  for (int i = 0; i < n->nin; i++) {
    const Site *s = site_of(l, under_order(n->in[i]));
    Group *g = s->where == W_BUFFER ? group_of(s) : NULL;
    if (!g || !g->ncore || s->uses != 1 || s->forced || s->row || (best && best->id > g->id)) continue;
    if (!group_may_take(l, g, n, false)) best = g;
  }
  if (!best) return false;
  cheaper_inline(l, n, true); /* for its costs */
  if (!no_inline(l, n)) note_taken(l, n);
  group_add_root(l, best, n);
  return true;
}

/* The groups that n's expression reads, latest first. */
typedef struct Hosts {
  int target; /* class that they have to compute, -1: any */
  int n;
  Group *group[4];
} Hosts;

static bool host_visit(Lower *l, const Node *read, bool aligned, void *ctx) {
  Hosts *h = ctx;
  Group *g = group_of(site_of(l, read));
  (void)aligned;
  if (!g || (h->target >= 0 && !group_computes(l, g, h->target))) return true;
  int most = sizeof h->group / sizeof *h->group, i = 0;
  while (i < h->n && h->group[i]->id > g->id) i++;
  if (i < h->n && h->group[i] == g) return true;
  if (h->n < most) h->n++;
  for (int j = h->n - 1; j > i; j--) h->group[j] = h->group[j - 1];
  if (i < h->n) h->group[i] = g;
  return true;
}

/* Whether g's kernel can compute n from what it has at hand, and whether at its row's elements. What is at
 * neither needs the reduction whole. */
static bool can_take(Lower *l, Group *g, const Node *n, bool *row) {
  Reason why = group_may_take(l, g, n, false);
  *row = why && !group_may_take(l, g, n, true);
  if (why && !*row) note_refusal(l, n, g, why == DR_POINTS && g->ncore ? DR_FULL : why);
  return !why || *row;
}

/* The latest group whose kernel can compute n from what it has at hand, and whether at its row's elements.
 * What may be supplied is computed apart: its kernel is skipped, and others may need what a host makes. */
static Group *host_of(Lower *l, const Node *n, bool *row) {
  Hosts h = {.target = strategy_target(l, n)};
  *row = false;
  each_read(l, n, host_visit, &h);
  for (int i = 0; i < h.n && site_of(l, n)->supply; i++) note_refusal(l, n, h.group[i], DR_ALONE);
  if (site_of(l, n)->supply) return NULL;
  for (int i = 0; i < h.n; i++)
    if (can_take(l, h.group[i], n, row)) return h.group[i];
  if (h.target >= 0) strategy_no_host(l, n, h.n ? refusal_of(l, n, h.group[0]) : DR_NONE);
  return NULL;
}

/* Joins flat groups that n's group reads point by point into it, so that they share one pass over memory. */
static void merge_flat_operands(Lower *l, const Node *n) {
  Group *g = group_of(site_of(l, n));
  for (int i = 0; i < g->ndep; i++) {
    Group *o = group_current(g->dep[i]);
    if (o == g || o->ncore) continue;
    Reason why = group_may_merge(l, o, g);
    if (why)
      note_refusal(l, n, o, why);
    else
      group_merge(l, g, o);
  }
}

static void store(Lower *l, const Node *n, Group *host, bool row) {
  if (host)
    group_add_root(l, host, n);
  else
    host = group_new(l, NULL, n);
  site_of(l, n)->row = row;
  if (!host->ncore && !site_of(l, n)->supply) merge_flat_operands(l, n);
}

/* A part of a concatenation that another kernel can make is stored there, into its place: inline, it would
 * take a kernel to put it there. */
static void place_map(Lower *l, const Node *n) {
  Site *s = site_of(l, n);
  if (strategy_must_inline(l, n, no_inline(l, n))) return;
  if (strategy_target(l, n) < 0 && absorb(l, n)) return;
  bool row = false, may = !s->forced && strategy_may_inline(l, n);
  bool part = s->readers == 1u << NK_CONCAT;
  Group *host = may && !part && cheaper_inline(l, n, false) ? NULL : host_of(l, n, &row);
  if (may && !(part && host) && cheaper_inline(l, n, host)) return;
  if (!may) note_stored(l, n, s->forced ? DR_MEMORY : DR_OVERRIDE, 0, 0);
  store(l, n, host, row);
}

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
  if (node_count(read) >= s->least) site_of(l, read)->shared = s->mark;
  return true;
}

static bool meet_visit(Lower *l, const Node *read, bool aligned, void *ctx) {
  Shared *s = ctx;
  (void)aligned;
  s->found |= site_of(l, read)->shared == s->mark || group_of(site_of(l, read)) == s->with;
  return true;
}

static bool share_reads(Lower *l, Group *g, const Node *n) {
  Shared s = {.with = g, .least = node_count(n->in[0]) / 2};
  s.mark = (int64_t)l->graph->nnode * (g->id + 1) + n->id + 1;
  for (int i = 0; i < g->ncore; i++) each_read(l, g->core[i], mark_visit, &s);
  each_read(l, n, meet_visit, &s);
  return s.found;
}

/* `asked`: somebody wants them together, though they share no reads. */
static Reason why_apart(Lower *l, Group *g, const Node *n, bool asked) {
  Reason why = group_may_reduce(l, g, n);
  return why || asked || share_reads(l, g, n) ? why : DR_APART;
}

static void place_reduce(Lower *l, const Node *n) {
  int last = l->ngroup - LOOK_BACK < 0 ? 0 : l->ngroup - LOOK_BACK;
  int target = strategy_target(l, n);
  Reason latest = DR_NONE;
  for (int i = l->ngroup - 1; i >= last; i--) {
    Group *g = l->group[i];
    if (g->merged || !g->ncore || (target >= 0 && !group_computes(l, g, target))) continue;
    bool beside = !site_of(l, n)->supply && !g->alone && !strategy_parts(l, g, n) &&
                  g->backward == site_of(l, n)->backward && g->core[0]->op == O_CONTRACT && g->ncore == 1 &&
                  node_sums_beside(g->core[0], n);
    Reason why = beside ? DR_NONE : why_apart(l, g, n, target >= 0);
    if (why) {
      note_refusal(l, n, g, why);
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
static void place_contract(Lower *l, const Node *n) {
  Group *g = group_new(l, n, n);
  int last = g->id - LOOK_BACK < 0 ? 0 : g->id - LOOK_BACK;
  for (int i = g->id - 1; i >= last && !g->alone; i--) {
    Group *o = l->group[i];
    if (o->merged || o->alone || o->ncore != 1 || o->nroot != 1 || o->root[0] != o->core[0]) continue;
    if (o->backward != g->backward || strategy_parts(l, g, o->core[0]) || strategy_parts(l, o, n)) continue;
    if (!node_sums_beside(n, o->core[0]) || !group_direct(l, o, g)) continue;
    group_add_core(l, g, o->core[0]);
    group_merge(l, g, o);
    return;
  }
}

/* Views and what is little to compute again; random numbers are more. */
static void place_other(Lower *l, const Node *n) {
  const Site *s = site_of(l, n);
  bool computed = kind_inlines(node_kind(n));
  Reason cannot = no_inline(l, n);
  if (computed && strategy_must_inline(l, n, cannot)) return;
  Reason why = s->forced                                ? DR_MEMORY
               : computed && cannot                     ? cannot
               : computed && !strategy_may_inline(l, n) ? DR_OVERRIDE
               : n->op == O_RANDOM && s->uses > 1       ? DR_COST
                                                        : DR_NONE;
  if (!why) return;
  note_stored(l, n, why, 0, 0);
  group_new(l, NULL, n);
}

static void place_node(Lower *l, const Node *n) {
  Site *s = site_of(l, n);
  strategy_check(l, n);
  switch (n->op) {
  case O_STATE:
  case O_INPUT: s->where = W_GIVEN; return;
  case O_CONTRACT: place_contract(l, n); return;
  case O_REDUCE: place_reduce(l, n); return;
  case O_SCATTER: group_new(l, n, n); return;
  case O_CONCAT: group_new(l, NULL, n)->alone = true; return;
  case O_ELT:
  case O_CAST: place_map(l, n); return;
  default: place_other(l, n); return;
  }
}

static bool outside_visit(Lower *l, const Node *read, bool aligned, void *ctx) {
  (void)aligned;
  const Group *reader = ctx;
  Site *s = site_of(l, read);
  if (group_of(s) != reader) s->outside = true;
  if (reader->backward && !s->backward) s->kept = true;
  return true;
}

static void hold(Lower *l, Group *g, const Node *n) {
  site_of(l, n)->where = W_HELD;
  ARENA_GROW(l->arena, g->held, g->nheld, g->cap_held);
  g->held[g->nheld++] = n;
}

/* Results that only their own kernel reads need no memory. */
static void trim(Lower *l, Group *g) {
  int kept = 0;
  for (int i = 0; i < g->nroot; i++) {
    Site *s = site_of(l, g->root[i]);
    if (s->forced || s->outside)
      g->root[kept++] = g->root[i];
    else
      hold(l, g, g->root[i]);
  }
  g->nroot = kept;
}

void place_trim(Lower *l) {
  for (int i = 0; i < l->ngroup; i++) {
    Group *g = l->group[i];
    if (g->merged) continue;
    each_read_of(l, g->root, g->nroot, outside_visit, g);
    each_read_of(l, g->core, g->ncore, outside_visit, g);
  }
  for (int i = 0; i < l->ngroup; i++)
    if (!l->group[i]->merged) trim(l, l->group[i]);
}

void place_values(Lower *l) {
  l->notes = notes_new(l->arena, l->graph);
  for (int i = 0; i < l->graph->nnode; i++) {
    if (l->site[i].where == W_DEAD) continue;
    inline_cost(l, l->graph->node[i]);
    place_node(l, l->graph->node[i]);
  }
}
