/* Types, constants, loops and the few instruction patterns that every part of the CPU emitter uses. */
#include <string.h>

#include "codegen/cpu/cpu_emit.h"

LLVMTypeRef cpu_type(const CpuFn *f, DType t) {
  switch (t) {
  case DT_F32: return LLVMFloatTypeInContext(f->cx);
  case DT_BF16: return LLVMInt16TypeInContext(f->cx);
  case DT_F16: return LLVMHalfTypeInContext(f->cx);
  case DT_I32: return LLVMInt32TypeInContext(f->cx);
  case DT_U8:
  case DT_BOOL: return LLVMInt8TypeInContext(f->cx);
  case DT_U64: return LLVMInt64TypeInContext(f->cx);
  case DT_COUNT: break;
  }
  ice("no such element type: %d", (int)t);
}

LLVMTypeRef cpu_vec(const CpuFn *f, DType t, int lanes) {
  LLVMTypeRef e = dtype_is_float(t) ? LLVMFloatTypeInContext(f->cx)
                  : t == DT_BOOL    ? LLVMInt1TypeInContext(f->cx)
                                    : cpu_type(f, t);
  return lanes == 1 ? e : LLVMVectorType(e, (unsigned)lanes);
}

LLVMValueRef cpu_i64(const CpuFn *f, int64_t v) {
  return LLVMConstInt(LLVMInt64TypeInContext(f->cx), (unsigned long long)v, true);
}

int cpu_width(LLVMValueRef v) {
  LLVMTypeRef t = LLVMTypeOf(v);
  return LLVMGetTypeKind(t) == LLVMVectorTypeKind ? (int)LLVMGetVectorSize(t) : 1;
}

LLVMTypeRef cpu_like(LLVMTypeRef t, LLVMValueRef v) {
  int n = cpu_width(v);
  return n == 1 ? t : LLVMVectorType(t, (unsigned)n);
}

static LLVMValueRef splat_const(LLVMValueRef c, int lanes) {
  LLVMValueRef all[64];
  if (lanes > 64) ice("vector of %d lanes", lanes);
  for (int i = 0; i < lanes; i++) all[i] = c;
  return LLVMConstVector(all, (unsigned)lanes);
}

LLVMValueRef cpu_splat(CpuFn *f, LLVMValueRef scalar, int lanes) {
  if (lanes == 1) return scalar;
  if (LLVMIsConstant(scalar)) return splat_const(scalar, lanes);
  LLVMTypeRef i32 = LLVMInt32TypeInContext(f->cx);
  LLVMValueRef none = LLVMGetPoison(LLVMVectorType(LLVMTypeOf(scalar), (unsigned)lanes));
  LLVMValueRef one = LLVMBuildInsertElement(f->b, none, scalar, LLVMConstInt(i32, 0, false), "");
  return LLVMBuildShuffleVector(f->b, one, none, LLVMConstNull(LLVMVectorType(i32, (unsigned)lanes)), "");
}

LLVMValueRef cpu_fill(CpuFn *f, LLVMValueRef v) {
  return cpu_width(v) == f->lanes ? v : cpu_splat(f, v, f->lanes);
}

static LLVMValueRef shaped(LLVMValueRef c, LLVMValueRef like) {
  int n = cpu_width(like);
  return n == 1 ? c : splat_const(c, n);
}

LLVMValueRef cpu_f32(CpuFn *f, LLVMValueRef v, double c) {
  return shaped(LLVMConstReal(LLVMFloatTypeInContext(f->cx), c), v);
}

LLVMValueRef cpu_i32(CpuFn *f, LLVMValueRef v, int64_t c) {
  return shaped(LLVMConstInt(LLVMInt32TypeInContext(f->cx), (unsigned long long)c, true), v);
}

LLVMValueRef cpu_call(CpuFn *f, const char *name, LLVMTypeRef t, LLVMValueRef *arg, int narg) {
  unsigned id = LLVMLookupIntrinsicID(name, strlen(name));
  if (!id) ice("LLVM has no intrinsic %s", name);
  size_t n = t ? 1 : 0;
  LLVMValueRef fn = LLVMGetIntrinsicDeclaration(f->mod, id, &t, n);
  return LLVMBuildCall2(f->b, LLVMIntrinsicGetType(f->cx, id, &t, n), fn, arg, (unsigned)narg, "");
}

