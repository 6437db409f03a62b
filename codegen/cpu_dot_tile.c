/* The micro-kernel: one tile of accumulators in registers over a block of k. A function of its own, so that
 * its registers are allocated for it alone. */
#include <stdio.h>

#include "codegen/cpu_dot.h"

typedef struct Tile {
  Dot *d;
  LLVMBuilderRef b;
  LLVMValueRef fn;
  int rows, vecs;
  LLVMTypeRef acc; /* <lanes x float> */
} Tile;

LLVMTypeRef dot_tile_type(Dot *d) {
  LLVMTypeRef ptr = LLVMPointerTypeInContext(d->f->cx, 0), i64 = LLVMInt64TypeInContext(d->f->cx);
  LLVMTypeRef arg[] = {ptr, ptr, ptr, i64, LLVMInt1TypeInContext(d->f->cx)};
  return LLVMFunctionType(LLVMVoidTypeInContext(d->f->cx), arg, 5, false);
}

static void add_attribute(Dot *d, LLVMValueRef fn, LLVMAttributeIndex at, const char *name) {
  unsigned kind = LLVMGetEnumAttributeKindForName(name, __builtin_strlen(name));
  LLVMAddAttributeAtIndex(fn, at, LLVMCreateEnumAttribute(d->f->cx, kind, 0));
}

/* The processor and how to compile for it, as the kernel's own function says. */
static void copy_target(Dot *d, LLVMValueRef fn) {
  LLVMAttributeIndex at = (LLVMAttributeIndex)LLVMAttributeFunctionIndex;
  unsigned n = LLVMGetAttributeCountAtIndex(d->f->fn, at);
  LLVMAttributeRef *all = ARENA_ARRAY(d->f->arena, n + 1, LLVMAttributeRef);
  LLVMGetAttributesAtIndex(d->f->fn, at, all);
  for (unsigned i = 0; i < n; i++)
    if (LLVMIsStringAttribute(all[i])) LLVMAddAttributeAtIndex(fn, at, all[i]);
}

static LLVMValueRef declare(Dot *d, const char *name) {
  LLVMValueRef fn = LLVMAddFunction(d->f->mod, name, dot_tile_type(d));
  LLVMSetLinkage(fn, LLVMInternalLinkage);
  for (LLVMAttributeIndex p = 1; p <= 3; p++) {
    add_attribute(d, fn, p, "noalias");
    add_attribute(d, fn, p, "nocapture");
  }
  add_attribute(d, fn, (LLVMAttributeIndex)LLVMAttributeFunctionIndex, "noinline");
  add_attribute(d, fn, (LLVMAttributeIndex)LLVMAttributeFunctionIndex, "nounwind");
  copy_target(d, fn);
  return fn;
}

static LLVMValueRef at(Tile *t, LLVMTypeRef e, LLVMValueRef base, LLVMValueRef index, int64_t scale,
                       int64_t add) {
  LLVMValueRef i = LLVMBuildNSWMul(t->b, index, cpu_i64(t->d->f, scale), "");
  LLVMValueRef p = LLVMBuildGEP2(t->b, e, base, &i, 1, ""), c = cpu_i64(t->d->f, add);
  return LLVMBuildGEP2(t->b, e, p, &c, 1, "");
}

static LLVMValueRef load(Tile *t, LLVMTypeRef type, LLVMValueRef ptr) {
  LLVMValueRef v = LLVMBuildLoad2(t->b, type, ptr, "");
  LLVMSetAlignment(v, 4);
  return v;
}

static LLVMValueRef splat(Tile *t, LLVMValueRef x) {
  LLVMTypeRef i32 = LLVMInt32TypeInContext(t->d->f->cx);
  unsigned lanes = (unsigned)t->d->g->lanes;
  LLVMValueRef none = LLVMGetPoison(LLVMVectorType(LLVMTypeOf(x), lanes));
  LLVMValueRef one = LLVMBuildInsertElement(t->b, none, x, LLVMConstInt(i32, 0, false), "");
  return LLVMBuildShuffleVector(t->b, one, none, LLVMConstNull(LLVMVectorType(i32, lanes)), "");
}

/* acc + a b, over pairs when units are pairs. */
static LLVMValueRef multiply_add(Tile *t, LLVMValueRef acc, LLVMValueRef a, LLVMValueRef b) {
  CpuFn *f = t->d->f;
  bool pairs = t->d->g->pairs;
  const char *name = pairs ? "llvm.x86.avx512bf16.dpbf16ps.512" : "llvm.fma";
  unsigned id = LLVMLookupIntrinsicID(name, __builtin_strlen(name));
  LLVMTypeRef over = t->acc;
  LLVMValueRef fn = LLVMGetIntrinsicDeclaration(f->mod, id, &over, pairs ? 0 : 1);
  LLVMTypeRef type = LLVMIntrinsicGetType(f->cx, id, &over, pairs ? 0 : 1);
  LLVMValueRef fma[] = {a, b, acc}, dot[] = {acc, a, b};
  if (!pairs) return LLVMBuildCall2(t->b, type, fn, fma, 3, "");
  LLVMTypeRef halves = LLVMVectorType(LLVMBFloatTypeInContext(f->cx), (unsigned)(2 * t->d->g->lanes));
  dot[1] = LLVMBuildBitCast(t->b, a, halves, "");
  dot[2] = LLVMBuildBitCast(t->b, b, halves, "");
  return LLVMBuildCall2(t->b, type, fn, dot, 3, "");
}

