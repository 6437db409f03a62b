/* The kernel interpreter's meaning: types and rounding, laziness, bounds, gathers, in-place stores. */
#include <math.h>
#include <signal.h>
#include <string.h>

#include "base/random.h"
#include "tests/ir/kern_case.h"
#include "tests/suite.h"

/* Over 100 seeds, f64 is equal to plain C and f32 1.7e-7 off at most. */
static const double exact = 1e-15, single = 1e-6;

static KCase *open_case(const char *text) {
  return kcase_text(text, "f");
}

START_TEST(padding_reads_only_inside) {
  KCase *c = open_case("compute f { axis i:9\n in x[4] : f32\n out y[9] : f32\n"
                       " in[i] = i32(2) <= index(i32, i) and index(i32, i) < i32(6)\n"
                       " v[i] = select(in[i], x[i - 2], -3)\n store v[i] -> y[i] }");
  double want[9];
  for (int i = 0; i < 9; i++) want[i] = i >= 2 && i < 6 ? kcase_floats(c, "x")[i - 2] : -3;
  kcase_run(c, single);
  kcase_expect(c, "y", want, 0);
  kcase_free(c);
}
END_TEST

/* Unguarded by the verifier's rule, a guard that is wrong ends the run instead of reading what lies there. */
START_TEST(reads_outside_are_internal_faults) {
  KCase *c = open_case("compute f { axis i:9\n in x[4] : f32\n out y[9] : f32\n"
                       " v[i] = select(index(i32, i) < i32(7), x[i - 2], 0)\n store v[i] -> y[i] }");
  kcase_run(c, single);
}
END_TEST

START_TEST(indexed_reads_outside_are_internal_faults) {
  KCase *c = open_case("compute f { axis i:3\n in x[4] : f32\n in t[3] : i32 below 4\n out y[3] : f32\n"
                       " v[i] = x[t[i]]\n store v[i] -> y[i] }");
  kcase_ints(c, "t")[1] = 4;
  kcase_run(c, single);
}
END_TEST

START_TEST(bounds_outside_are_internal_faults) {
  KCase *c = open_case("compute f { axis i:3 j:4\n in x[4] : f32\n in t[3] : i32 below 5\n out y[3] : f32\n"
                       " v[i] = sum(j: 0 .. t[i]) x[j]\n store v[i] -> y[i] }");
  kcase_ints(c, "t")[1] = 5;
  kcase_run(c, single);
}
END_TEST

START_TEST(gathers_rows) {
  KCase *c =
      open_case("compute f { axis b:3 s:2 e:5\n in x[7, 5] : f32\n in t[3, 2] : i32 below 7\n"
                " out y[3, 2, 5] : f32\n v[b, s, e] = 2 * x[t[b, s], e]\n store v[b, s, e] -> y[b, s, e] }");
  static const int32_t row[6] = {6, 0, 3, 3, 1, 5};
  double want[30];
  memcpy(kcase_ints(c, "t"), row, sizeof row);
  for (int i = 0; i < 30; i++) want[i] = 2 * kcase_floats(c, "x")[row[i / 5] * 5 + i % 5];
  kcase_run(c, single);
  kcase_expect(c, "y", want, 0);
  kcase_free(c);
}
END_TEST

/* Sums and maxima over nothing, and between bounds. */
START_TEST(bounds_limit_reductions) {
  KCase *c = open_case("compute f { axis i:4 j:5\n in x[4, 5] : f32\n in n[4, 5] : i32\n out s[4] : f32\n"
                       " out m[4] : f32\n out k[4] : i32\n"
                       " a[i] = sum(j: i .. 2*(i/2) + 1) x[i, j]\n b[i] = max(j: i .. 2*(i/2) + 1) x[i, j]\n"
                       " d[i] = max(j: i .. 2*(i/2) + 1) n[i, j]\n"
                       " store a[i] -> s[i]\n store b[i] -> m[i]\n store d[i] -> k[i] }");
  double sum[4], most[4];
  for (int i = 0; i < 4; i++) {
    sum[i] = 0, most[i] = -INFINITY;
    for (int j = i; j < 2 * (i / 2) + 1; j++) {
      sum[i] += kcase_floats(c, "x")[i * 5 + j];
      most[i] = fmax(most[i], kcase_floats(c, "x")[i * 5 + j]);
    }
  }
  kern_interp(c->k, c->mem, &c->env, true);
  kcase_expect(c, "s", sum, 0);
  for (int i = 0; i < 4; i++) {
    ck_assert(kcase_floats(c, "m")[i] == most[i]);
    ck_assert_int_eq(kcase_ints(c, "k")[i], i % 2 ? INT32_MIN : 0);
  }
  kcase_free(c);
}
END_TEST

