/* Gradients of all ops but the elementwise ones, one rule a row of graph_ops.def, and sums of gradients. */
#include <string.h>

#include "passes/grad/autodiff_rules.h"
#include "passes/rewrite/simplify.h"

static Node *tidy(Graph *g, Node *n) {
  return simplify_node(g, n, SL_AUTODIFF);
}

/* Leaves have no operands, and integers no gradient. */
#define NOTHING(NAME)                                                                                        \
  static Node *grad_##NAME(Graph *g, Node *n, Node *dy, int i) {                                             \
    (void)g, (void)n, (void)dy, (void)i;                                                                     \
    return NULL;                                                                                             \
  }
NOTHING(CONST)
NOTHING(IOTA)
NOTHING(STEP)
NOTHING(RANDOM)
NOTHING(INPUT)
NOTHING(STATE)
NOTHING(STOP_GRADIENT)

static Node *grad_ELT(Graph *g, Node *n, Node *dy, int i) {
  return autodiff_elt(g, n, dy, i);
}

static Node *grad_CAST(Graph *g, Node *n, Node *dy, int i) {
  return tidy(g, graph_cast(g, n->in[i]->dtype, dy));
}

/* y[r] = sum a[l] b[m]: da[l] = sum dy[r] b[m], where each label of a is in r or m by the op's rule, and what
 * of r and m is not in l is in both. */
static Node *grad_CONTRACT(Graph *g, Node *n, Node *dy, int i) {
  char text[GRAPH_LABELS_TEXT];
  graph_labels(n, text);
  int l = n->in[0]->shape.rank, r = n->in[1]->shape.rank;
  const char *left = text, *right = text + l + 1, *result = text + l + r + 3;
  if (i == 0) {
    const char *labels = arena_printf(g->arena, "%s,%.*s->%.*s", result, r, right, l, left);
    return tidy(g, graph_contract(g, labels, dy, n->in[1]));
  }
  const char *labels = arena_printf(g->arena, "%.*s,%s->%.*s", l, left, result, r, right);
  return tidy(g, graph_contract(g, labels, n->in[0], dy));
}

/* Back over the dimensions that a reduction of x took away. */
static Node *spread(Graph *g, const Node *x, uint32_t axes, Node *y) {
  int map[MAX_RANK], kept = 0;
  for (int i = 0; i < x->shape.rank; i++)
    if (!(axes >> i & 1u)) map[kept++] = i;
  return tidy(g, graph_broadcast(g, y, x->shape, map));
}

/* A maximum reached more than once shares its gradient equally. */
static Node *grad_of_max(Graph *g, Node *n, Node *dy) {
  Node *x = n->in[0];
  Node *top = autodiff_map(g, E_EQ, x, spread(g, x, n->at.axes, n));
  Node *ties = graph_reduce(g, GR_SUM, graph_cast(g, x->dtype, top), n->at.axes);
  Node *share = spread(g, x, n->at.axes, autodiff_map(g, E_DIV, dy, ties));
  return graph_elt(g, E_SELECT, top, share, autodiff_const(g, x, 0));
}

static Node *grad_REDUCE(Graph *g, Node *n, Node *dy, int i) {
  if (n->at.reduce == GR_MAX) return grad_of_max(g, n, dy);
  return spread(g, n->in[i], n->at.axes, dy);
}

static Node *grad_BROADCAST(Graph *g, Node *n, Node *dy, int i) {
  uint32_t axes = (1u << n->shape.rank) - 1;
  for (int k = 0; k < n->in[i]->shape.rank; k++) axes &= ~(1u << n->at.map[k]);
  return tidy(g, graph_reduce(g, GR_SUM, dy, axes));
}

static Node *grad_RESHAPE(Graph *g, Node *n, Node *dy, int i) {
  return tidy(g, graph_reshape(g, dy, n->in[i]->shape));
}

static Node *grad_PERMUTE(Graph *g, Node *n, Node *dy, int i) {
  int back[MAX_RANK];
  (void)i;
  for (int k = 0; k < n->shape.rank; k++) back[n->at.map[k]] = k;
  return tidy(g, graph_permute(g, dy, back));
}

static Node *grad_SLICE(Graph *g, Node *n, Node *dy, int i) {
  int64_t hi[MAX_RANK];
  for (int k = 0; k < n->shape.rank; k++) hi[k] = n->in[i]->shape.dim[k] - n->at.lo[k] - n->shape.dim[k];
  return tidy(g, graph_pad(g, dy, n->at.lo, hi, NULL));
}

static Node *grad_PAD(Graph *g, Node *n, Node *dy, int i) {
  Shape inner = n->shape;
  for (int k = 0; k < n->shape.rank; k++) inner.dim[k] -= n->at.lo[k] + n->at.hi[k];
  Node *x = tidy(g, graph_slice(g, dy, n->at.lo, inner));
  for (int k = 0; k < n->in[i]->shape.rank; k++) x = tidy(g, graph_every(g, x, k, n->at.between[k] + 1));
  return x;
}

static Node *grad_CONCAT(Graph *g, Node *n, Node *dy, int i) {
  int64_t start[MAX_RANK] = {0};
  for (int k = 0; k < i; k++) start[n->at.axis] += n->in[k]->shape.dim[n->at.axis];
  return tidy(g, graph_slice(g, dy, start, n->in[i]->shape));
}

