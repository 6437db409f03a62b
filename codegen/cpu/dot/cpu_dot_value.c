/* The elements of an operand, a vector of units at a time: what a pack stores. The factor's whole expression,
 * prologue included, is evaluated here and nowhere else. */
#include "codegen/cpu/dot/cpu_dot.h"

LLVMValueRef dot_in_bounds(CpuFn *f, int val) {
  const KVal *v = &f->k->val[val];
  LLVMValueRef all = NULL;
  for (int i = 0; i < 2 * v->nred; i++) {
    const KRed *r = &v->red[i / 2];
    const Ix *bound = i % 2 ? r->hi : r->lo;
    if (!bound) continue;
    LLVMValueRef k = cpu_fill(f, cpu_index(f, ix_axis(f->arena, r->axis, f->k->axis[r->axis].extent)));
    LLVMValueRef at = cpu_fill(f, cpu_index(f, bound));
    LLVMValueRef in = LLVMBuildICmp(f->b, i % 2 ? LLVMIntSLT : LLVMIntSGE, k, at, "");
    all = all ? LLVMBuildAnd(f->b, all, in, "") : in;
  }
  return all;
}

static LLVMValueRef zero_unless(Dot *d, LLVMValueRef keep, LLVMValueRef v) {
  return keep ? LLVMBuildSelect(d->f->b, keep, v, LLVMConstNull(LLVMTypeOf(v)), "") : v;
}

/* Adds the side sums' summands at the current point to their slots. */
static void add_sums(Dot *d, LLVMValueRef *slot) {
  CpuFn *f = d->f;
  for (int i = 0; i < d->s->nsum; i++) {
    LLVMValueRef x = cpu_fill(f, cpu_define(f, d->s->sum[i]));
    LLVMTypeRef t = LLVMTypeOf(x);
    LLVMValueRef sum = LLVMBuildLoad2(f->b, t, slot[i], "");
    LLVMBuildStore(f->b, LLVMBuildFAdd(f->b, sum, zero_unless(d, f->mask, x), ""), slot[i]);
  }
}

/* The factor at the current point, 0 in masked lanes. */
static LLVMValueRef element(Dot *d, const DotOperand *o, LLVMValueRef *sum) {
  CpuFn *f = d->f;
  if (sum) add_sums(d, sum);
  LLVMValueRef keep = o->bounded ? dot_in_bounds(f, d->s->val) : NULL;
  f->guard = keep;
  LLVMValueRef v = cpu_fill(f, cpu_expr(f, d->g->pairs ? o->unrounded : o->expr));
  f->guard = NULL;
  return zero_unless(d, f->mask, zero_unless(d, keep, v));
}

static LLVMValueRef first_lanes(Dot *d, int64_t count) {
  return cpu_tail_mask(d->f, cpu_i64(d->f, 0), cpu_i64(d->f, count));
}

static LLVMValueRef zeros(Dot *d) {
  return LLVMConstNull(cpu_vec(d->f, DT_F32, (int)d->g->lanes));
}

/* Lanes of lo and hi in bf16, neighbours in pairs (`alternate`: lo and hi in turn) or one after the other. */
static LLVMValueRef pair_up(Dot *d, LLVMValueRef lo, LLVMValueRef hi, bool alternate) {
  CpuFn *f = d->f;
  LLVMTypeRef i32 = LLVMInt32TypeInContext(f->cx);
  int lanes = (int)d->g->lanes;
  LLVMValueRef index[2 * DOT_MAX_LANES];
  for (int l = 0; l < 2 * lanes; l++) {
    int from = alternate ? l / 2 + l % 2 * lanes : l;
    index[l] = LLVMConstInt(i32, (unsigned)from, false);
  }
  LLVMTypeRef t = LLVMVectorType(LLVMBFloatTypeInContext(f->cx), (unsigned)lanes);
  lo = LLVMBuildFPTrunc(f->b, lo, t, "");
  hi = LLVMBuildFPTrunc(f->b, hi, t, "");
  LLVMValueRef both = LLVMBuildShuffleVector(f->b, lo, hi, LLVMConstVector(index, (unsigned)(2 * lanes)), "");
  return LLVMBuildBitCast(f->b, both, dot_units(d), "");
}

/* The vector that starts at element `at` of k, of which `count` elements exist (-1: all). */
static LLVMValueRef along_k_at(Dot *d, const DotOperand *o, LLVMValueRef at, int64_t count,
                               LLVMValueRef *sum) {
  CpuFn *f = d->f;
  if (count == 0) return zeros(d);
  f->axis[d->s->axis_k] = at;
  f->mask = count < 0 || count >= d->g->lanes ? NULL : first_lanes(d, count);
  LLVMValueRef v = element(d, o, sum);
  f->mask = NULL;
  return v;
}