START_TEST(maxima_and_minima_keep_nan) {
  KCase *c = open_case("compute f { axis i:2 j:3\n in x[2, 3] : f32\n out y[2] : f32\n out z[2] : f32\n"
                       " m[i] = max(j) x[i, j]\n l[i] = min(x[i, 0], x[i, 1])\n"
                       " store m[i] -> y[i]\n store l[i] -> z[i] }");
  for (int at = 0; at < 3; at++) {
    double *x = kcase_floats(c, "x");
    for (int i = 0; i < 6; i++) x[i] = i == at ? NAN : i;
    kern_interp(c->k, c->mem, &c->env, true);
    ck_assert(isnan(kcase_floats(c, "y")[0]) && kcase_floats(c, "y")[1] == 5);
    ck_assert(at == 2 ? kcase_floats(c, "z")[0] == 0 : isnan(kcase_floats(c, "z")[0]));
  }
  kcase_free(c);
}
END_TEST

/* In its own types every operation rounds: f32 steps in order, bf16 after each operation. */
START_TEST(rounds_after_every_operation) {
  KCase *c = open_case(
      "compute f { axis i:1 j:4\n in x[4] : f32\n in h[4] : bf16\n out y[1] : f32\n out g[1] : bf16\n"
      " s[i] = sum(j) x[j] * x[j]\n b[i] = h[0] * h[1] + h[2]\n"
      " store s[i] -> y[i]\n store b[i] -> g[i] }");
  float x[4] = {1, 4096.5f, 1e-3f, 3}, y = 0, sum = 0;
  uint16_t h[4] = {0x3f81, 0x3f83, 0x3b80, 0}, g = 0; /* 1.0078125, 1.0234375, 0.00390625 */
  for (int i = 0; i < 4; i++) {
    float square = x[i] * x[i];
    sum = sum + square;
  }
  kern_interp(c->k, (void *[]){x, h, &y, &g}, &c->env, false);
  ck_assert(y == sum);
  /* The product 1.0314331 rounds to 1.03125 (0x3f84); 1.03515625 is a tie of 1.03125 and 1.0390625, to even.
   */
  ck_assert_uint_eq(g, 0x3f84);
  kcase_free(c);
}
END_TEST

START_TEST(half_precision_memory) {
  KCase *c = kcase_text("compute f { axis i:7\n in x[7] : f32\n out y[7] : f32\n"
                        " v[i] = cast(f32, cast(f16, x[i]))\n store v[i] -> y[i] }",
                        "f");
  const Kernel *copy = c->k;
  float x[7] = {1.0f, 65519.0f, 65520.0f, 0x1p-24f, 0x1.8p-25f, -0x1p-25f, 0.1f}, y[7];
  static const float want[7] = {1.0f, 65504.0f, INFINITY, 0x1p-24f, 0x1p-24f, -0.0f, 0x1.998p-4f};
  kern_interp(copy, (void *[]){x, y}, &c->env, false);
  ck_assert_mem_eq(y, want, sizeof y);
  kcase_free(c);
}
END_TEST

