/* The language and its library against plain loops, on random data, in f64. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/frontend/lang_case.h"
#include "tests/suite.h"

/* In f64: 8e-15 off at most, over 60 seeds; where coordinates and powers are computed too, 2e-12. */
static const double tight = 2e-13, computed = 5e-11;

#define AT3(x, i, j, k, J, K) ((x)[((i) * (J) + (j)) * (K) + (k)])

START_TEST(operators) {
  LangCase *c = lang_open("train t(batch = 5) {\n"
                          "  data x f32 [batch, 3] = given()\n"
                          "  data k i32 [batch, 3] = given()\n"
                          "  let y = x ^ 3 - 2 * x ^ -2 + -x ^ 2 / 3\n"
                          "  let z = select(x > 0 and not (x >= 1), exp(x), -1) ^ 0.5 ^ 2\n"
                          "  let w = k // 3 + k % 3\n"
                          "  let v = x[1:, -1] + x[0, 1]\n"
                          "  let s = 7 // 2 + 7 % 4 - (if 1 < 2 and \"a\" == \"a\" then 2 ^ 3 else 0)\n"
                          "  report y, z, w, v, s\n"
                          "}\n",
                          0, NULL);
  const double *x = lang_draw(c, "x", 0), *k = lang_draw(c, "k", 100);
  lang_enter(c, EN_EVAL);
  for (int i = 0; i < 15; i++) {
    lang_near(lang_value(c, "y")[i], pow(x[i], 3) - 2 / (x[i] * x[i]) - x[i] * x[i] / 3, tight, "y");
    double base = x[i] > 0 && !(x[i] >= 1) ? exp(x[i]) : -1;
    if (base > 0) lang_near(lang_value(c, "z")[i], pow(base, 0.25), tight, "z");
    lang_near(lang_value(c, "w")[i], floor(k[i] / 3) + fmod(k[i], 3), 0, "w");
  }
  for (int i = 0; i < 4; i++) lang_near(lang_value(c, "v")[i], x[3 * (i + 1) + 2] + x[1], tight, "v");
  lang_near(*lang_value(c, "s"), 3 + 3 - 8, 0, "s");
  lang_close(c);
}
END_TEST

START_TEST(patterns) {
  LangCase *c = lang_open("train t(batch = 2) {\n"
                          "  data x f32 [batch, 6, 10] = given()\n"
                          "  data w f32 [batch, 10, 3] = given()\n"
                          "  let a = rearrange(x, \"b (i p) (s d) -> s (b i) d p\", p = 3, s = 2)\n"
                          "  let b = reduce(x, \"b (i p) d -> d b\", \"mean\", p = 2)\n"
                          "  let m = reduce(x, \"... d -> ...\", \"max\")\n"
                          "  let r = repeat(x[0], \"n d -> n k d\", k = 4)\n"
                          "  let e = einsum(x, w, \"b n d, b d k -> k n\")\n"
                          "  let f = einsum(x, w, w, \"b n d, b d k, b e k -> n e\")\n"
                          "  report a, b, m, r, e, f\n"
                          "}\n",
                          0, NULL);
  const double *x = lang_draw(c, "x", 0), *w = lang_draw(c, "w", 0);
  lang_enter(c, EN_EVAL);
  for (int s = 0; s < 2; s++)
    for (int b = 0; b < 2; b++)
      for (int i = 0; i < 2; i++)
        for (int d = 0; d < 5; d++)
          for (int p = 0; p < 3; p++)
            lang_near(lang_value(c, "a")[((s * 4 + b * 2 + i) * 5 + d) * 3 + p],
                      AT3(x, b, i * 3 + p, s * 5 + d, 6, 10), 0, "a");
  for (int d = 0; d < 10; d++)
    for (int b = 0; b < 2; b++) {
      double sum = 0;
      for (int n = 0; n < 6; n++) sum += AT3(x, b, n, d, 6, 10);
      lang_near(lang_value(c, "b")[d * 2 + b], sum / 6, tight, "b");
    }
  for (int row = 0; row < 12; row++) {
    double most = x[10 * row];
    for (int d = 0; d < 10; d++) most = fmax(most, x[10 * row + d]);
    lang_near(lang_value(c, "m")[row], most, 0, "m");
  }
  for (int n = 0; n < 6; n++)
    for (int k = 0; k < 4; k++)
      for (int d = 0; d < 10; d++) lang_near(lang_value(c, "r")[(n * 4 + k) * 10 + d], x[n * 10 + d], 0, "r");
  for (int n = 0; n < 6; n++)
    for (int k = 0; k < 3; k++) {
      double sum = 0;
      for (int b = 0; b < 2; b++)
        for (int d = 0; d < 10; d++) sum += AT3(x, b, n, d, 6, 10) * AT3(w, b, d, k, 10, 3);
      lang_near(lang_value(c, "e")[k * 6 + n], sum, tight, "e");
    }
  for (int n = 0; n < 6; n++)
    for (int q = 0; q < 10; q++) {
      double sum = 0;
      for (int b = 0; b < 2; b++)
        for (int d = 0; d < 10; d++)
          for (int k = 0; k < 3; k++)
            sum += AT3(x, b, n, d, 6, 10) * AT3(w, b, d, k, 10, 3) * AT3(w, b, q, k, 10, 3);
      lang_near(lang_value(c, "f")[n * 10 + q], sum, tight, "f");
    }
  lang_close(c);
}
END_TEST

