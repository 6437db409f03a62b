/* Operations on in-register values: one function an elementwise operation, cpu_##NAME, and the conversions
 * between element types, in registers and between registers and memory. Functions that a processor has no
 * instruction for are in cpu_math.c. Rounding to bf16 is done in integer arithmetic, the same on every
 * target: the hardware's instruction flushes denormals. */
#include "codegen/cpu/cpu_emit.h"
#include "codegen/cpu/value/cpu_math.h"

typedef LLVMValueRef V;

static bool is_float(V v) {
  LLVMTypeRef t = LLVMTypeOf(v);
  if (LLVMGetTypeKind(t) == LLVMVectorTypeKind) t = LLVMGetElementType(t);
  return LLVMGetTypeKind(t) == LLVMFloatTypeKind;
}

static V unary(CpuFn *f, const char *name, V x) {
  return cpu_call(f, name, LLVMTypeOf(x), &x, 1);
}

static V cpu_NEG(CpuFn *f, V x, V y, V z) {
  (void)y, (void)z;
  return is_float(x) ? LLVMBuildFNeg(f->b, x, "") : LLVMBuildNeg(f->b, x, "");
}

static V cpu_EXP(CpuFn *f, V x, V y, V z) {
  (void)y, (void)z;
  return cpu_math_exp(f, x);
}

static V cpu_LOG(CpuFn *f, V x, V y, V z) {
  (void)y, (void)z;
  return cpu_math_log(f, x);
}

static V cpu_SQRT(CpuFn *f, V x, V y, V z) {
  (void)y, (void)z;
  return unary(f, "llvm.sqrt", x);
}

static V cpu_RSQRT(CpuFn *f, V x, V y, V z) {
  (void)y, (void)z;
  return LLVMBuildFDiv(f->b, cpu_f32(f, x, 1), unary(f, "llvm.sqrt", x), "");
}

static V cpu_ERF(CpuFn *f, V x, V y, V z) {
  (void)y, (void)z;
  return cpu_math_erf(f, x);
}

static V cpu_TANH(CpuFn *f, V x, V y, V z) {
  (void)y, (void)z;
  return cpu_math_tanh(f, x);
}

static V cpu_SIN(CpuFn *f, V x, V y, V z) {
  (void)y, (void)z;
  return cpu_math_sin(f, x);
}

static V cpu_COS(CpuFn *f, V x, V y, V z) {
  (void)y, (void)z;
  return cpu_math_cos(f, x);
}

static V cpu_ABS(CpuFn *f, V x, V y, V z) {
  (void)y, (void)z;
  if (is_float(x)) return unary(f, "llvm.fabs", x);
  V negative = LLVMBuildICmp(f->b, LLVMIntSLT, x, LLVMConstNull(LLVMTypeOf(x)), "");
  return LLVMBuildSelect(f->b, negative, LLVMBuildNeg(f->b, x, ""), x, "");
}

static V cpu_FLOOR(CpuFn *f, V x, V y, V z) {
  (void)y, (void)z;
  return unary(f, "llvm.floor", x);
}

static V cpu_ISFINITE(CpuFn *f, V x, V y, V z) {
  (void)y, (void)z;
  return LLVMBuildFCmp(f->b, LLVMRealOLT, unary(f, "llvm.fabs", x), cpu_f32(f, x, 1.0 / 0.0), "");
}

static V cpu_NOT(CpuFn *f, V x, V y, V z) {
  (void)y, (void)z;
  return LLVMBuildNot(f->b, x, "");
}

static V cpu_ADD(CpuFn *f, V x, V y, V z) {
  (void)z;
  return is_float(x) ? LLVMBuildFAdd(f->b, x, y, "") : LLVMBuildAdd(f->b, x, y, "");
}

static V cpu_SUB(CpuFn *f, V x, V y, V z) {
  (void)z;
  return is_float(x) ? LLVMBuildFSub(f->b, x, y, "") : LLVMBuildSub(f->b, x, y, "");
}

static V cpu_MUL(CpuFn *f, V x, V y, V z) {
  (void)z;
  return is_float(x) ? LLVMBuildFMul(f->b, x, y, "") : LLVMBuildMul(f->b, x, y, "");
}

/* Integers divide as floating-point numbers do and truncate, so that nothing traps: 0 when dividing by zero,
 * and what overflows wraps. */
