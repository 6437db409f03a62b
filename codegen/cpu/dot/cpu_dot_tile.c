/* The micro-kernel: one tile of accumulators in registers over a block of k. A function of its own, so that
 * its registers are allocated for it alone. */
#include <stdio.h>

#include "codegen/cpu/dot/cpu_dot.h"

typedef struct Tile {
  CpuFn *f;
  const DotTile *t;
  LLVMBuilderRef b;
  LLVMValueRef fn;
  LLVMTypeRef unit, units, acc; /* a unit, <lanes x unit>, <lanes x float> */
} Tile;

LLVMTypeRef dot_tile_type(CpuFn *f) {
  LLVMTypeRef ptr = LLVMPointerTypeInContext(f->cx, 0), i64 = LLVMInt64TypeInContext(f->cx);
  LLVMTypeRef arg[] = {ptr, ptr, ptr, i64, LLVMInt1TypeInContext(f->cx)};
  return LLVMFunctionType(LLVMVoidTypeInContext(f->cx), arg, 5, false);
}

static void add_attribute(CpuFn *f, LLVMValueRef fn, LLVMAttributeIndex at, const char *name) {
  unsigned kind = LLVMGetEnumAttributeKindForName(name, __builtin_strlen(name));
  LLVMAddAttributeAtIndex(fn, at, LLVMCreateEnumAttribute(f->cx, kind, 0));
}

/* The processor and how to compile for it, as the kernel's own function says. */
static void copy_target(CpuFn *f, LLVMValueRef fn) {
  LLVMAttributeIndex at = (LLVMAttributeIndex)LLVMAttributeFunctionIndex;
  unsigned n = LLVMGetAttributeCountAtIndex(f->fn, at);
  LLVMAttributeRef *all = ARENA_ARRAY(f->arena, n + 1, LLVMAttributeRef);
  LLVMGetAttributesAtIndex(f->fn, at, all);
  for (unsigned i = 0; i < n; i++)
    if (LLVMIsStringAttribute(all[i])) LLVMAddAttributeAtIndex(fn, at, all[i]);
}

static LLVMValueRef declare(CpuFn *f, const char *name) {
  LLVMValueRef fn = LLVMAddFunction(f->mod, name, dot_tile_type(f));
  LLVMSetLinkage(fn, LLVMInternalLinkage);
  for (LLVMAttributeIndex p = 1; p <= 3; p++) {
    add_attribute(f, fn, p, "noalias");
    add_attribute(f, fn, p, "nocapture");
  }
  add_attribute(f, fn, (LLVMAttributeIndex)LLVMAttributeFunctionIndex, "noinline");
  add_attribute(f, fn, (LLVMAttributeIndex)LLVMAttributeFunctionIndex, "nounwind");
  copy_target(f, fn);
  return fn;
}

static LLVMValueRef at(Tile *t, LLVMTypeRef e, LLVMValueRef base, LLVMValueRef index, int64_t scale,
                       int64_t add) {
  LLVMValueRef i = LLVMBuildNSWMul(t->b, index, cpu_i64(t->f, scale), "");
  LLVMValueRef p = LLVMBuildGEP2(t->b, e, base, &i, 1, ""), c = cpu_i64(t->f, add);
  return LLVMBuildGEP2(t->b, e, p, &c, 1, "");
}

static LLVMValueRef load(Tile *t, LLVMTypeRef type, LLVMValueRef ptr) {
  LLVMValueRef v = LLVMBuildLoad2(t->b, type, ptr, "");
  LLVMSetAlignment(v, 4);
  return v;
}

static LLVMValueRef splat(Tile *t, LLVMValueRef x) {
  LLVMTypeRef i32 = LLVMInt32TypeInContext(t->f->cx);
  unsigned lanes = (unsigned)t->f->cpu->lanes;
  LLVMValueRef none = LLVMGetPoison(LLVMVectorType(LLVMTypeOf(x), lanes));
  LLVMValueRef one = LLVMBuildInsertElement(t->b, none, x, LLVMConstInt(i32, 0, false), "");
  return LLVMBuildShuffleVector(t->b, one, none, LLVMConstNull(LLVMVectorType(i32, lanes)), "");
}

/* acc + a b, over pairs when units are pairs. */
static LLVMValueRef multiply_add(Tile *t, LLVMValueRef acc, LLVMValueRef a, LLVMValueRef b) {
  CpuFn *f = t->f;
  bool pairs = t->t->pairs;
  const char *name = pairs ? "llvm.x86.avx512bf16.dpbf16ps.512" : "llvm.fma";
  unsigned id = LLVMLookupIntrinsicID(name, __builtin_strlen(name));
  LLVMTypeRef over = t->acc;
  LLVMValueRef fn = LLVMGetIntrinsicDeclaration(f->mod, id, &over, pairs ? 0 : 1);
  LLVMTypeRef type = LLVMIntrinsicGetType(f->cx, id, &over, pairs ? 0 : 1);
  LLVMValueRef fma[] = {a, b, acc}, dot[] = {acc, a, b};
  if (!pairs) return LLVMBuildCall2(t->b, type, fn, fma, 3, "");
  LLVMTypeRef halves = LLVMVectorType(LLVMBFloatTypeInContext(f->cx), 2 * (unsigned)f->cpu->lanes);
  dot[1] = LLVMBuildBitCast(t->b, a, halves, "");
  dot[2] = LLVMBuildBitCast(t->b, b, halves, "");
  return LLVMBuildCall2(t->b, type, fn, dot, 3, "");
}

