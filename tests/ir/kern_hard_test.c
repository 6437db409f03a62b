/* The hard kernels as text (tests/ir/kern/hard): parsed, verified, round-tripped and interpreted, in f64
 * against plain C and in their own types against f64. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/ir/kern_case.h"
#include "tests/suite.h"

/* 2.2e-15 and 1.2e-6 off at most. */
static const double exact = 2e-14, single = 1e-5;

static double *zeros(KCase *c, int64_t n) {
  return ARENA_ARRAY(c->arena, n, double);
}

static double *copy(KCase *c, const char *buf) {
  int b = kcase_buf(c, buf);
  return arena_copy(c->arena, c->mem[b], (size_t)kcase_count(c, b) * sizeof(double));
}

START_TEST(norm_forward) {
  enum { M = 296, D = 192 };
  KCase *c = kcase_file("ir/kern/hard/norm.kern", "norm_forward");
  const double *x = kcase_floats(c, "x"), *gain = kcase_floats(c, "gain"), *bias = kcase_floats(c, "bias");
  double *y = zeros(c, M * D), *mean = zeros(c, M), *rstd = zeros(c, M);
  for (int m = 0; m < M; m++) {
    double square = 0;
    for (int d = 0; d < D; d++) mean[m] += x[m * D + d] / D;
    for (int d = 0; d < D; d++) square += pow(x[m * D + d] - mean[m], 2);
    rstd[m] = 1 / sqrt(square / D + 1e-6);
    for (int d = 0; d < D; d++) y[m * D + d] = (x[m * D + d] - mean[m]) * rstd[m] * gain[d] + bias[d];
  }
  kcase_run(c, single);
  kcase_expect(c, "y", y, exact);
  kcase_expect(c, "mean", mean, exact);
  kcase_expect(c, "rstd", rstd, exact);
  kcase_free(c);
}
END_TEST

/* dx of one row by the quotient of the norm: dx_d = sum_e dy_e gain_e dh_e/dx_d, term by term. */
static double norm_dx(int n, const double *dy, const double *h, const double *gain, double rstd, int d) {
  double s = 0;
  for (int e = 0; e < n; e++) s += dy[e] * gain[e] * rstd * ((e == d) - (1 + h[e] * h[d]) / n);
  return s;
}

START_TEST(norm_backward) {
  enum { P = 8, R = 37, M = P * R, D = 192 };
  KCase *c = kcase_file("ir/kern/hard/norm.kern", "norm_backward");
  const double *x = kcase_floats(c, "x"), *dy = kcase_floats(c, "dy"), *gain = kcase_floats(c, "gain");
  const double *mean = kcase_floats(c, "mean"), *rstd = kcase_floats(c, "rstd");
  double *dx = zeros(c, M * D), *dgain = zeros(c, P * D), *dbias = zeros(c, P * D);
  for (int m = 0; m < M; m++) {
    double h[D];
    for (int d = 0; d < D; d++) {
      h[d] = (x[m * D + d] - mean[m]) * rstd[m];
      dgain[m / R * D + d] += dy[m * D + d] * h[d];
      dbias[m / R * D + d] += dy[m * D + d];
    }
    for (int d = 0; d < D; d++) dx[m * D + d] = norm_dx(D, &dy[m * D], h, gain, rstd[m], d);
  }
  kcase_run(c, single);
  kcase_expect(c, "dx", dx, exact);
  kcase_expect(c, "dgain", dgain, exact);
  kcase_expect(c, "dbias", dbias, exact);
  kcase_free(c);
}
END_TEST

START_TEST(norm_combine) {
  enum { P = 8, D = 192 };
  KCase *c = kcase_file("ir/kern/hard/norm.kern", "norm_combine");
  const double *pg = kcase_floats(c, "pg"), *pb = kcase_floats(c, "pb");
  double *g = zeros(c, D), *b = zeros(c, D);
  for (int i = 0; i < P * D; i++) g[i % D] += pg[i], b[i % D] += pb[i];
  kcase_run(c, single);
  kcase_expect(c, "dgain", g, exact);
  kcase_expect(c, "dbias", b, exact);
  kcase_free(c);
}
END_TEST