LLVMValueRef cpu_fma(CpuFn *f, LLVMValueRef x, LLVMValueRef y, LLVMValueRef z) {
  return cpu_call(f, "llvm.fma", LLVMTypeOf(x), (LLVMValueRef[]){x, y, z}, 3);
}

LLVMValueRef cpu_tail_mask(CpuFn *f, LLVMValueRef at, LLVMValueRef hi) {
  LLVMTypeRef i32 = LLVMInt32TypeInContext(f->cx);
  LLVMValueRef left = LLVMBuildSub(f->b, hi, at, "left"), iota[64];
  LLVMValueRef most = cpu_i64(f, f->lanes);
  LLVMValueRef many = LLVMBuildICmp(f->b, LLVMIntSGT, left, most, "");
  left = LLVMBuildTrunc(f->b, LLVMBuildSelect(f->b, many, most, left, ""), i32, "");
  for (int i = 0; i < f->lanes; i++) iota[i] = LLVMConstInt(i32, (unsigned long long)i, false);
  return LLVMBuildICmp(f->b, LLVMIntSLT, LLVMConstVector(iota, (unsigned)f->lanes),
                       cpu_splat(f, left, f->lanes), "mask");
}

LLVMValueRef cpu_add(CpuFn *f, LLVMValueRef x, LLVMValueRef y) {
  return LLVMBuildNSWAdd(f->b, x, y, "");
}

LLVMValueRef cpu_sub(CpuFn *f, LLVMValueRef x, LLVMValueRef y) {
  return LLVMBuildNSWSub(f->b, x, y, "");
}

LLVMValueRef cpu_mul(CpuFn *f, LLVMValueRef x, int64_t by) {
  return by == 1 ? x : LLVMBuildNSWMul(f->b, x, cpu_i64(f, by), "");
}

LLVMValueRef cpu_div(CpuFn *f, LLVMValueRef x, int64_t by) {
  return by == 1 ? x : LLVMBuildUDiv(f->b, x, cpu_i64(f, by), "");
}

LLVMValueRef cpu_mod(CpuFn *f, LLVMValueRef x, int64_t by) {
  return LLVMBuildURem(f->b, x, cpu_i64(f, by), "");
}

LLVMValueRef cpu_min(CpuFn *f, LLVMValueRef x, LLVMValueRef y) {
  return cpu_call(f, "llvm.smin", LLVMTypeOf(x), (LLVMValueRef[]){x, y}, 2);
}

LLVMValueRef cpu_max(CpuFn *f, LLVMValueRef x, LLVMValueRef y) {
  return cpu_call(f, "llvm.smax", LLVMTypeOf(x), (LLVMValueRef[]){x, y}, 2);
}

LLVMValueRef cpu_part(CpuFn *f, int64_t total, LLVMValueRef i, int64_t parts) {
  return cpu_div(f, cpu_mul(f, i, total), parts);
}

CpuLoop cpu_loop(CpuFn *f, LLVMValueRef lo, LLVMValueRef hi, int64_t by, const char *name) {
  LLVMBasicBlockRef from = LLVMGetInsertBlock(f->b);
  CpuLoop l = {.head = LLVMAppendBasicBlockInContext(f->cx, f->fn, name),
               .body = LLVMAppendBasicBlockInContext(f->cx, f->fn, ""),
               .exit = LLVMAppendBasicBlockInContext(f->cx, f->fn, "")};
  LLVMBuildBr(f->b, l.head);
  LLVMPositionBuilderAtEnd(f->b, l.head);
  l.i = LLVMBuildPhi(f->b, LLVMInt64TypeInContext(f->cx), name);
  LLVMAddIncoming(l.i, &lo, &from, 1);
  LLVMBuildCondBr(f->b, LLVMBuildICmp(f->b, LLVMIntSLT, l.i, hi, ""), l.body, l.exit);
  LLVMPositionBuilderAtEnd(f->b, l.body);
  l.next = LLVMBuildNSWAdd(f->b, l.i, cpu_i64(f, by), "");
  return l;
}

