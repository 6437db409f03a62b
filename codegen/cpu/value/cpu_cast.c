/* Conversions between element types, in registers and between registers and memory. Rounding to bf16 is done
 * in integer arithmetic, the same on every target: the hardware's instruction flushes denormals. */
#include "codegen/cpu/cpu_emit.h"

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
static LLVMValueRef hold(CpuFn *f, DType from, DType to, LLVMValueRef v) {
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
  if (8 * dtype_size(to) < bits) return LLVMBuildTrunc(f->b, hold(f, from, to, v), t, "");
  return from == DT_I32 ? LLVMBuildSExt(f->b, v, t, "") : LLVMBuildZExt(f->b, v, t, "");
}