enum { H = 2, E = 16 };

/* Element of the qkv projection's output. */
static double qkv(const double *a, int i, int which, int h, int e) {
  return a[((i * 3 + which) * H + h) * E + e];
}

/* The block-causal mask of three segments of n tokens and a class token last. */
static bool sees(int n, int i, int j) {
  int of_query = i < 3 * n ? i / n : 2, of_key = j < 3 * n ? j / n : 2;
  return of_key <= of_query;
}

typedef struct Probabilities {
  int t;
  double *p; /* [h][i][j] */
  double *most, *total;
} Probabilities;

static Probabilities softmax(KCase *c, int t, bool masked) {
  Probabilities r = {t, zeros(c, H * t * t), zeros(c, H * t), zeros(c, H * t)};
  const double *a = kcase_floats(c, "a");
  for (int hi = 0; hi < H * t; hi++) {
    int h = hi / t, i = hi % t;
    r.most[hi] = -INFINITY;
    for (int j = 0; j < t; j++) {
      double s = 0;
      for (int e = 0; e < E; e++) s += qkv(a, i, 0, h, e) * qkv(a, j, 1, h, e);
      r.p[hi * t + j] = masked && !sees(49, i, j) ? -INFINITY : s / 4;
      r.most[hi] = fmax(r.most[hi], r.p[hi * t + j]);
    }
    for (int j = 0; j < t; j++) r.total[hi] += exp(r.p[hi * t + j] - r.most[hi]);
    for (int j = 0; j < t; j++) r.p[hi * t + j] = exp(r.p[hi * t + j] - r.most[hi]) / r.total[hi];
  }
  return r;
}

static double *attention_output(KCase *c, const Probabilities *s) {
  const double *a = kcase_floats(c, "a");
  double *o = zeros(c, s->t * H * E);
  for (int h = 0; h < H; h++)
    for (int i = 0; i < s->t; i++)
      for (int j = 0; j < s->t; j++)
        for (int e = 0; e < E; e++)
          o[(i * H + h) * E + e] += s->p[(h * s->t + i) * s->t + j] * qkv(a, j, 2, h, e);
  return o;
}

static void set_mask(KCase *c, bool backward) {
  int32_t *hi = kcase_ints(c, "hi"), *lo = backward ? kcase_ints(c, "lo") : NULL;
  for (int i = 0; i < 148; i++) {
    for (int j = 0; j < 148; j++) hi[i] += sees(49, i, j);
    for (int j = 0; lo && j < 148; j++) lo[i] += !sees(49, j, i);
  }
}

static void check_attention(const char *name, int t, bool masked) {
  KCase *c = kcase_file("ir/kern/hard/attention.kern", name);
  if (masked) set_mask(c, false);
  Probabilities s = softmax(c, t, masked);
  kcase_run(c, single);
  kcase_expect(c, "o", attention_output(c, &s), exact);
  kcase_expect(c, "most", s.most, exact);
  kcase_expect(c, "total", s.total, exact);
  kcase_free(c);
}

START_TEST(attention_forward) {
  check_attention("attention_148", 148, true);
  check_attention("attention_257", 257, false);
}
END_TEST

/* The gradient of the scores of one row: p_j (dp_j - sum_j p_j dp_j). */
static void score_gradient(int t, const double *p, const double *dp, double *ds) {
  double mean = 0;
  for (int j = 0; j < t; j++) mean += p[j] * dp[j];
  for (int j = 0; j < t; j++) ds[j] = p[j] * (dp[j] - mean);
}

