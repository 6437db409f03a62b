/* Random graphs of the form that chains are made of: rows of a contraction, softmaxed under a mask or scaled,
 * contracted again over their elements, and the gradients of that; see random_graph.h. */
#include <stdio.h>

#include "tests/passes/random_graph.h"
#include "tests/suite.h"

/* One drawn size and form. */
typedef struct Form {
  Graph *g;
  int64_t batch[2], m, n, k, d;
  int nbatch;
  bool wild; /* values of other types inside, gathered operands, rows used in more ways */
} Form;

static int64_t between(int64_t lo, int64_t hi) {
  return lo + draw_below((uint32_t)(hi - lo + 1));
}

static Form draw(Graph *g) {
  Form f = {.g = g, .nbatch = 1 + (int)draw_below(2)};
  f.batch[0] = f.nbatch == 1 ? between(8, 20) : between(2, 4);
  f.batch[1] = between(4, 5);
  f.m = between(2, 40), f.n = draw_below(2) ? f.m : between(2, 40);
  f.k = between(2, 18), f.d = draw_below(2) ? f.k : between(2, 18);
  if (draw_below(6) == 0) f.n = f.k = f.d = f.m; /* roles are told apart by more than extents */
  return f;
}

static Shape of(const Form *f, int64_t rows, int64_t cols) {
  Shape s = {.rank = f->nbatch};
  for (int i = 0; i < f->nbatch; i++) s.dim[i] = f->batch[i];
  s.dim[s.rank++] = rows;
  if (cols) s.dim[s.rank++] = cols;
  return s;
}

/* A row's elements; the rows are the one before. */
static uint32_t last_axis(const Form *f) {
  return f->nbatch == 1 ? 1u << 2 : 1u << 3;
}

static Node *op(const Form *f, EltOp o, Node *a, Node *b) {
  return graph_map2(f->g, o, a, b);
}

static Node *draw_tensor(const Form *f, Shape s) {
  return graph_random(f->g, draw_below(1 << 16), s);
}

/* Rows picked from others. */
static Node *gathered(const Form *f, int64_t rows, int64_t cols) {
  Shape from = of(f, rows + 2, cols), at = of(f, rows, 0);
  Node *which = op(f, E_MUL, draw_tensor(f, at), graph_scalar(f->g, (double)rows + 2));
  return graph_gather(f->g, draw_tensor(f, from), graph_cast(f->g, DT_I32, which));
}

/* A tensor as it comes, or with rows outermost in memory. */
static Node *plain_operand(const Form *f, int64_t rows, int64_t cols) {
  Shape s = of(f, rows, cols), turned = s;
  int perm[MAX_RANK];
  if (draw_below(2)) return graph_random(f->g, draw_below(1 << 16), s);
  for (int i = 0; i < s.rank; i++) perm[i] = (i + 1) % (s.rank - 1);
  perm[s.rank - 1] = s.rank - 1;
  for (int i = 0; i < s.rank; i++) turned.dim[perm[i]] = s.dim[i];
  return graph_permute(f->g, graph_random(f->g, draw_below(1 << 16), turned), perm);
}

static Node *contract(const Form *f, const char *left, const char *right, const char *out, Node *a, Node *b) {
  static const char *const batch[] = {"", "a", "ab"};
  char text[32];
  const char *x = batch[f->nbatch];
  snprintf(text, sizeof text, "%s%s,%s%s->%s%s", x, left, x, right, x, out);
  return graph_contract(f->g, text, a, b);
}

static Node *over_rows(const Form *f, GReduce r, Node *x) {
  Node *y = graph_reduce(f->g, r, x, last_axis(f));
  return graph_reshape(f->g, y, of(f, f->m, 1));
}

/* Every column of x, which has `cols`, reduced over the rows, or weighted by numbers of theirs and summed. */
static Node *over_columns(const Form *f, Node *x, int64_t cols) {
  static const char *const text[] = {"", "amn,am->an", "abmn,abm->abn"};
  Node *y;
  if (draw_below(3) == 0)
    y = graph_contract(f->g, text[f->nbatch], x, draw_tensor(f, of(f, f->m, 0)));
  else
    y = graph_reduce(f->g, draw_below(2) ? GR_SUM : GR_MAX, x, last_axis(f) >> 1);
  return graph_reshape(f->g, y, of(f, 1, cols));
}

static Node *operand(const Form *f, int64_t rows, int64_t cols) {
  if (!f->wild || draw_below(3)) return plain_operand(f, rows, cols);
  if (draw_below(2)) return gathered(f, rows, cols);
  return graph_cast(f->g, DT_F32, graph_cast(f->g, DT_BF16, plain_operand(f, rows, cols)));
}

/* Whether an element lies on the diagonal or below. */
static Node *below(const Form *f, const Node *like) {
  int rank = like->shape.rank;
  Node *i = graph_iota(f->g, DT_I32, like->shape, rank - 2),
       *j = graph_iota(f->g, DT_I32, like->shape, rank - 1);
  return graph_elt(f->g, E_LE, j, i, NULL);
}

