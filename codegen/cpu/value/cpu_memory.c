/* Loads and stores at the current point. The lane axis' slope in the element number chooses the access: one
 * vector, one element for all lanes, or gather and scatter. */
#include "codegen/cpu/cpu_impl.h"

CpuLanes cpu_scalar(CpuFn *f) {
  CpuLanes saved = {f->lanes, f->mask, f->guard};
  f->lanes = 1, f->mask = NULL;
  if (f->guard && cpu_width(f->guard) > 1)
    f->guard = cpu_call(f, "llvm.vector.reduce.or", LLVMTypeOf(f->guard), &f->guard, 1);
  return saved;
}

void cpu_vector(CpuFn *f, const CpuLanes *saved) {
  f->lanes = saved->lanes, f->mask = saved->mask, f->guard = saved->guard;
}

/* Says which buffer a load or store touches; k->nbuf: scratch. */
static void tag(CpuFn *f, LLVMValueRef access, int buf) {
  if (!LLVMIsAInstruction(access)) return;
  int n = f->k->nbuf + 1;
  LLVMSetMetadata(access, LLVMGetMDKindIDInContext(f->cx, "alias.scope", 11), f->alias[buf]);
  LLVMSetMetadata(access, LLVMGetMDKindIDInContext(f->cx, "noalias", 7), f->alias[n + buf]);
}

LLVMValueRef cpu_scratch_at(CpuFn *f, int64_t at, LLVMTypeRef t, LLVMValueRef index) {
  LLVMValueRef bytes = cpu_i64(f, at);
  LLVMValueRef base = LLVMBuildGEP2(f->b, LLVMInt8TypeInContext(f->cx), f->scratch, &bytes, 1, "");
  return LLVMBuildGEP2(f->b, t, base, &index, 1, "");
}

LLVMValueRef cpu_scratch_load(CpuFn *f, LLVMTypeRef t, int64_t align, LLVMValueRef ptr) {
  LLVMValueRef v = LLVMBuildLoad2(f->b, t, ptr, "");
  LLVMSetAlignment(v, (unsigned)align);
  tag(f, v, f->k->nbuf);
  return v;
}

void cpu_scratch_store(CpuFn *f, LLVMValueRef v, int64_t align, LLVMValueRef ptr) {
  LLVMValueRef s = LLVMBuildStore(f->b, v, ptr);
  LLVMSetAlignment(s, (unsigned)align);
  tag(f, s, f->k->nbuf);
}

/* Lanes to touch: those that exist and are wanted; NULL: all. */
static LLVMValueRef active(CpuFn *f) {
  if (!f->guard) return f->mask;
  return f->mask ? LLVMBuildAnd(f->b, f->mask, cpu_fill(f, f->guard), "") : cpu_fill(f, f->guard);
}

static LLVMValueRef element(CpuFn *f, LLVMValueRef ptr, DType t, LLVMValueRef at) {
  return LLVMBuildGEP2(f->b, cpu_type(f, t), ptr, &at, 1, "");
}

static LLVMValueRef alignment(CpuFn *f, DType t) {
  return LLVMConstInt(LLVMInt32TypeInContext(f->cx), (unsigned long long)dtype_size(t), false);
}

/* Intrinsics that are overloaded on a vector and a pointer type. */
static LLVMValueRef call_memory(CpuFn *f, const char *name, LLVMTypeRef vec, LLVMTypeRef ptr,
                                LLVMValueRef *arg, int narg) {
  LLVMTypeRef over[2] = {vec, ptr};
  unsigned id = LLVMLookupIntrinsicID(name, __builtin_strlen(name));
  LLVMValueRef fn = LLVMGetIntrinsicDeclaration(f->mod, id, over, 2);
  return LLVMBuildCall2(f->b, LLVMIntrinsicGetType(f->cx, id, over, 2), fn, arg, (unsigned)narg, "");
}