static double *attention_gradient(KCase *c, const Probabilities *s) {
  const double *a = kcase_floats(c, "a"), *d = kcase_floats(c, "do");
  int t = s->t;
  double *da = zeros(c, t * 3 * H * E), *dp = zeros(c, t), *ds = zeros(c, t);
  for (int hi = 0; hi < H * t; hi++) {
    int h = hi / t, i = hi % t;
    const double *p = &s->p[hi * t];
    for (int j = 0; j < t; j++) {
      dp[j] = 0;
      for (int e = 0; e < E; e++) dp[j] += d[(i * H + h) * E + e] * qkv(a, j, 2, h, e);
    }
    score_gradient(t, p, dp, ds);
    for (int j = 0; j < t; j++)
      for (int e = 0; e < E; e++) {
        da[((i * 3 + 0) * H + h) * E + e] += ds[j] / 4 * qkv(a, j, 1, h, e);
        da[((j * 3 + 1) * H + h) * E + e] += ds[j] / 4 * qkv(a, i, 0, h, e);
        da[((j * 3 + 2) * H + h) * E + e] += p[j] * d[(i * H + h) * E + e];
      }
  }
  return da;
}

static void check_attention_backward(const char *name, int t, bool masked) {
  KCase *c = kcase_file("ir/kern/hard/attention.kern", name);
  if (masked) set_mask(c, true);
  Probabilities s = softmax(c, t, masked);
  memcpy(kcase_floats(c, "o"), attention_output(c, &s), (size_t)(t * H * E) * sizeof(double));
  memcpy(kcase_floats(c, "most"), s.most, (size_t)(H * t) * sizeof(double));
  memcpy(kcase_floats(c, "total"), s.total, (size_t)(H * t) * sizeof(double));
  kcase_run(c, single);
  kcase_expect(c, "da", attention_gradient(c, &s), exact);
  kcase_free(c);
}

START_TEST(attention_backward) {
  check_attention_backward("attention_backward_148", 148, true);
  check_attention_backward("attention_backward_257", 257, false);
}
END_TEST

enum { M = 74, N = 96, K = 48 };

static double *normalised(KCase *c) {
  const double *x = kcase_floats(c, "x"), *mean = kcase_floats(c, "mean"), *rstd = kcase_floats(c, "rstd");
  const double *gain = kcase_floats(c, "gain"), *shift = kcase_floats(c, "shift");
  double *h = zeros(c, M * K);
  for (int i = 0; i < M * K; i++) h[i] = (x[i] - mean[i / K]) * rstd[i / K] * gain[i % K] + shift[i % K];
  return h;
}

START_TEST(linear_forward) {
  KCase *c = kcase_file("ir/kern/hard/linear.kern", "linear_forward");
  const double *h = normalised(c), *w = kcase_floats(c, "w");
  double *pre = zeros(c, M * N), *act = zeros(c, M * N);
  for (int i = 0; i < M * N; i++) {
    pre[i] = kcase_floats(c, "bias")[i % N];
    for (int k = 0; k < K; k++) pre[i] += h[i / N * K + k] * w[i % N * K + k];
    act[i] = pre[i] * erfc(-pre[i] / sqrt(2)) / 2;
  }
  kcase_run(c, single);
  kcase_expect(c, "pre", pre, exact);
  kcase_expect(c, "act", act, exact);
  kcase_free(c);
}
END_TEST

START_TEST(linear_weight_gradient) {
  KCase *c = kcase_file("ir/kern/hard/linear.kern", "linear_weight_gradient");
  const double *h = normalised(c), *dy = kcase_floats(c, "dy");
  double *dw = copy(c, "dw"), *db = copy(c, "db");
  for (int m = 0; m < M; m++)
    for (int n = 0; n < N; n++) {
      db[n] += dy[m * N + n];
      for (int k = 0; k < K; k++) dw[n * K + k] += dy[m * N + n] * h[m * K + k];
    }
  kcase_run(c, single);
  kcase_expect(c, "dw", dw, exact);
  kcase_expect(c, "db", db, exact);
  kcase_free(c);
}
END_TEST

