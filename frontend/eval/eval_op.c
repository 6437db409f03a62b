/* Operators over static values and tensors. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "frontend/eval/module.h"

static const struct {
  const char *text;
  EltOp op; /* ELT_COUNT: no elementwise operation of its own */
} sign_rows[SIGN_COUNT] = {
    [SIGN_NEG] = {"-", E_NEG},       [SIGN_NOT] = {"not", E_NOT},   [SIGN_ADD] = {"+", E_ADD},
    [SIGN_SUB] = {"-", E_SUB},       [SIGN_MUL] = {"*", E_MUL},     [SIGN_DIV] = {"/", E_DIV},
    [SIGN_INTDIV] = {"//", E_FLOOR}, [SIGN_MOD] = {"%", ELT_COUNT}, [SIGN_POW] = {"^", ELT_COUNT},
    [SIGN_LT] = {"<", E_LT},         [SIGN_LE] = {"<=", E_LE},      [SIGN_GT] = {">", E_LT},
    [SIGN_GE] = {">=", E_LE},        [SIGN_EQ] = {"==", E_EQ},      [SIGN_NE] = {"!=", E_EQ},
    [SIGN_AND] = {"and", E_AND},     [SIGN_OR] = {"or", E_OR},      [SIGN_RANGE] = {"..", ELT_COUNT}};

static bool is_tensor(Val v) {
  return v.kind == VAL_TENSOR || v.kind == VAL_PARAM;
}

static bool is_static_scalar(Val v) {
  return v.kind == VAL_NUMBER || v.kind == VAL_BOOL;
}

/* A number that is known when the program is built is finite. */
static Val finite_number(double v, Loc loc) {
  if (isfinite(v)) return val_number(v);
  return eval_fail(loc, isnan(v) ? "the result is no number" : "the result is too large for a number");
}

bool eval_holds(DType t, double v, Loc loc) {
  if (!dtype_is_float(t) || fabs(v) <= (double)FLT_MAX) return true;
  return eval_refuse(loc, "%.9g is beyond what %s holds", v, dtype_name(t));
}

Node *eval_tensor(Eval *ev, Val v, DType like, Loc loc) {
  ev->graph->loc = loc;
  switch (v.kind) {
  case VAL_TENSOR: return v.u.node;
  case VAL_PARAM: return param_read(ev, v.u.param, loc);
  case VAL_NUMBER:
    return eval_holds(like, v.u.number, loc) ? graph_const(ev->graph, like, (Shape){0}, v.u.number) : NULL;
  case VAL_BOOL: return graph_const(ev->graph, DT_BOOL, (Shape){0}, v.u.truth);
  case VAL_ERROR: return NULL;
  default: eval_fail(loc, "expected a tensor, found %s", val_kind_name(v.kind)); return NULL;
  }
}

/* The type of the first operand that is a tensor; numbers beside it take it on. */
static DType common_type(const Val *v, int n) {
  for (int i = 0; i < n; i++) {
    if (v[i].kind == VAL_PARAM) return v[i].u.param->decl->u.param.type;
    if (v[i].kind == VAL_TENSOR && v[i].u.node->dtype != DT_BOOL) return v[i].u.node->dtype;
  }
  return DT_F32;
}

static Node *apply(Graph *g, EltOp op, Node **x, int n) {
  if (n == 1) return graph_elt(g, op, x[0], NULL, NULL);
  return n == 2 ? graph_map2(g, op, x[0], x[1]) : graph_map3(g, op, x[0], x[1], x[2]);
}

/* The number beside a byte is not what is wrong. */
bool eval_has_arithmetic(const Node *x, Loc loc) {
  if (x->dtype != DT_U8 || x->op == O_CONST) return true;
  const char *name = x->op == O_INPUT ? x->at.name : x->name ? x->name : "..";
  return eval_refuse(loc, "u8 has no arithmetic: write cast(%s, f32)", name);
}

