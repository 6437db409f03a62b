/* What happens to a finished tile: every store whose value lives on (batch, m, n), a row at a time, and every
 * store of a side sum, a panel at a time. */
#include "codegen/cpu/dot/cpu_dot.h"

LLVMValueRef dot_placed(CpuFn *f, void *ctx, int val, const Ix *const *idx) {
  Dot *d = ctx;
  LLVMValueRef v = val == d->s->val ? d->tile : NULL;
  for (int i = 0; i < d->s->nsum; i++)
    if (val == d->s->sum[i]) v = d->sums[i];
  const KVal *kv = &f->k->val[val];
  if (!v) {
    if (kv->reduce != KR_NONE) ice("kernel %s: %s is not computed here", f->k->name, kv->name);
    return NULL;
  }
  for (int i = 0; i < kv->naxes; i++) {
    const Ix *own = ix_axis(f->arena, kv->axis[i], f->k->axis[kv->axis[i]].extent);
    if (!ix_same(cpu_sub(f, own), cpu_sub(f, idx[i])))
      ice("kernel %s: %s is read away from its own point", f->k->name, kv->name);
  }
  return v;
}

/* Whether expression e reads a side sum. */
static bool reads_sum(const Dot *d, const KExpr *e) {
  const Kernel *k = d->f->k;
  if (e->kind == KE_VALUE) {
    for (int i = 0; i < d->s->nsum; i++)
      if (d->s->sum[i] == e->ref) return true;
    if (k->val[e->ref].reduce == KR_NONE && reads_sum(d, k->val[e->ref].expr)) return true;
  }
  for (int i = 0; i < 3 && e->arg[i]; i++)
    if (reads_sum(d, e->arg[i])) return true;
  return false;
}

/* A store of a side sum, or of what is made of sums alone: nothing of it lives on n. */
static bool stores_sum(const Dot *d, const KStore *st) {
  const KVal *v = &d->f->k->val[st->val];
  for (int i = 0; i < d->s->nsum; i++)
    if (d->s->sum[i] == st->val) return true;
  return v->reduce == KR_NONE && reads_sum(d, v->expr) && !kval_is_over(v, &d->s->plan->role[ROLE_N]);
}

static void do_stores(Dot *d, bool sums) {
  for (int s = 0; s < d->f->k->nstore; s++)
    if (stores_sum(d, &d->f->k->store[s]) == sums) cpu_do_store(d->f, s);
}

/* The current point becomes `lanes` values of an axis from `at` on: a single one where the axis has no more,
 * since all lanes would store to one place. */
static LLVMValueRef set_lanes(Dot *d, int axis, int64_t extent, LLVMValueRef at, LLVMValueRef mask,
                              LLVMValueRef v) {
  CpuFn *f = d->f;
  f->axis[axis] = at;
  if (extent > 1) {
    f->lanes = (int)d->g->lanes, f->lane_axis = axis, f->mask = mask;
    return v;
  }
  f->lanes = 1, f->lane_axis = -1, f->lane_align = 1, f->mask = NULL;
  LLVMTypeRef i32 = LLVMInt32TypeInContext(f->cx);
  return LLVMBuildExtractElement(f->b, v, LLVMConstInt(i32, 0, false), "");
}

static void store_vector(Dot *d, LLVMValueRef row, int j, LLVMValueRef col, LLVMValueRef mask) {
  CpuFn *f = d->f;
  LLVMTypeRef f32 = LLVMFloatTypeInContext(f->cx);
  LLVMValueRef offset = cpu_i64(f, j * d->g->lanes);
  LLVMValueRef t =
      dot_load(d, LLVMVectorType(f32, (unsigned)d->g->lanes), LLVMBuildGEP2(f->b, f32, row, &offset, 1, ""));
  t = set_lanes(d, d->s->axis_n, d->s->n, dot_add(d, col, offset), mask, t);
  f->lane_align = f->lanes;
  d->tile = cpu_round(f, f->k->val[d->s->val].dtype, t);
  do_stores(d, false);
  d->tile = NULL;
  f->mask = NULL;
}

void dot_epilogue(Dot *d, LLVMValueRef tile, LLVMValueRef p, LLVMValueRef np, bool edge) {
  CpuFn *f = d->f;
  const DotBlocks *g = d->g;
  int64_t vecs = edge ? g->nvecs - g->w * (g->npanels - 1) : g->w, rest = d->s->n % g->lanes;
  LLVMValueRef start = dot_panel_start(d, p), col = dot_mul(d, np, g->nr);
  CpuLoop i = cpu_loop(f, cpu_i64(f, 0), dot_panel_rows(d, p), 1, "epilogue");
  f->axis[d->s->axis_m] = dot_add(d, start, i.i);
  LLVMValueRef at = dot_mul(d, i.i, g->nr);
  LLVMValueRef row = LLVMBuildGEP2(f->b, LLVMFloatTypeInContext(f->cx), tile, &at, 1, "");
  for (int j = 0; j < vecs; j++) {
    bool partial = edge && rest && j == vecs - 1;
    f->lanes = (int)g->lanes;
    LLVMValueRef mask = partial ? cpu_tail_mask(f, cpu_i64(f, 0), cpu_i64(f, rest)) : NULL;
    store_vector(d, row, j, col, mask);
  }
  cpu_loop_end(f, &i);
}

void dot_epilogue_sums(Dot *d) {
  CpuFn *f = d->f;
  const DotBlocks *g = d->g;
  CpuLoop p = cpu_loop(f, d->mp0, d->mp1, 1, "sums");
  LLVMValueRef index = dot_mul(d, dot_sub(d, p.i, d->mp0), g->lanes);
  f->lanes = (int)g->lanes;
  LLVMValueRef mask = cpu_tail_mask(f, cpu_i64(f, 0), dot_panel_rows(d, p.i));
  for (int i = 0; i < d->s->nsum; i++) {
    LLVMValueRef at = dot_scratch(d, g->sum_at + i * g->max_mp * g->lanes * 4, index);
    LLVMValueRef v = dot_load(d, cpu_vec(f, DT_F32, (int)g->lanes), at);
    v = set_lanes(d, d->s->axis_m, d->s->m, dot_panel_start(d, p.i), mask, v);
    d->sums[i] = cpu_round(f, f->k->val[d->s->sum[i]].dtype, v);
  }
  f->lane_align = 1;
  do_stores(d, true);
  for (int i = 0; i < d->s->nsum; i++) d->sums[i] = NULL;
  f->mask = NULL;
  cpu_loop_end(f, &p);
}