START_TEST(linear_bf16) {
  enum { ROWS = 37, COLS = 40, DEPTH = 64 };
  KCase *c = kcase_file("ir/kern/hard/linear.kern", "linear_bf16");
  const double *x = kcase_floats(c, "x"), *w = kcase_floats(c, "w");
  double *y = zeros(c, ROWS * COLS);
  for (int i = 0; i < ROWS * COLS; i++) {
    y[i] = kcase_floats(c, "bias")[i % COLS];
    for (int k = 0; k < DEPTH; k++) y[i] += x[i / COLS * DEPTH + k] * w[i % COLS * DEPTH + k];
  }
  kcase_run(c, single);
  kcase_expect(c, "y", y, exact);
  kcase_free(c);
}
END_TEST

/* Fills [2, 4] with permutations of the four segments. */
static const int32_t *set_permutation(KCase *c) {
  static const int32_t drawn[8] = {2, 0, 3, 1, 1, 3, 0, 2};
  return memcpy(kcase_ints(c, "perm"), drawn, sizeof drawn);
}

START_TEST(patch_embed) {
  enum { G = 7, COLS = 40, C = 3, SIDE = 4, W = 56 };
  KCase *c = kcase_file("ir/kern/hard/patch_embed.kern", "patch_embed");
  const int32_t *perm = set_permutation(c);
  const double *image = kcase_floats(c, "image"), *w = kcase_floats(c, "w"), *bias = kcase_floats(c, "bias");
  const double *position = kcase_floats(c, "position");
  double *token = copy(c, "token");
  for (int b = 0; b < 2; b++)
    for (int t = 0; t < 3 * G * G; t++) {
      int segment = perm[b * 4 + t / (G * G)], at = t % (G * G);
      int row = segment / 2 * G + at / G, col = segment % 2 * G + at % G;
      for (int n = 0; n < COLS; n++) {
        double s = bias[n] + position[(1 + row * 2 * G + col) * COLS + n];
        for (int i = 0; i < C * SIDE * SIDE; i++) {
          int channel = i / (SIDE * SIDE), v = i / SIDE % SIDE, u = i % SIDE;
          s += image[((b * C + channel) * W + row * SIDE + v) * W + col * SIDE + u] *
               w[n * C * SIDE * SIDE + i];
        }
        token[(b * 148 + t) * COLS + n] = s;
      }
    }
  kcase_run(c, single);
  kcase_expect(c, "token", token, exact);
  kcase_free(c);
}
END_TEST

/* Bilinear interpolation from 7 to 8 points, align_corners = false: the two taps of point u, clamped. */
static double weight(int u, int x) {
  double at = fmax((u + 0.5) * 7 / 8 - 0.5, 0);
  int left = (int)at, right = left + 1 > 6 ? 6 : left + 1;
  return (x == left ? 1 - (at - left) : 0) + (x == right ? at - left : 0);
}

static void set_band(KCase *c) {
  for (int u = 0; u < 8; u++) {
    int first = 7, last = 0;
    for (int x = 0; x < 7; x++) {
      kcase_floats(c, "band")[u * 7 + x] = weight(u, x);
      if (weight(u, x) != 0) first = first < x ? first : x, last = x + 1;
    }
    kcase_ints(c, "first")[u] = first;
    kcase_ints(c, "last")[u] = last;
  }
}

static double token_loss(int n, const double *p, const double *t) {
  double pp = 0, tt = 0, pt = 0;
  for (int i = 0; i < n; i++) pp += p[i] * p[i], tt += t[i] * t[i], pt += p[i] * t[i];
  return 2 - 2 * pt / (sqrt(pp) * sqrt(tt));
}

