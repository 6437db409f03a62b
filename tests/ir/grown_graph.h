/* Random graphs that grow node by node, over all ops, of small shapes and moderate values, rich in what
 * rewrites look for. Those of tests/passes/random_graph.h have outputs and are lowered. */
#ifndef TESTS_GROWN_GRAPH_H
#define TESTS_GROWN_GRAPH_H

#include "tests/ir/graph_case.h"

enum { POOL = 200 };

typedef struct GrownGraph {
  Arena *arena;
  Graph *g;
  int n;
  Node *pool[POOL]; /* f32 nodes */
} GrownGraph;

static inline Node *grown_pick(GrownGraph *r) {
  int late = r->n > 6 && draw_below(2) ? r->n - 6 : 0;
  return r->pool[late + (int)draw_below((uint32_t)(r->n - late))];
}

static inline Shape grown_shape(int least_rank) {
  static const int64_t dims[] = {1, 2, 3, 5};
  Shape s = {.rank = least_rank + (int)draw_below((uint32_t)(4 - least_rank))};
  for (int i = 0; i < s.rank; i++) s.dim[i] = dims[draw_below(4)];
  return s;
}

/* A node of the pool with that shape, or a leaf. */
static inline Node *grown_like(GrownGraph *r, Shape s) {
  static const double few[] = {0, 1, -1, 2, 0.5, -3};
  for (int i = 0; i < 10; i++) {
    Node *x = grown_pick(r);
    if (shape_same(&x->shape, &s)) return x;
  }
  if (draw_below(2)) return graph_random(r->g, draw_below(1000), s);
  return graph_const(r->g, DT_F32, s, few[draw_below(6)]);
}

static inline Node *grown_elt(GrownGraph *r) {
  static const EltOp one[] = {E_NEG, E_TANH, E_SIN, E_COS, E_ABS, E_ERF, E_FLOOR},
                     two[] = {E_ADD, E_SUB, E_MUL, E_MAX, E_MIN, E_ADD, E_MUL};
  Node *x = grown_pick(r);
  switch (draw_below(6)) {
  case 0: return graph_elt(r->g, one[draw_below(7)], x, NULL, NULL);
  case 1: {
    EltOp compare = (EltOp[]){E_LT, E_LE, E_EQ}[draw_below(3)];
    Node *c = graph_elt(r->g, compare, x, grown_like(r, x->shape), NULL);
    if (draw_below(2)) c = graph_elt(r->g, E_NOT, c, NULL, NULL);
    if (draw_below(2))
      c = graph_elt(r->g, draw_below(2) ? E_AND : E_OR, c, graph_cast(r->g, DT_BOOL, x), NULL);
    return graph_elt(r->g, E_SELECT, c, x, grown_like(r, x->shape));
  }
  case 2: {
    static const double divisors[] = {1, 2, -4, -1};
    return graph_map2(r->g, E_DIV, x, graph_scalar(r->g, divisors[draw_below(4)]));
  }
  default: return graph_elt(r->g, two[draw_below(7)], x, grown_like(r, x->shape), NULL);
  }
}

static inline Node *grown_reshape(GrownGraph *r) {
  Node *x = grown_pick(r);
  Shape s = x->shape;
  for (int i = s.rank - 1; i > 0; i--) { /* shuffled extents */
    int k = (int)draw_below((uint32_t)i + 1);
    int64_t t = s.dim[i];
    s.dim[i] = s.dim[k];
    s.dim[k] = t;
  }
  if (s.rank > 1 && draw_below(2)) {
    s.rank--;
    s.dim[s.rank - 1] *= s.dim[s.rank];
  }
  return graph_reshape(r->g, x, s);
}

static inline Node *grown_broadcast(GrownGraph *r) {
  Node *x = grown_pick(r);
  Shape s = {0};
  int map[MAX_RANK];
  if (x->shape.rank > 4) return x;
  for (int i = 0; i < x->shape.rank; i++) {
    if (s.rank - i < 2 && draw_below(2)) s.dim[s.rank++] = 1 + draw_below(3);
    map[i] = s.rank;
    s.dim[s.rank++] = x->shape.dim[i];
  }
  if (s.rank < 4 && draw_below(2)) s.dim[s.rank++] = 1 + draw_below(3);
  return graph_broadcast(r->g, x, s, map);
}

static inline Node *grown_permute(GrownGraph *r) {
  Node *x = grown_pick(r);
  int perm[MAX_RANK];
  for (int i = 0; i < x->shape.rank; i++) {
    int k = (int)draw_below((uint32_t)i + 1);
    perm[i] = i;
    perm[i] = perm[k];
    perm[k] = i;
  }
  return graph_permute(r->g, x, perm);
}

static inline Node *grown_slice(GrownGraph *r) {
  Node *x = grown_pick(r);
  Shape s = x->shape;
  int64_t start[MAX_RANK];
  for (int i = 0; i < s.rank; i++) {
    s.dim[i] = 1 + draw_below((uint32_t)s.dim[i]);
    start[i] = draw_below((uint32_t)(x->shape.dim[i] - s.dim[i] + 1));
  }
  return graph_slice(r->g, x, start, s);
}

static inline Node *grown_pad(GrownGraph *r) {
  Node *x = grown_pick(r);
  int64_t lo[MAX_RANK], hi[MAX_RANK], between[MAX_RANK];
  bool gaps = draw_below(2);
  for (int i = 0; i < x->shape.rank; i++) {
    lo[i] = draw_below(2);
    hi[i] = draw_below(2);
    between[i] = gaps ? draw_below(2) : 0;
  }
  return graph_pad(r->g, x, lo, hi, between);
}

