/* Element types against the compiler's own arithmetic; the hash against published vectors. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/rt_base.h"
#include "runtime/state/rt_hash.h"
#include "runtime/state/rt_type.h"
#include "tests/suite.h"

__extension__ typedef _Float16 Half;

static uint64_t state = 88172645463325252u;

static uint64_t draw(void) {
  state ^= state << 13;
  state ^= state >> 7;
  return state ^= state << 17;
}

static double draw_double(int span) {
  return ldexp((double)(int64_t)draw(), (int)(draw() % (unsigned)(2 * span)) - span - 63);
}

START_TEST(half_precision) {
  for (uint32_t i = 0; i < 65536; i++) {
    uint16_t bits = (uint16_t)i, back;
    Half h;
    memcpy(&h, &bits, 2);
    double v = rt_type_get(RT_F16, &bits, 0);
    ck_assert(v == (double)h || (isnan(v) && isnan((double)h)));
    ck_assert(rt_type_set(RT_F16, &back, 0, v));
    ck_assert(back == bits || isnan(v));
  }
  for (int i = 0; i < 200000; i++) {
    double v = draw_double(30);
    Half h = (Half)v;
    uint16_t want, got;
    memcpy(&want, &h, 2);
    rt_type_set(RT_F16, &got, 0, v);
    ck_assert_msg(want == got, "%a: %04x, expected %04x", v, got, want);
  }
}
END_TEST

/* The two neighbours of v among bf16 values, by searching: nearest, then even. */
static uint16_t nearest_bf16(double v) {
  float f = (float)v;
  uint32_t u;
  memcpy(&u, &f, 4);
  uint16_t best = 0;
  double least = INFINITY;
  for (int d = -1; d <= 1; d++) {
    uint32_t candidate = ((u >> 16) + (uint32_t)d) << 16;
    float c;
    memcpy(&c, &candidate, 4);
    double off = fabs((double)c - v);
    uint16_t bits = (uint16_t)(candidate >> 16);
    if (off < least || (off == least && bits % 2 == 0)) {
      least = off;
      best = bits;
    }
  }
  return best;
}

START_TEST(brain_float) {
  for (int i = 0; i < 200000; i++) {
    double v = draw_double(60);
    if (i % 4 == 0) v = (double)(float)v;
    uint16_t got;
    rt_type_set(RT_BF16, &got, 0, v);
    if (v != 0) ck_assert_msg(got == nearest_bf16(v), "%a: %04x, expected %04x", v, got, nearest_bf16(v));
  }
  uint16_t tie = 0x3f80; /* 1 + 2^-8 lies between 0x3f80 and 0x3f81 */
  ck_assert(!rt_type_set(RT_BF16, &tie, 0, 1.00390625));
  ck_assert_uint_eq(tie, 0x3f80);
}
END_TEST

START_TEST(integers) {
  int64_t from[] = {0, 255, 256, -1, (1LL << 53) + 1};
  uint8_t u8[5];
  ck_assert_uint_eq(rt_type_convert(RT_U8, u8, RT_I64, from, 5), 3);
  ck_assert_uint_eq(u8[1], 255);
  ck_assert_uint_eq(u8[2], 0);
  double f64[5];
  ck_assert_uint_eq(rt_type_convert(RT_F64, f64, RT_I64, from, 5), 1);
  float half = 0.5f;
  int32_t i32;
  ck_assert_uint_eq(rt_type_convert(RT_I32, &i32, RT_F32, &half, 1), 1);
  double tenth = 0.1;
  float f32;
  ck_assert_uint_eq(rt_type_convert(RT_F32, &f32, RT_F64, &tenth, 1), 1);
  ck_assert(f32 == 0.1f);
}
END_TEST

START_TEST(not_finite) {
  for (int round = 0; round < 200; round++) {
    uint64_t n = draw() % 20000 + 1, at = draw() % n;
    float *v = RT_NEW(n, float);
    for (uint64_t i = 0; i < n; i++) v[i] = (float)draw_double(100);
    ck_assert_int_eq(rt_type_not_finite(RT_F32, v, n), -1);
    v[at] = round % 2 ? NAN : -INFINITY;
    ck_assert_int_eq(rt_type_not_finite(RT_F32, v, n), (int64_t)at);
    free(v);
  }
  uint16_t bf16[] = {0x3f80, 0x7f80};
  ck_assert_int_eq(rt_type_not_finite(RT_BF16, bf16, 2), 1);
}
END_TEST

START_TEST(hash) {
  ck_assert(rt_hash("", 0) == 0xef46db3751d8e999u);
  ck_assert(rt_hash("a", 1) == 0xd24ec4f1a98c6e5bu);
  ck_assert(rt_hash("abc", 3) == 0x44bc2cf5ad770999u);
  ck_assert(rt_hash("Nobody inspects the spammish repetition", 39) == 0xfbcea83c8a378bf1u);
}
END_TEST

SUITE("rt_type") {
  tcase_add_test(t, half_precision);
  tcase_add_test(t, brain_float);
  tcase_add_test(t, integers);
  tcase_add_test(t, not_finite);
  tcase_add_test(t, hash);
}
