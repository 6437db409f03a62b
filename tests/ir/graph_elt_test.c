/* Every elementwise row against plain C, and its gradient against differences. */
#include "tests/ir/graph_case.h"

enum { N = 35 };

static EltOp now; /* the operation that the case is about */

static Node *build_elt(Graph *g, Node *const *x) {
  Node *in[3] = {0};
  for (int i = 0; i < elt_rows[now].arity; i++) in[i] = x[i];
  return graph_elt(g, now, in[0], in[1], in[2]);
}

static Node *below_half(Graph *g, Node *x) {
  return graph_map2(g, E_LT, x, graph_scalar(g, 0.5));
}

/* Operations on truth values take comparisons of their drawn operands. */
static Node *build_bool(Graph *g, Node *const *x) {
  Node *in[2] = {0};
  for (int i = 0; i < elt_rows[now].arity; i++) in[i] = below_half(g, x[i]);
  return graph_elt(g, now, in[0], in[1], NULL);
}

static Node *build_select(Graph *g, Node *const *x) {
  return graph_elt(g, E_SELECT, below_half(g, x[0]), x[1], x[2]);
}

/* Plain C, in terms of the operands a, b, c. */
#define REF(NAME, formula)                                                                                   \
  static void ref_##NAME(const double *const *x, double *y) {                                                \
    for (int i = 0; i < N; i++) {                                                                            \
      double a = x[0][i], b = x[1] ? x[1][i] : 0, c = x[2] ? x[2][i] : 0;                                    \
      (void)a, (void)b, (void)c;                                                                             \
      y[i] = formula;                                                                                        \
    }                                                                                                        \
  }

/* The error function by its Maclaurin series, for |x| <= 2. */
static double series_erf(double x) {
  double term = x, sum = x;
  for (int n = 1; n < 60; n++) {
    term *= -x * x / n;
    sum += term / (2 * n + 1);
  }
  return sum * 2 / sqrt(acos(-1));
}

REF(NEG, 0 - a)
REF(EXP, pow(2.71828182845904523536, a))
REF(LOG, log2(a) * 0.693147180559945309417)
REF(SQRT, pow(a, 0.5))
REF(RSQRT, pow(a, -0.5))
REF(ERF, series_erf(a))
REF(TANH, (exp(2 * a) - 1) / (exp(2 * a) + 1))
REF(SIN, cos(a - acos(0)))
REF(COS, sin(a + acos(0)))
REF(ABS, a < 0 ? -a : a)
REF(FLOOR, (double)((long)(a + 100) - 100))
REF(ISFINITE, 1)
REF(NOT, !(a < 0.5))
REF(ADD, a - -b)
REF(SUB, a + -b)
REF(MUL, a / (1 / b))
REF(DIV, a * (1 / b))
REF(MAX, fmax(a, b))
REF(MIN, fmin(a, b))
REF(LT, b > a)
REF(LE, b >= a)
REF(EQ, !(a < b) && !(a > b))
REF(AND, a < 0.5 ? b < 0.5 : 0)
REF(OR, a < 0.5 ? 1 : b < 0.5)
REF(SELECT, a < 0.5 ? b : c)

static void (*const refs[ELT_COUNT])(const double *const *, double *) = {
#define ELT(NAME, ...) [E_##NAME] = ref_##NAME,
#include "ir/eltwise.def"
#include "tests/suite.h"
#undef ELT
};

/* Where an operation is defined and its result of moderate size. */
static double low_end(EltOp op) {
  return op == E_LOG || op == E_SQRT || op == E_RSQRT || op == E_DIV || op == E_MUL ? 0.5 : -2;
}

START_TEST(every_row_means_and_differentiates_as_plain_c) {
  now = (EltOp)_i;
  bool truth = now == E_NOT || now == E_AND || now == E_OR;
  Case c = {.what = elt_rows[now].text, .nin = elt_rows[now].arity, .ref = refs[now]};
  for (int i = 0; i < c.nin; i++) c.in[i] = (CaseIn)F32(low_end(now), 2, 5, 7);
  c.build = truth ? build_bool : now == E_SELECT ? build_select : build_elt;
  case_check(&c);
}
END_TEST

/* What no random draw meets: equal operands, zeros, values that are not finite. */
START_TEST(edges_are_as_written) {
  ck_assert(elt_eval(E_MAX, 1, 1, 0) == 1 && elt_eval(E_LE, 1, 1, 0) == 1 && elt_eval(E_LT, 1, 1, 0) == 0);
  ck_assert(isnan(elt_eval(E_MAX, NAN, 1, 0)) && isnan(elt_eval(E_MIN, NAN, 1, 0)));
  ck_assert(elt_eval(E_ISFINITE, INFINITY, 0, 0) == 0 && elt_eval(E_ISFINITE, NAN, 0, 0) == 0);
  ck_assert(elt_eval(E_EQ, NAN, NAN, 0) == 0 && elt_eval(E_EQ, 2, 2, 0) == 1);
}
END_TEST

SUITE("graph_elt") {
  tcase_add_loop_test(t, every_row_means_and_differentiates_as_plain_c, 0, ELT_COUNT);
  tcase_add_test(t, edges_are_as_written);
}
