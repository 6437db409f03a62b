/* Passes over a block of rows: which of its columns are needed, maps into resident blocks, reductions of
 * rows, and the stores. */
#include "base/i64.h"
#include "codegen/cpu/chain/cpu_chain.h"

LLVMValueRef chain_at(Chain *a, int64_t area, LLVMValueRef row, int64_t stride, LLVMValueRef col) {
  CpuFn *f = a->f;
  LLVMValueRef index = cpu_mul(f, row, stride);
  if (col) index = cpu_add(f, index, col);
  return cpu_scratch_at(f, area, LLVMFloatTypeInContext(f->cx), index);
}

/* In scratch every element has four bytes. */
static DType kept_as(DType t) {
  return dtype_is_float(t) ? DT_F32 : DT_I32;
}

static LLVMValueRef load(Chain *a, DType t, LLVMValueRef ptr, int lanes) {
  CpuFn *f = a->f;
  LLVMValueRef v = cpu_scratch_load(f, cpu_vec(f, kept_as(t), lanes), 4, ptr);
  if (dtype_is_float(t)) return cpu_round(f, t, v);
  if (t == DT_BOOL) return LLVMBuildICmp(f->b, LLVMIntNE, v, LLVMConstNull(LLVMTypeOf(v)), "");
  return LLVMBuildTruncOrBitCast(f->b, v, cpu_vec(f, t, lanes), "");
}

static void store(Chain *a, DType t, LLVMValueRef v, LLVMValueRef ptr) {
  CpuFn *f = a->f;
  if (!dtype_is_float(t)) v = LLVMBuildZExtOrBitCast(f->b, v, cpu_vec(f, DT_I32, cpu_width(v)), "");
  cpu_scratch_store(f, v, 4, ptr);
}

static void set_lanes(Chain *a, int axis, LLVMValueRef at, LLVMValueRef mask) {
  CpuFn *f = a->f;
  f->axis[axis] = at;
  f->lanes = a->s->lanes, f->lane_axis = axis, f->lane_align = a->s->lanes, f->mask = mask;
}

static void set_scalar(Chain *a) {
  a->f->lanes = 1, a->f->lane_axis = -1, a->f->lane_align = 1, a->f->mask = NULL;
}

/* Lanes from `at` on that lie below extent; NULL where all do. */
static LLVMValueRef tail(Chain *a, LLVMValueRef at, int64_t extent) {
  a->f->lanes = a->s->lanes;
  return extent % a->s->lanes ? cpu_tail_mask(a->f, at, cpu_i64(a->f, extent)) : NULL;
}

/* Where a value lives: element addresses follow from the current axes. */
LLVMValueRef chain_placed(CpuFn *f, void *ctx, int val, const Ix *const *idx) {
  Chain *a = ctx;
  const ChainShape *s = a->s;
  const KVal *v = &f->k->val[val];
  ChainClass c = s->cls[val];
  if (c == AT_INLINE) return NULL;
  for (int i = 0; i < v->naxes; i++) {
    const Ix *own = ix_axis(f->arena, v->axis[i], f->k->axis[v->axis[i]].extent);
    if (!ix_same(cpu_subst(f, own), cpu_subst(f, idx[i])))
      kern_misfit(f->k, "%s is read away from its own point", v->name);
  }
  if (c == AT_SUM) {
    LLVMValueRef at = f->axis[s->row_axis[val]];
    int lanes = f->lane_axis == s->row_axis[val] ? f->lanes : 1;
    return load(a, v->dtype, chain_at(a, s->row_at[val], at, 1, NULL), lanes);
  }
  LLVMValueRef row = c == AT_COLUMN ? f->axis[s->axis_n] : cpu_sub(f, f->axis[s->axis_m], a->row0);
  if (c == AT_ROW) return load(a, v->dtype, chain_at(a, s->row_at[val], row, 1, NULL), 1);
  LLVMValueRef p;
  if (c == AT_OUT || c == AT_COLUMN) {
    const ChainDot *d = &s->dot[val];
    p = chain_at(a, d->c_at, row, d->c_row, f->axis[d->x]);
  } else {
    int slot = chain_slot_of(s, val, a->reader);
    if (slot < 0) kern_misfit(f->k, "%s is not resident here", v->name);
    p = chain_at(a, s->slot[slot].at, row, s->width, f->axis[s->axis_n]);
  }
  return load(a, v->dtype, p, f->lanes);
}

