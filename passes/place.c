/* Placement: where each value lives. A value is written into its consumers' kernels when that moves fewer
 * bytes and does less work than storing it; elementwise values that follow a reduction point by point become
 * its epilogue. Costs are in bytes of memory traffic. */
#include "passes/lower.h"

/* One operation on one element costs as much as moving this many bytes: measured on the flat kernels here, a
 * vector operation takes about a cycle for 16 elements and a core moves about 6 bytes a cycle from L2. */
static const double op_bytes = 0.4;
/* Starting a kernel costs as much as moving this many bytes. */
static const double launch_bytes = 20000;
enum { MOST_INLINE_NODES = 160 };

static double elt_ops(EltOp op) {
  switch (op) {
  case E_ERF:
  case E_TANH:
  case E_SIN:
  case E_COS:
  case E_LOG: return 24;
  case E_EXP: return 10;
  case E_DIV:
  case E_SQRT:
  case E_RSQRT: return 6;
  default: return 1;
  }
}

static double node_ops(const Node *n) {
  switch (n->op) {
  case O_ELT: return elt_ops(n->at.elt);
  case O_RANDOM: return 14;
  case O_PAD: return 4;
  case O_IOTA:
  case O_CAST: return 1;
  default: return 0;
  }
}

static double count(const Node *n) {
  return (double)shape_count(&n->shape);
}

/* What reading one element of n costs a consumer, into its own site's sums. */
static void inline_cost(Lower *l, const Node *n) {
  Site *s = site_of(l, n);
  s->ops = node_ops(n);
  s->size = 1;
  for (int i = 0; i < n->nin; i++) {
    const Site *o = site_of(l, n->in[i]);
    bool stored = o->where != W_INLINE;
    double ratio = count(n->in[i]) / count(n);
    s->ops += stored ? 0 : o->ops;
    s->bytes += (stored ? dtype_size(n->in[i]->dtype) : o->bytes) * (ratio < 1 ? ratio : 1);
    s->size += stored ? 1 : o->size;
  }
}

static bool cheaper_inline(const Lower *l, const Node *n, bool free_read) {
  const Site *s = site_of(l, n);
  double e = count(n), size = dtype_size(n->dtype);
  if (s->size > MOST_INLINE_NODES) return false;
  double once = s->bytes + op_bytes * s->ops;
  double inlined = e * s->uses * (s->bytes + op_bytes * s->ops * s->spread);
  double stored = e * ((free_read ? op_bytes * s->ops : once) + size + s->uses * size);
  if (!free_read) stored += launch_bytes;
  return inlined <= stored;
}

static bool is_root_of_core(const Site *s) {
  return s->where == W_BUFFER && group_of(s) && group_of(s)->core;
}

static const Node *under_order(const Node *n) {
  while (node_keeps_order(n)) n = n->in[0];
  return n;
}

/* The latest group a root of which n reads at its own point, directly or through inline values; flat groups
 * count when `flat`. */
static Group *host_of(Lower *l, const Node *n, bool flat, int depth) {
  Group *best = NULL;
  for (int i = 0; i < n->nin && depth; i++) {
    const Node *o = under_order(n->in[i]);
    if (count(o) != count(n)) continue;
    const Site *s = site_of(l, o);
    Group *g = NULL;
    if (s->where == W_BUFFER)
      g = group_of(s);
    else if (s->where == W_INLINE && (o->op == O_ELT || o->op == O_CAST))
      g = host_of(l, o, flat, depth - 1);
    if (g && (g->core || flat) && (!best || g->id > best->id)) best = g;
  }
  return best;
}

/* The reduction's result is used by n alone: n is stored in its place. */
static bool absorb(Lower *l, const Node *n) {
  const Node *best = NULL;
  for (int i = 0; i < n->nin; i++) {
    const Node *t = under_order(n->in[i]);
    const Site *s = site_of(l, t);
    if (!is_root_of_core(s) || s->uses != 1 || s->forced || count(t) != count(n)) continue;
    if (!group_may_take(l, group_of(s), n)) continue;
    if (!best || group_of(s)->id > group_of(site_of(l, best))->id) best = t;
  }
  if (!best) return false;
  Group *g = group_of(site_of(l, best));
  group_add_root(l, g, n);
  site_of(l, best)->where = W_HELD;
  int kept = 0;
  for (int i = 0; i < g->nroot; i++)
    if (g->root[i] != best) g->root[kept++] = g->root[i];
  g->nroot = kept;
  return true;
}

/* Joins flat groups that n's group reads point by point into it, so that they share one pass over memory. */
static void merge_flat_operands(Lower *l, const Node *n) {
  Group *g = group_of(site_of(l, n));
  for (int i = 0; i < g->ndep; i++) {
    Group *o = g->dep[i];
    while (o->merged) o = o->merged;
    if (o != g && group_may_merge(l, o, g)) group_merge(l, g, o);
  }
}

static void store(Lower *l, const Node *n) {
  Group *g = host_of(l, n, true, 8);
  if (g && !site_of(l, n)->supply && group_may_take(l, g, n)) {
    group_add_root(l, g, n);
    if (!g->core) merge_flat_operands(l, n);
    return;
  }
  group_new(l, NULL, n);
  if (!site_of(l, n)->supply) merge_flat_operands(l, n);
}

static void place_map(Lower *l, const Node *n) {
  Site *s = site_of(l, n);
  if (absorb(l, n)) return;
  Group *host = host_of(l, n, false, 8);
  bool free_read = host && !s->supply && group_may_take(l, host, n);
  if (s->forced || !cheaper_inline(l, n, free_read)) store(l, n);
}

static void place(Lower *l, const Node *n) {
  Site *s = site_of(l, n);
  switch (n->op) {
  case O_STATE:
  case O_INPUT: s->where = W_GIVEN; return;
  case O_CONTRACT:
  case O_REDUCE:
  case O_SCATTER: group_new(l, n, n); return;
  case O_CONCAT: group_new(l, NULL, n)->alone = true; return;
  case O_ELT:
  case O_CAST: place_map(l, n); return;
  default:
    if (s->forced || (n->op == O_RANDOM && s->uses > 1)) group_new(l, NULL, n);
    return;
  }
}

void lower_place(Lower *l) {
  for (int i = 0; i < l->graph->nnode; i++) {
    if (l->site[i].where == W_DEAD) continue;
    inline_cost(l, l->graph->node[i]);
    place(l, l->graph->node[i]);
  }
}
