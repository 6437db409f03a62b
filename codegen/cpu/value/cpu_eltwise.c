/* One function an elementwise operation: cpu_##NAME over in-register values. Functions that a processor has
 * no instruction for are in cpu_math.c. */
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
#define ELT(N, text, arity, result, prec, formula, cuda)                                                     \
  case E_##N: return cpu_##N(f, x, y, z);
#include "ir/eltwise.def"
#undef ELT
  case ELT_COUNT: break;
  }
  ice("kernel %s: no such operation: %d", f->k->name, (int)op);
}
