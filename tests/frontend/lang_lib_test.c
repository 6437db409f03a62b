/* The library's layers, orders and draws against plain loops, and its gradients against differences, on
 * random data, in f64. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/frontend/lang_case.h"
#include "tests/suite.h"

/* In f64: 8e-15 off at most, over 60 seeds; where coordinates and powers are computed too, 2e-12. */
static const double tight = 2e-13, computed = 5e-11;

enum { IMAGES = 2, IN = 8, HIGH = 8, WIDE = 7 };

typedef struct Conv {
  int size, stride, padding, biased, groups, outputs;
} Conv;

static int conv_side(const Conv *v, int n) {
  return (n + 2 * v->padding - v->size) / v->stride + 1;
}

/* The convolution's element at (image, channel, row, column), from its definition. */
static double conv_at(const Conv *v, const double *x, const double *w, const double *bias, const int *at) {
  double sum = v->biased ? bias[at[1]] : 0;
  int seen = IN / v->groups, first = at[1] / (v->outputs / v->groups) * seen;
  for (int c = 0; c < seen; c++)
    for (int p = 0; p < v->size; p++)
      for (int q = 0; q < v->size; q++) {
        int i = at[2] * v->stride + p - v->padding, j = at[3] * v->stride + q - v->padding;
        if (i < 0 || j < 0 || i >= HIGH || j >= WIDE) continue;
        sum += x[((at[0] * IN + first + c) * HIGH + i) * WIDE + j] *
               w[((at[1] * seen + c) * v->size + p) * v->size + q];
      }
  return sum;
}

static LangCase *conv_open(const Conv *v) {
  char text[1024];
  snprintf(text, sizeof text,
           "import \"lib/nn.tess\"\nimport \"lib/optim.tess\"\n"
           "train t(batch = %d) {\n"
           "  data x f32 [batch, %d, %d, %d] = given()\n"
           "  model m = conv2d(%d, %d, %d, stride = %d, padding = %d, biased = %s, groups = %d)\n"
           "  let y = m(x)\n"
           "  let loss = sum(y ^ 2)\n"
           "  minimise loss\n"
           "  report loss, y\n"
           "  optimizer sgd(lr = 0)\n"
           "}\n",
           IMAGES, IN, HIGH, WIDE, IN, v->outputs, v->size, v->stride, v->padding,
           v->biased ? "true" : "false", v->groups);
  return lang_open(text, 0, NULL);
}

/* Differences of a quadratic function are exact but for rounding, whatever the step. */
START_TEST(convolutions) {
  static const Conv cases[] = {{3, 1, 1, 1, 1, 3}, {3, 2, 0, 0, 1, 4}, {2, 3, 1, 1, 1, 1},
                               {1, 1, 0, 0, 1, 5}, {3, 2, 1, 1, 2, 6}, {3, 1, 1, 1, 8, 8},
                               {2, 1, 1, 0, 4, 4}, {2, 2, 0, 1, 8, 16}};
  for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
    const Conv *v = &cases[k];
    LangCase *c = conv_open(v);
    const double *x = lang_draw(c, "x", 0), *w = lang_memory(c, "weight");
    double *bias = v->biased ? lang_memory(c, "bias") : NULL;
    int at[4], side[4] = {IMAGES, v->outputs, conv_side(v, HIGH), conv_side(v, WIDE)};
    for (int o = 0; v->biased && o < v->outputs; o++) bias[o] = draw_normal();
    lang_enter(c, EN_MICRO);
    ck_assert_int_eq(lang_state(c, "weight")->shape.rank, 4);
    for (int i = 0; i < side[0] * side[1] * side[2] * side[3]; i++) {
      for (int d = 3, rest = i; d >= 0; rest /= side[d--]) at[d] = rest % side[d];
      lang_near(lang_value(c, "y")[i], conv_at(v, x, w, bias, at), tight, "convolution");
    }
    lang_gradient(c, "weight", 0.5, computed);
    if (v->biased) lang_gradient(c, "bias", 0.5, computed);
    lang_close(c);
  }
}
END_TEST

enum { ROWS = 3, MOST = 40 };

/* Values that are equal to others now and then, both infinities and no number. */
static void draw_odd(double *x, int n) {
  static const double odd[] = {-INFINITY, INFINITY, NAN, 0, -0.0, 1, -2};
  for (int i = 0; i < n; i++) x[i] = draw_below(3) ? odd[draw_below(7)] : draw_normal();
}