/* Elements of more than 0.3 get how many their row has of them, by way of numbers and truth values. */
static Node *counted(const Form *f, Node *x) {
  Node *big = graph_elt(f->g, E_LT, graph_expand(f->g, graph_scalar(f->g, 0.3), x->shape), x, NULL);
  Node *ones = graph_cast(f->g, DT_I32, big);
  Node *count = graph_cast(f->g, DT_F32, graph_reduce(f->g, GR_SUM, ones, last_axis(f)));
  Node *share = graph_reshape(f->g, op(f, E_MUL, count, graph_scalar(f->g, 0.01)), of(f, f->m, 1));
  return graph_elt(f->g, E_SELECT, big, op(f, E_ADD, x, share), graph_cast(f->g, DT_F32, ones));
}

/* Each step reads the one below twice. */
static Node *tower(const Form *f, Node *x) {
  Node *half = graph_scalar(f->g, 0.5);
  for (int i = (int)draw_below(50); i > 0; i--)
    x = op(f, E_ADD, op(f, E_MUL, x, half), op(f, E_MUL, graph_elt(f->g, E_TANH, x, NULL, NULL), half));
  return x;
}

/* Something else at the same points. */
static Node *bend(const Form *f, Node *x) {
  Node *h;
  switch (f->wild ? draw_below(7) : 6) {
  case 0: return graph_cast(f->g, DT_F32, graph_cast(f->g, DT_BF16, x));
  case 1: return graph_elt(f->g, E_SELECT, below(f, x), x, op(f, E_MUL, x, graph_scalar(f->g, 0.5)));
  case 2: return counted(f, x);
  case 3: return tower(f, x);
  case 4: h = graph_cast(f->g, DT_BF16, x); return graph_cast(f->g, DT_F32, op(f, E_MUL, h, h));
  default: return x;
  }
}

/* The rows: perhaps masked, then softmax or a scale. */
static Node *weights(const Form *f, Node *score) {
  Shape mask = shape_of(2, (int64_t[]){f->m, f->n});
  if (draw_below(2)) score = op(f, E_ADD, score, graph_random(f->g, draw_below(1 << 16), mask));
  score = bend(f, score);
  if (draw_below(4) == 0) return op(f, E_MUL, score, graph_scalar(f->g, 0.25));
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
  if (f->wild && draw_below(3) == 0)
    dv = op(f, E_MUL, dv, graph_reshape(f->g, over_columns(f, ds, f->n), of(f, f->n, 1)));
  if (shape_same(&dk->shape, &dv->shape)) dk = graph_concat(f->g, 2, (Node *[]){dk, dv}, (int)draw_below(2));
  out(f, 1, dq);
  out(f, 2, dk);
  out(f, 3, dv);
}

/* The rows times v, and what reads rows or that in other ways. */
static Node *more_uses(const Form *f, Node *p, Node *v) {
  Graph *g = f->g;
  int rows = f->nbatch;
  Node *y = contract(f, "mn", "nd", "md", p, v);
  switch (draw_below(9)) {
  case 0: /* rows of what needs all rows */
    return op(f, E_ADD, y, contract(f, "mn", "nd", "md", p, contract(f, "mn", "md", "nd", p, y)));
  case 1: return op(f, E_ADD, y, over_rows(f, GR_MAX, p));
  case 2: {
    Node *all =
        graph_reduce(g, GR_SUM, contract(f, "mn", "md", "nd", p, y), last_axis(f) | last_axis(f) >> 1);
    return op(f, E_ADD, y, graph_reshape(g, all, of(f, 1, 1)));
  }
  case 3: return graph_concat(g, 3, (Node *[]){y, op(f, E_MUL, y, y), y}, rows);
  case 4: { /* one concatenation in another, a later part of which reads an earlier one */
    Node *z = contract(f, "mn", "nd", "md", graph_elt(g, E_TANH, p, NULL, NULL), v);
    Node *inner = graph_concat(g, 2, (Node *[]){y, z}, rows);
    return graph_concat(g, 2, (Node *[]){inner, contract(f, "mn", "md", "nd", p, y)}, rows);
  }
  case 5: return op(f, E_MUL, y, over_columns(f, y, f->d));
  case 6: return op(f, E_MUL, y, over_rows(f, draw_below(2) ? GR_SUM : GR_MAX, y));
  case 7: return op(f, E_ADD, y, contract(f, "mn", "nd", "md", op(f, E_MUL, p, over_columns(f, p, f->n)), v));
  default: return y;
  }
}

static Graph *draw_graph(Arena *a, uint64_t seed, bool wild) {
  draw_from(seed);
  Graph *g = graph_new(a);
  g->name_of_block = "test";
  Form f = draw(g);
  f.wild = wild;
  Node *q = operand(&f, f.m, f.k), *k = operand(&f, f.n, f.k), *v = operand(&f, f.n, f.d);
  Node *p = bend(&f, weights(&f, contract(&f, "mk", "nk", "mn", q, k)));
  Node *y = f.wild ? more_uses(&f, p, v) : contract(&f, "mn", "nd", "md", p, v);
  out(&f, 0, draw_below(2) ? y : op(&f, E_MUL, y, y));
  backward(&f, p, q, k, v);
  g->entry[EN_EVAL].present = true;
  return g;
}

Graph *chain_graph(Arena *a, uint64_t seed) {
  return draw_graph(a, seed, false);
}

Graph *wild_chain_graph(Arena *a, uint64_t seed) {
  return draw_graph(a, seed, true);
}
