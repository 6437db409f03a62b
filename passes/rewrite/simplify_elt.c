/* Rewrites of elementwise operations, casts and stop_gradient. */
#include <math.h>

#include "passes/rewrite/simplify_rules.h"

static bool is_elt(const Node *n, EltOp op) {
  return n->op == O_ELT && n->at.elt == op;
}

static Node *constant_like(Graph *g, const Node *n, double v) {
  return graph_const(g, n->dtype, n->shape, v);
}

/* All operands constants -> a constant, folded in f64. */
static Node *fold_elt(Graph *g, Node *n) {
  double v[3] = {0};
  for (int i = 0; i < n->nin; i++) {
    if (n->in[i]->op != O_CONST) return NULL;
    v[i] = n->in[i]->at.value;
  }
  double made = elt_eval(n->at.elt, v[0], v[1], v[2]);
  if (n->dtype == DT_I32 && (!isfinite(made) || fabs(made) > INT32_MAX)) return NULL;
  return constant_like(g, n, n->dtype == DT_I32 ? trunc(made) : made);
}

static bool commutes(EltOp op) {
  return op == E_ADD || op == E_MUL || op == E_EQ || op == E_AND || op == E_OR;
}

/* c op x -> x op c */
static Node *constant_right(Graph *g, Node *n) {
  if (!commutes(n->at.elt) || n->in[0]->op != O_CONST || n->in[1]->op == O_CONST) return NULL;
  return graph_elt(g, n->at.elt, n->in[1], n->in[0], NULL);
}

/* x + 0, x - 0, x * 1, x / 1 -> x; 0 - x, x * -1, x / -1 -> -x */
static Node *neutral(Graph *g, Node *n) {
  if (n->nin != 2) return NULL;
  Node *x = n->in[0], *y = n->in[1];
  bool sum = is_elt(n, E_ADD) || is_elt(n, E_SUB), product = is_elt(n, E_MUL) || is_elt(n, E_DIV);
  if ((sum && simplify_is_const(y, 0)) || (product && simplify_is_const(y, 1))) return x;
  if (is_elt(n, E_SUB) && simplify_is_const(x, 0)) return graph_elt(g, E_NEG, y, NULL, NULL);
  if (product && simplify_is_const(y, -1)) return graph_elt(g, E_NEG, x, NULL, NULL);
  return NULL;
}

/* x * 0, 0 / x -> 0 */
static Node *zero_product(Graph *g, Node *n) {
  bool zero = (is_elt(n, E_MUL) && simplify_is_const(n->in[1], 0)) ||
              (is_elt(n, E_DIV) && simplify_is_const(n->in[0], 0));
  return zero ? constant_like(g, n, 0) : NULL;
}

/* -(-x) -> x; -(x - y) -> y - x */
static Node *negated(Graph *g, Node *n) {
  if (!is_elt(n, E_NEG)) return NULL;
  Node *x = n->in[0];
  if (is_elt(x, E_NEG)) return x->in[0];
  if (is_elt(x, E_SUB)) return graph_elt(g, E_SUB, x->in[1], x->in[0], NULL);
  return NULL;
}

/* x + -y -> x - y; x - -y -> x + y; -x + y -> y - x */
static Node *sum_of_negated(Graph *g, Node *n) {
  if (!is_elt(n, E_ADD) && !is_elt(n, E_SUB)) return NULL;
  Node *x = n->in[0], *y = n->in[1];
  if (is_elt(y, E_NEG)) return graph_elt(g, is_elt(n, E_ADD) ? E_SUB : E_ADD, x, y->in[0], NULL);
  if (is_elt(n, E_ADD) && is_elt(x, E_NEG)) return graph_elt(g, E_SUB, y, x->in[0], NULL);
  return NULL;
}

/* -x * -y -> x * y; -x * c -> x * -c; and the same of quotients */
static Node *product_of_negated(Graph *g, Node *n) {
  if ((!is_elt(n, E_MUL) && !is_elt(n, E_DIV)) || !is_elt(n->in[0], E_NEG)) return NULL;
  Node *x = n->in[0]->in[0], *y = n->in[1];
  if (is_elt(y, E_NEG)) return graph_elt(g, n->at.elt, x, y->in[0], NULL);
  if (y->op == O_CONST) return graph_elt(g, n->at.elt, x, constant_like(g, y, -y->at.value), NULL);
  return NULL;
}

/* (x * c) * d -> x * (c * d), and for quotients by constants; of floats */
static Node *constant_product(Graph *g, Node *n) {
  if ((!is_elt(n, E_MUL) && !is_elt(n, E_DIV)) || n->in[1]->op != O_CONST) return NULL;
  Node *x = n->in[0];
  if ((!is_elt(x, E_MUL) && !is_elt(x, E_DIV)) || x->in[1]->op != O_CONST) return NULL;
  if (!dtype_is_float(n->dtype)) return NULL;
  double c = x->in[1]->at.value, d = n->in[1]->at.value;
  double inner = is_elt(x, E_MUL) ? c : 1 / c, both = is_elt(n, E_MUL) ? inner * d : inner / d;
  return graph_elt(g, E_MUL, x->in[0], constant_like(g, n, both), NULL);
}

