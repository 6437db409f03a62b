/* Index expressions as LLVM values: how they move along the lanes, and their value at the current point. What
 * is affine over a block of lanes stays a scalar; the rest is computed in vectors, of i32 where it fits. */
#include "base/i64.h"
#include "codegen/cpu/cpu_emit.h"

const Ix *cpu_subst(const CpuFn *f, const Ix *ix) {
  return f->sub ? ix_subst(f->arena, ix, f->sub, f->nsub) : ix;
}

const Ix *cpu_linear(const CpuFn *f, int rank, const int64_t *stride, const Ix *const *idx) {
  const Ix *sum = ix_const(f->arena, 0);
  for (int d = 0; d < rank; d++) sum = ix_add(f->arena, sum, ix_scale(f->arena, idx[d], stride[d]));
  return cpu_subst(f, sum);
}

static bool atom_slope(const CpuFn *f, const IxAtom *a, int64_t *slope);

bool cpu_slope(const CpuFn *f, const Ix *ix, int64_t *slope) {
  *slope = 0;
  if (f->lanes == 1) return true;
  for (int i = 0; i < ix->nterm; i++) {
    int64_t s;
    if (!atom_slope(f, ix->term[i].atom, &s)) return false;
    *slope += s * ix->term[i].coef;
  }
  return true;
}

/* A number that divides the value of ix at lane 0; 0: the value is 0. */
static int64_t base_divisor(const CpuFn *f, const Ix *ix) {
  int64_t g = ix->base;
  for (int i = 0; i < ix->nterm; i++) {
    const IxAtom *a = ix->term[i].atom;
    int64_t known = a->kind == IX_AXIS && a->id == f->lane_axis ? f->lane_align : 1;
    g = i64_gcd(g, ix->term[i].coef * known);
  }
  return i64_gcd(g, 0);
}

/* The block does not cross a multiple of the divisor n when it starts at a multiple of some g that divides n
 * and is shorter than g. */
static bool within(const CpuFn *f, const Ix *arg, int64_t n, int64_t slope) {
  return slope >= 0 && slope * (f->lanes - 1) < i64_gcd(base_divisor(f, arg), n);
}

static bool atom_slope(const CpuFn *f, const IxAtom *a, int64_t *slope) {
  int64_t s;
  switch (a->kind) {
  case IX_AXIS: *slope = a->id == f->lane_axis; return true;
  case IX_DIV:
  case IX_MOD:
    if (!cpu_slope(f, a->arg, &s)) return false;
    if (s != 0 && !within(f, a->arg, a->extent, s)) return false;
    *slope = a->kind == IX_MOD ? s : 0;
    return true;
  case IX_READ:
    *slope = 0;
    for (int i = 0; i < a->nidx; i++)
      if (!cpu_slope(f, a->idx[i], &s) || s != 0) return false;
    return true;
  }
  ice("no such index atom: %d", (int)a->kind);
}

static LLVMValueRef axis_value(CpuFn *f, int id) {
  if (id >= CPU_MAX_AXES || !f->axis[id])
    kern_misfit(f->k, "axis %s has no value here", id < f->k->naxes ? f->k->axis[id].name : "of a role");
  return f->axis[id];
}

/* Quotient or remainder by n > 0, rounding down; v is any integer scalar or vector. */
static LLVMValueRef quotient(CpuFn *f, const IxAtom *a, LLVMValueRef v) {
  int64_t lo, hi;
  ix_range(a->arg, &lo, &hi);
  LLVMTypeRef t = LLVMTypeOf(v), e = cpu_width(v) == 1 ? t : LLVMGetElementType(t);
  LLVMValueRef n = cpu_splat(f, LLVMConstInt(e, (unsigned long long)a->extent, true), cpu_width(v));
  bool div = a->kind == IX_DIV;
  if (lo >= 0) return div ? LLVMBuildUDiv(f->b, v, n, "") : LLVMBuildURem(f->b, v, n, "");
  LLVMValueRef rest = LLVMBuildSRem(f->b, v, n, "");
  LLVMValueRef below = LLVMBuildICmp(f->b, LLVMIntSLT, rest, LLVMConstNull(t), "");
  if (!div) return LLVMBuildSelect(f->b, below, LLVMBuildAdd(f->b, rest, n, ""), rest, "");
  return LLVMBuildAdd(f->b, LLVMBuildSDiv(f->b, v, n, ""), LLVMBuildSExt(f->b, below, t, ""), "");
}

/* The element read by a gather's base, kept inside what it promises, so that foreign data can't reach
 * outside the buffer it indexes. */
static LLVMValueRef read_atom(CpuFn *f, const IxAtom *a, LLVMTypeRef t) {
  LLVMValueRef v = cpu_load(f, a->id, a->idx);
  LLVMTypeRef to = cpu_like(t, v);
  bool is_signed = f->k->buf[a->id].dtype == DT_I32;
  v = LLVMGetIntTypeWidth(t) < 64 && f->k->buf[a->id].dtype == DT_U64 ? LLVMBuildTrunc(f->b, v, to, "")
      : is_signed ? LLVMBuildSExtOrBitCast(f->b, v, to, "")
                  : LLVMBuildZExtOrBitCast(f->b, v, to, "");
  LLVMValueRef most = cpu_splat(f, LLVMConstInt(t, (unsigned long long)a->extent - 1, false), cpu_width(v));
  return cpu_call(f, "llvm.umin", to, (LLVMValueRef[]){v, most}, 2);
}