/* Every half, through memory: f16 -> f16 keeps all bits but a NaN's payload. */
START_TEST(every_half_survives_memory) {
  static const char text[] = "compute f { axis i:65536\n in x[65536] : f16\n out y[65536] : f16\n"
                             " v[i] = x[i]\n store v[i] -> y[i] }";
  Arena *a = arena_new();
  Kernel *k = kern_parse(a, diag_source(a, "half", text, strlen(text)), KPLAN_RULES(NULL))->k[0];
  uint16_t *x = ARENA_ARRAY(a, 65536, uint16_t), *y = ARENA_ARRAY(a, 65536, uint16_t);
  for (int i = 0; i < 65536; i++) x[i] = (uint16_t)i;
  kern_interp(k, (void *[]){x, y}, NULL, false);
  for (int i = 0; i < 65536; i++) {
    bool nan = (i & 0x7c00) == 0x7c00 && (i & 0x3ff);
    ck_assert(nan ? (y[i] & 0x7c00) == 0x7c00 && (y[i] & 0x3ff) : x[i] == y[i]);
  }
  arena_free(a);
}
END_TEST

START_TEST(integers_wrap_and_casts_saturate) {
  static const char text[] =
      "compute f { axis i:6\n in x[6] : f32\n in n[6] : i32\n out a[6] : i32\n out b[6] : u8\n"
      " out c[6] : i32\n out d[6] : i32\n out e[6] : u8\n out g[6] : bool\n"
      " va[i] = cast(i32, x[i])\n vb[i] = cast(u8, x[i])\n vc[i] = n[i] * n[i] + n[i]\n"
      " vd[i] = n[i] / i32(7)\n ve[i] = cast(u8, n[i])\n vg[i] = cast(bool, x[i])\n"
      " store va[i] -> a[i]\n store vb[i] -> b[i]\n store vc[i] -> c[i]\n"
      " store vd[i] -> d[i]\n store ve[i] -> e[i]\n store vg[i] -> g[i] }";
  Arena *arena = arena_new();
  Kernel *k = kern_parse(arena, diag_source(arena, "casts", text, strlen(text)), KPLAN_RULES(NULL))->k[0];
  float x[6] = {1.9f, -1.9f, 3e9f, -3e9f, NAN, 0};
  int32_t n[6] = {7, -8, 65536, 2147483647, -300, 46341}, a[6], c[6], d[6];
  uint8_t b[6], e[6], g[6];
  kern_interp(k, (void *[]){x, n, a, b, c, d, e, g}, NULL, false);
  ck_assert_mem_eq(a, ((int32_t[]){1, -1, INT32_MAX, INT32_MIN, 0, 0}), sizeof a);
  ck_assert_mem_eq(b, ((uint8_t[]){1, 0, 255, 0, 0, 0}), sizeof b);
  ck_assert_mem_eq(d, ((int32_t[]){1, -1, 9362, 306783378, -42, 6620}), sizeof d);
  ck_assert_mem_eq(g, ((uint8_t[]){1, 1, 1, 1, 1, 0}), sizeof g);
  ck_assert_mem_eq(e, ((uint8_t[]){7, 0, 255, 255, 0, 255}), sizeof e);
  for (int i = 0; i < 6; i++)
    ck_assert_int_eq(c[i], (int32_t)((uint32_t)n[i] * (uint32_t)n[i] + (uint32_t)n[i]));
  arena_free(arena);
}
END_TEST

static double field(void *ctx, const char *name) {
  return !strcmp(name, "lr") ? *(double *)ctx : NAN;
}

START_TEST(step_block_and_random_streams) {
  KCase *c = open_case("compute f { axis i:3 j:4\n out y[3, 4] : f32\n"
                       " stream a = 0x8000000000000005\n stream b = 6\n"
                       " v[i, j] = step(lr) * random(a, 4*i + j) + random(b, 4*i + j)\n"
                       " store v[i, j] -> y[i, j] }");
  double lr = 0.25, want[12];
  c->env = (KStepEnv){.seed = 11, .step = 3, .micro = 2, .scalar = field, .ctx = &lr};
  for (uint32_t i = 0; i < 12; i++)
    want[i] = lr * (double)random_uniform(random_key(11, 0x8000000000000005u, 3, 2), i) +
              (double)random_uniform(random_key(11, 6, 3, 2), i);
  kcase_run(c, single);
  kcase_expect(c, "y", want, 1e-15);
  c->env.word = (uint64_t[]){6, 0x8000000000000005};
  for (uint32_t i = 0; i < 12; i++)
    want[i] = lr * (double)random_uniform(random_key(11, 6, 3, 2), i) +
              (double)random_uniform(random_key(11, 0x8000000000000005u, 3, 2), i);
  kcase_run(c, single);
  kcase_expect(c, "y", want, 1e-15);
  kcase_free(c);
}
END_TEST