/* Does x[i] stand before x[j]? What is no number is larger than all else; equal ones keep their order. */
static bool stands_before(const double *x, int i, int j, bool descending) {
  if (isnan(x[i]) && isnan(x[j])) return i < j;
  if (isnan(x[i]) || isnan(x[j])) return (isnan(x[i]) != 0) == descending;
  if (x[i] == x[j]) return i < j;
  return (x[i] < x[j]) != descending;
}

static int rank_of(const double *x, int n, int i, bool descending) {
  int before = 0;
  for (int j = 0; j < n; j++) before += i != j && stands_before(x, j, i, descending);
  return before;
}

static bool same(double a, double b) {
  return a == b || (isnan(a) && isnan(b));
}

static void check_row(LangCase *c, const double *x, int n, int row, int top) {
  for (int i = 0; i < n; i++) {
    int up = rank_of(x, n, i, false), down = rank_of(x, n, i, true);
    ck_assert_int_eq((int)lang_value(c, "place")[row * n + i], up);
    ck_assert_int_eq((int)lang_value(c, "fall")[i * ROWS + row], down);
    ck_assert_int_eq((int)lang_value(c, "origin")[row * n + up], i);
    ck_assert(same(lang_value(c, "sorted")[row * n + up], x[i]));
    if (down == 0) ck_assert_int_eq((int)lang_value(c, "largest")[row], i);
    if (down >= top) continue;
    ck_assert_int_eq((int)lang_value(c, "from")[row * top + down], i);
    ck_assert(same(lang_value(c, "tops")[row * top + down], x[i]));
  }
  double minus[MOST];
  for (int i = 0; i < n; i++) minus[i] = -x[i];
  ck_assert_int_eq(rank_of(minus, n, (int)lang_value(c, "smallest")[row], true), 0);
}

START_TEST(orders) {
  int n = 1 + (int)draw_below(MOST), top = 1 + (int)draw_below((uint32_t)n);
  char size[16], count[16];
  snprintf(size, sizeof size, "n=%d", n);
  snprintf(count, sizeof count, "k=%d", top);
  LangCase *c = lang_open("import \"lib/order.tess\"\n"
                          "train t(batch = 3, n = 1, k = 1) {\n"
                          "  data x f32 [batch, n] = given()\n"
                          "  let place = ranks(x)\n"
                          "  let fall = ranks(rearrange(x, \"b n -> n b\"), axis = 0, descending = true)\n"
                          "  let origin = argsort(x)\n"
                          "  let sorted = sort(x)\n"
                          "  let tops, from = top_k(x, k)\n"
                          "  let largest = argmax(x)\n"
                          "  let smallest = argmin(x, axis = 1)\n"
                          "  report place, fall, origin, sorted, tops, from, largest, smallest\n"
                          "}\n",
                          2, (const char *const[]){size, count});
  double x[ROWS * MOST] = {0};
  draw_odd(x, ROWS * n);
  graph_run_supply(c->run, "x", x);
  lang_enter(c, EN_EVAL);
  for (int row = 0; row < ROWS; row++) check_row(c, x + row * n, n, row, top);
  lang_close(c);
}
END_TEST

/* Along the last axis and another, at lengths around the powers of 8 that it goes by. */
START_TEST(running_sums) {
  static const int lengths[] = {1, 2, 7, 8, 9, 63, 64, 65, 513};
  int n = lengths[_i];
  char size[16];
  snprintf(size, sizeof size, "n=%d", n);
  LangCase *c = lang_open("import \"lib/order.tess\"\n"
                          "train t(batch = 3, n = 1) {\n"
                          "  data x f32 [batch, n, 2] = given()\n"
                          "  let y = cumsum(x, axis = -2)\n"
                          "  let z = cumsum(rearrange(x, \"b n c -> c b n\"))\n"
                          "  report y, z\n"
                          "}\n",
                          1, (const char *const[]){size});
  const double *x = lang_draw(c, "x", 0);
  lang_enter(c, EN_EVAL);
  for (int b = 0; b < 3; b++)
    for (int k = 0; k < 2; k++) {
      double sum = 0;
      for (int i = 0; i < n; i++) {
        sum += x[(b * n + i) * 2 + k];
        lang_near(lang_value(c, "y")[(b * n + i) * 2 + k], sum, tight, "running sum");
        lang_near(lang_value(c, "z")[(k * 3 + b) * n + i], sum, tight, "running sum of the last axis");
      }
    }
  lang_close(c);
}
END_TEST