/* select(c, x, x) -> x; select of a constant condition -> that branch; not not x -> x */
static Node *decided(Graph *g, Node *n) {
  (void)g;
  if (is_elt(n, E_NOT) && is_elt(n->in[0], E_NOT)) return n->in[0]->in[0];
  if (!is_elt(n, E_SELECT)) return NULL;
  if (n->in[1] == n->in[2]) return n->in[1];
  if (n->in[0]->op != O_CONST) return NULL;
  return n->in[0]->at.value != 0 ? n->in[1] : n->in[2];
}

/* x and y move their operands alike: the same broadcast, reshape or permutation of one shape. */
static bool same_move(const Node *x, const Node *y) {
  if (x->op != y->op || !shape_same(&x->in[0]->shape, &y->in[0]->shape)) return false;
  for (int i = 0; i < MAX_RANK; i++)
    if (x->at.map[i] != y->at.map[i]) return false;
  return true;
}

static bool moves(const Node *x) {
  return x->op == O_BROADCAST || x->op == O_RESHAPE || x->op == O_PERMUTE;
}

/* op(move x, move y, c) -> move(op(x, y, c)), of equal moves and constants */
static Node *elt_of_move(Graph *g, Node *n) {
  const Node *like = NULL;
  for (int i = 0; i < n->nin; i++) {
    const Node *x = n->in[i];
    if (x->op == O_CONST) continue;
    if (!moves(x) || (like && !same_move(like, x))) return NULL;
    like = x;
  }
  if (!like) return NULL;
  Node *in[3] = {0};
  for (int i = 0; i < n->nin; i++) {
    Node *x = n->in[i];
    in[i] = x->op == O_CONST ? graph_const(g, x->dtype, like->in[0]->shape, x->at.value) : x->in[0];
  }
  return simplify_move(g, like, graph_elt(g, n->at.elt, in[0], in[1], in[2]));
}

/* x / broadcast(y) -> x * broadcast(1 / y), of floats: one quotient for many */
static Node *broadcast_divisor(Graph *g, Node *n) {
  if (!is_elt(n, E_DIV) || n->in[1]->op != O_BROADCAST || !dtype_is_float(n->dtype)) return NULL;
  const Node *y = n->in[1];
  Node *one = graph_const(g, n->dtype, y->in[0]->shape, 1);
  Node *inverse = graph_elt(g, E_DIV, one, y->in[0], NULL);
  return graph_elt(g, E_MUL, n->in[0], simplify_move(g, y, inverse), NULL);
}

/* cast(c) -> c, unless the type it comes from rounds it */
static Node *cast_of_const(Graph *g, Node *n) {
  const Node *x = n->in[0];
  if (x->op != O_CONST || graph_convert(x->dtype, x->at.value, false) != x->at.value) return NULL;
  return constant_like(g, n, graph_convert(n->dtype, x->at.value, true));
}

/* Every value of type `from` is one of type `to`. */
static bool widens(DType from, DType to) {
  if (from == DT_BOOL) return to != DT_U64;
  if (from == DT_U8) return to == DT_I32 || to == DT_F32 || to == DT_F16;
  return (from == DT_BF16 || from == DT_F16) && to == DT_F32;
}

/* cast(cast(x)) -> cast(x), where the inner one loses nothing */
static Node *cast_of_cast(Graph *g, Node *n) {
  Node *x = n->in[0];
  if (x->op != O_CAST || !widens(x->in[0]->dtype, x->dtype)) return NULL;
  return graph_cast(g, n->dtype, x->in[0]);
}

/* cast(move x) -> move(cast x) */
static Node *cast_of_move(Graph *g, Node *n) {
  const Node *x = n->in[0];
  return moves(x) ? simplify_move(g, x, graph_cast(g, n->dtype, x->in[0])) : NULL;
}

static Node *no_stop(Graph *g, Node *n) {
  (void)g;
  return n->in[0];
}

const SimplifyRule simplify_elt_rules[] = {
    {"fold_elt", O_ELT, 0, fold_elt},
    {"constant_right", O_ELT, 0, constant_right},
    {"neutral", O_ELT, 0, neutral},
    {"zero_product", O_ELT, SL_ZERO, zero_product},
    {"negated", O_ELT, 0, negated},
    {"sum_of_negated", O_ELT, 0, sum_of_negated},
    {"product_of_negated", O_ELT, 0, product_of_negated},
    {"constant_product", O_ELT, SL_CONST, constant_product},
    {"decided", O_ELT, 0, decided},
    {"elt_of_move", O_ELT, 0, elt_of_move},
    {"broadcast_divisor", O_ELT, SL_RECIPROCAL, broadcast_divisor},
    {"cast_of_const", O_CAST, 0, cast_of_const},
    {"cast_of_cast", O_CAST, 0, cast_of_cast},
    {"cast_of_move", O_CAST, 0, cast_of_move},
    {"no_stop", O_STOP_GRADIENT, SL_STOP, no_stop},
    {NULL, OP_COUNT, 0, NULL},
};
