/* The emitted elementwise functions against libm in double, over dense random arguments and the edges. */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/codegen/cpu_case.h"
#include "tests/suite.h"

enum { POINTS = 200000 };

typedef struct Case {
  const char *name;
  double (*exact)(double x);
  float lo, hi;
  double absolute, ulps; /* the error may be either */
} Case;

static double rsqrt(double x) {
  return 1 / sqrt(x);
}

static double negative(double x) {
  return -x;
}

static const Case cases[] = {
    {"exp", exp, -104, 89, 0, 1.1},       {"exp", exp, -1, 1, 0, 1.1},
    {"log", log, FLT_MIN, 1e6F, 6e-8, 1}, {"log", log, 0.5F, 2, 6e-8, 1},
    {"log", log, 0, 1e-38F, 0, 1},        {"erf", erf, -5, 5, 1.2e-7, 0},
    {"erf", erf, -0.06F, 0.06F, 0, 2.5},  {"tanh", tanh, -12, 12, 1.5e-7, 0},
    {"tanh", tanh, -0.7F, 0.7F, 0, 3},    {"sin", sin, -1e5F, 1e5F, 1.2e-7, 0},
    {"sin", sin, -8, 8, 1.2e-7, 0},       {"cos", cos, -1e5F, 1e5F, 1.2e-7, 0},
    {"sin", sin, -1e8F, 1e8F, 1.2e-7, 0}, {"cos", cos, -1e8F, 1e8F, 1.2e-7, 0},
    {"sin", sin, 0, 0x1p46F, 1.2e-7, 0},  {"cos", cos, -0x1p46F, 0, 1.2e-7, 0},
    {"cos", cos, -8, 8, 1.2e-7, 0},       {"sqrt", sqrt, 0, 1e30F, 0, 0.5},
    {"rsqrt", rsqrt, 0, 1e30F, 0, 1.5},   {"floor", floor, -1e6F, 1e6F, 0, 0},
    {"abs", fabs, -1e6F, 1e6F, 0, 0},     {"neg", negative, -1e6F, 1e6F, 0, 0},
};

static const char *const targets[] = {"native", "x86-64-v3"};

static double ulp(double y) {
  int e;
  frexp(y, &e);
  return ldexp(1, (e < -125 ? -125 : e) - 24);
}

static CpuCase open_case(const char *op, const char *target, int n) {
  char text[512];
  snprintf(text, sizeof text,
           "compute f {\n  axis i:%d\n  in x[%d] : f32\n  out y[%d] : f32\n  v[i] = %s(x[i])\n"
           "  store v[i] -> y[i]\n}\nplan f cpu flat {}\n",
           n, n, n, op);
  return cpu_case_open(text, target, false);
}

static void compare(const Case *t, float x, float y) {
  double exact = t->exact((double)x), error = fabs((double)y - exact);
  if ((float)exact == y) return;
  if (error <= t->absolute || error <= t->ulps * ulp(exact)) return;
  ck_abort_msg("%s(%a) is %a, not %a", t->name, (double)x, (double)y, exact);
}

START_TEST(errors_are_as_stated) {
  const Case *t = &cases[_i / 2];
  CpuCase c = open_case(t->name, targets[_i % 2], POINTS);
  float *x = malloc(POINTS * sizeof *x), *y = malloc(POINTS * sizeof *y);
  for (int i = 0; i < POINTS; i++) {
    double u = (double)draw_below(1U << 31) / (double)(1U << 31);
    x[i] = (float)((double)t->lo + u * ((double)t->hi - (double)t->lo));
  }
  x[0] = t->lo, x[1] = t->hi;
  cpu_case_run(&c, (void *[]){x, y}, 1);
  for (int i = 0; i < POINTS; i++) compare(t, x[i], y[i]);
  free(x), free(y);
  cpu_case_close(&c);
}
END_TEST

static bool same_float(float x, float y) {
  return isnan(x) ? isnan(y) != 0 : x == y && signbit(x) == signbit(y);
}

