/* How element types look in CUDA C: in memory, in registers, and on the way between. */
#include <math.h>
#include <string.h>

#include "codegen/cuda/text/cuda_emit.h"

const char *cuda_memory_type(DType t) {
  static const char *const c[DT_COUNT] = {[DT_F32] = "float",
                                          [DT_BF16] = "unsigned short",
                                          [DT_F16] = "unsigned short",
                                          [DT_I32] = "int",
                                          [DT_U8] = "unsigned char",
                                          [DT_BOOL] = "unsigned char",
                                          [DT_U64] = "unsigned long long"};
  return c[t];
}

const char *cuda_register_type(DType t) {
  if (dtype_is_float(t)) return "float";
  if (t == DT_BOOL) return "bool";
  return t == DT_U64 ? "unsigned long long" : "int";
}

const char *cuda_load(CudaFn *f, DType t, const char *memory) {
  if (t == DT_BF16 || t == DT_F16) return arena_printf(f->a, "%s_to_f32(%s)", dtype_name(t), memory);
  if (t == DT_BOOL) return arena_printf(f->a, "(%s != 0)", memory);
  return memory;
}

const char *cuda_stored(CudaFn *f, DType t, const char *value) {
  if (t == DT_BF16 || t == DT_F16) return arena_printf(f->a, "f32_to_%s(%s)", dtype_name(t), value);
  if (t == DT_U8) return arena_printf(f->a, "(unsigned char)%s", value);
  return value;
}

const char *cuda_round(CudaFn *f, DType t, const char *value) {
  if (t == DT_BF16 || t == DT_F16) return arena_printf(f->a, "%s_round(%s)", dtype_name(t), value);
  return value;
}

/* Floats become integers by dropping the fraction; what does not fit becomes the nearest that does. */
static const char *to_whole(CudaFn *f, DType to, DType from, const char *value) {
  bool fits = from == DT_BOOL || from == DT_U8 || to == DT_U64;
  if (fits) return arena_printf(f->a, "(%s)%s", cuda_register_type(to), value);
  const char *source = dtype_is_float(from) ? "f32" : dtype_name(from);
  return arena_printf(f->a, "%s_to_%s(%s)", source, dtype_name(to), value);
}

const char *cuda_cast(CudaFn *f, DType to, DType from, const char *value) {
  if (to == from) return value;
  if (to == DT_BOOL) return arena_printf(f->a, "(%s != 0)", value);
  if (dtype_is_float(to)) {
    if (dtype_is_float(from)) return cuda_round(f, to, value);
    return cuda_round(f, to, arena_printf(f->a, "(float)%s", value));
  }
  return to_whole(f, to, from, value);
}

static const char *float_constant(CudaFn *f, float v) {
  if (isnan(v)) return "NOT_A_NUMBER";
  if (isinf(v)) return v > 0 ? "INFINITE" : "(-INFINITE)";
  const char *s = arena_printf(f->a, "%.9g", (double)v);
  const char *form = strpbrk(s, ".e") ? "%sf" : "%s.0f";
  return arena_printf(f->a, v < 0 ? "(%s)" : "%s", arena_printf(f->a, form, s));
}

const char *cuda_constant(CudaFn *f, DType t, double v) {
  if (dtype_is_float(t)) return float_constant(f, dtype_round(t, (float)v));
  if (t == DT_BOOL) return v != 0 ? "true" : "false";
  if (t == DT_U64) return arena_printf(f->a, "%lluull", (unsigned long long)v);
  return arena_printf(f->a, v < 0 ? "(%lld)" : "%lld", (long long)v);
}