/* Every step-th element of a span, of tensors and of lists; its gradient is where those came from. */
START_TEST(steps) {
  LangCase *c = lang_open("import \"lib/optim.tess\"\n"
                          "module m() {\n"
                          "  param w [4, 11] = 1\n"
                          "  fn () = w\n"
                          "}\n"
                          "train t(batch = 2) {\n"
                          "  data g f32 [batch, 4] = given()\n"
                          "  model f = m()\n"
                          "  let picked = f()[1::2, 1:-2:2]\n"
                          "  let one = f()[::9, -1]\n"
                          "  let xs = [i * i for i in 0..10]\n"
                          "  let listed = tensor(xs[2::3] + xs[:-1:4] + xs[1:3:7])\n"
                          "  let loss = sum(picked * g)\n"
                          "  minimise loss\n"
                          "  report loss, picked, one, listed\n"
                          "  optimizer sgd(lr = 0)\n"
                          "}\n",
                          0, NULL);
  static const double listed[] = {4, 25, 64, 0, 16, 64, 1};
  const double *g = lang_draw(c, "g", 0);
  double *w = lang_memory(c, "w"), wanted[44] = {0};
  for (int i = 0; i < 44; i++) w[i] = draw_normal();
  lang_enter(c, EN_MICRO);
  for (int i = 0; i < 2; i++)
    for (int j = 0; j < 4; j++) {
      int at = 11 * (1 + 2 * i) + 1 + 2 * j;
      lang_near(lang_value(c, "picked")[4 * i + j], w[at], 0, "picked");
      wanted[at] = g[4 * i + j];
    }
  for (int i = 0; i < 44; i++) lang_near(lang_memory(c, "grad.w")[i], wanted[i], 0, "gradient of a step");
  lang_near(*lang_value(c, "one"), w[10], 0, "one");
  for (int i = 0; i < 7; i++) lang_near(lang_value(c, "listed")[i], listed[i], 0, "listed");
  lang_close(c);
}
END_TEST

/* Axes that stand twice in an operand, "1" on either side, and sizes of 1 beside others, also under "...". */
START_TEST(diagonals_and_ones) {
  LangCase *c = lang_open("train t(batch = 3) {\n"
                          "  data x f32 [batch, 4, 4] = given()\n"
                          "  data y f32 [batch, 1, 4] = given()\n"
                          "  data z f32 [batch, 1, 1, 4] = given()\n"
                          "  let a = einsum(x, \"b i i -> b i\")\n"
                          "  let b = einsum(x, y, \"b i i, b 1 i -> 1 b\")\n"
                          "  let d = einsum(x, y, \"b i j, b i j -> b i 1 j\")\n"
                          "  let e = einsum(x, y, \"b j i, b i j -> b i\")\n"
                          "  let f = einsum(z, x, \"... j, ... j -> ...\")\n"
                          "  report a, b, d, e, f\n"
                          "}\n",
                          0, NULL);
  const double *x = lang_draw(c, "x", 0), *y = lang_draw(c, "y", 0), *z = lang_draw(c, "z", 0);
  lang_enter(c, EN_EVAL);
  for (int b = 0; b < 3; b++) {
    double trace = 0;
    for (int i = 0; i < 4; i++) {
      double column = 0;
      lang_near(lang_value(c, "a")[4 * b + i], AT3(x, b, i, i, 4, 4), 0, "diagonal");
      trace += AT3(x, b, i, i, 4, 4) * y[4 * b + i];
      for (int j = 0; j < 4; j++) {
        lang_near(lang_value(c, "d")[16 * b + 4 * i + j], AT3(x, b, i, j, 4, 4) * y[4 * b + j], tight, "d");
        column += AT3(x, b, j, i, 4, 4) * y[4 * b + j];
      }
      lang_near(lang_value(c, "e")[4 * b + i], column, tight, "e");
    }
    lang_near(lang_value(c, "b")[b], trace, tight, "trace");
  }
  for (int k = 0; k < 36; k++) {
    double dot = 0;
    for (int j = 0; j < 4; j++) dot += z[k / 12 * 4 + j] * x[k % 12 * 4 + j];
    lang_near(lang_value(c, "f")[k], dot, tight, "f");
  }
  lang_close(c);
}
END_TEST