START_TEST(cosine_loss) {
  enum { C = 24 };
  KCase *c = kcase_file("ir/kern/hard/cosine_loss.kern", "cosine_loss");
  const int32_t *perm = set_permutation(c);
  set_band(c);
  const double *pred = kcase_floats(c, "pred"), *teacher = kcase_floats(c, "teacher");
  double *part = zeros(c, 6), *class = zeros(c, 2);
  for (int b = 0; b < 2; b++) {
    class[b] = token_loss(C, &pred[(b * 148 + 147) * C], &teacher[(size_t)b * 257 * C]);
    for (int s = 0; s < 3; s++)
      for (int vu = 0; vu < 64; vu++) {
        double resized[C] = {0};
        int v = vu / 8, u = vu % 8, segment = perm[b * 4 + s + 1];
        for (int yx = 0; yx < 49; yx++)
          for (int i = 0; i < C; i++)
            resized[i] += weight(v, yx / 7) * weight(u, yx % 7) * pred[(b * 148 + s * 49 + yx) * C + i];
        int row = segment / 2 * 8 + v, col = segment % 2 * 8 + u;
        part[b * 3 + s] += token_loss(C, resized, &teacher[(b * 257 + 1 + row * 16 + col) * C]);
      }
  }
  kcase_run(c, single);
  kcase_expect(c, "part", part, exact);
  kcase_expect(c, "class", class, exact);
  kcase_free(c);
}
END_TEST

static double step_field(void *ctx, const char *name) {
  (void)ctx;
  return !strcmp(name, "lr")         ? 0.001
         : !strcmp(name, "scale")    ? 0.5
         : !strcmp(name, "correct1") ? 1 / (1 - 0.9)
         : !strcmp(name, "correct2") ? 1 / (1 - 0.95)
                                     : NAN;
}

static void check_adamw(bool finite) {
  enum { COUNT = 1003 };
  KCase *c = kcase_file("ir/kern/hard/adamw.kern", "adamw");
  c->env.scalar = step_field;
  kcase_bytes(c, "finite")[0] = finite;
  const double *g = kcase_floats(c, "g");
  for (int i = 0; i < COUNT; i++) kcase_floats(c, "v")[i] = fabs(kcase_floats(c, "v")[i]);
  double *w = copy(c, "w"), *m = copy(c, "m"), *v = copy(c, "v");
  for (int i = 0; finite && i < COUNT; i++) {
    double gi = g[i] * 0.5;
    m[i] = 0.9 * m[i] + (1 - 0.9) * gi;
    v[i] = 0.95 * v[i] + (1 - 0.95) * gi * gi;
    w[i] -= 0.001 * (m[i] / (1 - 0.9) / (sqrt(v[i] / (1 - 0.95)) + 1e-8) + 0.05 * w[i]);
  }
  kcase_run(c, single);
  kcase_expect(c, "m", m, exact);
  kcase_expect(c, "v", v, exact);
  kcase_expect(c, "w", w, exact);
  kcase_expect(c, "shadow", w, exact);
  kcase_free(c);
}

START_TEST(adamw) {
  check_adamw(true);
  check_adamw(false);
}
END_TEST

START_TEST(batch_norm) {
  enum { C = 6, S = 63, TOTAL = 4 * S };
  KCase *c = kcase_file("ir/kern/hard/batch_norm.kern", "batch_norm");
  const double *x = kcase_floats(c, "data"), *gain = kcase_floats(c, "gain"), *bias = kcase_floats(c, "bias");
  double *y = zeros(c, TOTAL * C), *mean = copy(c, "mean"), *variance = copy(c, "variance");
  for (int ch = 0; ch < C; ch++) {
    double mu = 0, q = 0;
    for (int i = 0; i < TOTAL; i++) mu += x[(i / S * C + ch) * S + i % S] / TOTAL;
    for (int i = 0; i < TOTAL; i++) q += pow(x[(i / S * C + ch) * S + i % S] - mu, 2);
    for (int i = 0; i < TOTAL; i++) {
      int at = (i / S * C + ch) * S + i % S;
      y[at] = (x[at] - mu) / sqrt(q / TOTAL + 1e-5) * gain[ch] + bias[ch];
    }
    mean[ch] = 0.9 * mean[ch] + 0.1 * mu;
    variance[ch] = 0.9 * variance[ch] + 0.1 * q / (TOTAL - 1);
  }
  kcase_run(c, single);
  kcase_expect(c, "result", y, exact);
  kcase_expect(c, "mean", mean, exact);
  kcase_expect(c, "variance", variance, exact);
  kcase_free(c);
}
END_TEST