LLVMValueRef dot_along_k(Dot *d, const DotOperand *o, LLVMValueRef row, LLVMValueRef unit, int64_t count,
                         LLVMValueRef *sum) {
  CpuFn *f = d->f;
  int64_t lanes = d->g->lanes;
  f->axis[o->rows] = row;
  f->lanes = (int)lanes, f->lane_axis = d->s->axis_k, f->lane_align = (int)lanes;
  if (!d->g->pairs) return along_k_at(d, o, unit, count, sum);
  int64_t rest = count < 0 ? -1 : count > lanes ? count - lanes : 0;
  LLVMValueRef k = dot_mul(d, unit, 2);
  LLVMValueRef lo = along_k_at(d, o, k, count, sum);
  LLVMValueRef hi = along_k_at(d, o, dot_add(d, k, cpu_i64(f, lanes)), rest, sum);
  return pair_up(d, lo, hi, false);
}

/* The second element of the pair at unit `unit`, which the last pair of an odd k has not. */
static LLVMValueRef second_of_pair(Dot *d, const DotOperand *o, LLVMValueRef k, LLVMValueRef *sum) {
  CpuFn *f = d->f;
  LLVMValueRef mask = f->mask, next = dot_add(d, k, cpu_i64(f, 1));
  if (d->s->kk % 2) {
    LLVMValueRef exists = LLVMBuildICmp(f->b, LLVMIntSLT, next, cpu_i64(f, d->s->kk), "");
    LLVMValueRef all = cpu_splat(f, exists, f->lanes);
    f->mask = mask ? LLVMBuildAnd(f->b, mask, all, "") : all;
    next = dot_min(d, next, cpu_i64(f, d->s->kk - 1));
  }
  f->axis[d->s->axis_k] = next;
  LLVMValueRef v = element(d, o, sum);
  f->mask = mask;
  return v;
}

LLVMValueRef dot_along_rows(Dot *d, const DotOperand *o, LLVMValueRef row, LLVMValueRef unit,
                            LLVMValueRef mask, LLVMValueRef *sum) {
  CpuFn *f = d->f;
  bool a_rows = o->rows == d->s->axis_m;
  int64_t align = !a_rows ? d->g->lanes : d->g->tall == d->g->mpanels ? d->g->mr : 1;
  f->lanes = (int)d->g->lanes, f->lane_axis = o->rows, f->lane_align = (int)align;
  f->axis[o->rows] = row;
  f->mask = mask;
  LLVMValueRef k = d->g->pairs ? dot_mul(d, unit, 2) : unit;
  f->axis[d->s->axis_k] = k;
  LLVMValueRef v = element(d, o, sum);
  if (d->g->pairs) v = pair_up(d, v, second_of_pair(d, o, k, sum), true);
  f->mask = NULL;
  return v;
}

static bool is_affine(const Ix *x) {
  for (int i = 0; i < x->nterm; i++)
    if (x->term[i].atom->kind != IX_AXIS) return false;
  return true;
}

static void prefetch_read(Dot *d, const KExpr *e) {
  CpuFn *f = d->f;
  const KBuf *b = &f->k->buf[e->ref];
  const Ix *at = cpu_linear(f, b->rank, b->stride, e->idx);
  int64_t slope;
  if (!is_affine(at) || !cpu_slope(f, at, &slope) || slope != 1) return;
  LLVMTypeRef i32 = LLVMInt32TypeInContext(f->cx);
  LLVMValueRef index = cpu_index_base(f, at);
  LLVMValueRef p = LLVMBuildGEP2(f->b, cpu_type(f, b->dtype), f->buf[e->ref], &index, 1, "");
  LLVMValueRef read = LLVMConstNull(i32), near = LLVMConstInt(i32, 3, false),
               data = LLVMConstInt(i32, 1, false);
  cpu_call(f, "llvm.prefetch", LLVMTypeOf(p), (LLVMValueRef[]){p, read, near, data}, 4);
}

static void prefetch_reads(Dot *d, const KExpr *e) {
  if (e->kind == KE_READ) prefetch_read(d, e);
  if (dot_is_written_here(d->f->k, e)) prefetch_reads(d, dot_definition(d->f->k, e));
  for (int i = 0; i < 3 && e->arg[i]; i++) prefetch_reads(d, e->arg[i]);
}

void dot_prefetch(Dot *d, const DotOperand *o, bool along_k, LLVMValueRef row, LLVMValueRef unit) {
  CpuFn *f = d->f;
  int64_t per = d->g->pairs ? 2 : 1;
  f->lanes = (int)d->g->lanes, f->lane_align = 1;
  f->lane_axis = along_k ? d->s->axis_k : o->rows;
  f->axis[o->rows] = row;
  for (int64_t i = 0; i < per; i++) {
    LLVMValueRef next = cpu_i64(f, along_k ? i * d->g->lanes : i);
    f->axis[d->s->axis_k] = dot_add(d, dot_mul(d, unit, per), next);
    prefetch_reads(d, o->expr);
  }
}