/* Functions of a parameter p [4, 6, 6], whose gradients are compared with differences. */
static const char *const functions[] = {
    "relu(p)",
    "dropout(p, 0.4, draw = uniform(shape(p)))",
    "cumsum(p, axis = 1)",
    "sort(p, axis = 0)",
    "top_k(p, 3)[0]",
    "max_pool2d(images(p), 3, stride = 2, padding = 1)",
    "max_pool2d(images(p), (2, 3), padding = (1, 0))",
    "avg_pool2d(images(p), 2, stride = 1, padding = 1)",
    "avg_pool2d(images(p), 3, padding = 1, count_padding = false)",
    "global_max_pool(p) + global_avg_pool(p)",
    "norm(p)",
    "picked_rows(p[0], cast(tensor((1, 3, 3)), i32))",
    "p[::3, 1:6:2, -1]",
    "einsum(p, \"b i i -> b i\")",
    "einsum(p, p[:, 1:2], \"b i j, b i j -> b i j\")",
    "einsum(p[:, :3, :3], p[1:2, 0], \"b i i, 1 j -> i j\")",
};

START_TEST(gradients) {
  char text[1024];
  snprintf(text, sizeof text,
           "import \"lib/nn.tess\"\nimport \"lib/optim.tess\"\n"
           "fn images(x) = rearrange(x, \"(b c) h w -> b c h w\", b = 2)\n"
           "module m() {\n"
           "  param p [4, 6, 6] = 0\n"
           "  norm: group_norm(3, 6)\n"
           "  fn () = %s\n"
           "}\n"
           "train t(batch = 1) {\n"
           "  model f = m()\n"
           "  let y = f()\n"
           "  let loss = sum(y * uniform(shape(y)))\n"
           "  minimise loss\n"
           "  report loss\n"
           "  optimizer sgd(lr = 0.1)\n"
           "}\n",
           functions[_i]);
  LangCase *c = lang_open(text, 0, NULL);
  double *p = lang_memory(c, "p");
  for (int i = 0; i < 144; i++) p[i] = draw_normal();
  lang_gradient(c, "p", 1e-5, 1e-8); /* 4e-10 off over 60 seeds: rounding by the step */
  lang_close(c);
}
END_TEST

/* Equal elements: the first of a maximum gets the gradient of its window, and relu has none at 0. */
START_TEST(ties) {
  LangCase *c =
      lang_open("import \"lib/nn.tess\"\nimport \"lib/optim.tess\"\n"
                "module m() {\n"
                "  param p [1, 1, 4, 4] = 0\n"
                "  fn () = sum(max_pool2d(p, 2)) + 10 * sum(relu(p)) + 100 * sum(max_pool2d(p, 4))\n"
                "}\n"
                "train t(batch = 1) {\n"
                "  model f = m()\n"
                "  minimise f()\n"
                "  optimizer sgd(lr = 0.1)\n"
                "}\n",
                0, NULL);
  static const double wanted[] = {101, 0, 1, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0};
  lang_enter(c, EN_MICRO);
  for (int i = 0; i < 16; i++)
    lang_near(lang_memory(c, "grad.p")[i], wanted[i], 0, "gradient of equal elements");
  lang_close(c);
}
END_TEST

START_TEST(dropped) {
  LangCase *c = lang_open("import \"lib/nn.tess\"\nimport \"lib/optim.tess\"\n"
                          "module m() {\n"
                          "  param p [64, 64] = 1\n"
                          "  fn (rate) = dropout(p, rate)\n"
                          "}\n"
                          "train t(batch = 1) {\n"
                          "  model f = m()\n"
                          "  let some, none_left, all = (f(0.3), f(1), f(0))\n"
                          "  let more = f(0.3)\n"
                          "  minimise sum(some) + sum(more) + sum(none_left) + sum(all)\n"
                          "  report some, more, none_left, all\n"
                          "  optimizer sgd(lr = 0.1)\n"
                          "  evaluate { report at_rest = f(0.3) }\n"
                          "}\n",
                          0, NULL);
  int kept = 0, alike = 0;
  lang_enter(c, EN_MICRO);
  for (int i = 0; i < 4096; i++) {
    double x = lang_value(c, "some")[i];
    if (x != 0) lang_near(x, 1 / 0.7, tight, "kept");
    kept += x != 0;
    alike += x == lang_value(c, "more")[i];
    lang_near(lang_value(c, "none_left")[i], 0, 0, "at rate 1");
    lang_near(lang_value(c, "all")[i], 1, 0, "at rate 0");
  }
  ck_assert_int_lt(abs(kept - 2867), 150); /* five deviations */
  ck_assert_int_lt(abs(alike - 2376), 160);
  lang_enter(c, EN_EVAL);
  for (int i = 0; i < 4096; i++) lang_near(lang_value(c, "at_rest")[i], 1, 0, "in evaluation");
  lang_close(c);
}
END_TEST