/* One unit of k: the accumulators after it. */
static void step(Tile *t, LLVMValueRef k, LLVMValueRef *acc) {
  const DotTile *g = t->t;
  int64_t lanes = t->f->cpu->lanes;
  LLVMValueRef a = LLVMGetParam(t->fn, 1), b = LLVMGetParam(t->fn, 2), row[DOT_MAX_VECS];
  for (int j = 0; j < g->vecs; j++) row[j] = load(t, t->units, at(t, t->unit, b, k, g->b_k, j * lanes));
  for (int i = 0; i < g->rows; i++) {
    LLVMValueRef x = splat(t, load(t, t->unit, at(t, t->unit, a, k, g->a_k, i * g->a_row)));
    for (int j = 0; j < g->vecs; j++) acc[i * g->vecs + j] = multiply_add(t, acc[i * g->vecs + j], x, row[j]);
  }
}

static LLVMValueRef element_of_c(Tile *t, int64_t i) {
  LLVMTypeRef f32 = LLVMFloatTypeInContext(t->f->cx);
  int64_t offset = i / t->t->vecs * t->t->c_row + i % t->t->vecs * t->f->cpu->lanes;
  return at(t, f32, LLVMGetParam(t->fn, 0), cpu_i64(t->f, 0), 0, offset);
}

static void build(Tile *t) {
  LLVMContextRef cx = t->f->cx;
  int n = (int)(t->t->rows * t->t->vecs);
  LLVMValueRef phi[DOT_MAX_ROWS * DOT_MAX_VECS], acc[DOT_MAX_ROWS * DOT_MAX_VECS] = {0},
                                                                    zero = LLVMConstNull(t->acc);
  LLVMBasicBlockRef entry = LLVMAppendBasicBlockInContext(cx, t->fn, "entry");
  LLVMBasicBlockRef more = LLVMAppendBasicBlockInContext(cx, t->fn, "more");
  LLVMBasicBlockRef loop = LLVMAppendBasicBlockInContext(cx, t->fn, "loop");
  LLVMBasicBlockRef done = LLVMAppendBasicBlockInContext(cx, t->fn, "done");
  LLVMPositionBuilderAtEnd(t->b, entry);
  LLVMBuildCondBr(t->b, LLVMGetParam(t->fn, 4), loop, more);
  LLVMPositionBuilderAtEnd(t->b, more);
  for (int i = 0; i < n; i++) acc[i] = load(t, t->acc, element_of_c(t, i));
  LLVMBuildBr(t->b, loop);
  LLVMPositionBuilderAtEnd(t->b, loop);
  LLVMValueRef k = LLVMBuildPhi(t->b, LLVMInt64TypeInContext(cx), "k"), start = cpu_i64(t->f, 0);
  for (int i = 0; i < n; i++) {
    phi[i] = LLVMBuildPhi(t->b, t->acc, "");
    LLVMAddIncoming(phi[i], (LLVMValueRef[]){zero, acc[i]}, (LLVMBasicBlockRef[]){entry, more}, 2);
    acc[i] = phi[i];
  }
  step(t, k, acc);
  LLVMValueRef next = LLVMBuildNSWAdd(t->b, k, cpu_i64(t->f, 1), "");
  LLVMAddIncoming(k, (LLVMValueRef[]){start, start, next}, (LLVMBasicBlockRef[]){entry, more, loop}, 3);
  for (int i = 0; i < n; i++) LLVMAddIncoming(phi[i], &acc[i], &loop, 1);
  LLVMBuildCondBr(t->b, LLVMBuildICmp(t->b, LLVMIntSLT, next, LLVMGetParam(t->fn, 3), ""), loop, done);
  LLVMPositionBuilderAtEnd(t->b, done);
  for (int i = 0; i < n; i++) LLVMSetAlignment(LLVMBuildStore(t->b, acc[i], element_of_c(t, i)), 4);
  LLVMBuildRetVoid(t->b);
}

LLVMValueRef dot_tile(CpuFn *f, const DotTile *t) {
  size_t len;
  int lanes = f->cpu->lanes;
  const char *name = arena_printf(f->arena, "%s.tile%dx%d", LLVMGetValueName2(f->fn, &len), (int)t->rows,
                                  (int)t->vecs * lanes);
  const char *key =
      arena_printf(f->arena, "%s.%d.%d.%d.%d", name, (int)t->a_row, (int)t->a_k, (int)t->b_k, (int)t->c_row);
  LLVMValueRef made = LLVMGetNamedFunction(f->mod, key);
  if (made) return made;
  LLVMTypeRef f32 = LLVMFloatTypeInContext(f->cx), i32 = LLVMInt32TypeInContext(f->cx);
  Tile b = {.f = f, .t = t, .b = LLVMCreateBuilderInContext(f->cx), .fn = declare(f, key)};
  b.unit = t->pairs ? i32 : f32;
  b.units = LLVMVectorType(b.unit, (unsigned)lanes);
  b.acc = LLVMVectorType(f32, (unsigned)lanes);
  cpu_debug_helper(f, b.fn, b.b);
  build(&b);
  LLVMDisposeBuilder(b.b);
  return b.fn;
}