/* All values are those of before any store. */
START_TEST(stores_come_last) {
  KCase *c = open_case("compute f { axis i:5\n inout m[5] : f32\n inout w[5] : f32\n"
                       " a[i] = m[i] * 0.5 + w[i]\n b[i] = w[i] - m[i]\n"
                       " store a[i] -> m[i]\n store b[i] -> w[i] }");
  double m[5], w[5];
  for (int i = 0; i < 5; i++) {
    m[i] = kcase_floats(c, "m")[i] * 0.5 + kcase_floats(c, "w")[i];
    w[i] = kcase_floats(c, "w")[i] - kcase_floats(c, "m")[i];
  }
  kcase_run(c, single);
  kcase_expect(c, "m", m, exact);
  kcase_expect(c, "w", w, exact);
  kcase_free(c);
}
END_TEST

/* Values used at other points than their own: shifted, transposed, through a quotient. */
START_TEST(values_at_other_points) {
  KCase *c = open_case("compute f { axis i:4 j:4 k:16\n in x[4, 4] : f32\n out y[16] : f32 strides [2]\n"
                       " u[i, j] = x[i, j] + index(f32, 10*i + j)\n v[i, j] = u[j, 3 - i] * 2\n"
                       " w[k] = v[k/4, k%4] - u[k%4, k/4]\n store w[k] -> y[k] }");
  double want[31] = {0};
  memcpy(want, kcase_floats(c, "y"), sizeof want); /* gaps stay as they are */
  for (int k = 0; k < 16; k++) {
    int i = k / 4, j = k % 4;
    double u = kcase_floats(c, "x")[j * 4 + 3 - i] + 10 * j + 3 - i;
    want[2 * k] = 2 * u - (kcase_floats(c, "x")[j * 4 + i] + 10 * j + i);
  }
  kcase_run(c, single);
  kcase_expect(c, "y", want, exact);
  kcase_free(c);
}
END_TEST

/* A value over too many points to keep is evaluated where it is used. */
START_TEST(large_domains_are_not_kept) {
  KCase *c = open_case("compute f { axis i:300 j:300 k:300 l:2\n in x[300] : f32\n out y[2] : f32\n"
                       " p[i, j, k, l] = x[i] * x[j] * x[k]\n"
                       " s[l] = sum(i: 298 .. 300, j: 297 .. 300, k: 299 .. 300) p[i, j, k, l]\n"
                       " store s[l] -> y[l] }");
  double s = 0, want[2];
  const double *x = kcase_floats(c, "x");
  for (int i = 298; i < 300; i++)
    for (int j = 297; j < 300; j++) s += x[i] * x[j] * x[299];
  want[0] = want[1] = s;
  kcase_run(c, single);
  kcase_expect(c, "y", want, exact);
  kcase_free(c);
}
END_TEST

SUITE("kern_interp") {
  tcase_add_test(t, padding_reads_only_inside);
  tcase_add_test_raise_signal(t, reads_outside_are_internal_faults, SIGABRT);
  tcase_add_test_raise_signal(t, indexed_reads_outside_are_internal_faults, SIGABRT);
  tcase_add_test_raise_signal(t, bounds_outside_are_internal_faults, SIGABRT);
  tcase_add_test(t, gathers_rows);
  tcase_add_test(t, bounds_limit_reductions);
  tcase_add_test(t, maxima_and_minima_keep_nan);
  tcase_add_test(t, rounds_after_every_operation);
  tcase_add_test(t, half_precision_memory);
  tcase_add_test(t, every_half_survives_memory);
  tcase_add_test(t, integers_wrap_and_casts_saturate);
  tcase_add_test(t, step_block_and_random_streams);
  tcase_add_test(t, stores_come_last);
  tcase_add_test(t, values_at_other_points);
  tcase_add_test(t, large_domains_are_not_kept);
}