/* Where a function of f32 has one right answer at the edge, ours gives it. */
START_TEST(edges) {
  static const struct {
    const char *op;
    float x, y;
  } edge[] = {{"exp", INFINITY, INFINITY},
              {"exp", -INFINITY, 0},
              {"exp", 0, 1},
              {"exp", 1e30F, INFINITY},
              {"exp", -1e30F, 0},
              {"exp", NAN, NAN},
              {"exp", 89, INFINITY},
              {"log", 0, -INFINITY},
              {"log", -0.0F, -INFINITY},
              {"log", -1, NAN},
              {"log", INFINITY, INFINITY},
              {"log", NAN, NAN},
              {"log", 1, 0},
              {"log", -INFINITY, NAN},
              {"erf", INFINITY, 1},
              {"erf", -INFINITY, -1},
              {"erf", 0, 0},
              {"erf", -0.0F, -0.0F},
              {"erf", NAN, NAN},
              {"erf", 10, 1},
              {"tanh", INFINITY, 1},
              {"tanh", -INFINITY, -1},
              {"tanh", -0.0F, -0.0F},
              {"tanh", NAN, NAN},
              {"tanh", 50, 1},
              {"sin", 0, 0},
              {"sin", NAN, NAN},
              {"sin", INFINITY, NAN},
              {"cos", 0, 1},
              {"cos", NAN, NAN},
              {"cos", INFINITY, NAN},
              {"sin", 0x1.000002p46F, NAN},
              {"cos", -1e30F, NAN},
              {"sqrt", -1, NAN},
              {"rsqrt", 0, INFINITY},
              {"sqrt", NAN, NAN},
              {"floor", -0.5F, -1},
              {"abs", -0.0F, 0},
              {"exp", 1e-40F, 1},
              {"log", 0x1p-149F, -0x1.9d1d9fp6F}};
  enum { N = sizeof edge / sizeof *edge };
  for (int i = 0; i < 2 * (int)N; i++) {
    CpuCase c = open_case(edge[i / 2].op, targets[i % 2], 17);
    float x[17], y[17];
    for (int j = 0; j < 17; j++) x[j] = edge[i / 2].x;
    cpu_case_run(&c, (void *[]){x, y}, 1);
    for (int j = 0; j < 17; j++)
      ck_assert_msg(same_float(y[j], edge[i / 2].y), "%s(%g) is %g, not %g", edge[i / 2].op,
                    (double)edge[i / 2].x, (double)y[j], (double)edge[i / 2].y);
    cpu_case_close(&c);
  }
}
END_TEST

/* Lanes, tails and scalars compute the same bits. */
START_TEST(lanes_do_not_reach_the_bits) {
  static const char *const ops[] = {"exp", "log", "erf", "tanh", "sin", "cos"};
  for (int o = 0; o < 6; o++) {
    CpuCase wide = open_case(ops[o], "native", 37), narrow = open_case(ops[o], "x86-64-v3", 37);
    CpuCase one = open_case(ops[o], "native", 1);
    float x[37], y[37], z[37], s;
    for (int i = 0; i < 37; i++) x[i] = 3 + 2 * cpu_case_float();
    cpu_case_run(&wide, (void *[]){x, y}, 1);
    cpu_case_run(&narrow, (void *[]){x, z}, 1);
    ck_assert_mem_eq(y, z, sizeof y);
    for (int i = 0; i < 37; i++) {
      cpu_case_run(&one, (void *[]){&x[i], &s}, 1);
      ck_assert_mem_eq(&s, &y[i], sizeof s);
    }
    cpu_case_close(&wide), cpu_case_close(&narrow), cpu_case_close(&one);
  }
}
END_TEST

SUITE("cpu_math") {
  tcase_add_loop_test(t, errors_are_as_stated, 0, 2 * (int)(sizeof cases / sizeof *cases));
  tcase_add_test(t, edges);
  tcase_add_test(t, lanes_do_not_reach_the_bits);
}