static Val elementwise_tensors(Eval *ev, EltOp op, const Val *v, int n, Loc loc) {
  DType like = common_type(v + (op == E_SELECT), n - (op == E_SELECT));
  Node *x[3] = {NULL, NULL, NULL};
  for (int i = 0; i < n; i++)
    if (!(x[i] = eval_tensor(ev, v[i], like, loc))) return (Val){0};
  for (int i = 0; i < n && op != E_SELECT; i++)
    if (!eval_has_arithmetic(x[i], loc)) return (Val){0};
  ev->graph->loc = loc;
  return val_tensor(apply(ev->graph, op, x, n));
}

static Val elementwise_static(Eval *ev, EltOp op, const Val *v, int n, Loc loc) {
  double x[3] = {0, 0, 0};
  for (int i = 0; i < n; i++) {
    bool wants_bool = op == E_NOT || op == E_AND || op == E_OR || (op == E_SELECT && i == 0);
    if (!is_static_scalar(v[i]) || (v[i].kind == VAL_BOOL) != wants_bool)
      return eval_fail(loc, "\"%s\" takes %s, found %s", elt_rows[op].text,
                       wants_bool ? "truth values" : "numbers", val_show(ev->arena, v[i]));
    x[i] = v[i].kind == VAL_BOOL ? v[i].u.truth : v[i].u.number;
  }
  double r = elt_eval(op, x[0], x[1], x[2]);
  return elt_rows[op].is_bool ? val_bool(r != 0) : finite_number(r, loc);
}

Val eval_elementwise(Eval *ev, EltOp op, const Val *v, int n, Loc loc) {
  bool tensors = false;
  for (int i = 0; i < n; i++) {
    if (v[i].kind == VAL_ERROR) return (Val){0};
    tensors = tensors || is_tensor(v[i]);
  }
  if (!tensors) return elementwise_static(ev, op, v, n, loc);
  return elementwise_tensors(ev, op, v, n, loc);
}

static Val negate(Eval *ev, Val v, Loc loc) {
  return eval_elementwise(ev, E_NOT, &v, 1, loc);
}

Val eval_unary(Eval *ev, Sign sign, Val a, Loc loc) {
  return eval_elementwise(ev, sign_rows[sign].op, &a, 1, loc);
}

/* x to a whole power by repeated multiplication; the two halves meet in the graph's sharing. */
static Node *whole_power(Graph *g, Node *x, int64_t n) {
  if (n == 1) return x;
  Node *half = whole_power(g, x, n / 2);
  Node *square = graph_elt(g, E_MUL, half, half, NULL);
  return n % 2 ? graph_elt(g, E_MUL, square, x, NULL) : square;
}

static Node *general_power(Eval *ev, Val a, Val b, Loc loc) {
  DType like = common_type((Val[]){a, b}, 2);
  Node *x = eval_tensor(ev, a, like, loc), *y = eval_tensor(ev, b, like, loc);
  ev->graph->loc = loc;
  if (!x || !y || !eval_has_arithmetic(x, loc) || !eval_has_arithmetic(y, loc)) return NULL;
  Node *log_x = graph_elt(ev->graph, E_LOG, x, NULL, NULL);
  return graph_elt(ev->graph, E_EXP, graph_map2(ev->graph, E_MUL, log_x, y), NULL, NULL);
}

/* Whole powers multiply, halves take roots, all others are exp(y log x). */
static Val power(Eval *ev, Val a, Val b, Loc loc) {
  if (a.kind == VAL_NUMBER && b.kind == VAL_NUMBER) return finite_number(pow(a.u.number, b.u.number), loc);
  if (!is_tensor(a) || b.kind != VAL_NUMBER) return val_tensor(general_power(ev, a, b, loc));
  Graph *g = ev->graph;
  Node *x = eval_tensor(ev, a, DT_F32, loc);
  int64_t n;
  if (!x || !eval_has_arithmetic(x, loc)) return (Val){0};
  if (b.u.number == 0.5) return val_tensor(graph_elt(g, E_SQRT, x, NULL, NULL));
  if (b.u.number == -0.5) return val_tensor(graph_elt(g, E_RSQRT, x, NULL, NULL));
  if (!val_whole(b, -64, 64, &n) || n == 0) return val_tensor(general_power(ev, a, b, loc));
  Node *p = whole_power(g, x, n < 0 ? -n : n);
  if (n > 0 || !p) return val_tensor(p);
  return val_tensor(graph_map2(g, E_DIV, graph_const(g, p->dtype, (Shape){0}, 1), p));
}