static double normal_below(double x, double a, double b) {
  return 0.5 * erfc((a - x) / b / sqrt(2));
}

/* x^a e^-x / gamma(a) sum of x^n / (a (a + 1) .. (a + n)): the incomplete gamma function. */
static double gamma_below(double x, double a, double rate) {
  x *= rate;
  double term = 1 / a, sum = term;
  for (int n = 1; n < 2000; n++) sum += term *= x / (a + n);
  return x > 0 ? sum * exp(a * log(x) - x - lgamma(a)) : 0;
}

/* x^a / B(a, b) sum of (1 - b)_n x^n / n! / (a + n), up to 1/2; beyond it by symmetry. */
static double beta_below(double x, double a, double b) {
  if (x > 0.5) return 1 - beta_below(1 - x, b, a);
  double term = 1, sum = 1 / a;
  for (int n = 1; n < 200; n++) {
    term *= (n - b) * x / n;
    sum += term / (a + n);
  }
  return x > 0 ? sum * exp(a * log(x) + lgamma(a + b) - lgamma(a) - lgamma(b)) : 0;
}

static const struct {
  const char *draw; /* in the language */
  double (*below)(double x, double a, double b);
  double a, b;
} draws[] = {
    {"normal((64, 64), 2, mean = -1)", normal_below, -1, 2},
    {"gamma((64, 64), 0.3)", gamma_below, 0.3, 1},
    {"gamma((64, 64), 1)", gamma_below, 1, 1},
    {"gamma((64, 64), 30, rate = 4)", gamma_below, 30, 4},
    {"beta((64, 64), 0.8, 0.8)", beta_below, 0.8, 0.8},
    {"beta((64, 64), 1, 1)", beta_below, 1, 1},
    {"beta((64, 64), 2, 0.5)", beta_below, 2, 0.5},
    {"beta((64, 64), 0.1, 0.2)", beta_below, 0.1, 0.2},
};

static int ascending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* Kolmogorov and Smirnov: the largest distance of the share of draws below x from the distribution function,
 * times the root of their number, is above 2.6 in 3 of 1,000,000 runs. */
START_TEST(distributions) {
  enum { DRAWS = 4096 };
  char text[512];
  snprintf(text, sizeof text,
           "import \"lib/random.tess\"\n"
           "train t(batch = 1) {\n"
           "  let x = %s\n"
           "  let y = %s\n"
           "  report x, y\n"
           "}\n",
           draws[_i].draw, draws[_i].draw);
  LangCase *c = lang_open(text, 0, NULL);
  double x[DRAWS], far = 0;
  int alike = 0;
  lang_enter(c, EN_EVAL);
  memcpy(x, lang_value(c, "x"), sizeof x);
  for (int i = 0; i < DRAWS; i++) alike += x[i] == lang_value(c, "y")[i];
  ck_assert_int_lt(alike, DRAWS / 2); /* far from 0 and 1 no draw comes twice */
  qsort(x, DRAWS, sizeof *x, ascending);
  for (int i = 0; i < DRAWS; i++) {
    double p = draws[_i].below(x[i], draws[_i].a, draws[_i].b);
    far = fmax(far, fmax(fabs(p - (double)i / DRAWS), fabs(p - (i + 1.0) / DRAWS)));
  }
  ck_assert_msg(far * sqrt(DRAWS) < 2.6, "%s: %g from the distribution function", draws[_i].draw, far);
  lang_close(c);
}
END_TEST

SUITE("lang_lib") {
  tcase_add_test(t, convolutions);
  tcase_add_test(t, orders);
  tcase_add_loop_test(t, running_sums, 0, 9);
  tcase_add_loop_test(t, gradients, 0, sizeof functions / sizeof *functions);
  tcase_add_test(t, ties);
  tcase_add_test(t, dropped);
  tcase_add_loop_test(t, distributions, 0, sizeof draws / sizeof *draws);
}