static LLVMValueRef scale(CpuFn *f, LLVMValueRef v, int64_t coef) {
  if (coef == 1) return v;
  LLVMTypeRef t = LLVMTypeOf(v), e = cpu_width(v) == 1 ? t : LLVMGetElementType(t);
  LLVMValueRef c = cpu_splat(f, LLVMConstInt(e, (unsigned long long)coef, true), cpu_width(v));
  return LLVMBuildMul(f->b, v, c, "");
}

static LLVMValueRef atom_base(CpuFn *f, const IxAtom *a) {
  if (a->kind == IX_AXIS) return axis_value(f, a->id);
  if (a->kind != IX_READ) return quotient(f, a, cpu_index_base(f, a->arg));
  CpuLanes saved = cpu_scalar(f);
  LLVMValueRef v = read_atom(f, a, LLVMInt64TypeInContext(f->cx));
  cpu_vector(f, &saved);
  return v;
}

LLVMValueRef cpu_index_base(CpuFn *f, const Ix *ix) {
  LLVMValueRef sum = NULL;
  for (int i = 0; i < ix->nterm; i++) {
    LLVMValueRef v = scale(f, atom_base(f, ix->term[i].atom), ix->term[i].coef);
    sum = sum ? LLVMBuildAdd(f->b, sum, v, "") : v;
  }
  if (!sum) return cpu_i64(f, ix->base);
  return ix->base ? LLVMBuildAdd(f->b, sum, cpu_i64(f, ix->base), "") : sum;
}

/* Every intermediate result fits in an i32. */
static bool fits32(const Ix *ix) {
  int64_t lo, hi, bound = ix->base < 0 ? -ix->base : ix->base;
  for (int i = 0; i < ix->nterm; i++) {
    const IxAtom *a = ix->term[i].atom;
    const Ix one = {.nterm = 1, .term = &ix->term[i]};
    ix_range(&one, &lo, &hi);
    bound += hi > -lo ? hi : -lo;
    if (bound > INT32_MAX / 2 || a->extent > INT32_MAX / 2) return false;
    if ((a->kind == IX_DIV || a->kind == IX_MOD) && !fits32(a->arg)) return false;
  }
  return true;
}

static LLVMValueRef iota(CpuFn *f, LLVMTypeRef t, int64_t slope) {
  LLVMValueRef v[64];
  int64_t at = 0;
  for (int i = 0; i < f->lanes; i++, at += slope) v[i] = LLVMConstInt(t, (unsigned long long)at, true);
  return LLVMConstVector(v, (unsigned)f->lanes);
}

static LLVMValueRef index_vector(CpuFn *f, const Ix *ix, LLVMTypeRef t);

static LLVMValueRef atom_vector(CpuFn *f, const IxAtom *a, LLVMTypeRef t) {
  if (a->kind == IX_READ) return read_atom(f, a, t);
  return quotient(f, a, index_vector(f, a->arg, t));
}

/* ix in vectors of integer type t: the affine part as base plus steps, the other atoms one by one. */
static LLVMValueRef index_vector(CpuFn *f, const Ix *ix, LLVMTypeRef t) {
  LLVMValueRef base = LLVMConstInt(t, (unsigned long long)ix->base, true), rest = NULL;
  int64_t slope = 0;
  for (int i = 0; i < ix->nterm; i++) {
    const IxTerm *m = &ix->term[i];
    int64_t s;
    if (atom_slope(f, m->atom, &s)) {
      LLVMValueRef v = LLVMBuildTruncOrBitCast(f->b, scale(f, atom_base(f, m->atom), m->coef), t, "");
      base = LLVMBuildAdd(f->b, base, v, "");
      slope += s * m->coef;
      continue;
    }
    LLVMValueRef v = scale(f, atom_vector(f, m->atom, t), m->coef);
    rest = rest ? LLVMBuildAdd(f->b, rest, v, "") : v;
  }
  LLVMValueRef sum = cpu_splat(f, base, f->lanes);
  if (slope) sum = LLVMBuildAdd(f->b, sum, iota(f, t, slope), "");
  return rest ? LLVMBuildAdd(f->b, sum, rest, "") : sum;
}

LLVMValueRef cpu_index(CpuFn *f, const Ix *ix) {
  int64_t slope;
  ix = cpu_subst(f, ix);
  if (cpu_slope(f, ix, &slope) && slope == 0) return cpu_index_base(f, ix);
  LLVMTypeRef i64 = LLVMInt64TypeInContext(f->cx);
  if (!fits32(ix)) return index_vector(f, ix, i64);
  LLVMValueRef v = index_vector(f, ix, LLVMInt32TypeInContext(f->cx));
  return LLVMBuildSExt(f->b, v, cpu_like(i64, v), "");
}
