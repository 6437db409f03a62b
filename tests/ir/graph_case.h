/* One graph test case: a function of a few tensors, evaluated by the interpreter in f64 and with rounding,
 * and differentiated; checked against plain C and against central differences. */
#ifndef TESTS_GRAPH_CASE_H
#define TESTS_GRAPH_CASE_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "ir/graph/graph.h"
#include "passes/grad/autodiff.h"
#include "tests/suite.h"

enum { CASE_INPUTS = 8 };

/* One operand: drawn uniformly from lo..hi, whole numbers for integers. */
typedef struct CaseIn {
  DType dtype;
  Shape shape;
  double lo, hi;
} CaseIn;

typedef struct Case {
  const char *what;
  int nin;
  CaseIn in[CASE_INPUTS];
  Node *(*build)(Graph *g, Node *const *x);
  void (*ref)(const double *const *x, double *y); /* NULL: gradient only */
  double tol32;                                   /* of the rounded run, against the largest value; 0: 5e-6 */
  bool rough;                                     /* corners may be anywhere */
} Case;

#define SHAPE(...)                                                                                           \
  (shape_of((int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), (int64_t[]){__VA_ARGS__}))
#define F32(low, high, ...) {DT_F32, SHAPE(__VA_ARGS__), low, high}

typedef struct CaseRun {
  const Case *c;
  Arena *arena;
  Graph *g;
  State *state[CASE_INPUTS];
  Node *x[CASE_INPUTS];
  Node *y;
  bool smooth; /* y is a float and so is some operand */
  GraphRun *run;
} CaseRun;

static const GraphEnv case_env = {.seed = 7, .step = 3, .micro = 1};

/* Entry eval gives "y"; micro gives "loss", the products of y with fixed weights summed; update the gradients
 * of it, "g0" on. */
static inline void case_gradients(CaseRun *r) {
  Graph *g = r->g;
  Node *wrt[CASE_INPUTS], *grad[CASE_INPUTS];
  State *w = graph_state(g, ST_TEMP, "weights", r->y->dtype, r->y->shape, NULL);
  Node *product = graph_elt(g, E_MUL, r->y, graph_read(g, w), NULL);
  Node *loss = graph_reduce(g, GR_SUM, product, (1u << product->shape.rank) - 1);
  r->state[r->c->nin] = w;
  graph_value(g, EN_MICRO, "loss", loss, V_REPORT);
  for (int i = 0; i < r->c->nin; i++) wrt[i] = r->x[i];
  ck_assert_msg(autodiff(g, loss, wrt, r->c->nin, grad), "%s: autodiff failed", r->c->what);
  for (int i = 0; i < r->c->nin; i++) {
    char name[16];
    snprintf(name, sizeof name, "g%d", i);
    ck_assert(shape_same(&grad[i]->shape, &r->x[i]->shape));
    graph_value(g, EN_UPDATE, name, grad[i], V_REPORT);
  }
}

static inline CaseRun case_build(const Case *c) {
  CaseRun r = {.c = c, .arena = arena_new()};
  r.g = graph_new(r.arena);
  for (int i = 0; i < c->nin; i++) {
    char name[16];
    snprintf(name, sizeof name, "x%d", i);
    r.state[i] = graph_state(r.g, ST_PARAM, name, c->in[i].dtype, c->in[i].shape, NULL);
    r.x[i] = graph_read(r.g, r.state[i]);
    r.smooth = r.smooth || dtype_is_float(c->in[i].dtype);
  }
  r.y = c->build(r.g, r.x);
  ck_assert_msg(r.y != NULL, "%s: not built", c->what);
  r.smooth = r.smooth && dtype_is_float(r.y->dtype);
  graph_value(r.g, EN_EVAL, "y", r.y, V_REPORT);
  if (r.smooth) case_gradients(&r);
  return r;
}

static inline void case_copy(double *to, const double *from, int64_t n) {
  ck_assert_ptr_nonnull(to);
  if (!from) abort();
  for (int64_t k = 0; k < n; k++) to[k] = from[k];
}

static inline void case_fill(CaseRun *r, GraphRun *run, double *const *x) {
  for (int i = 0; i < r->c->nin; i++)
    case_copy(graph_run_state(run, r->state[i]), x[i], shape_count(&r->c->in[i].shape));
}

static inline double case_largest(const double *y, int64_t n) {
  double most = 0;
  for (int64_t i = 0; i < n; i++) most = fmax(most, fabs(y[i]));
  return most;
}

static inline void case_compare(const Case *c, const char *mode, const double *got, const double *want,
                                int64_t n, double tol) {
  double scale = fmax(case_largest(want, n), 1); /* sums of terms of about 1 may cancel */
  for (int64_t i = 0; i < n; i++)
    ck_assert_msg(fabs(got[i] - want[i]) <= tol * scale, "%s, %s: element %lld is %.17g, expected %.17g",
                  c->what, mode, (long long)i, got[i], want[i]);
}