/* The span of columns that a block needs, as variables. */
typedef struct Span {
  LLVMValueRef lo, hi;
} Span;

static void widen(Chain *a, Span *s, LLVMValueRef lo, LLVMValueRef hi) {
  CpuFn *f = a->f;
  LLVMTypeRef i64 = LLVMInt64TypeInContext(f->cx);
  LLVMBuildStore(f->b, cpu_min(f, LLVMBuildLoad2(f->b, i64, s->lo, ""), lo), s->lo);
  LLVMBuildStore(f->b, cpu_max(f, LLVMBuildLoad2(f->b, i64, s->hi, ""), hi), s->hi);
}

static LLVMValueRef bound(Chain *a, const Ix *ix, int64_t otherwise) {
  return ix ? cpu_index_base(a->f, cpu_subst(a->f, ix)) : cpu_i64(a->f, otherwise);
}

/* A reduction along the row: the hull of its rows' bounds. */
static void widen_by_rows(Chain *a, Span *s, const KRed *r) {
  CpuFn *f = a->f;
  CpuLoop i = cpu_loop(f, cpu_i64(f, 0), a->rows, 1, "bounds");
  f->axis[a->s->axis_m] = cpu_add(f, a->row0, i.i);
  set_scalar(a);
  LLVMValueRef lo = bound(a, r->lo, 0), hi = bound(a, r->hi, a->s->n);
  LLVMValueRef some = LLVMBuildICmp(f->b, LLVMIntSLT, lo, hi, "");
  widen(a, s, LLVMBuildSelect(f->b, some, lo, cpu_i64(f, a->s->n), ""),
        LLVMBuildSelect(f->b, some, hi, cpu_i64(f, 0), ""));
  cpu_loop_end(f, &i);
}

/* A reduction along the column: the columns whose bounds meet the block. */
static void widen_by_columns(Chain *a, Span *s, const KRed *r) {
  CpuFn *f = a->f;
  LLVMValueRef end = cpu_add(f, a->row0, a->rows);
  CpuLoop j = cpu_loop(f, cpu_i64(f, 0), cpu_i64(f, a->s->n), 1, "bounds");
  f->axis[a->s->axis_n] = j.i;
  set_scalar(a);
  LLVMValueRef before = LLVMBuildICmp(f->b, LLVMIntSLT, bound(a, r->lo, 0), end, "");
  LLVMValueRef after = LLVMBuildICmp(f->b, LLVMIntSGT, bound(a, r->hi, a->s->m), a->row0, "");
  LLVMValueRef meets = LLVMBuildAnd(f->b, before, after, "");
  widen(a, s, LLVMBuildSelect(f->b, meets, j.i, cpu_i64(f, a->s->n), ""),
        LLVMBuildSelect(f->b, meets, j.next, cpu_i64(f, 0), ""));
  cpu_loop_end(f, &j);
}

static bool stored_whole(const Chain *a) {
  const ChainShape *s = a->s;
  for (int i = 0; i < s->nslot; i++)
    if (s->slot[i].to == s->k->nval) return true;
  return false;
}

/* Whether value v reduces the columns of the block, each for itself. */
static bool along_columns(const ChainShape *s, int v) {
  return s->cls[v] == AT_COLUMN || (s->cls[v] == AT_SUM && s->row_axis[v] == s->axis_n);
}

/* Whether value v consumes columns of the block, and its bounds: NULL when it wants all. */
static bool consumes(const Chain *a, int v, const KRed **red) {
  const KVal *kv = &a->f->k->val[v];
  ChainClass c = a->s->cls[v];
  bool along_row = c == AT_OUT || (c == AT_ROW && a->s->row_axis[v] == a->s->axis_n);
  if (!along_row && !along_columns(a->s, v)) return false;
  *red = kv->nred == 1 && (kv->red[0].lo || kv->red[0].hi) ? kv->red : NULL;
  return true;
}