/* Rows whose variance is as small as the epsilons, so that taking one for the other shows. */
START_TEST(norms) {
  static const double eps[] = {1e-5, 1e-6};
  for (int which = 0; which < 2; which++) {
    const char *define = which ? "eps=1e-6" : "eps=1e-5";
    LangCase *c = lang_open("import \"lib/nn.tess\"\n"
                            "train t(batch = 3, eps = 1) {\n"
                            "  data x f32 [batch, 16] = given()\n"
                            "  let small = 1e-3 * x\n"
                            "  frozen ln = layer_norm(16, eps)\n"
                            "  frozen rms = rms_norm(16, eps)\n"
                            "  let a = ln(small)\n"
                            "  let b = rms(small)\n"
                            "  report a, b\n"
                            "}\n",
                            1, &define);
    const double *x = lang_draw(c, "x", 0);
    lang_enter(c, EN_EVAL);
    for (int r = 0; r < 3; r++) {
      double mean = 0, var = 0, square = 0;
      for (int i = 0; i < 16; i++) mean += 1e-3 * x[16 * r + i] / 16;
      for (int i = 0; i < 16; i++) {
        double v = 1e-3 * x[16 * r + i];
        var += (v - mean) * (v - mean) / 16;
        square += v * v / 16;
      }
      for (int i = 0; i < 16; i++) {
        double v = 1e-3 * x[16 * r + i];
        lang_near(lang_value(c, "a")[16 * r + i], (v - mean) / sqrt(var + eps[which]), tight, "layer norm");
        lang_near(lang_value(c, "b")[16 * r + i], v / sqrt(square + eps[which]), tight, "RMS norm");
      }
    }
    lang_close(c);
  }
}
END_TEST

/* A short list and one that is made in pieces. */
START_TEST(constants) {
  enum { LONG = 130 };
  LangCase *c = lang_open("train t(batch = 2) {\n"
                          "  data x f32 [batch, 1] = given()\n"
                          "  let few = tensor((3, -1.5, 4, 1, -5)) + x\n"
                          "  let many = tensor([i * i - 3 for i in 0..130]) + x\n"
                          "  report few, many\n"
                          "}\n",
                          0, NULL);
  static const double few[] = {3, -1.5, 4, 1, -5};
  const double *x = lang_draw(c, "x", 0);
  lang_enter(c, EN_EVAL);
  for (int i = 0; i < 5; i++) lang_near(lang_value(c, "few")[5 + i], few[i] + x[1], tight, "few");
  for (int i = 0; i < LONG; i++)
    lang_near(lang_value(c, "many")[LONG + i], (double)i * i - 3 + x[1], tight, "many");
  lang_close(c);
}
END_TEST