static V cpu_DIV(CpuFn *f, V x, V y, V z) {
  (void)z;
  if (is_float(x)) return LLVMBuildFDiv(f->b, x, y, "");
  LLVMTypeRef t = cpu_like(LLVMDoubleTypeInContext(f->cx), x);
  LLVMTypeRef wide = cpu_like(LLVMInt64TypeInContext(f->cx), x);
  V q = LLVMBuildFDiv(f->b, LLVMBuildSIToFP(f->b, x, t, ""), LLVMBuildSIToFP(f->b, y, t, ""), "");
  q = LLVMBuildTrunc(f->b, cpu_truncate(f, wide, q, true), LLVMTypeOf(x), "");
  V zero = LLVMConstNull(LLVMTypeOf(x));
  return LLVMBuildSelect(f->b, LLVMBuildICmp(f->b, LLVMIntEQ, y, zero, ""), zero, q, "");
}

/* x if x > y or x is NaN, else y: one of the two instructions' orders is exactly this but for x NaN. */
static V extreme(CpuFn *f, V x, V y, bool max) {
  if (!is_float(x)) {
    V better = LLVMBuildICmp(f->b, max ? LLVMIntSGT : LLVMIntSLT, x, y, "");
    return LLVMBuildSelect(f->b, better, x, y, "");
  }
  V better = LLVMBuildFCmp(f->b, max ? LLVMRealOGT : LLVMRealOLT, x, y, "");
  V r = LLVMBuildSelect(f->b, better, x, y, "");
  return LLVMBuildSelect(f->b, LLVMBuildFCmp(f->b, LLVMRealUNO, x, x, ""), x, r, "");
}

static V cpu_MAX(CpuFn *f, V x, V y, V z) {
  (void)z;
  return extreme(f, x, y, true);
}

static V cpu_MIN(CpuFn *f, V x, V y, V z) {
  (void)z;
  return extreme(f, x, y, false);
}

static V cpu_LT(CpuFn *f, V x, V y, V z) {
  (void)z;
  return is_float(x) ? LLVMBuildFCmp(f->b, LLVMRealOLT, x, y, "") : LLVMBuildICmp(f->b, LLVMIntSLT, x, y, "");
}

static V cpu_LE(CpuFn *f, V x, V y, V z) {
  (void)z;
  return is_float(x) ? LLVMBuildFCmp(f->b, LLVMRealOLE, x, y, "") : LLVMBuildICmp(f->b, LLVMIntSLE, x, y, "");
}

static V cpu_EQ(CpuFn *f, V x, V y, V z) {
  (void)z;
  return is_float(x) ? LLVMBuildFCmp(f->b, LLVMRealOEQ, x, y, "") : LLVMBuildICmp(f->b, LLVMIntEQ, x, y, "");
}

static V cpu_AND(CpuFn *f, V x, V y, V z) {
  (void)z;
  return LLVMBuildAnd(f->b, x, y, "");
}

static V cpu_OR(CpuFn *f, V x, V y, V z) {
  (void)z;
  return LLVMBuildOr(f->b, x, y, "");
}

static V cpu_SELECT(CpuFn *f, V x, V y, V z) {
  return LLVMBuildSelect(f->b, x, y, z, "");
}

LLVMValueRef cpu_elt(CpuFn *f, EltOp op, LLVMValueRef x, LLVMValueRef y, LLVMValueRef z) {
  switch (op) {
#define ELT(N, ...)                                                                                          \
  case E_##N: return cpu_##N(f, x, y, z);
#include "ir/eltwise.def"
#undef ELT
  case ELT_COUNT: break;
  }
  ice("kernel %s: no such operation: %d", f->k->name, (int)op);
}

static LLVMTypeRef i32_like(CpuFn *f, LLVMValueRef v) {
  return cpu_like(LLVMInt32TypeInContext(f->cx), v);
}

static LLVMTypeRef f32_like(CpuFn *f, LLVMValueRef v) {
  return cpu_like(LLVMFloatTypeInContext(f->cx), v);
}

LLVMValueRef cpu_widen(CpuFn *f, DType t, LLVMValueRef raw) {
  if (t == DT_BOOL) return LLVMBuildICmp(f->b, LLVMIntNE, raw, LLVMConstNull(LLVMTypeOf(raw)), "");
  if (t == DT_F16) return LLVMBuildFPExt(f->b, raw, f32_like(f, raw), "");
  if (t != DT_BF16) return raw;
  LLVMValueRef u = LLVMBuildZExt(f->b, raw, i32_like(f, raw), "");
  return LLVMBuildBitCast(f->b, LLVMBuildShl(f->b, u, cpu_i32(f, u, 16), ""), f32_like(f, raw), "");
}

/* The bits of v rounded to 8 significant bits, ties to even, in the upper half; NaN and infinity as they are.
 */