void cpu_loop_end(CpuFn *f, CpuLoop *l) {
  LLVMBasicBlockRef latch = LLVMGetInsertBlock(f->b);
  LLVMBuildBr(f->b, l->head);
  LLVMAddIncoming(l->i, &l->next, &latch, 1);
  LLVMMoveBasicBlockAfter(l->exit, latch);
  LLVMPositionBuilderAtEnd(f->b, l->exit);
}

LLVMBasicBlockRef cpu_if(CpuFn *f, LLVMValueRef cond, const char *name) {
  LLVMBasicBlockRef then = LLVMAppendBasicBlockInContext(f->cx, f->fn, name);
  LLVMBasicBlockRef after = LLVMAppendBasicBlockInContext(f->cx, f->fn, "");
  LLVMBuildCondBr(f->b, cond, then, after);
  LLVMPositionBuilderAtEnd(f->b, then);
  return after;
}

void cpu_if_end(CpuFn *f, LLVMBasicBlockRef after) {
  LLVMMoveBasicBlockAfter(after, LLVMGetInsertBlock(f->b));
  LLVMBuildBr(f->b, after);
  LLVMPositionBuilderAtEnd(f->b, after);
}

LLVMBasicBlockRef cpu_at_entry(CpuFn *f) {
  LLVMBasicBlockRef now = LLVMGetInsertBlock(f->b);
  LLVMPositionBuilderBefore(f->b, LLVMGetBasicBlockTerminator(LLVMGetEntryBasicBlock(f->fn)));
  return now;
}

void cpu_at_end(CpuFn *f, LLVMBasicBlockRef bb) {
  LLVMPositionBuilderAtEnd(f->b, bb);
}

LLVMValueRef cpu_alloca(CpuFn *f, LLVMTypeRef t, const char *name) {
  LLVMBasicBlockRef now = cpu_at_entry(f);
  LLVMValueRef v = LLVMBuildAlloca(f->b, t, name);
  cpu_at_end(f, now);
  return v;
}

LLVMValueRef cpu_accumulate(CpuFn *f, KReduce r, LLVMValueRef x, LLVMValueRef y) {
  return cpu_elt(f, r == KR_MAX ? E_MAX : E_ADD, x, y, NULL);
}

LLVMValueRef cpu_identity(CpuFn *f, KReduce r, DType acc) {
  LLVMTypeRef t = cpu_vec(f, acc, 1);
  LLVMValueRef c;
  if (dtype_is_float(acc))
    c = LLVMConstReal(t, r == KR_MAX ? -1.0 / 0.0 : 0);
  else
    c = LLVMConstInt(t, r == KR_MAX ? (unsigned long long)INT32_MIN : 0, true);
  return cpu_splat(f, c, f->lanes);
}

static LLVMValueRef lane_number(CpuFn *f, int i) {
  return LLVMConstInt(LLVMInt32TypeInContext(f->cx), (unsigned)i, false);
}

LLVMValueRef cpu_combine(CpuFn *f, KReduce r, LLVMValueRef v) {
  for (int half = cpu_width(v) / 2; half >= 1; half /= 2) {
    LLVMValueRef lo[64], hi[64];
    for (int i = 0; i < half; i++) {
      lo[i] = lane_number(f, i);
      hi[i] = lane_number(f, i + half);
    }
    LLVMValueRef none = LLVMGetPoison(LLVMTypeOf(v));
    LLVMValueRef x = LLVMBuildShuffleVector(f->b, v, none, LLVMConstVector(lo, (unsigned)half), "");
    LLVMValueRef y = LLVMBuildShuffleVector(f->b, v, none, LLVMConstVector(hi, (unsigned)half), "");
    v = cpu_accumulate(f, r, x, y);
  }
  if (LLVMGetTypeKind(LLVMTypeOf(v)) != LLVMVectorTypeKind) return v;
  return LLVMBuildExtractElement(f->b, v, lane_number(f, 0), "");
}