START_TEST(activations_and_losses) {
  LangCase *c = lang_open("import \"lib/loss.tess\"\n"
                          "train t(batch = 4) {\n"
                          "  data x f32 [batch, 5] = given()\n"
                          "  data y f32 [batch, 5] = given()\n"
                          "  data l i32 [batch] = label(classes = 5)\n"
                          "  let g = gelu(x)\n"
                          "  let p = softmax(x)\n"
                          "  let cosine = cosine_loss(x, y)\n"
                          "  let square = squared_error(x, y)\n"
                          "  let soft = one_hot(l, 5, 0.2)\n"
                          "  let entropy = cross_entropy(x, soft)\n"
                          "  let best = accuracy(x, l)\n"
                          "  let best2 = accuracy(x, l, k = 2)\n"
                          "  report g, p, cosine, square, soft, entropy, best, best2\n"
                          "}\n",
                          0, NULL);
  const double *x = lang_draw(c, "x", 0), *y = lang_draw(c, "y", 0), *l = lang_draw(c, "l", 5);
  double cosine = 0, square = 0, entropy = 0, best = 0, best2 = 0;
  lang_enter(c, EN_EVAL);
  for (int r = 0; r < 4; r++) {
    double sum = 0, dot = 0, xx = 0, yy = 0;
    int better = 0, label = (int)l[r];
    for (int i = 5 * r; i < 5 * r + 5; i++) {
      sum += exp(x[i]), dot += x[i] * y[i], xx += x[i] * x[i], yy += y[i] * y[i];
      square += (x[i] - y[i]) * (x[i] - y[i]) / 20;
      better += x[i] > x[5 * r + label];
      lang_near(lang_value(c, "g")[i], x[i] * 0.5 * (1 + erf(x[i] / sqrt(2))), tight, "gelu");
    }
    for (int i = 5 * r; i < 5 * r + 5; i++) {
      double target = (i == 5 * r + label ? 0.8 : 0) + 0.2 / 5;
      lang_near(lang_value(c, "p")[i], exp(x[i]) / sum, tight, "softmax");
      lang_near(lang_value(c, "soft")[i], target, tight, "soft target");
      entropy -= target * log(exp(x[i]) / sum) / 4;
    }
    cosine += (2 - 2 * dot / sqrt(xx * yy)) / 4;
    best += (better < 1) / 4.0;
    best2 += (better < 2) / 4.0;
  }
  lang_near(*lang_value(c, "cosine"), cosine, tight, "cosine");
  lang_near(*lang_value(c, "square"), square, tight, "square");
  lang_near(*lang_value(c, "entropy"), entropy, tight, "entropy");
  lang_near(*lang_value(c, "best"), best, 0, "accuracy");
  lang_near(*lang_value(c, "best2"), best2, 0, "accuracy of two");
  lang_close(c);
}
END_TEST

START_TEST(images) {
  LangCase *c = lang_open("import \"lib/image.tess\"\n"
                          "train t(batch = 50) {\n"
                          "  data x f32 [batch, 7, 5, 2] = given()\n"
                          "  let up = resize_bilinear(x, 8, 11)\n"
                          "  let down = resize_bilinear(x, 3, 5)\n"
                          "  let table = sincos_positions(16, 3)\n"
                          "  let perm = random_permutation(batch, 4)\n"
                          "  report up, down, table, perm\n"
                          "}\n",
                          0, NULL);
  const double *x = lang_draw(c, "x", 0);
  static const int size[2][2] = {{8, 11}, {3, 5}};
  lang_enter(c, EN_EVAL);
  for (int which = 0; which < 2; which++) {
    int H = size[which][0], W = size[which][1];
    const double *y = lang_value(c, which ? "down" : "up");
    for (int i = 0; i < H; i++)
      for (int j = 0; j < W; j++)
        for (int k = 0; k < 2; k++) {
          double v = fmax(0, (i + 0.5) * 7 / H - 0.5), u = fmax(0, (j + 0.5) * 5 / W - 0.5);
          int i0 = (int)v, j0 = (int)u, i1 = i0 < 6 ? i0 + 1 : 6, j1 = j0 < 4 ? j0 + 1 : 4;
          double top = AT3(x, i0, j0, k, 5, 2) * (1 - (u - j0)) + AT3(x, i0, j1, k, 5, 2) * (u - j0);
          double low = AT3(x, i1, j0, k, 5, 2) * (1 - (u - j0)) + AT3(x, i1, j1, k, 5, 2) * (u - j0);
          lang_near(y[(i * W + j) * 2 + k], top * (1 - (v - i0)) + low * (v - i0), computed, "bilinear");
        }
  }
  for (int t = 0; t < 10; t++)
    for (int ch = 0; ch < 16; ch++) {
      double at = ch < 8 ? (t - 1) % 3 : (t - 1) / 3; // NOLINT(bugprone-integer-division): a row's number
      double angle = at * pow(10000, -(ch % 4) / 4.0);
      double wanted = t == 0 ? 0 : ch % 8 < 4 ? sin(angle) : cos(angle);
      lang_near(lang_value(c, "table")[t * 16 + ch], wanted, computed, "positions");
    }
  int first[4] = {0, 0, 0, 0};
  for (int b = 0; b < 50; b++) {
    const double *p = lang_value(c, "perm") + (size_t)b * 4;
    int seen = 0;
    for (int k = 0; k < 4; k++) seen |= 1 << (int)p[k];
    ck_assert_int_eq(seen, 15);
    first[(int)p[0]]++;
  }
  for (int k = 0; k < 4; k++) ck_assert_int_gt(first[k], 0);
  lang_close(c);
}
END_TEST

