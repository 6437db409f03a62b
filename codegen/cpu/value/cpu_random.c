/* The step block's scalars, and the random stream of base/random.h. What does not depend on the element is
 * computed once a launch, in the entry block. */
#include <stddef.h>
#include <string.h>

#include "abi/program.h"
#include "codegen/cpu/cpu_emit.h"

static LLVMValueRef step_field(CpuFn *f, LLVMTypeRef t, size_t offset) {
  LLVMValueRef at = cpu_i64(f, (int64_t)offset);
  LLVMValueRef p = LLVMBuildGEP2(f->b, LLVMInt8TypeInContext(f->cx), f->step, &at, 1, "");
  LLVMValueRef v = LLVMBuildLoad2(f->b, t, p, "");
  LLVMSetMetadata(v, LLVMGetMDKindIDInContext(f->cx, "invariant.load", 14),
                  LLVMMetadataAsValue(f->cx, LLVMMDNodeInContext2(f->cx, NULL, 0)));
  return v;
}

static size_t step_offset(const CpuFn *f, const char *name) {
  static const struct {
    const char *name;
    size_t offset;
  } fields[] = {{"step", offsetof(TessStep, step_f)},
                {"micro", offsetof(TessStep, micro_f)},
                {"total", offsetof(TessStep, total)},
                {"epoch_steps", offsetof(TessStep, epoch_steps)},
                {"constant", offsetof(TessStep, constant)}};
  for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
    if (!strcmp(fields[i].name, name)) return fields[i].offset;
  for (int i = 0; i < f->nsetting && i < TESS_MAX_SETTINGS; i++)
    if (!strcmp(f->setting[i], name)) return offsetof(TessStep, setting) + (size_t)i * sizeof(float);
  ice("kernel %s: the step block has no \"%s\"", f->k->name, name);
}

LLVMValueRef cpu_step(CpuFn *f, const char *name) {
  LLVMBasicBlockRef now = cpu_at_entry(f);
  LLVMValueRef v = step_field(f, LLVMFloatTypeInContext(f->cx), step_offset(f, name));
  cpu_at_end(f, now);
  return cpu_fill(f, v);
}

static LLVMValueRef u64(CpuFn *f, uint64_t v) {
  return cpu_i64(f, (int64_t)v);
}

static LLVMValueRef xor_shift(CpuFn *f, LLVMValueRef x, LLVMValueRef by) {
  return LLVMBuildXor(f->b, x, LLVMBuildLShr(f->b, x, by, ""), "");
}

static LLVMValueRef mix64(CpuFn *f, LLVMValueRef x) {
  x = LLVMBuildMul(f->b, xor_shift(f, x, u64(f, 30)), u64(f, 0xbf58476d1ce4e5b9u), "");
  x = LLVMBuildMul(f->b, xor_shift(f, x, u64(f, 27)), u64(f, 0x94d049bb133111ebu), "");
  return xor_shift(f, x, u64(f, 31));
}

static LLVMValueRef mix32(CpuFn *f, LLVMValueRef h) {
  h = LLVMBuildMul(f->b, xor_shift(f, h, cpu_i32(f, h, 16)), cpu_i32(f, h, 0x85ebca6b), "");
  h = LLVMBuildMul(f->b, xor_shift(f, h, cpu_i32(f, h, 13)), cpu_i32(f, h, 0xc2b2ae35), "");
  return xor_shift(f, h, cpu_i32(f, h, 16));
}

/* random_key, in the entry block. */
static LLVMValueRef key_of(CpuFn *f, int stream) {
  LLVMTypeRef i64 = LLVMInt64TypeInContext(f->cx);
  LLVMBasicBlockRef now = cpu_at_entry(f);
  LLVMValueRef seed = step_field(f, i64, offsetof(TessStep, seed));
  LLVMValueRef k = mix64(f, LLVMBuildAdd(f->b, seed, u64(f, 0x9e3779b97f4a7c15u), ""));
  k = mix64(f, LLVMBuildXor(f->b, k, f->word[stream], ""));
  k = mix64(f, LLVMBuildAdd(f->b, k, step_field(f, i64, offsetof(TessStep, step)), ""));
  LLVMValueRef micro = LLVMBuildShl(f->b, step_field(f, i64, offsetof(TessStep, micro)), u64(f, 1), "");
  k = mix64(f, LLVMBuildXor(f->b, k, LLVMBuildOr(f->b, micro, u64(f, 1), ""), ""));
  cpu_at_end(f, now);
  return k;
}

LLVMValueRef cpu_random(CpuFn *f, int stream, const Ix *ix) {
  LLVMValueRef key = key_of(f, stream), index = cpu_index(f, ix);
  LLVMTypeRef i32 = LLVMInt32TypeInContext(f->cx);
  LLVMValueRef lo = LLVMBuildTrunc(f->b, key, i32, "");
  LLVMValueRef hi = LLVMBuildTrunc(f->b, LLVMBuildLShr(f->b, key, u64(f, 32), ""), i32, "");
  LLVMValueRef i = LLVMBuildTrunc(f->b, index, cpu_like(i32, index), "");
  LLVMValueRef h = LLVMBuildMul(f->b, i, cpu_i32(f, i, 0x9e3779b1), "");
  h = mix32(f, LLVMBuildAdd(f->b, h, cpu_splat(f, lo, cpu_width(i)), ""));
  h = mix32(f, LLVMBuildXor(f->b, h, cpu_splat(f, hi, cpu_width(i)), ""));
  h = LLVMBuildLShr(f->b, h, cpu_i32(f, h, 8), "");
  LLVMValueRef u = LLVMBuildSIToFP(f->b, h, cpu_like(LLVMFloatTypeInContext(f->cx), h), "");
  return cpu_fill(f, LLVMBuildFMul(f->b, u, cpu_f32(f, u, 0x1p-24), ""));
}