static LLVMValueRef load_one(CpuFn *f, LLVMValueRef ptr, DType t, int buf, const Ix *lin) {
  LLVMValueRef at = cpu_index_base(f, lin);
  if (f->guard) at = LLVMBuildSelect(f->b, f->guard, at, cpu_i64(f, 0), "");
  LLVMValueRef v = LLVMBuildLoad2(f->b, cpu_type(f, t), element(f, ptr, t, at), "");
  LLVMSetAlignment(v, (unsigned)dtype_size(t));
  tag(f, v, buf);
  return cpu_widen(f, t, v);
}

static LLVMValueRef load_vector(CpuFn *f, LLVMValueRef ptr, DType t, int buf, const Ix *lin) {
  LLVMTypeRef vec = LLVMVectorType(cpu_type(f, t), (unsigned)f->lanes);
  LLVMValueRef from = element(f, ptr, t, cpu_index_base(f, lin)), mask = active(f), v;
  if (mask) {
    LLVMValueRef arg[] = {from, alignment(f, t), mask, LLVMConstNull(vec)};
    v = call_memory(f, "llvm.masked.load", vec, LLVMTypeOf(from), arg, 4);
  } else {
    v = LLVMBuildLoad2(f->b, vec, from, "");
    LLVMSetAlignment(v, (unsigned)dtype_size(t));
  }
  tag(f, v, buf);
  return cpu_widen(f, t, v);
}

/* The address of each lane's element. */
static LLVMValueRef addresses(CpuFn *f, LLVMValueRef ptr, DType t, const Ix *lin) {
  int64_t slope;
  if (!cpu_slope(f, lin, &slope)) return element(f, ptr, t, cpu_index(f, lin));
  LLVMValueRef step[64];
  for (int i = 0; i < f->lanes; i++) step[i] = cpu_i64(f, i * slope);
  LLVMValueRef base = element(f, ptr, t, cpu_index_base(f, lin));
  return element(f, base, t, LLVMConstVector(step, (unsigned)f->lanes));
}

static LLVMValueRef all_lanes(CpuFn *f, LLVMValueRef mask) {
  LLVMValueRef yes = LLVMConstInt(LLVMInt1TypeInContext(f->cx), 1, false);
  return mask ? mask : cpu_splat(f, yes, f->lanes);
}

static LLVMValueRef gather(CpuFn *f, LLVMValueRef ptr, DType t, int buf, const Ix *lin) {
  LLVMTypeRef vec = LLVMVectorType(cpu_type(f, t), (unsigned)f->lanes);
  LLVMValueRef from = addresses(f, ptr, t, lin);
  LLVMValueRef arg[] = {from, alignment(f, t), all_lanes(f, active(f)), LLVMConstNull(vec)};
  LLVMValueRef v = call_memory(f, "llvm.masked.gather", vec, LLVMTypeOf(from), arg, 4);
  tag(f, v, buf);
  return cpu_widen(f, t, v);
}

LLVMValueRef cpu_load_at(CpuFn *f, LLVMValueRef ptr, DType t, int buf, const Ix *lin) {
  int64_t slope;
  if (f->lanes == 1) return load_one(f, ptr, t, buf, lin);
  bool affine = cpu_slope(f, lin, &slope);
  if (affine && slope == 1) return load_vector(f, ptr, t, buf, lin);
  if (!affine || slope != 0) return gather(f, ptr, t, buf, lin);
  CpuLanes saved = cpu_scalar(f);
  LLVMValueRef v = load_one(f, ptr, t, buf, lin);
  cpu_vector(f, &saved);
  return cpu_splat(f, v, f->lanes);
}

static void store_masked(CpuFn *f, LLVMValueRef v, LLVMValueRef to, DType t, int buf, bool vector) {
  const char *name = vector ? "llvm.masked.store" : "llvm.masked.scatter";
  LLVMValueRef arg[] = {v, to, alignment(f, t), all_lanes(f, f->mask)};
  tag(f, call_memory(f, name, LLVMTypeOf(v), LLVMTypeOf(to), arg, 4), buf);
}