/* A number is every channel's. */
START_TEST(one_number_for_all_channels) {
  LangCase *c = lang_open("import \"lib/image.tess\"\n"
                          "train t(batch = 2) {\n"
                          "  data pixels u8 [batch, 3, 2, 2] = image()\n"
                          "  let x = normalise(pixels, 0.25, (0.5, 0.25, 0.2))\n"
                          "  let y = renormalise(x, 0.25, (0.5, 0.25, 0.2), 0, 0.1)\n"
                          "  report x, y\n"
                          "}\n",
                          0, NULL);
  static const double deviation[] = {0.5, 0.25, 0.2};
  const double *p = lang_draw(c, "pixels", 256);
  lang_enter(c, EN_EVAL);
  for (int i = 0; i < 24; i++) {
    lang_near(lang_value(c, "x")[i], (p[i] / 255 - 0.25) / deviation[i / 4 % 3], tight, "normalised");
    lang_near(lang_value(c, "y")[i], p[i] / 255 / 0.1, tight, "renormalised");
  }
  lang_close(c);
}
END_TEST

/* The distribution function of what is drawn must be uniform. */
START_TEST(first_values) {
  LangCase *c = lang_open("import \"lib/init.tess\"\n"
                          "module m() {\n"
                          "  param n [64, 64] = trunc_normal(shape, 0.5)\n"
                          "  param x [96, 8, 4] = xavier_uniform\n"
                          "  param y [96, 8, 4] = xavier_uniform\n"
                          "  param o [3] = ones\n"
                          "  fn (a [B]) = a * sum(n) * sum(x) * sum(y) * sum(o)\n"
                          "}\n"
                          "train t(batch = 2) {\n"
                          "  data a f32 [batch] = given()\n"
                          "  frozen f = m()\n"
                          "  report b = f(a)\n"
                          "}\n",
                          0, NULL);
  const double *n = lang_memory(c, "f/n"), *x = lang_memory(c, "f/x"), *y = lang_memory(c, "f/y");
  int bin[8] = {0}, same = 0;
  double bound = sqrt(6.0 / (96 + 32)), most = 0;
  for (int i = 0; i < 4096; i++) {
    double p = 0.5 * (1 + erf(n[i] / 0.5 / sqrt(2)));
    bin[(int)(p * 8)]++;
  }
  for (int k = 0; k < 8; k++) ck_assert_int_lt(abs(bin[k] - 512), 110); /* five deviations */
  for (int i = 0; i < 3072; i++) {
    ck_assert_double_le(fabs(x[i]), bound);
    most = fmax(most, fabs(x[i]));
    same += x[i] == y[i];
  }
  ck_assert_double_gt(most, 0.99 * bound);
  ck_assert_int_lt(same, 10);
  ck_assert_double_eq(lang_memory(c, "f/o")[2], 1);
  ck_assert_str_eq(lang_state(c, "f/n")->alias[0], "n");
  lang_close(c);
}
END_TEST

SUITE("lang_eval") {
  tcase_add_test(t, operators);
  tcase_add_test(t, patterns);
  tcase_add_test(t, steps);
  tcase_add_test(t, diagonals_and_ones);
  tcase_add_test(t, norms);
  tcase_add_test(t, constants);
  tcase_add_test(t, activations_and_losses);
  tcase_add_test(t, images);
  tcase_add_test(t, one_number_for_all_channels);
  tcase_add_test(t, first_values);
}
