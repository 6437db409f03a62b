/* Random graphs of the form that chains are made of: rows of a contraction, softmaxed under a mask or scaled,
 * contracted again over their elements, and the gradients of that; see random_graph.h. */
#include <stdio.h>

#include "tests/random_graph.h"

/* One drawn size and form. */
typedef struct Form {
  Graph *g;
  int64_t batch[2], m, n, k, d;
  int nbatch;
} Form;

static int64_t between(int64_t lo, int64_t hi) {
  return lo + random_draw((uint32_t)(hi - lo + 1));
}

static Form draw(Graph *g) {
  Form f = {.g = g, .nbatch = 1 + (int)random_draw(2)};
  f.batch[0] = f.nbatch == 1 ? between(8, 20) : between(2, 4);
  f.batch[1] = between(4, 5);
  f.m = between(2, 40), f.n = random_draw(2) ? f.m : between(2, 40);
  f.k = between(2, 18), f.d = random_draw(2) ? f.k : between(2, 18);
  return f;
}

static Shape of(const Form *f, int64_t rows, int64_t cols) {
  Shape s = {.rank = f->nbatch};
  for (int i = 0; i < f->nbatch; i++) s.dim[i] = f->batch[i];
  s.dim[s.rank++] = rows;
  if (cols) s.dim[s.rank++] = cols;
  return s;
}

/* A tensor as it comes, or with rows outermost in memory. */
static Node *operand(const Form *f, int64_t rows, int64_t cols) {
  Shape s = of(f, rows, cols), turned = s;
  int perm[MAX_RANK];
  if (random_draw(2)) return graph_random(f->g, random_draw(1 << 16), s);
  for (int i = 0; i < s.rank; i++) perm[i] = (i + 1) % (s.rank - 1);
  perm[s.rank - 1] = s.rank - 1;
  for (int i = 0; i < s.rank; i++) turned.dim[perm[i]] = s.dim[i];
  return graph_permute(f->g, graph_random(f->g, random_draw(1 << 16), turned), perm);
}

static Node *contract(const Form *f, const char *left, const char *right, const char *out, Node *a, Node *b) {
  static const char *const batch[] = {"", "a", "ab"};
  char text[32];
  const char *x = batch[f->nbatch];
  snprintf(text, sizeof text, "%s%s,%s%s->%s%s", x, left, x, right, x, out);
  return graph_contract(f->g, text, a, b);
}

static Node *op(const Form *f, EltOp o, Node *a, Node *b) {
  return graph_map2(f->g, o, a, b);
}

static Node *over_rows(const Form *f, GReduce r, Node *x) {
  uint32_t last = f->nbatch == 1 ? 1u << 2 : 1u << 3;
  Node *y = graph_reduce(f->g, r, x, last);
  return graph_reshape(f->g, y, of(f, f->m, 1));
}

/* The rows: perhaps masked, then softmax or a scale. */
static Node *weights(const Form *f, Node *score) {
  Shape mask = shape_of(2, (int64_t[]){f->m, f->n});
  if (random_draw(2)) score = op(f, E_ADD, score, graph_random(f->g, random_draw(1 << 16), mask));
  if (random_draw(4) == 0) return op(f, E_MUL, score, graph_scalar(f->g, 0.25));
  Node *e = graph_elt(f->g, E_EXP, op(f, E_SUB, score, over_rows(f, GR_MAX, score)), NULL, NULL);
  return op(f, E_DIV, e, over_rows(f, GR_SUM, e));
}

static void out(const Form *f, int i, Node *n) {
  char name[8];
  snprintf(name, sizeof name, "out%d", i);
  graph_value(f->g, EN_EVAL, arena_strdup(f->g->arena, name), n, V_REPORT);
}

/* Softmax's gradient, those of both contractions' operands; some in one piece of memory. */
static void backward(const Form *f, Node *p, Node *q, Node *k, Node *v) {
  Node *dy = operand(f, f->m, f->d);
  Node *dp = contract(f, "md", "nd", "mn", dy, v);
  Node *ds = op(f, E_MUL, p, op(f, E_SUB, dp, over_rows(f, GR_SUM, op(f, E_MUL, dp, p))));
  Node *dq = contract(f, "mn", "nk", "mk", ds, k), *dk = contract(f, "mn", "mk", "nk", ds, q);
  Node *dv = contract(f, "mn", "md", "nd", p, dy);
  if (shape_same(&dk->shape, &dv->shape)) dk = graph_concat(f->g, 2, (Node *[]){dk, dv}, (int)random_draw(2));
  out(f, 1, dq);
  out(f, 2, dk);
  out(f, 3, dv);
}

Graph *chain_graph(Arena *a, uint64_t seed) {
  random_seed(seed);
  Graph *g = graph_new(a);
  g->name_of_block = "test";
  Form f = draw(g);
  Node *q = operand(&f, f.m, f.k), *k = operand(&f, f.n, f.k), *v = operand(&f, f.n, f.d);
  Node *p = weights(&f, contract(&f, "mk", "nk", "mn", q, k));
  Node *y = contract(&f, "mn", "nd", "md", p, v);
  out(&f, 0, random_draw(2) ? y : op(&f, E_MUL, y, y));
  backward(&f, p, q, k, v);
  g->entry[EN_EVAL].present = true;
  return g;
}