/* One unit of k: the accumulators after it. */
static void step(Tile *t, LLVMValueRef k, LLVMValueRef *acc) {
  const DotBlocks *g = t->d->g;
  LLVMValueRef a = LLVMGetParam(t->fn, 1), b = LLVMGetParam(t->fn, 2), row[DOT_MAX_VECS];
  for (int j = 0; j < t->vecs; j++)
    row[j] = load(t, dot_units(t->d), at(t, t->d->unit, b, k, g->nr, j * g->lanes));
  for (int i = 0; i < t->rows; i++) {
    LLVMValueRef x = splat(t, load(t, t->d->unit, at(t, t->d->unit, a, k, g->a_k, i * g->a_row)));
    for (int j = 0; j < t->vecs; j++) acc[i * t->vecs + j] = multiply_add(t, acc[i * t->vecs + j], x, row[j]);
  }
}

static LLVMValueRef place(Tile *t, int i) {
  LLVMTypeRef f32 = LLVMFloatTypeInContext(t->d->f->cx);
  int64_t offset = i / t->vecs * t->d->g->nr + i % t->vecs * t->d->g->lanes;
  return at(t, f32, LLVMGetParam(t->fn, 0), cpu_i64(t->d->f, 0), 0, offset);
}

static void build(Tile *t) {
  LLVMContextRef cx = t->d->f->cx;
  int n = t->rows * t->vecs;
  LLVMValueRef phi[DOT_MAX_ROWS * DOT_MAX_VECS], acc[DOT_MAX_ROWS * DOT_MAX_VECS],
      zero = LLVMConstNull(t->acc);
  LLVMBasicBlockRef entry = LLVMAppendBasicBlockInContext(cx, t->fn, "entry");
  LLVMBasicBlockRef more = LLVMAppendBasicBlockInContext(cx, t->fn, "more");
  LLVMBasicBlockRef loop = LLVMAppendBasicBlockInContext(cx, t->fn, "loop");
  LLVMBasicBlockRef done = LLVMAppendBasicBlockInContext(cx, t->fn, "done");
  LLVMPositionBuilderAtEnd(t->b, entry);
  LLVMBuildCondBr(t->b, LLVMGetParam(t->fn, 4), loop, more);
  LLVMPositionBuilderAtEnd(t->b, more);
  for (int i = 0; i < n; i++) acc[i] = load(t, t->acc, place(t, i));
  LLVMBuildBr(t->b, loop);
  LLVMPositionBuilderAtEnd(t->b, loop);
  LLVMValueRef k = LLVMBuildPhi(t->b, LLVMInt64TypeInContext(cx), "k"), start = cpu_i64(t->d->f, 0);
  for (int i = 0; i < n; i++) {
    phi[i] = LLVMBuildPhi(t->b, t->acc, "");
    LLVMAddIncoming(phi[i], (LLVMValueRef[]){zero, acc[i]}, (LLVMBasicBlockRef[]){entry, more}, 2);
    acc[i] = phi[i];
  }
  step(t, k, acc);
  LLVMValueRef next = LLVMBuildNSWAdd(t->b, k, cpu_i64(t->d->f, 1), "");
  LLVMAddIncoming(k, (LLVMValueRef[]){start, start, next}, (LLVMBasicBlockRef[]){entry, more, loop}, 3);
  for (int i = 0; i < n; i++) LLVMAddIncoming(phi[i], &acc[i], &loop, 1);
  LLVMBuildCondBr(t->b, LLVMBuildICmp(t->b, LLVMIntSLT, next, LLVMGetParam(t->fn, 3), ""), loop, done);
  LLVMPositionBuilderAtEnd(t->b, done);
  for (int i = 0; i < n; i++) LLVMSetAlignment(LLVMBuildStore(t->b, acc[i], place(t, i)), 4);
  LLVMBuildRetVoid(t->b);
}

LLVMValueRef dot_tile(Dot *d, int64_t rows, int64_t vecs) {
  size_t len;
  const char *kernel = LLVMGetValueName2(d->f->fn, &len);
  const char *name = arena_printf(d->f->arena, "%s.tile%dx%d", kernel, (int)rows, (int)(vecs * d->g->lanes));
  LLVMValueRef made = LLVMGetNamedFunction(d->f->mod, name);
  if (made) return made;
  Tile t = {.d = d,
            .b = LLVMCreateBuilderInContext(d->f->cx),
            .fn = declare(d, name),
            .rows = (int)rows,
            .vecs = (int)vecs,
            .acc = cpu_vec(d->f, DT_F32, (int)d->g->lanes)};
  build(&t);
  LLVMDisposeBuilder(t.b);
  return t.fn;
}