/* x with `lo` zeros before and `hi` after along an axis, the elements `between` apart; a negative hi cuts. */
static Node *fit(Graph *g, Node *x, int axis, int64_t lo, int64_t hi, int64_t between) {
  int64_t before[MAX_RANK] = {0}, after[MAX_RANK] = {0}, gap[MAX_RANK] = {0};
  if (!x) return NULL;
  before[axis] = lo;
  after[axis] = hi > 0 ? hi : 0;
  gap[axis] = between;
  x = tidy(g, graph_pad(g, x, before, after, gap));
  if (!x || hi >= 0) return x;
  Shape s = x->shape;
  s.dim[axis] += hi;
  return tidy(g, graph_slice(g, x, (const int64_t[MAX_RANK]){0}, s));
}

/* Windows that do not overlap: each padded to the stride, then laid end to end. */
static Node *windows_apart(Graph *g, const Node *n, Node *dy) {
  int axis = n->at.axis;
  Shape s = n->in[0]->shape;
  int64_t extent = s.dim[axis];
  s.dim[axis] = n->shape.dim[axis] * n->at.stride;
  Node *x = fit(g, dy, axis + 1, 0, n->at.stride - n->at.size, 0);
  return fit(g, tidy(g, graph_reshape(g, x, s)), axis, 0, extent - s.dim[axis], 0);
}

/* Element k of every window, at its place along the axis. */
static Node *window_element(Graph *g, const Node *n, Node *dy, int64_t k) {
  int axis = n->at.axis;
  int64_t start[MAX_RANK] = {0}, count = n->shape.dim[axis], stride = n->at.stride;
  Shape s = n->shape, flat = n->in[0]->shape;
  start[axis + 1] = k;
  s.dim[axis + 1] = 1;
  flat.dim[axis] = count;
  Node *x = tidy(g, graph_reshape(g, graph_slice(g, dy, start, s), flat));
  int64_t last = k + (count - 1) * stride;
  return fit(g, x, axis, k, n->in[0]->shape.dim[axis] - last - 1, stride - 1);
}

static Node *grad_WINDOW(Graph *g, Node *n, Node *dy, int i) {
  (void)i;
  if (n->at.size <= n->at.stride) return windows_apart(g, n, dy);
  Node *sum = window_element(g, n, dy, 0);
  for (int64_t k = 1; k < n->at.size; k++) sum = autodiff_map(g, E_ADD, sum, window_element(g, n, dy, k));
  return sum;
}

static Node *grad_GATHER(Graph *g, Node *n, Node *dy, int i) {
  int axis = n->in[1]->shape.rank - 1;
  return i ? NULL : tidy(g, graph_scatter(g, dy, n->in[1], n->in[0]->shape.dim[axis]));
}

static Node *grad_SCATTER(Graph *g, Node *n, Node *dy, int i) {
  return i ? NULL : tidy(g, graph_gather(g, dy, n->in[1]));
}

Node *autodiff_op(Graph *g, Node *n, Node *dy, int i) {
  static Node *(*const rule[OP_COUNT])(Graph *, Node *, Node *, int) = {
#define OP(N, ...) [O_##N] = grad_##N,
#include "ir/graph/graph_ops.def"
#undef OP
  };
  return rule[n->op](g, n, dy, i);
}

/* The one axis along which `pad` pads, or -1: zeros between elements, or several axes. */
static int padded_axis(const Node *pad) {
  int axis = -1;
  if (pad->op != O_PAD) return -1;
  for (int k = 0; k < pad->shape.rank; k++) {
    if (pad->at.between[k]) return -1;
    if (!pad->at.lo[k] && !pad->at.hi[k]) continue;
    if (axis >= 0) return -1;
    axis = k;
  }
  return axis;
}

/* pad(a) + pad(b), where b begins at the place where a ends -> pad(concat(a, b)); else NULL. */
static Node *join(Graph *g, Node *a, Node *b) {
  int axis = padded_axis(a);
  if (axis < 0 || padded_axis(b) != axis) return NULL;
  if (a->at.lo[axis] + a->in[0]->shape.dim[axis] != b->at.lo[axis]) return NULL;
  Node *both = tidy(g, graph_concat(g, 2, (Node *[]){a->in[0], b->in[0]}, axis));
  return tidy(g, graph_pad(g, both, a->at.lo, b->at.hi, NULL));
}

/* Joins some pair of the terms, taking one of them out; false when no two fit. */
static bool join_any(Graph *g, int *n, Node **term) {
  for (int a = 0; a < *n; a++)
    for (int b = 0; padded_axis(term[a]) >= 0 && b < *n; b++) {
      Node *both = a == b ? NULL : join(g, term[a], term[b]);
      if (!both) continue;
      term[a] = both;
      memmove(&term[b], &term[b + 1], sizeof(Node *) * (size_t)(*n - b - 1));
      --*n;
      return true;
    }
  return false;
}

Node *autodiff_sum(Graph *g, int n, Node *const *term) {
  Node **left = arena_copy(g->arena, term, sizeof(Node *) * (size_t)n);
  while (join_any(g, &n, left)) continue;
  Node *sum = left[0];
  for (int i = 1; i < n; i++) sum = autodiff_map(g, E_ADD, sum, left[i]);
  return sum;
}
