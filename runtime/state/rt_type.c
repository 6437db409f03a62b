#include "runtime/state/rt_type.h"

#include <math.h>
#include <string.h>

static const struct {
  const char *name;
  uint64_t size;
} row[RT_TYPE_COUNT] = {
#define X(name, text, bytes) {#name, bytes},
    RT_TYPES(X)
#undef X
};

const char *rt_type_name(uint32_t t) {
  return t < RT_TYPE_COUNT ? row[t].name : "?";
}

uint64_t rt_type_size(uint32_t t) {
  return t < RT_TYPE_COUNT ? row[t].size : 0;
}

RtType rt_type_parse(const char *name) {
  int t = 0;
  while (t < RT_TYPE_COUNT && strcmp(row[t].name, name) != 0) t++;
  return (RtType)t;
}

bool rt_type_is_float(uint32_t t) {
  return t == RT_F32 || t == RT_BF16 || t == RT_F16 || t == RT_F64;
}

double rt_type_get(uint32_t t, const void *p, uint64_t i) {
  switch (t) {
  case RT_F32: return ((const float *)p)[i];
  case RT_BF16: return element_bf16_get(((const uint16_t *)p)[i]);
  case RT_F16: return element_f16_get(((const uint16_t *)p)[i]);
  case RT_I32: return ((const int32_t *)p)[i];
  case RT_U8: return ((const uint8_t *)p)[i];
  case RT_BOOL: return ((const uint8_t *)p)[i] != 0;
  case RT_U64: return (double)((const uint64_t *)p)[i];
  case RT_F64: return ((const double *)p)[i];
  case RT_I64: return (double)((const int64_t *)p)[i];
  case RT_U32: return ((const uint32_t *)p)[i];
  case RT_I16: return ((const int16_t *)p)[i];
  case RT_U16: return ((const uint16_t *)p)[i];
  case RT_I8: return ((const int8_t *)p)[i];
  default: return NAN;
  }
}

static bool same(double a, double b) {
  return a == b || (isnan(a) && isnan(b));
}

/* `v` when it is an integer in [lo, hi], else 0. */
static double integer(double v, double lo, double hi) {
  return v >= lo && v <= hi ? rint(v) : 0;
}

bool rt_type_set(uint32_t t, void *p, uint64_t i, double v) {
  switch (t) {
  case RT_F32: ((float *)p)[i] = (float)v; break;
  case RT_BF16: ((uint16_t *)p)[i] = element_bf16_bits(v); break;
  case RT_F16: ((uint16_t *)p)[i] = element_f16_bits(v); break;
  case RT_I32: ((int32_t *)p)[i] = (int32_t)integer(v, INT32_MIN, INT32_MAX); break;
  case RT_U8: ((uint8_t *)p)[i] = (uint8_t)integer(v, 0, 255); break;
  case RT_BOOL: ((uint8_t *)p)[i] = (uint8_t)integer(v, 0, 1); break;
  case RT_U64: ((uint64_t *)p)[i] = (uint64_t)integer(v, 0, 0x1p63); break;
  case RT_F64: ((double *)p)[i] = v; break;
  default: return false;
  }
  return same(rt_type_get(t, p, i), v);
}

/* Whether element i is an integer that f64 may not hold. */
static bool beyond_f64(uint32_t t, const void *p, uint64_t i) {
  return (t == RT_I64 || t == RT_U64) && fabs(rt_type_get(t, p, i)) >= 0x1p53;
}

uint64_t rt_type_convert(uint32_t to_type, void *to, uint32_t from_type, const void *from, uint64_t n) {
  if (to_type == from_type) {
    memcpy(to, from, n * rt_type_size(to_type));
    return 0;
  }
  uint64_t inexact = 0;
  for (uint64_t i = 0; i < n; i++) {
    bool exact = rt_type_set(to_type, to, i, rt_type_get(from_type, from, i));
    inexact += !exact || beyond_f64(from_type, from, i);
  }
  return inexact;
}

/* Whether any of n words has all the bits of `exponent` set: a loop that vectorises. */
static bool any_special32(const uint32_t *p, uint64_t n, uint32_t exponent) {
  uint32_t any = 0;
  for (uint64_t i = 0; i < n; i++) any |= (p[i] & exponent) == exponent;
  return any;
}

int64_t rt_type_not_finite(uint32_t t, const void *p, uint64_t n) {
  enum { BLOCK = 4096 };
  if (!rt_type_is_float(t)) return -1;
  for (uint64_t i = 0; i < n; i++) {
    if (t == RT_F32 && i % BLOCK == 0) { /* whole blocks of finite values are passed over */
      while (n - i >= BLOCK && !any_special32((const uint32_t *)p + i, BLOCK, 0x7f800000)) i += BLOCK;
      if (i == n) break;
    }
    if (!isfinite(rt_type_get(t, p, i))) return (int64_t)i;
  }
  return -1;
}