void cpu_store_at(CpuFn *f, LLVMValueRef ptr, DType t, int buf, const Ix *lin, LLVMValueRef v) {
  int64_t slope;
  bool affine = cpu_slope(f, lin, &slope);
  v = cpu_narrow(f, t, cpu_fill(f, v));
  if (f->lanes > 1 && (!affine || slope != 1)) {
    if (affine && slope == 0) kern_misfit(f->k, "all lanes store to one element");
    store_masked(f, v, addresses(f, ptr, t, lin), t, buf, false);
    return;
  }
  LLVMValueRef to = element(f, ptr, t, cpu_index_base(f, lin));
  if (f->lanes > 1 && f->mask) {
    store_masked(f, v, to, t, buf, true);
    return;
  }
  LLVMValueRef s = LLVMBuildStore(f->b, v, to);
  LLVMSetAlignment(s, (unsigned)dtype_size(t));
  tag(f, s, buf);
}

/* Red zones: traps when an index that some active lane uses lies outside the buffer. */
static void check(CpuFn *f, int buf, const Ix *const *idx, LLVMValueRef lanes) {
  const KBuf *kb = &f->k->buf[buf];
  LLVMValueRef bad = NULL;
  for (int d = 0; d < kb->rank; d++) {
    LLVMValueRef i = cpu_index(f, idx[d]);
    LLVMValueRef dim = cpu_splat(f, cpu_i64(f, kb->dim[d]), cpu_width(i));
    LLVMValueRef out = cpu_fill(f, LLVMBuildICmp(f->b, LLVMIntUGE, i, dim, ""));
    bad = bad ? LLVMBuildOr(f->b, bad, out, "") : out;
  }
  if (!bad) return;
  if (lanes) bad = LLVMBuildAnd(f->b, bad, lanes, "");
  if (f->lanes > 1) bad = cpu_call(f, "llvm.vector.reduce.or", LLVMTypeOf(bad), &bad, 1);
  LLVMBasicBlockRef region = cpu_memo_region(f), after = cpu_if(f, bad, "red_zone");
  cpu_call(f, "llvm.trap", NULL, NULL, 0);
  cpu_if_end(f, after);
  cpu_memo_extend(f, region);
}

/* Every index stays inside the buffer whatever the axes' values are, so that the read needs no guard. */
static bool in_bounds(CpuFn *f, int buf, const Ix *const *idx) {
  const KBuf *kb = &f->k->buf[buf];
  for (int d = 0; d < kb->rank; d++) {
    int64_t lo, hi;
    ix_range(cpu_subst(f, idx[d]), &lo, &hi);
    if (lo < 0 || hi >= kb->dim[d]) return false;
  }
  return true;
}

LLVMValueRef cpu_load(CpuFn *f, int buf, const Ix *const *idx) {
  const KBuf *kb = &f->k->buf[buf];
  LLVMValueRef guard = f->guard;
  if (f->red_zones) check(f, buf, idx, active(f));
  if (guard && in_bounds(f, buf, idx)) f->guard = NULL;
  const Ix *lin = cpu_linear(f, kb->rank, kb->stride, idx);
  LLVMValueRef v = cpu_load_at(f, f->buf[buf], kb->dtype, buf, lin);
  f->guard = guard;
  return v;
}

void cpu_store(CpuFn *f, int buf, const Ix *const *idx, LLVMValueRef v) {
  const KBuf *kb = &f->k->buf[buf];
  if (f->red_zones) check(f, buf, idx, f->mask);
  cpu_store_at(f, f->buf[buf], kb->dtype, buf, cpu_linear(f, kb->rank, kb->stride, idx), v);
}

void cpu_store_together(CpuFn *f, const int *store, int n) {
  LLVMValueRef *v = ARENA_ARRAY(f->arena, n, LLVMValueRef);
  for (int i = 0; i < n; i++) {
    const KStore *st = &f->k->store[store[i]];
    v[i] = cpu_value(f, st->val, NULL);
    v[i] = cpu_cast(f, f->k->val[st->val].dtype, f->k->buf[st->buf].dtype, v[i]);
  }
  for (int i = 0; i < n; i++) cpu_store(f, f->k->store[store[i]].buf, f->k->store[store[i]].idx, v[i]);
}