START_TEST(batch_norm_backward) {
  enum { C = 6, S = 63, TOTAL = 4 * S };
  KCase *c = kcase_file("ir/kern/hard/batch_norm.kern", "batch_norm_backward");
  const double *x = kcase_floats(c, "data"), *dy = kcase_floats(c, "dy"), *gain = kcase_floats(c, "gain");
  const double *mean = kcase_floats(c, "mean"), *rstd = kcase_floats(c, "rstd");
  double *dx = zeros(c, TOTAL * C), *dgain = zeros(c, C), *dbias = zeros(c, C);
  for (int ch = 0; ch < C; ch++) {
    double h[TOTAL], g[TOTAL], ones[TOTAL];
    for (int i = 0; i < TOTAL; i++) {
      int at = (i / S * C + ch) * S + i % S;
      h[i] = (x[at] - mean[ch]) * rstd[ch], g[i] = dy[at], ones[i] = gain[ch];
      dgain[ch] += g[i] * h[i], dbias[ch] += g[i];
    }
    for (int i = 0; i < TOTAL; i++)
      dx[(i / S * C + ch) * S + i % S] = norm_dx(TOTAL, g, h, ones, rstd[ch], i);
  }
  kcase_run(c, single);
  kcase_expect(c, "dx", dx, exact);
  kcase_expect(c, "dgain", dgain, exact);
  kcase_expect(c, "dbias", dbias, exact);
  kcase_free(c);
}
END_TEST

/* Scatters dy through the forward convolution: the input element that tap (v, u) of output (y, x) read. */
static void check_conv(const char *name, int height, int width, int stride) {
  enum { B = 2, C = 5, O = 4 };
  KCase *c = kcase_file("ir/kern/hard/conv.kern", name);
  const double *dy = kcase_floats(c, "dy"), *w = kcase_floats(c, "w");
  double *dx = zeros(c, B * C * height * width);
  int rows = height / stride, cols = width / stride;
  for (int i = 0; i < B * O * rows * cols; i++) {
    int x = i % cols, y = i / cols % rows, o = i / cols / rows % O, b = i / cols / rows / O;
    for (int j = 0; j < C * 9; j++) {
      int row = y * stride + j / 3 % 3 - 1, col = x * stride + j % 3 - 1;
      if (row >= 0 && row < height && col >= 0 && col < width)
        dx[((b * C + j / 9) * height + row) * width + col] += dy[i] * w[o * C * 9 + j];
    }
  }
  kcase_run(c, single);
  kcase_expect(c, "dx", dx, exact);
  kcase_free(c);
}

START_TEST(convolution_input_gradient) {
  check_conv("conv_dx", 10, 9, 1);
  check_conv("conv_dx_stride_2", 10, 8, 2);
}
END_TEST

SUITE("kern_hard") {
  tcase_add_test(t, norm_forward);
  tcase_add_test(t, norm_backward);
  tcase_add_test(t, norm_combine);
  tcase_add_test(t, attention_forward);
  tcase_add_test(t, attention_backward);
  tcase_add_test(t, linear_forward);
  tcase_add_test(t, linear_weight_gradient);
  tcase_add_test(t, linear_bf16);
  tcase_add_test(t, patch_embed);
  tcase_add_test(t, cosine_loss);
  tcase_add_test(t, adamw);
  tcase_add_test(t, batch_norm);
  tcase_add_test(t, batch_norm_backward);
  tcase_add_test(t, convolution_input_gradient);
}