static Val to_type(Eval *ev, Val v, DType t) {
  return v.kind == VAL_TENSOR ? val_tensor(graph_cast(ev->graph, t, v.u.node)) : v;
}

/* Of i32 tensors through f32, exact below 2^24. */
static Val floor_of_quotient(Eval *ev, Val a, Val b, Loc loc) {
  bool whole = common_type((Val[]){a, b}, 2) == DT_I32;
  if (whole) a = to_type(ev, a, DT_F32), b = to_type(ev, b, DT_F32);
  Val q = eval_elementwise(ev, E_DIV, (Val[]){a, b}, 2, loc);
  q = eval_elementwise(ev, E_FLOOR, &q, 1, loc);
  return whole ? to_type(ev, q, DT_I32) : q;
}

/* a - b * floor(a / b): the sign of b, as in Python. */
static Val modulo(Eval *ev, Val a, Val b, Loc loc) {
  Val down[2] = {b, floor_of_quotient(ev, a, b, loc)};
  Val back[2] = {a, eval_elementwise(ev, E_MUL, down, 2, loc)};
  return eval_elementwise(ev, E_SUB, back, 2, loc);
}

static bool divides_by_zero(Sign sign, Val a, Val b) {
  bool divides = sign == SIGN_DIV || sign == SIGN_INTDIV || sign == SIGN_MOD;
  return divides && a.kind == VAL_NUMBER && b.kind == VAL_NUMBER && b.u.number == 0;
}

static Val join_lists(Eval *ev, Val a, Val b, Loc loc) {
  Val *item = ARENA_ARRAY(ev->arena, a.n + b.n + 1, Val);
  for (int i = 0; i < a.n + b.n; i++) item[i] = i < a.n ? a.u.item[i] : b.u.item[i - a.n];
  return eval_list(ev, loc, item, a.n + b.n);
}

static Val join_texts(Eval *ev, Val a, Val b, Loc loc) {
  size_t n = strlen(a.u.text) + strlen(b.u.text);
  if (n > 4096) return eval_fail(loc, "a text of %zu characters, at most 4096 are allowed", n);
  return val_text(arena_printf(ev->arena, "%s%s", a.u.text, b.u.text));
}

Val eval_binary(Eval *ev, Sign sign, Val a, Val b, Loc loc) {
  if (a.kind == VAL_ERROR || b.kind == VAL_ERROR) return (Val){0};
  bool tensors = (is_tensor(a) || is_tensor(b)) && a.kind != VAL_NONE && b.kind != VAL_NONE;
  if (!tensors && sign == SIGN_EQ) return val_bool(val_same(a, b));
  if (!tensors && sign == SIGN_NE) return val_bool(!val_same(a, b));
  if (a.kind == VAL_LIST && b.kind == VAL_LIST && sign == SIGN_ADD) return join_lists(ev, a, b, loc);
  if (a.kind == VAL_TEXT && b.kind == VAL_TEXT && sign == SIGN_ADD) return join_texts(ev, a, b, loc);
  if (divides_by_zero(sign, a, b)) return eval_fail(loc, "division by zero");
  bool fits = (is_static_scalar(a) || is_tensor(a)) && (is_static_scalar(b) || is_tensor(b));
  if (!fits)
    return eval_fail(loc, "\"%s\" takes numbers or tensors, found %s and %s", sign_rows[sign].text,
                     val_show(ev->arena, a), val_show(ev->arena, b));
  switch (sign) {
  case SIGN_POW: return power(ev, a, b, loc);
  case SIGN_INTDIV: return floor_of_quotient(ev, a, b, loc);
  case SIGN_MOD: return modulo(ev, a, b, loc);
  case SIGN_GT:
  case SIGN_GE: return eval_elementwise(ev, sign_rows[sign].op, (Val[]){b, a}, 2, loc);
  case SIGN_NE: return negate(ev, eval_elementwise(ev, E_EQ, (Val[]){a, b}, 2, loc), loc);
  default: return eval_elementwise(ev, sign_rows[sign].op, (Val[]){a, b}, 2, loc);
  }
}
