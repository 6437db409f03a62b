/* Updates of each parameter in its own shape, against their formulas: LAMB, LARS and Muon of the library,
 * numbers of one's own a parameter, and optimizers chosen by parameter. */
#include <math.h>
#include <string.h>

#include "tests/frontend/lang_case.h"
#include "tests/suite.h"

/* In f64: 2e-14 off at most, over 100 seeds. */
static const double tight = 1e-12;

/* y = w x + b, squared error; w [O, I] in rows. */
enum { BATCH = 3, I = 4, O = 3, W = O * I, ALL = W + O };

#define LINE(OPTIMIZER)                                                                                      \
  "import \"lib/nn.tess\"\n"                                                                                 \
  "import \"lib/loss.tess\"\n"                                                                               \
  "import \"lib/optim.tess\"\n"                                                                              \
  "optimizer counted(lr) {\n"                                                                                \
  "  slot times [] = 0\n"                                                                                    \
  "  slot last = 2\n"                                                                                        \
  "  update each (p, g) {\n"                                                                                 \
  "    times = times + sum(g)\n"                                                                             \
  "    p = p - lr * times * (if len(shape(p)) == 2 then einsum(p, g, last, \"o i, o k, o k -> o i\") else "  \
  "last)\n"                                                                                                  \
  "    last = g\n"                                                                                           \
  "  }\n"                                                                                                    \
  "}\n"                                                                                                      \
  "train t(batch = 3) {\n"                                                                                   \
  "  data x f32 [batch, 4] = given()\n"                                                                      \
  "  data y f32 [batch, 3] = given()\n"                                                                      \
  "  model m = linear(4, 3)\n"                                                                               \
  "  minimise squared_error(m(x), y)\n"                                                                      \
  "  optimizer " OPTIMIZER "\n"                                                                              \
  "}\n"

typedef struct Line {
  LangCase *c;
  bool tall;             /* the program's weight is [I, O] */
  double p[ALL], g[ALL]; /* parameters before the step, gradients of it; weights as [O, I] */
} Line;

static void read_params(const Line *l, double *p) {
  const double *w = lang_memory(l->c, "weight");
  for (int i = 0; i < W; i++) p[i] = w[l->tall ? i % I * O + i / I : i];
  memcpy(p + W, lang_memory(l->c, "bias"), O * sizeof *p);
}

/* One step in the program, its gradient by hand. */
static void step(Line *l) {
  const double *x = lang_draw(l->c, "x", 0), *y = lang_draw(l->c, "y", 0);
  read_params(l, l->p);
  memset(l->g, 0, sizeof l->g);
  for (int r = 0; r < BATCH; r++)
    for (int o = 0; o < O; o++) {
      double d = l->p[W + o] - y[r * O + o];
      for (int i = 0; i < I; i++) d += l->p[o * I + i] * x[r * I + i];
      for (int i = 0; i < I; i++) l->g[o * I + i] += 2 * d * x[r * I + i] / (BATCH * O);
      l->g[W + o] += 2 * d / (BATCH * O);
    }
  lang_enter(l->c, EN_MICRO);
  lang_enter(l->c, EN_UPDATE);
}

static void agrees(const Line *l, const double *want) {
  double now[ALL];
  read_params(l, now);
  for (int i = 0; i < ALL; i++) lang_near(now[i], want[i], tight, i < W ? "weight" : "bias");
}

static double norm(const double *v, int n) {
  double sum = 0;
  for (int i = 0; i < n; i++) sum += v[i] * v[i];
  return sqrt(sum);
}

START_TEST(lamb) {
  Line l = {.c = lang_open(LINE("lamb(lr = 0.1, betas = (0.8, 0.9), eps = 1e-3, decay = 0.3)"), 0, NULL)};
  double m[ALL] = {0}, v[ALL] = {0}, move[ALL], want[ALL];
  for (int n = 1; n < 5; n++) {
    step(&l);
    for (int i = 0; i < ALL; i++) {
      m[i] = 0.8 * m[i] + 0.2 * l.g[i];
      v[i] = 0.9 * v[i] + 0.1 * l.g[i] * l.g[i];
      move[i] = m[i] / (1 - pow(0.8, n)) / (sqrt(v[i] / (1 - pow(0.9, n))) + 1e-3) + 0.3 * l.p[i];
    }
    for (int i = 0; i < ALL; i++) {
      const int at = i < W ? 0 : W, len = i < W ? W : O;
      double size = norm(l.p + at, len), moved = norm(move + at, len);
      want[i] =
          l.p[i] - 0.1 * (size > 0 && moved > 0 ? size / moved : 1) * move[i]; /* biases begin as zeros */
    }
    agrees(&l, want);
  }
  lang_close(l.c);
}
END_TEST