/* Values before v have the same consumer's bounds already. */
static bool repeated(const Chain *a, int v) {
  const KRed *red;
  for (int w = 0; w < v; w++)
    if (consumes(a, w, &red) && chain_same_bounds(a->f->k, w, v)) return true;
  return false;
}

/* Where no row wants any column, the first vector is computed all the same: the micro-kernel makes a round at
 * least, and what it reads there is 0. */
void chain_columns(Chain *a) {
  CpuFn *f = a->f;
  const KRed *red;
  bool all = stored_whole(a);
  for (int v = 0; v < f->k->nval; v++) all |= consumes(a, v, &red) && !red;
  a->c0 = cpu_i64(f, 0);
  a->c1 = cpu_i64(f, i64_round_up(a->s->n, a->s->lanes));
  if (all) return;
  LLVMTypeRef i64 = LLVMInt64TypeInContext(f->cx);
  Span s = {cpu_alloca(f, i64, "lo"), cpu_alloca(f, i64, "hi")};
  LLVMBuildStore(f->b, cpu_i64(f, a->s->n), s.lo);
  LLVMBuildStore(f->b, cpu_i64(f, 0), s.hi);
  for (int v = 0; v < f->k->nval; v++) {
    if (!consumes(a, v, &red) || !red || repeated(a, v)) continue;
    if (along_columns(a->s, v))
      widen_by_columns(a, &s, red);
    else
      widen_by_rows(a, &s, red);
  }
  LLVMValueRef lanes = cpu_i64(f, a->s->lanes), more = cpu_i64(f, a->s->lanes - 1);
  LLVMValueRef lo = LLVMBuildLoad2(f->b, i64, s.lo, ""), hi = LLVMBuildLoad2(f->b, i64, s.hi, "");
  LLVMValueRef none = LLVMBuildICmp(f->b, LLVMIntSGE, lo, hi, "");
  lo = LLVMBuildSelect(f->b, none, cpu_i64(f, 0), lo, ""), hi = LLVMBuildSelect(f->b, none, lanes, hi, "");
  a->c0 = cpu_mul(f, cpu_div(f, lo, a->s->lanes), a->s->lanes);
  a->c1 = cpu_mul(f, cpu_div(f, cpu_add(f, hi, more), a->s->lanes), a->s->lanes);
}

static bool fills(const ChainSlot *t, int val) {
  return t->from == val;
}

static LLVMValueRef slot_value(Chain *a, const ChainSlot *t) {
  LLVMValueRef v = t->val >= 0 ? cpu_define(a->f, t->val) : cpu_expr(a->f, t->expr);
  v = cpu_fill(a->f, v);
  LLVMValueRef keep = t->bound >= 0 ? dot_in_bounds(a->f, t->bound) : NULL;
  return keep ? LLVMBuildSelect(a->f->b, keep, v, LLVMConstNull(LLVMTypeOf(v)), "") : v;
}

/* All slots that the value fills are computed before any is written, since one may lie where another that is
 * read lay. */
static void fill_vector(Chain *a, int val, LLVMValueRef row, LLVMValueRef col) {
  const ChainShape *s = a->s;
  LLVMValueRef *v = ARENA_ARRAY(a->f->arena, s->nslot, LLVMValueRef);
  for (int i = 0; i < s->nslot; i++)
    if (fills(&s->slot[i], val)) v[i] = slot_value(a, &s->slot[i]);
  for (int i = 0; i < s->nslot; i++) {
    const ChainSlot *t = &s->slot[i];
    DType type = t->val >= 0 ? s->k->val[t->val].dtype : t->expr->dtype;
    if (fills(t, val)) store(a, type, v[i], chain_at(a, t->at, row, s->width, col));
  }
}

void chain_fill(Chain *a, int val) {
  CpuFn *f = a->f;
  bool any = false;
  for (int i = 0; i < a->s->nslot; i++) any |= fills(&a->s->slot[i], val);
  if (!any) return;
  a->reader = val;
  CpuLoop i = cpu_loop(f, cpu_i64(f, 0), a->rows, 1, "map");
  f->axis[a->s->axis_m] = cpu_add(f, a->row0, i.i);
  CpuLoop j = cpu_loop(f, a->c0, a->c1, a->s->lanes, "columns");
  set_lanes(a, a->s->axis_n, j.i, tail(a, j.i, a->s->n));
  fill_vector(a, val, i.i, j.i);
  cpu_loop_end(f, &j);
  cpu_loop_end(f, &i);
  set_scalar(a);
}

