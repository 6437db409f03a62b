/* Random graphs of every kind of view, elementwise ops, contractions and reductions; see random_graph.h. */
#include "tests/passes/random_graph.h"

#include <stdio.h>
#include <string.h>

#include "tests/suite.h"

enum { MOST_NODES = 40, MOST_POOL = 64 };

typedef struct Pool {
  Graph *g;
  int n;
  Node *node[MOST_POOL];
} Pool;

static Node *pick(Pool *p) {
  return p->node[draw_below((uint32_t)p->n)];
}

static Shape draw_shape(void) {
  static const int64_t dims[] = {1, 2, 3, 4, 5, 6, 8, 12};
  Shape s = {.rank = 1 + (int)draw_below(4)};
  for (int i = 0; i < s.rank; i++) s.dim[i] = dims[draw_below(8)];
  return s;
}

static Node *of_shape(Pool *p, const Shape *s) {
  for (int i = 0; i < 8; i++) {
    Node *n = pick(p);
    if (shape_same(&n->shape, s)) return n;
  }
  Shape like = *s;
  return graph_random(p->g, draw_below(1 << 16), like);
}

static Node *make_elt(Pool *p) {
  static const EltOp ops[] = {E_ADD, E_SUB, E_MUL, E_MAX, E_MIN};
  Node *a = pick(p);
  switch (draw_below(5)) {
  case 0: return graph_elt(p->g, E_TANH, a, NULL, NULL);
  case 1: return graph_elt(p->g, E_ERF, a, NULL, NULL);
  case 2: {
    Node *less = graph_elt(p->g, E_LT, a, of_shape(p, &a->shape), NULL);
    return graph_elt(p->g, E_SELECT, less, a, of_shape(p, &a->shape));
  }
  default: return graph_elt(p->g, ops[draw_below(5)], a, of_shape(p, &a->shape), NULL);
  }
}

/* Another factoring of the same count: neighbours merged, or one dimension split. */
static Node *make_reshape(Pool *p) {
  Node *a = pick(p);
  Shape s = a->shape;
  int i = (int)draw_below((uint32_t)s.rank);
  if (draw_below(2) && s.rank > 1 && i + 1 < s.rank) {
    s.dim[i] *= s.dim[i + 1];
    for (int j = i + 1; j + 1 < s.rank; j++) s.dim[j] = s.dim[j + 1];
    s.rank--;
  } else if (s.rank < 6) {
    int64_t by = s.dim[i] % 2 == 0 ? 2 : s.dim[i] % 3 == 0 ? 3 : 1;
    for (int j = s.rank; j > i; j--) s.dim[j] = s.dim[j - 1];
    s.dim[i] = by, s.dim[i + 1] /= by;
    s.rank++;
  }
  return graph_reshape(p->g, a, s);
}

static Node *make_permute(Pool *p) {
  Node *a = pick(p);
  int perm[MAX_RANK];
  for (int i = 0; i < a->shape.rank; i++) perm[i] = i;
  for (int i = a->shape.rank - 1; i > 0; i--) {
    int j = (int)draw_below((uint32_t)i + 1), t = perm[i];
    perm[i] = perm[j], perm[j] = t;
  }
  return graph_permute(p->g, a, perm);
}

static Node *make_slice(Pool *p) {
  Node *a = pick(p);
  Shape s = a->shape;
  int64_t start[MAX_RANK] = {0};
  for (int i = 0; i < s.rank; i++) {
    start[i] = draw_below((uint32_t)s.dim[i]);
    s.dim[i] -= start[i];
    if (s.dim[i] > 1) s.dim[i] -= draw_below(2);
  }
  return graph_slice(p->g, a, start, s);
}

static Node *make_pad(Pool *p) {
  Node *a = pick(p);
  int64_t lo[MAX_RANK] = {0}, hi[MAX_RANK] = {0}, between[MAX_RANK] = {0};
  int i = (int)draw_below((uint32_t)a->shape.rank);
  lo[i] = draw_below(3), hi[i] = draw_below(3), between[i] = draw_below(2);
  return graph_pad(p->g, a, lo, hi, between);
}

static Node *make_concat(Pool *p) {
  Node *a = pick(p), *parts[3] = {a, of_shape(p, &a->shape), a};
  return graph_concat(p->g, 2 + (int)draw_below(2), parts, (int)draw_below((uint32_t)a->shape.rank));
}

