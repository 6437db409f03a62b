/* The kernel interpreter's element types: memory, rounding, conversion. */
#include <math.h>
#include <string.h>

#include "ir/kernel/kern_run.h"

static float from_bf16(uint16_t bits) {
  uint32_t u = (uint32_t)bits << 16;
  float v;
  memcpy(&v, &u, sizeof v);
  return v;
}

static uint16_t to_bf16(float v) {
  uint32_t u;
  v = dtype_round(DT_BF16, v);
  memcpy(&u, &v, sizeof u);
  return (uint16_t)(u >> 16) | (isnan(v) ? 0x40 : 0);
}

static float from_f16(uint16_t bits) {
  int exponent = bits >> 10 & 31, mantissa = bits & 1023;
  float v = exponent == 0    ? ldexpf((float)mantissa, -24)
            : exponent == 31 ? (mantissa ? NAN : INFINITY)
                             : ldexpf((float)(mantissa | 1024), exponent - 25);
  return bits & 0x8000 ? -v : v;
}

static uint16_t to_f16(float v) {
  uint16_t sign = signbit(v) ? 0x8000 : 0;
  float size = fabsf(dtype_round(DT_F16, v));
  if (isnan(v)) return sign | 0x7e00;
  if (isinf(size)) return sign | 0x7c00;
  if (size < 0x1p-14f) return sign | (uint16_t)ldexpf(size, 24);
  int exponent;
  float mantissa = frexpf(size, &exponent); /* in 0.5 .. 1 */
  return sign | (uint16_t)((exponent + 14) * 1024 + (int)(mantissa * 2048 - 1024));
}

double krun_load(DType t, bool f64, const void *memory, int64_t at) {
  if (f64 && dtype_is_float(t)) return ((const double *)memory)[at];
  switch (t) {
  case DT_F32: return ((const float *)memory)[at];
  case DT_BF16: return from_bf16(((const uint16_t *)memory)[at]);
  case DT_F16: return from_f16(((const uint16_t *)memory)[at]);
  case DT_I32: return ((const int32_t *)memory)[at];
  case DT_U8: return ((const uint8_t *)memory)[at];
  case DT_BOOL: return ((const uint8_t *)memory)[at] != 0;
  case DT_U64: return (double)((const uint64_t *)memory)[at];
  case DT_COUNT: break;
  }
  ice("interpreter: load of type %d", (int)t);
}

void krun_store(DType t, bool f64, void *memory, int64_t at, double v) {
  if (f64 && dtype_is_float(t)) {
    ((double *)memory)[at] = v;
    return;
  }
  switch (t) {
  case DT_F32: ((float *)memory)[at] = (float)v; return;
  case DT_BF16: ((uint16_t *)memory)[at] = to_bf16((float)v); return;
  case DT_F16: ((uint16_t *)memory)[at] = to_f16((float)v); return;
  case DT_I32: ((int32_t *)memory)[at] = (int32_t)v; return;
  case DT_U8: ((uint8_t *)memory)[at] = (uint8_t)v; return;
  case DT_BOOL: ((uint8_t *)memory)[at] = v != 0; return;
  case DT_U64: ((uint64_t *)memory)[at] = (uint64_t)v; return;
  case DT_COUNT: break;
  }
  ice("interpreter: store of type %d", (int)t);
}

double krun_round(DType t, bool f64, double v) {
  if (f64 || !dtype_is_float(t)) return v;
  return t == DT_F32 ? (float)v : dtype_round(t, (float)v);
}

static double saturate(double v, double lo, double hi) {
  if (isnan(v)) return 0;
  v = trunc(v);
  return v < lo ? lo : v > hi ? hi : v;
}

/* The low 32 bits as a signed number. */
static double wrap(int64_t v) {
  return (int32_t)(uint32_t)(uint64_t)v;
}

double krun_cast(DType to, bool f64, double v) {
  if (dtype_is_float(to)) return krun_round(to, f64, v);
  if (to == DT_BOOL) return v != 0;
  return to == DT_U8 ? saturate(v, 0, UINT8_MAX) : saturate(v, INT32_MIN, INT32_MAX);
}

static double integer_elt(EltOp op, const double *arg) {
  int64_t a = (int64_t)arg[0], b = (int64_t)arg[1];
  if (op == E_ADD) return wrap(a + b);
  if (op == E_SUB) return wrap(a - b);
  if (op == E_MUL) return wrap(a * b);
  if (op == E_DIV) return b ? wrap(a / b) : 0;
  return wrap((int64_t)elt_eval(op, arg[0], arg[1], arg[2]));
}

double krun_elt(EltOp op, DType t, const double *arg) {
  if (op == E_ADD && t == DT_F32) return arg[0] + arg[1];
  if (op == E_MUL && t == DT_F32) return arg[0] * arg[1];
  if (t == DT_I32 && !elt_rows[op].is_bool && op != E_SELECT) return integer_elt(op, arg);
  return elt_eval(op, arg[0], arg[1], arg[2]);
}