/* Where the reduction of value val starts and ends in the current row. */
static void row_range(Chain *a, const KVal *v, int64_t extent, LLVMValueRef *lo, LLVMValueRef *hi) {
  CpuFn *f = a->f;
  const KRed *r = v->nred == 1 ? &v->red[0] : NULL;
  set_scalar(a);
  *lo = cpu_mul(f, cpu_div(f, bound(a, r ? r->lo : NULL, 0), a->s->lanes), a->s->lanes);
  *hi = bound(a, r ? r->hi : NULL, extent);
}

void chain_row(Chain *a, int val) {
  CpuFn *f = a->f;
  const KVal *v = &f->k->val[val];
  const ChainShape *s = a->s;
  int axis = s->row_axis[val];
  int64_t extent = chain_extent(s, axis);
  DType sum = kept_as(v->dtype);
  LLVMTypeRef vec = cpu_vec(f, sum, s->lanes);
  LLVMValueRef acc = cpu_alloca(f, vec, "acc"), lo, hi;
  a->reader = val;
  CpuLoop i = cpu_loop(f, cpu_i64(f, 0), a->rows, 1, "reduce");
  f->axis[s->axis_m] = cpu_add(f, a->row0, i.i);
  row_range(a, v, extent, &lo, &hi);
  f->lanes = s->lanes;
  LLVMValueRef none = cpu_identity(f, v->reduce, sum);
  LLVMBuildStore(f->b, none, acc);
  CpuLoop j = cpu_loop(f, lo, hi, s->lanes, "lanes");
  set_lanes(a, axis, j.i, tail(a, j.i, extent));
  LLVMValueRef x = cpu_fill(f, cpu_define(f, val)), keep = dot_in_bounds(f, val);
  if (f->mask) keep = keep ? LLVMBuildAnd(f->b, keep, f->mask, "") : f->mask;
  if (keep) x = LLVMBuildSelect(f->b, keep, x, none, "");
  LLVMBuildStore(f->b, cpu_accumulate(f, v->reduce, LLVMBuildLoad2(f->b, vec, acc, ""), x), acc);
  cpu_loop_end(f, &j);
  set_scalar(a);
  x = cpu_combine(f, v->reduce, LLVMBuildLoad2(f->b, vec, acc, ""));
  store(a, v->dtype, x, chain_at(a, s->row_at[val], i.i, 1, NULL));
  cpu_loop_end(f, &i);
}

void chain_sum_clear(Chain *a, int val) {
  CpuFn *f = a->f;
  const ChainShape *s = a->s;
  const KVal *v = &f->k->val[val];
  int64_t end = chain_extent(s, s->row_axis[val]);
  CpuLoop j = cpu_loop(f, cpu_i64(f, 0), cpu_i64(f, end), s->lanes, "clear");
  f->lanes = s->lanes;
  store(a, v->dtype, cpu_fill(f, cpu_identity(f, v->reduce, kept_as(v->dtype))),
        chain_at(a, s->row_at[val], j.i, 1, NULL));
  cpu_loop_end(f, &j);
  set_scalar(a);
}