static Node *make_window(Pool *p) {
  Node *a = pick(p);
  int axis = (int)draw_below((uint32_t)a->shape.rank);
  if (a->shape.rank >= 6 || a->shape.dim[axis] < 3) return a;
  return graph_window(p->g, a, axis, 2, 1 + draw_below(2));
}

static Node *make_gather(Pool *p) {
  Node *a = pick(p);
  int64_t j = 1 + draw_below(4);
  Node *u = graph_random(p->g, draw_below(1 << 16), shape_of(1, &j));
  Node *scale = graph_const(p->g, DT_F32, shape_of(1, &j), (double)a->shape.dim[0]);
  Node *index =
      graph_cast(p->g, DT_I32, graph_elt(p->g, E_FLOOR, graph_elt(p->g, E_MUL, u, scale, NULL), NULL, NULL));
  Node *got = graph_gather(p->g, a, index);
  return draw_below(2) ? got : graph_scatter(p->g, got, index, a->shape.dim[0]);
}

static Node *make_reduce(Pool *p) {
  Node *a = pick(p);
  uint32_t axes = draw_below(1u << a->shape.rank);
  return graph_reduce(p->g, draw_below(2) ? GR_SUM : GR_MAX, a, axes);
}

static Node *make_broadcast(Pool *p) {
  Node *a = pick(p);
  Shape s = draw_shape();
  int map[MAX_RANK], at = 0;
  Shape to = {.rank = 0};
  for (int i = 0; i < a->shape.rank; i++) {
    if (draw_below(3) == 0 && at + a->shape.rank - i < 6) to.dim[at++] = s.dim[0];
    map[i] = at;
    to.dim[at++] = a->shape.dim[i];
  }
  to.rank = at;
  return at <= 6 ? graph_broadcast(p->g, a, to, map) : a;
}

/* Two operands over random subsets of five labels; a label of one alone is kept. */
static Node *make_contract(Pool *p) {
  static const int64_t extent[] = {2, 3, 4, 5, 7};
  char text[40], left[8] = "", right[8] = "", out[8] = "";
  int kept = 0;
  Shape l = {0}, r = {0};
  for (int i = 0; i < 5; i++) {
    uint32_t where = draw_below(4);
    char c = (char)('a' + i);
    if (where != 1) left[l.rank] = c, l.dim[l.rank++] = extent[i];
    if (where != 0) right[r.rank] = c, r.dim[r.rank++] = extent[i];
    if (where != 3) out[kept++] = c;
  }
  if (!*left || !*right) return pick(p);
  snprintf(text, sizeof text, "%s,%s->%s", left, right, out);
  return graph_contract(p->g, text, of_shape(p, &l), of_shape(p, &r));
}

static void grow(Pool *p) {
  static Node *(*const make[])(Pool *) = {make_elt,      make_elt,      make_elt,      make_reshape,
                                          make_permute,  make_slice,    make_pad,      make_concat,
                                          make_window,   make_gather,   make_reduce,   make_reduce,
                                          make_contract, make_contract, make_broadcast};
  Node *n = make[draw_below(sizeof make / sizeof *make)](p);
  ck_assert_ptr_nonnull(n);
  if (n->dtype == DT_F32 && n->shape.rank > 0 && shape_count(&n->shape) < 4000 && p->n < MOST_POOL)
    p->node[p->n++] = n;
}

Graph *random_graph(Arena *a, uint64_t seed) {
  draw_from(seed);
  int nodes = 6 + (int)draw_below(MOST_NODES);
  Pool p = {.g = graph_new(a)};
  p.g->name_of_block = "test";
  for (int i = 0; i < 3; i++) p.node[p.n++] = graph_random(p.g, draw_below(1 << 16), draw_shape());
  for (int i = 0; i < nodes; i++) grow(&p);
  for (int i = 0; i < 4; i++) {
    char name[8];
    snprintf(name, sizeof name, "out%d", i);
    Node *n = p.node[p.n - 1 - (int)draw_below((uint32_t)(p.n < 10 ? p.n : 10))];
    graph_value(p.g, EN_EVAL, arena_strdup(a, name), n, V_REPORT);
  }
  p.g->entry[EN_EVAL].present = true;
  return p.g;
}