START_TEST(lars) {
  Line l = {.c = lang_open(LINE("lars(lr = 2, momentum = 0.7, trust = 0.02, adapt = rank > 1,\n"
                                "decay = if rank > 1 then 0.3 else 0)"),
                           0, NULL)};
  double velocity[ALL] = {0}, want[ALL];
  for (int n = 0; n < 4; n++) {
    step(&l);
    double size = norm(l.p, W), share = 0.02 * size / (norm(l.g, W) + 0.3 * size + 1e-8);
    for (int i = 0; i < ALL; i++) {
      double move = i < W ? share * (l.g[i] + 0.3 * l.p[i]) : l.g[i];
      velocity[i] = 0.7 * velocity[i] + move;
      want[i] = l.p[i] - 2 * velocity[i];
    }
    agrees(&l, want);
  }
  lang_close(l.c);
}
END_TEST

/* One Newton-Schulz step of y [rows, n]: (a + b Y + c Y^2) y with Y = y y'. */
static void polish(double *y, int rows, int n) {
  double a[16], b[16], next[W];
  for (int i = 0; i < rows; i++)
    for (int j = 0; j < rows; j++) {
      a[i * rows + j] = 0;
      for (int k = 0; k < n; k++) a[i * rows + j] += y[i * n + k] * y[j * n + k];
    }
  for (int i = 0; i < rows; i++)
    for (int j = 0; j < rows; j++) {
      b[i * rows + j] = -4.7750 * a[i * rows + j];
      for (int k = 0; k < rows; k++) b[i * rows + j] += 2.0315 * a[i * rows + k] * a[k * rows + j];
    }
  for (int i = 0; i < rows; i++)
    for (int j = 0; j < n; j++) {
      next[i * n + j] = 3.4445 * y[i * n + j];
      for (int k = 0; k < rows; k++) next[i * n + j] += b[i * rows + k] * y[k * n + j];
    }
  memcpy(y, next, sizeof *y * (size_t)(rows * n));
}

#define MUON "if rank > 1 then muon(lr = 0.1, momentum = 0.7, decay = 0.2) else sgd(lr = 0.1, momentum = 0)"

static const char tall[] = "import \"lib/loss.tess\"\n"
                           "import \"lib/init.tess\"\n"
                           "import \"lib/optim.tess\"\n"
                           "module tall() {\n"
                           "  param weight [4, 3] = xavier_uniform\n"
                           "  param bias [3]\n"
                           "  fn (x [B, 4]) = einsum(x, weight, \"b i, i o -> b o\") + bias\n"
                           "}\n"
                           "train t(batch = 3) {\n"
                           "  data x f32 [batch, 4] = given()\n"
                           "  data y f32 [batch, 3] = given()\n"
                           "  model m = tall()\n"
                           "  minimise squared_error(m(x), y)\n"
                           "  optimizer " MUON "\n"
                           "}\n";

/* A wide weight, and a tall one, which is turned and moves by sqrt(rows / columns) more. */
START_TEST(muon) {
  Line l = {.c = lang_open(_i ? tall : LINE(MUON), 0, NULL), .tall = _i};
  double m[W] = {0}, y[W], want[ALL], lr = 0.1 * (_i ? sqrt((double)I / O) : 1);
  for (int n = 0; n < 4; n++) {
    step(&l);
    for (int i = 0; i < W; i++) {
      m[i] = 0.7 * m[i] + 0.3 * l.g[i];
      y[i] = 0.7 * m[i] + 0.3 * l.g[i];
    }
    double size = norm(y, W);
    for (int i = 0; i < W; i++) y[i] /= size;
    for (int k = 0; k < 5; k++) polish(y, O, I);
    for (int i = 0; i < W; i++) want[i] = l.p[i] - 0.1 * 0.2 * l.p[i] - lr * y[i];
    for (int i = W; i < ALL; i++) want[i] = l.p[i] - 0.1 * l.g[i];
    agrees(&l, want);
  }
  lang_close(l.c);
}
END_TEST

START_TEST(numbers_a_parameter) {
  Line l = {.c = lang_open(LINE("counted(lr = 0.01)"), 0, NULL)};
  double last[ALL], times[2] = {0}, want[ALL];
  for (int i = 0; i < ALL; i++) last[i] = 2;
  for (int n = 0; n < 3; n++) {
    step(&l);
    for (int i = 0; i < ALL; i++) times[i >= W] += l.g[i];
    for (int o = 0; o < O; o++) {
      double sum = 0;
      for (int k = 0; k < I; k++) sum += l.g[o * I + k] * last[o * I + k];
      for (int i = 0; i < I; i++) want[o * I + i] = l.p[o * I + i] - 0.01 * times[0] * l.p[o * I + i] * sum;
      want[W + o] = l.p[W + o] - 0.01 * times[1] * last[W + o];
    }
    memcpy(last, l.g, sizeof last);
    agrees(&l, want);
    lang_near(*lang_memory(l.c, "weight.times"), times[0], tight, "weight.times");
    lang_near(*lang_memory(l.c, "bias.times"), times[1], tight, "bias.times");
  }
  lang_close(l.c);
}
END_TEST

SUITE("lang_update") {
  tcase_add_test(t, lamb);
  tcase_add_test(t, lars);
  tcase_add_loop_test(t, muon, 0, 2);
  tcase_add_test(t, numbers_a_parameter);
}