void chain_sum(Chain *a, int val) {
  CpuFn *f = a->f;
  const ChainShape *s = a->s;
  const KVal *v = &f->k->val[val];
  int axis = s->row_axis[val];
  bool columns = axis == s->axis_n;
  int64_t extent = chain_extent(s, axis);
  LLVMTypeRef vec = cpu_vec(f, kept_as(v->dtype), s->lanes);
  LLVMValueRef acc = cpu_alloca(f, vec, "acc");
  a->reader = val;
  CpuLoop j =
      cpu_loop(f, columns ? a->c0 : cpu_i64(f, 0), columns ? a->c1 : cpu_i64(f, extent), s->lanes, "sum");
  LLVMValueRef at = chain_at(a, s->row_at[val], j.i, 1, NULL);
  LLVMBuildStore(f->b, cpu_scratch_load(f, vec, 4, at), acc);
  LLVMValueRef mask = tail(a, j.i, extent);
  CpuLoop i = cpu_loop(f, cpu_i64(f, 0), a->rows, 1, "rows");
  f->axis[s->axis_m] = cpu_add(f, a->row0, i.i);
  set_lanes(a, axis, j.i, mask);
  LLVMValueRef x = cpu_fill(f, cpu_define(f, val)), keep = dot_in_bounds(f, val);
  if (keep)
    x = LLVMBuildSelect(f->b, keep, x, cpu_fill(f, cpu_identity(f, v->reduce, kept_as(v->dtype))), "");
  LLVMBuildStore(f->b, cpu_accumulate(f, v->reduce, LLVMBuildLoad2(f->b, vec, acc, ""), x), acc);
  cpu_loop_end(f, &i);
  store(a, v->dtype, LLVMBuildLoad2(f->b, vec, acc, ""), at);
  cpu_loop_end(f, &j);
  set_scalar(a);
}

/* The stores of values that live on these of the roles m, n, k and d, and on no other; how many. */
static int stores_on(const Chain *a, KRole row, KRole along, int *store) {
  static const KRole all[] = {ROLE_M, ROLE_N, ROLE_K, ROLE_D};
  int n = 0;
  for (int s = 0; s < a->s->k->nstore; s++) {
    const KVal *v = &a->s->k->val[a->s->k->store[s].val];
    bool lives = true;
    for (int i = 0; i < 4; i++)
      lives &= kval_is_over(v, &a->s->plan->role[all[i]]) == (all[i] == row || all[i] == along);
    if (lives) store[n++] = s;
  }
  return n;
}

/* The stores of values that live on the current row (of m, or of n; none: they live on no row) and along an
 * axis. */
static void store_along(Chain *a, KRole row, KRole along, int axis, int64_t extent) {
  CpuFn *f = a->f;
  int *store = ARENA_ARRAY(f->arena, f->k->nstore, int), n = stores_on(a, row, along, store);
  if (!n) return;
  CpuLoop x = cpu_loop(f, cpu_i64(f, 0), cpu_i64(f, extent), a->s->lanes, "store");
  if (extent > 1)
    set_lanes(a, axis, x.i, tail(a, x.i, extent));
  else
    f->axis[axis] = x.i;
  cpu_store_together(f, store, n);
  cpu_loop_end(f, &x);
  set_scalar(a);
}

void chain_store_block(Chain *a) {
  CpuFn *f = a->f;
  const ChainShape *s = a->s;
  int *store = ARENA_ARRAY(f->arena, f->k->nstore, int);
  a->reader = -1;
  CpuLoop i = cpu_loop(f, cpu_i64(f, 0), a->rows, 1, "stores");
  f->axis[s->axis_m] = cpu_add(f, a->row0, i.i);
  set_scalar(a);
  cpu_store_together(f, store, stores_on(a, ROLE_M, ROLE_NONE, store));
  store_along(a, ROLE_M, ROLE_N, s->axis_n, s->n);
  store_along(a, ROLE_M, ROLE_K, s->axis_k, s->extent_k);
  store_along(a, ROLE_M, ROLE_D, s->axis_d, s->extent_d);
  cpu_loop_end(f, &i);
}

void chain_store_columns(Chain *a) {
  CpuFn *f = a->f;
  const ChainShape *s = a->s;
  a->reader = -1;
  store_along(a, ROLE_NONE, ROLE_N, s->axis_n, s->n);
  store_along(a, ROLE_NONE, ROLE_K, s->axis_k, s->extent_k);
  store_along(a, ROLE_NONE, ROLE_D, s->axis_d, s->extent_d);
  CpuLoop j = cpu_loop(f, cpu_i64(f, 0), cpu_i64(f, s->n), 1, "stores");
  f->axis[s->axis_n] = j.i;
  set_scalar(a);
  store_along(a, ROLE_N, ROLE_K, s->axis_k, s->extent_k);
  store_along(a, ROLE_N, ROLE_D, s->axis_d, s->extent_d);
  cpu_loop_end(f, &j);
}