static inline void case_forward(CaseRun *r, double *const *x, bool f64) {
  int64_t n = shape_count(&r->y->shape);
  double *want = calloc((size_t)n, sizeof *want);
  GraphRun *run = graph_run_new(r->g, f64);
  case_fill(r, run, x);
  ck_assert(graph_run_entry(run, EN_EVAL, &case_env));
  r->c->ref((const double *const *)x, want);
  /* Over 100 seeds 1.4e-15 and 8.5e-7 off at most. */
  double tol32 = r->c->tol32 > 0 ? r->c->tol32 : 5e-6;
  case_compare(r->c, f64 ? "f64" : "rounded", graph_run_value(run, "y"), want, n, f64 ? 1e-14 : tol32);
  graph_run_free(run);
  free(want);
}

static inline double case_loss_at(GraphRun *run, double *place, double v) {
  double old = *place;
  *place = v;
  ck_assert(graph_run_entry(run, EN_MICRO, &case_env));
  *place = old;
  return *graph_run_value(run, "loss");
}

/* Central difference of fourth order with step h; *bend is how far the slopes to the two sides disagree. */
static inline double case_slope(GraphRun *run, double *place, double h, double *bend) {
  double x = *place, f[5];
  for (int i = 0; i < 5; i++) f[i] = case_loss_at(run, place, x + (i - 2) * h);
  double left = (f[2] - f[0]) / (2 * h), right = (f[4] - f[2]) / (2 * h);
  *bend = fabs(left - right) / fmax(fabs(left) + fabs(right), 1e-3);
  return (f[0] - 8 * f[1] + 8 * f[3] - f[4]) / (12 * h);
}

/* The slope at one element. The finer step is 6e-5 or more: cutting off costs its fourth power, 1e-18 of the
 * fifth derivative; rounding 1e-16 of the loss over the step, which may be large beside a small gradient:
 * 8e-8 of `scale` at most in 6,000 random graphs drawn, 1e-8 of those drawn for one op. False near a corner:
 * there the differences of two steps disagree, or those to the two sides do. */
static inline bool case_difference(GraphRun *run, double *place, double scale, double *slope) {
  double h = 2.5e-4 * fmax(1, fabs(*place)), bend, fine_bend;
  double coarse = case_slope(run, place, h, &bend);
  *slope = case_slope(run, place, h / 4, &fine_bend);
  return fabs(coarse - *slope) <= 3e-7 * scale && fine_bend <= 2e-2;
}

static inline void case_gradient_of(CaseRun *r, GraphRun *run, int i, const double *grad) {
  int64_t n = shape_count(&r->c->in[i].shape), left_out = 0;
  double *x = graph_run_state(run, r->state[i]), scale = fmax(case_largest(grad, n), 1e-3);
  for (int64_t k = 0; k < n; k++) {
    double slope;
    bool smooth = case_difference(run, x + k, scale, &slope);
    left_out += !smooth;
    ck_assert_msg(!smooth || fabs(slope - grad[k]) <= 5e-7 * scale,
                  "%s: gradient %lld of operand %d is %.12g, differences give %.12g", r->c->what,
                  (long long)k, i, grad[k], slope);
  }
  ck_assert_msg(r->c->rough || left_out <= n / 5 + 1, "%s: %lld of %lld elements are at a corner", r->c->what,
                (long long)left_out, (long long)n);
}

static inline void case_backward(CaseRun *r, double *const *x) {
  GraphRun *run = graph_run_new(r->g, true);
  case_fill(r, run, x);
  double *w = graph_run_state(run, r->state[r->c->nin]);
  for (int64_t k = 0; k < shape_count(&r->y->shape); k++) w[k] = draw_real(0.25, 1);
  ck_assert(graph_run_entry(run, EN_UPDATE, &case_env));
  double *grad[CASE_INPUTS] = {0};
  for (int i = 0; i < r->c->nin; i++) {
    char name[16];
    snprintf(name, sizeof name, "g%d", i);
    int64_t n = shape_count(&r->c->in[i].shape);
    grad[i] = calloc((size_t)n, sizeof(double));
    for (int64_t k = 0; k < n; k++) grad[i][k] = graph_run_value(run, name)[k];
  }
  for (int i = 0; i < r->c->nin; i++)
    if (dtype_is_float(r->c->in[i].dtype)) case_gradient_of(r, run, i, grad[i]);
  for (int i = 0; i < CASE_INPUTS; i++) free(grad[i]);
  graph_run_free(run);
}

static inline void case_draw_all(const Case *c, double **x) {
  for (int i = 0; i < c->nin; i++) {
    const CaseIn *in = &c->in[i];
    int64_t n = shape_count(&in->shape);
    x[i] = calloc((size_t)n, sizeof(double));
    for (int64_t k = 0; k < n; k++) {
      double v = draw_real(in->lo, in->hi);
      x[i][k] = dtype_is_float(in->dtype) ? v : floor(v);
    }
  }
}

static inline void case_check(const Case *c) {
  double *x[CASE_INPUTS] = {0};
  CaseRun r = case_build(c);
  case_draw_all(c, x);
  if (c->ref) case_forward(&r, x, true);
  if (c->ref) case_forward(&r, x, false);
  if (r.smooth) case_backward(&r, x);
  for (int i = 0; i < c->nin; i++) free(x[i]);
  arena_free(r.arena);
}

#endif
