/* Gradients of the elementwise operations, one rule a row of eltwise.def. At the corner of abs the gradient
 * is 0; equal operands of max and min share it (docs/language.md, Gradients at ties). */
#include "passes/grad/autodiff_rules.h"
#include "passes/rewrite/simplify.h"

static Node *map3(Graph *g, EltOp op, Node *a, Node *b, Node *c) {
  return simplify_node(g, graph_elt(g, op, a, b, c), SL_AUTODIFF);
}

Node *autodiff_map(Graph *g, EltOp op, Node *a, Node *b) {
  return map3(g, op, a, b, NULL);
}

Node *autodiff_const(Graph *g, const Node *x, double v) {
  return graph_const(g, x->dtype, x->shape, v);
}

static Node *mul(Graph *g, Node *a, Node *b) {
  return autodiff_map(g, E_MUL, a, b);
}

static Node *quotient(Graph *g, Node *a, Node *b) {
  return autodiff_map(g, E_DIV, a, b);
}

static Node *neg(Graph *g, Node *a) {
  return autodiff_map(g, E_NEG, a, NULL);
}

static Node *scale(Graph *g, Node *a, double by) {
  return a ? mul(g, a, autodiff_const(g, a, by)) : NULL;
}

static Node *map1(Graph *g, EltOp op, Node *a) {
  return autodiff_map(g, op, a, NULL);
}

/* dy where `when` holds, else 0; or the other way round. */
static Node *where(Graph *g, Node *when, Node *dy, bool holds) {
  Node *zero = autodiff_const(g, dy, 0);
  return map3(g, E_SELECT, when, holds ? dy : zero, holds ? zero : dy);
}

static Node *grad_NEG(Graph *g, Node *n, Node *dy, int i) {
  (void)n, (void)i;
  return neg(g, dy);
}

static Node *grad_EXP(Graph *g, Node *n, Node *dy, int i) {
  (void)i;
  return mul(g, dy, n);
}

static Node *grad_LOG(Graph *g, Node *n, Node *dy, int i) {
  (void)i;
  return quotient(g, dy, n->in[0]);
}

/* 1 / (2 sqrt x) */
static Node *grad_SQRT(Graph *g, Node *n, Node *dy, int i) {
  (void)i;
  return quotient(g, scale(g, dy, 0.5), n);
}

/* -1/2 x^(-3/2), the cube of the result */
static Node *grad_RSQRT(Graph *g, Node *n, Node *dy, int i) {
  (void)i;
  return mul(g, dy, scale(g, mul(g, mul(g, n, n), n), -0.5));
}

/* 2 / sqrt(pi) exp(-x^2) */
static Node *grad_ERF(Graph *g, Node *n, Node *dy, int i) {
  (void)i;
  const double two_over_sqrt_pi = 1.12837916709551257390;
  Node *bell = map1(g, E_EXP, neg(g, mul(g, n->in[0], n->in[0])));
  return mul(g, dy, scale(g, bell, two_over_sqrt_pi));
}

/* 1 - y^2 */
static Node *grad_TANH(Graph *g, Node *n, Node *dy, int i) {
  (void)i;
  Node *square = mul(g, n, n);
  return mul(g, dy, autodiff_map(g, E_SUB, autodiff_const(g, n, 1), square));
}

static Node *grad_SIN(Graph *g, Node *n, Node *dy, int i) {
  (void)i;
  return mul(g, dy, map1(g, E_COS, n->in[0]));
}

static Node *grad_COS(Graph *g, Node *n, Node *dy, int i) {
  (void)i;
  return neg(g, mul(g, dy, map1(g, E_SIN, n->in[0])));
}

/* The sign of x, 0 at 0 */
static Node *grad_ABS(Graph *g, Node *n, Node *dy, int i) {
  (void)i;
  Node *zero = autodiff_const(g, dy, 0), *x = n->in[0];
  Node *falls = autodiff_map(g, E_LT, x, zero), *left = where(g, falls, neg(g, dy), true);
  return map3(g, E_SELECT, autodiff_map(g, E_LT, zero, x), dy, left);
}

/* Truth values carry no gradient, and a step function's is zero. */
#define NOTHING(NAME)                                                                                        \
  static Node *grad_##NAME(Graph *g, Node *n, Node *dy, int i) {                                             \
    (void)g, (void)n, (void)dy, (void)i;                                                                     \
    return NULL;                                                                                             \
  }
NOTHING(ISFINITE)
NOTHING(NOT)
NOTHING(LT)
NOTHING(LE)
NOTHING(EQ)
NOTHING(AND)
NOTHING(OR)
NOTHING(FLOOR)

static Node *grad_ADD(Graph *g, Node *n, Node *dy, int i) {
  (void)g, (void)n, (void)i;
  return dy;
}

static Node *grad_SUB(Graph *g, Node *n, Node *dy, int i) {
  (void)n;
  return i ? neg(g, dy) : dy;
}

static Node *grad_MUL(Graph *g, Node *n, Node *dy, int i) {
  return mul(g, dy, n->in[!i]);
}

/* 1 / b and -(1 / b) a / b */
static Node *grad_DIV(Graph *g, Node *n, Node *dy, int i) {
  Node *over = quotient(g, dy, n->in[1]);
  return i ? neg(g, mul(g, over, n)) : over;
}

static bool is_one_number(const Node *n) {
  while (n->op == O_BROADCAST || n->op == O_RESHAPE) n = n->in[0];
  return n->op == O_CONST;
}

/* dy where operand i wins. Where both are equal half of it, as of PyTorch's maximum and minimum; beside a
 * number nothing, as of relu and hardtanh. */
static Node *winner(Graph *g, Node *n, Node *dy, int i, bool wins_if_larger) {
  Node *x = n->in[i], *y = n->in[!i], *none = autodiff_const(g, dy, 0);
  Node *wins = wins_if_larger ? autodiff_map(g, E_LT, y, x) : autodiff_map(g, E_LT, x, y);
  Node *tie = is_one_number(y) ? none : where(g, autodiff_map(g, E_EQ, x, y), scale(g, dy, 0.5), true);
  return map3(g, E_SELECT, wins, dy, tie);
}

static Node *grad_MAX(Graph *g, Node *n, Node *dy, int i) {
  return winner(g, n, dy, i, true);
}

static Node *grad_MIN(Graph *g, Node *n, Node *dy, int i) {
  return winner(g, n, dy, i, false);
}

static Node *grad_SELECT(Graph *g, Node *n, Node *dy, int i) {
  return i ? where(g, n->in[0], dy, i == 1) : NULL;
}

Node *autodiff_elt(Graph *g, Node *n, Node *dy, int i) {
  static Node *(*const rule[ELT_COUNT])(Graph *, Node *, Node *, int) = {
#define ELT(N, ...) [E_##N] = grad_##N,
#include "ir/eltwise.def"
#undef ELT
  };
  return rule[n->at.elt](g, n, dy, i);
}
