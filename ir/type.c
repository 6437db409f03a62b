/* Element types and shapes. */
#include "ir/type.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/diag.h"

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

float dtype_round(DType t, float v) {
  if (t == DT_BF16) return element_bf16_get(element_bf16_bits((double)v));
  if (t == DT_F16) return element_f16_get(element_f16_bits((double)v));
  return v;
}

double dtype_get(DType t, const void *p, int64_t i) {
  switch (t) {
  case DT_F32: return (double)((const float *)p)[i];
  case DT_BF16: return (double)element_bf16_get(((const uint16_t *)p)[i]);
  case DT_F16: return (double)element_f16_get(((const uint16_t *)p)[i]);
  case DT_I32: return ((const int32_t *)p)[i];
  case DT_U8: return ((const uint8_t *)p)[i];
  case DT_BOOL: return ((const uint8_t *)p)[i] != 0;
  case DT_U64: return (double)((const uint64_t *)p)[i];
  case DT_COUNT: break;
  }
  ice("an element of type %d", (int)t);
}

void dtype_set(DType t, void *p, int64_t i, double v) {
  switch (t) {
  case DT_F32: ((float *)p)[i] = (float)v; return;
  case DT_BF16: ((uint16_t *)p)[i] = element_bf16_bits(v); return;
  case DT_F16: ((uint16_t *)p)[i] = element_f16_bits(v); return;
  case DT_I32: ((int32_t *)p)[i] = (int32_t)v; return;
  case DT_U8: ((uint8_t *)p)[i] = (uint8_t)v; return;
  case DT_BOOL: ((uint8_t *)p)[i] = v != 0; return;
  case DT_U64: ((uint64_t *)p)[i] = (uint64_t)v; return;
  case DT_COUNT: break;
  }
  ice("an element of type %d", (int)t);
}