static inline Node *grown_concat(GrownGraph *r) {
  Node *x = grown_pick(r);
  if (!x->shape.rank) return x;
  Node *in[3] = {grown_like(r, x->shape), x, grown_like(r, x->shape)};
  return graph_concat(r->g, 1 + (int)draw_below(3), in, (int)draw_below((uint32_t)x->shape.rank));
}

static inline Node *grown_window(GrownGraph *r) {
  Node *x = grown_pick(r);
  if (!x->shape.rank || x->shape.rank > 3) return x;
  int axis = (int)draw_below((uint32_t)x->shape.rank);
  return graph_window(r->g, x, axis, 1 + draw_below((uint32_t)x->shape.dim[axis]), 1 + draw_below(3));
}

/* Whole numbers 0.. extent - 1, [J]. */
static inline Node *grown_index(GrownGraph *r, int64_t j, int64_t extent) {
  Node *u = graph_random(r->g, draw_below(1000), SHAPE(j));
  Node *scaled = graph_map2(r->g, E_MUL, u, graph_scalar(r->g, (double)extent));
  return graph_cast(r->g, DT_I32, scaled);
}

static inline Node *grown_gather(GrownGraph *r) {
  Node *x = grown_pick(r);
  if (!x->shape.rank) return x;
  if (draw_below(2)) return graph_gather(r->g, x, grown_index(r, 1 + draw_below(4), x->shape.dim[0]));
  int64_t extent = 1 + draw_below(4);
  return graph_scatter(r->g, x, grown_index(r, x->shape.dim[0], extent), extent);
}

static inline Node *grown_reduce(GrownGraph *r) {
  Node *x = grown_pick(r);
  uint32_t axes = draw_below(1u << x->shape.rank);
  return graph_reduce(r->g, draw_below(3) ? GR_SUM : GR_MAX, x, axes);
}

/* Letters of two tensors of the pool, some shared where extents agree; what only one has is in the result. */
static inline Node *grown_contract(GrownGraph *r) {
  Node *a = grown_pick(r), *b = grown_pick(r);
  char text[2][MAX_RANK + 1] = {{0}}, out[2 * MAX_RANK + 1] = {0};
  bool used[MAX_RANK] = {0};
  int n = 0;
  for (int i = 0; i < a->shape.rank; i++) text[0][i] = (char)('a' + i);
  for (int k = 0; k < b->shape.rank; k++) {
    text[1][k] = (char)('p' + k);
    for (int i = 0; i < a->shape.rank; i++) {
      if (used[i] || a->shape.dim[i] != b->shape.dim[k] || !draw_below(3)) continue;
      used[i] = true;
      text[1][k] = (char)('a' + i);
      break;
    }
    bool shared = text[1][k] < 'p';
    if (!shared || draw_below(2)) out[n++] = text[1][k];
  }
  for (int i = 0; i < a->shape.rank; i++)
    if (!used[i]) out[n++] = text[0][i];
  if (n > 4) return a;
  return graph_contract(r->g, arena_printf(r->arena, "%s,%s->%s", text[0], text[1], out), a, b);
}

static inline Node *grown_other(GrownGraph *r) {
  Node *x = grown_pick(r);
  switch (draw_below(5)) {
  case 0: return graph_stop_gradient(r->g, x);
  case 1: return graph_cast(r->g, DT_F32, graph_cast(r->g, DT_BOOL, x));
  case 2: return graph_expand(r->g, graph_step(r->g, "step"), x->shape);
  case 3:
    return x->shape.rank ? graph_iota(r->g, DT_F32, x->shape, (int)draw_below((uint32_t)x->shape.rank)) : x;
  default: return graph_cast(r->g, DT_F32, graph_cast(r->g, DT_I32, x));
  }
}

static inline Node *grown_node(GrownGraph *r) {
  static Node *(*const make[])(GrownGraph *) = {
      grown_elt,     grown_elt,       grown_elt,      grown_elt,    grown_reshape, grown_broadcast,
      grown_permute, grown_slice,     grown_pad,      grown_concat, grown_window,  grown_gather,
      grown_reduce,  grown_broadcast, grown_contract, grown_other,  grown_permute, grown_contract};
  Node *made = make[draw_below(sizeof make / sizeof *make)](r);
  if (!made || made->shape.rank > 6 || shape_count(&made->shape) > 300) return NULL;
  bool bounded = made->op == O_CONTRACT || made->op == O_REDUCE || made->op == O_ELT;
  return bounded && draw_below(3) == 0 ? graph_elt(r->g, E_TANH, made, NULL, NULL) : made;
}

static inline void grown_add(GrownGraph *r, int n) {
  for (int i = 0; i < n && r->n < POOL; i++) {
    Node *made = grown_node(r);
    if (made) r->pool[r->n++] = made;
  }
}

/* About `n` nodes over two parameters and an input; entry eval reports the last few, one of them supplied. */
static inline GrownGraph grown_graph(int n) {
  GrownGraph r = {.arena = arena_new()};
  r.g = graph_new(r.arena);
  State *a = graph_state(r.g, ST_PARAM, "a", DT_F32, grown_shape(1), NULL);
  State *b = graph_state(r.g, ST_PARAM, "b", DT_F32, grown_shape(0), NULL);
  r.pool[r.n++] = graph_read(r.g, a);
  r.pool[r.n++] = graph_read(r.g, b);
  r.pool[r.n++] = graph_input(r.g, "given", DT_F32, grown_shape(1));
  graph_value(r.g, EN_EVAL, "given", r.pool[2], V_DATA)->source = "given";
  grown_add(&r, n);
  return r;
}

static inline double *grown_doubles(int64_t n) {
  double *x = calloc((size_t)n, sizeof *x);
  for (int64_t i = 0; i < n; i++) x[i] = draw_real(-1, 1);
  return x;
}

#endif
