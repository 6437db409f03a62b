/* Element types and shapes. */
#include "ir/type.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const struct {
  const char *name;
  int size;
} rows[DT_COUNT] = {
#define X(name, text, bytes) [DT_##name] = {text, bytes},
    ELEMENT_TYPES(X)
#undef X
};

static const int64_t most_elements = (int64_t)1 << 40;

const char *dtype_name(DType t) {
  return rows[t].name;
}

int dtype_size(DType t) {
  return rows[t].size;
}

bool dtype_is_float(DType t) {
  return t == DT_F32 || t == DT_BF16 || t == DT_F16;
}

DType dtype_parse(const char *s, int len) {
  for (int t = 0; t < DT_COUNT; t++)
    if ((int)strlen(rows[t].name) == len && !memcmp(rows[t].name, s, (size_t)len)) return (DType)t;
  return DT_COUNT;
}

int64_t shape_count(const Shape *s) {
  int64_t n = 1;
  for (int i = 0; i < s->rank; i++) {
    if (s->dim[i] <= 0 || s->dim[i] > most_elements / n) return -1;
    n *= s->dim[i];
  }
  return n;
}

bool shape_same(const Shape *a, const Shape *b) {
  if (a->rank != b->rank) return false;
  for (int i = 0; i < a->rank; i++)
    if (a->dim[i] != b->dim[i]) return false;
  return true;
}

Shape shape_of(int rank, const int64_t *dims) {
  Shape s = {.rank = rank};
  for (int i = 0; i < rank; i++) s.dim[i] = dims[i];
  return s;
}

const char *shape_text(const Shape *s, char *buf, int size) {
  int at = snprintf(buf, (size_t)size, "[");
  for (int i = 0; i < s->rank && at < size; i++)
    at += snprintf(buf + at, (size_t)(size - at), "%s%lld", i ? ", " : "", (long long)s->dim[i]);
  if (at < size) snprintf(buf + at, (size_t)(size - at), "]");
  return buf;
}

static float round_bits(float v, int drop) {
  uint32_t u;
  memcpy(&u, &v, sizeof u);
  if ((u & 0x7f800000u) == 0x7f800000u) return v;
  uint32_t half = 1u << (drop - 1), odd = (u >> drop) & 1u;
  u = (u + half - 1u + odd) >> drop << drop;
  memcpy(&v, &u, sizeof v);
  return v;
}

/* Half precision: 10 bits of mantissa from 2^-14 on, steps of 2^-24 below; from 65520 on infinity. */
static float round_f16(float v) {
  float size = fabsf(v);
  if (size < 0x1p-14f) {
    float steps = (size + 0x1p-1f) - 0x1p-1f; /* the sum's last bit is 2^-24 and it rounds to even */
    return copysignf(steps, v);
  }
  float r = round_bits(v, 13);
  return fabsf(r) > 65504.0f ? copysignf(INFINITY, v) : r;
}

float dtype_round(DType t, float v) {
  if (t == DT_BF16) return round_bits(v, 16);
  if (t == DT_F16) return round_f16(v);
  return v;
}