static LLVMValueRef bf16_bits(CpuFn *f, LLVMValueRef v) {
  LLVMValueRef u = LLVMBuildBitCast(f->b, v, i32_like(f, v), "");
  LLVMValueRef odd = LLVMBuildAnd(f->b, LLVMBuildLShr(f->b, u, cpu_i32(f, u, 16), ""), cpu_i32(f, u, 1), "");
  LLVMValueRef up = LLVMBuildAdd(f->b, LLVMBuildAdd(f->b, u, odd, ""), cpu_i32(f, u, 0x7fff), "");
  LLVMValueRef nan = LLVMBuildFCmp(f->b, LLVMRealUNO, v, v, "");
  LLVMValueRef quiet = LLVMBuildOr(f->b, u, cpu_i32(f, u, 0x400000), "");
  return LLVMBuildSelect(f->b, nan, quiet, up, "");
}

LLVMValueRef cpu_narrow(CpuFn *f, DType t, LLVMValueRef v) {
  if (t == DT_BOOL) return LLVMBuildZExt(f->b, v, cpu_like(cpu_type(f, t), v), "");
  if (t == DT_F16) return LLVMBuildFPTrunc(f->b, v, cpu_like(cpu_type(f, t), v), "");
  if (t != DT_BF16) return v;
  LLVMValueRef u = bf16_bits(f, v);
  u = LLVMBuildLShr(f->b, u, cpu_i32(f, u, 16), "");
  return LLVMBuildTrunc(f->b, u, cpu_like(cpu_type(f, t), v), "");
}

LLVMValueRef cpu_round(CpuFn *f, DType t, LLVMValueRef v) {
  if (t == DT_F16) return cpu_widen(f, t, cpu_narrow(f, t, v));
  if (t != DT_BF16) return v;
  LLVMValueRef u = bf16_bits(f, v);
  u = LLVMBuildAnd(f->b, u, cpu_i32(f, u, (int64_t)0xffff0000), "");
  return LLVMBuildBitCast(f->b, u, f32_like(f, v), "");
}

LLVMValueRef cpu_truncate(CpuFn *f, LLVMTypeRef t, LLVMValueRef v, bool is_signed) {
  static const char name[] = "llvm.fptosi.sat", unsigned_name[] = "llvm.fptoui.sat";
  LLVMTypeRef over[2] = {t, LLVMTypeOf(v)};
  unsigned id = LLVMLookupIntrinsicID(is_signed ? name : unsigned_name, sizeof name - 1);
  LLVMValueRef fn = LLVMGetIntrinsicDeclaration(f->mod, id, over, 2);
  return LLVMBuildCall2(f->b, LLVMIntrinsicGetType(f->cx, id, over, 2), fn, &v, 1, "");
}

static LLVMValueRef to_bool(CpuFn *f, DType from, LLVMValueRef v) {
  LLVMValueRef zero = LLVMConstNull(LLVMTypeOf(v));
  if (dtype_is_float(from)) return LLVMBuildFCmp(f->b, LLVMRealUNE, v, zero, "");
  return LLVMBuildICmp(f->b, LLVMIntNE, v, zero, "");
}

/* An integer that does not fit a narrower type becomes the nearest that does. */
static LLVMValueRef saturate(CpuFn *f, DType from, DType to, LLVMValueRef v) {
  LLVMTypeRef t = LLVMTypeOf(v);
  LLVMTypeRef scalar = from == DT_U64 ? LLVMInt64TypeInContext(f->cx) : LLVMInt32TypeInContext(f->cx);
  LLVMValueRef zero = LLVMConstNull(t), most = LLVMConstInt(scalar, to == DT_U8 ? UINT8_MAX : INT32_MAX, 0);
  if (from == DT_I32) v = cpu_call(f, "llvm.smax", t, (LLVMValueRef[]){v, zero}, 2);
  return cpu_call(f, "llvm.umin", t, (LLVMValueRef[]){v, cpu_splat(f, most, cpu_width(v))}, 2);
}

LLVMValueRef cpu_cast(CpuFn *f, DType from, DType to, LLVMValueRef v) {
  if (from == to) return v;
  if (to == DT_BOOL) return to_bool(f, from, v);
  if (dtype_is_float(from))
    return dtype_is_float(to) ? cpu_round(f, to, v)
                              : cpu_truncate(f, cpu_like(cpu_type(f, to), v), v, to == DT_I32);
  if (dtype_is_float(to)) {
    v = from == DT_I32 ? LLVMBuildSIToFP(f->b, v, f32_like(f, v), "")
                       : LLVMBuildUIToFP(f->b, v, f32_like(f, v), "");
    return cpu_round(f, to, v);
  }
  LLVMTypeRef t = cpu_like(cpu_type(f, to), v);
  int bits = from == DT_BOOL ? 1 : 8 * dtype_size(from);
  if (8 * dtype_size(to) < bits) return LLVMBuildTrunc(f->b, saturate(f, from, to, v), t, "");
  return from == DT_I32 ? LLVMBuildSExt(f->b, v, t, "") : LLVMBuildZExt(f->b, v, t, "");
}
