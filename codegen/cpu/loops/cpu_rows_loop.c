/* The row skeleton's code: for each outer point (or block of columns) its passes, level by level. Lanes run
 * along the row, with several accumulators in turn and a fixed combination at the end; or along an outer
 * axis, each lane its own row. */
#include "codegen/cpu/loops/cpu_rows.h"

enum { BLOCKS = 4 }; /* accumulators of a reduction; vectors of columns at once */

typedef struct Rows {
  RowShape s;
  int width; /* blocks of columns in this variant; 1 by row */
  int block; /* the current one */
  LLVMValueRef column[BLOCKS];
  LLVMValueRef *acc;    /* BLOCKS variables a value */
  LLVMValueRef *result; /* BLOCKS a value; one by row */
  LLVMValueRef mask;    /* of columns that exist */
} Rows;

static const Ix *row_index(CpuFn *f, const Rows *r, int val, const Ix *const *idx) {
  const KVal *v = &f->k->val[val];
  const Ix *lin = ix_const(f->arena, 0);
  for (int i = 0; i < v->naxes; i++) {
    if (r->s.is_outer[v->axis[i]]) continue;
    lin = ix_add(f->arena, ix_scale(f->arena, lin, f->k->axis[v->axis[i]].extent), idx[i]);
  }
  return cpu_subst(f, lin);
}

static LLVMValueRef row_pointer(CpuFn *f, const Rows *r, int val) {
  LLVMValueRef at = cpu_i64(f, r->s.scratch[val]);
  return LLVMBuildGEP2(f->b, LLVMInt8TypeInContext(f->cx), f->scratch, &at, 1, "");
}

/* By column: where the current block's lanes of an element lie. */
static LLVMValueRef column_pointer(CpuFn *f, const Rows *r, int val, const Ix *lin) {
  CpuLanes saved = cpu_scalar(f);
  LLVMValueRef at = cpu_index_base(f, lin);
  if (f->guard) at = LLVMBuildSelect(f->b, f->guard, at, cpu_i64(f, 0), "");
  cpu_vector(f, &saved);
  at = LLVMBuildMul(f->b, at, cpu_i64(f, CPU_COLUMNS), "");
  at = LLVMBuildAdd(f->b, at, cpu_i64(f, (int64_t)r->block * f->lanes), "");
  return LLVMBuildGEP2(f->b, cpu_type(f, f->k->val[val].dtype), row_pointer(f, r, val), &at, 1, "");
}

static LLVMValueRef scratch_load(CpuFn *f, const Rows *r, int val, const Ix *const *idx) {
  DType t = f->k->val[val].dtype;
  const Ix *lin = row_index(f, r, val, idx);
  if (!r->s.by_column) return cpu_load_at(f, row_pointer(f, r, val), t, f->k->nbuf, lin);
  LLVMTypeRef vec = LLVMVectorType(cpu_type(f, t), (unsigned)f->lanes);
  LLVMValueRef v = cpu_scratch_load(f, vec, dtype_size(t), column_pointer(f, r, val, lin));
  return cpu_widen(f, t, v);
}

static void scratch_store(CpuFn *f, const Rows *r, int val, LLVMValueRef v) {
  DType t = f->k->val[val].dtype;
  const Ix *lin = row_index(f, r, val, kval_own_axes(f->arena, f->k, &f->k->val[val]));
  if (!r->s.by_column) {
    cpu_store_at(f, row_pointer(f, r, val), t, f->k->nbuf, lin, v);
    return;
  }
  cpu_scratch_store(f, cpu_narrow(f, t, v), dtype_size(t), column_pointer(f, r, val, lin));
}

/* Only the resident row can be read: outer indices must be the current point's. */
static void check_resident(CpuFn *f, const Rows *r, const KVal *v, const Ix *const *idx) {
  for (int i = 0; i < v->naxes; i++)
    if (r->s.is_outer[v->axis[i]] &&
        !ix_same(idx[i], ix_axis(f->arena, v->axis[i], f->k->axis[v->axis[i]].extent)))
      kern_misfit(f->k, "%s is read in another row", v->name);
}

static LLVMValueRef placed(CpuFn *f, void *ctx, int val, const Ix *const *idx) {
  Rows *r = ctx;
  if (r->s.pass[val] < 0) return NULL;
  check_resident(f, r, &f->k->val[val], idx);
  if (r->s.stored[val]) return scratch_load(f, r, val, idx);
  LLVMValueRef v = r->result[val * BLOCKS + (r->s.by_column ? r->block : 0)];
  if (!v) kern_misfit(f->k, "%s is used before it is known", f->k->val[val].name);
  return v;
}

static DType acc_type(const KVal *v) {
  DType t = v->reduce == KR_SUM ? v->acc : v->dtype;
  return dtype_is_float(t) ? DT_F32 : t;
}

static void accumulate(CpuFn *f, const Rows *r, int val, int slot) {
  const KVal *v = &f->k->val[val];
  DType t = acc_type(v);
  LLVMValueRef x = cpu_cast(f, v->dtype, t, cpu_define(f, val)), acc = r->acc[val * BLOCKS + slot];
  if (f->mask && f->mask != r->mask) x = LLVMBuildSelect(f->b, f->mask, x, cpu_identity(f, v->reduce, t), "");
  LLVMValueRef sum = LLVMBuildLoad2(f->b, cpu_vec(f, t, f->lanes), acc, "");
  LLVMBuildStore(f->b, cpu_accumulate(f, v->reduce, sum, x), acc);
}

/* All that a pass does at the current point. */
static void point(CpuFn *f, Rows *r, const RowPass *q, int slot) {
  for (int i = 0; i < q->nval; i++) {
    if (f->k->val[q->val[i]].reduce != KR_NONE)
      accumulate(f, r, q->val[i], slot);
    else
      scratch_store(f, r, q->val[i], cpu_define(f, q->val[i]));
  }
  cpu_store_together(f, q->store, q->nstore);
}

static void point_by_column(CpuFn *f, Rows *r, const RowPass *q) {
  for (r->block = 0; r->block < r->width; r->block++) {
    f->axis[r->s.lane] = r->column[r->block];
    point(f, r, q, r->block);
  }
  r->block = 0;
  f->axis[r->s.lane] = r->column[0];
}

/* Accumulators are as wide as the points that add to them. */
static void open_reductions(CpuFn *f, Rows *r, const RowPass *q, int lanes, int slots) {
  int saved = f->lanes;
  f->lanes = lanes;
  for (int i = 0; i < q->nval; i++) {
    const KVal *v = &f->k->val[q->val[i]];
    for (int u = 0; v->reduce != KR_NONE && u < slots; u++) {
      LLVMValueRef zero = cpu_identity(f, v->reduce, acc_type(v));
      LLVMValueRef acc = cpu_alloca(f, LLVMTypeOf(zero), v->name);
      LLVMBuildStore(f->b, zero, acc);
      r->acc[q->val[i] * BLOCKS + u] = acc;
    }
  }
  f->lanes = saved;
}

static LLVMValueRef acc_value(CpuFn *f, const Rows *r, int val, int slot, int lanes) {
  LLVMTypeRef t = cpu_vec(f, acc_type(&f->k->val[val]), lanes);
  return LLVMBuildLoad2(f->b, t, r->acc[val * BLOCKS + slot], f->k->val[val].name);
}

static void finish(CpuFn *f, Rows *r, int val, LLVMValueRef sum) {
  const KVal *v = &f->k->val[val];
  sum = cpu_cast(f, acc_type(v), v->dtype, sum);
  if (r->s.stored[val])
    scratch_store(f, r, val, sum);
  else
    r->result[val * BLOCKS + r->block] = sum;
}

/* ((0 + 1) + (2 + 3)), then the lanes. */
static void finish_by_row(CpuFn *f, Rows *r, int val, int lanes, int slots) {
  KReduce kind = f->k->val[val].reduce;
  LLVMValueRef v[BLOCKS];
  for (int u = 0; u < slots; u++) v[u] = acc_value(f, r, val, u, lanes);
  for (int n = slots; n > 1; n /= 2)
    for (int u = 0; u < n / 2; u++) v[u] = cpu_accumulate(f, kind, v[2 * u], v[2 * u + 1]);
  finish(f, r, val, cpu_combine(f, kind, v[0]));
}

static void close_reductions(CpuFn *f, Rows *r, const RowPass *q, int lanes, int slots) {
  for (int i = 0; i < q->nval; i++) {
    int val = q->val[i];
    if (f->k->val[val].reduce == KR_NONE) continue;
    if (!r->s.by_column) {
      finish_by_row(f, r, val, lanes, slots);
      continue;
    }
    for (r->block = 0; r->block < r->width; r->block++)
      finish(f, r, val, acc_value(f, r, val, r->block, lanes));
    r->block = 0;
  }
}

static const KRed *red_of(const RowPass *q, int depth) {
  for (int i = 0; i < q->nred; i++)
    if (q->red && q->red[i].axis == q->axes.axis[depth]) return &q->red[i];
  return NULL;
}

static LLVMValueRef bound(CpuFn *f, const Ix *ix, int64_t otherwise) {
  return ix ? cpu_index(f, ix) : cpu_i64(f, otherwise);
}

/* The least (or greatest) of a bound over the lanes that exist. */
static LLVMValueRef over_lanes(CpuFn *f, LLVMValueRef v, bool least, int64_t extent) {
  if (cpu_width(v) == 1) return v;
  LLVMValueRef none = cpu_splat(f, cpu_i64(f, least ? extent : 0), f->lanes);
  if (f->mask) v = LLVMBuildSelect(f->b, f->mask, v, none, "");
  const char *name = least ? "llvm.vector.reduce.smin" : "llvm.vector.reduce.smax";
  return cpu_call(f, name, LLVMTypeOf(v), &v, 1);
}

static void nest(CpuFn *f, Rows *r, const RowPass *q, int depth);

/* A loop of scalars over one axis. Bounds that differ from lane to lane become a mask. */
static void scalar_loop(CpuFn *f, Rows *r, const RowPass *q, int depth) {
  const KRed *red = red_of(q, depth);
  int64_t extent = q->axes.extent[depth];
  LLVMValueRef lo = bound(f, red ? red->lo : NULL, 0), hi = bound(f, red ? red->hi : NULL, extent);
  LLVMValueRef saved = f->mask;
  LLVMValueRef from = over_lanes(f, lo, true, extent), to = over_lanes(f, hi, false, extent);
  CpuLoop l = cpu_loop(f, from, to, 1, "row");
  f->axis[q->axes.axis[depth]] = l.i;
  if (cpu_width(lo) > 1 || cpu_width(hi) > 1) {
    LLVMValueRef i = cpu_splat(f, l.i, f->lanes);
    LLVMValueRef in = LLVMBuildAnd(f->b, LLVMBuildICmp(f->b, LLVMIntSGE, i, cpu_fill(f, lo), ""),
                                   LLVMBuildICmp(f->b, LLVMIntSLT, i, cpu_fill(f, hi), ""), "in");
    f->mask = saved ? LLVMBuildAnd(f->b, saved, in, "") : in;
  }
  nest(f, r, q, depth + 1);
  f->mask = saved;
  cpu_loop_end(f, &l);
}

/* Whole vectors from lo to at most hi, `slots` of them an iteration; returns where they end. */
static LLVMValueRef blocks(CpuFn *f, Rows *r, const RowPass *q, LLVMValueRef lo, LLVMValueRef hi, int slots) {
  int axis = q->axes.axis[q->axes.n - 1];
  int64_t by = (int64_t)slots * f->lanes;
  LLVMValueRef n = LLVMBuildSDiv(f->b, LLVMBuildSub(f->b, hi, lo, ""), cpu_i64(f, by), "");
  LLVMValueRef end = LLVMBuildAdd(f->b, lo, LLVMBuildMul(f->b, n, cpu_i64(f, by), ""), "");
  if (LLVMIsAConstantInt(n) && LLVMConstIntGetSExtValue(n) == 0) return end;
  CpuLoop l = cpu_loop(f, lo, end, by, "lane");
  for (int u = 0; u < slots; u++) {
    f->axis[axis] = LLVMBuildAdd(f->b, l.i, cpu_i64(f, (int64_t)u * f->lanes), "");
    point(f, r, q, u);
  }
  cpu_loop_end(f, &l);
  return end;
}

static void tail(CpuFn *f, Rows *r, const RowPass *q, LLVMValueRef lo, LLVMValueRef hi) {
  LLVMValueRef some = LLVMBuildICmp(f->b, LLVMIntSLT, lo, hi, "");
  if (LLVMIsAConstantInt(some) && !LLVMConstIntGetZExtValue(some)) return;
  LLVMBasicBlockRef after = cpu_if(f, some, "tail");
  f->axis[q->axes.axis[q->axes.n - 1]] = lo;
  f->mask = cpu_tail_mask(f, lo, hi);
  point(f, r, q, 0);
  f->mask = NULL;
  cpu_if_end(f, after);
}

/* Several accumulators only where there is work for them. */
static int slots_of(const CpuFn *f, const Rows *r, const RowPass *q) {
  if (r->s.by_column) return r->width;
  if (!q->axes.n || q->inner < 0) return 1;
  return q->axes.extent[q->axes.n - 1] >= (int64_t)BLOCKS * f->cpu->lanes ? BLOCKS : 1;
}

static int lanes_of(const CpuFn *f, const Rows *r, const RowPass *q) {
  if (r->s.by_column) return f->lanes;
  return q->axes.n && q->axes.extent[q->axes.n - 1] > 1 ? f->cpu->lanes : 1;
}

/* The innermost loop by row: vectors along it. */
static void lane_loop(CpuFn *f, Rows *r, const RowPass *q) {
  int last = q->axes.n - 1, slots = slots_of(f, r, q);
  const KRed *red = red_of(q, last);
  LLVMValueRef lo = bound(f, red ? red->lo : NULL, 0);
  LLVMValueRef hi = bound(f, red ? red->hi : NULL, q->axes.extent[last]);
  f->lanes = f->cpu->lanes;
  f->lane_axis = q->axes.axis[last];
  f->lane_align = red && red->lo ? 1 : f->lanes;
  LLVMValueRef at = blocks(f, r, q, lo, hi, slots);
  if (slots > 1) at = blocks(f, r, q, at, hi, 1);
  tail(f, r, q, at, hi);
  f->lanes = f->lane_align = 1;
  f->lane_axis = -1;
}

static void nest(CpuFn *f, Rows *r, const RowPass *q, int depth) {
  int lanes = lanes_of(f, r, q), slots = slots_of(f, r, q);
  if (q->inner == depth) open_reductions(f, r, q, lanes, slots);
  if (depth == q->axes.n && r->s.by_column)
    point_by_column(f, r, q);
  else if (depth == q->axes.n)
    point(f, r, q, 0);
  else if (depth == q->axes.n - 1 && !r->s.by_column && lanes > 1)
    lane_loop(f, r, q);
  else
    scalar_loop(f, r, q, depth);
  if (q->inner == depth) close_reductions(f, r, q, lanes, slots);
}

static void all_passes(CpuFn *f, Rows *r) {
  int left = r->s.npass;
  for (int level = 0; left > 0; level++)
    for (int i = 0; i < r->s.npass; i++)
      if (r->s.passes[i].level == level) nest(f, r, &r->s.passes[i], 0), left--;
}

/* Blocks of columns from `at` on, all there or the only one masked. */
static void columns(CpuFn *f, Rows *r, LLVMValueRef at, int width, LLVMValueRef mask) {
  r->width = width;
  r->mask = f->mask = mask;
  for (int u = 0; u < width; u++)
    r->column[u] = LLVMBuildAdd(f->b, at, cpu_i64(f, (int64_t)u * f->lanes), "");
  f->axis[r->s.lane] = at;
  all_passes(f, r);
  f->mask = NULL;
}

static void ragged_columns(CpuFn *f, Rows *r, LLVMValueRef from) {
  LLVMValueRef end = cpu_i64(f, r->s.columns);
  LLVMValueRef to = LLVMBuildAdd(f->b, from, cpu_i64(f, CPU_COLUMNS), "");
  to = LLVMBuildSelect(f->b, LLVMBuildICmp(f->b, LLVMIntSLT, to, end, ""), to, end, "");
  CpuLoop l = cpu_loop(f, from, to, f->lanes, "column");
  columns(f, r, l.i, 1, r->s.columns % f->lanes ? cpu_tail_mask(f, l.i, end) : NULL);
  cpu_loop_end(f, &l);
}

/* Bounds that depend on the lane need each block of columns by itself. */
static bool bounds_by_lane(const CpuFn *f, const Rows *r) {
  for (int i = 0; i < r->s.npass; i++) {
    const RowPass *q = &r->s.passes[i];
    for (int j = 0; q->red && j < q->nred; j++)
      for (int end = 0; end < 2; end++) {
        const Ix *x = end ? q->red[j].hi : q->red[j].lo;
        int64_t slope;
        if (x && !(cpu_slope(f, cpu_subst(f, x), &slope) && slope == 0)) return true;
      }
  }
  return false;
}

static void by_column(CpuFn *f, Rows *r, LLVMValueRef chunk) {
  LLVMValueRef from = LLVMBuildMul(f->b, chunk, cpu_i64(f, CPU_COLUMNS), "");
  f->lanes = f->lane_align = f->cpu->lanes;
  f->lane_axis = r->s.lane;
  if (r->s.columns < CPU_COLUMNS || bounds_by_lane(f, r)) {
    ragged_columns(f, r, from);
    return;
  }
  int width = CPU_COLUMNS / f->lanes > BLOCKS ? BLOCKS : CPU_COLUMNS / f->lanes;
  LLVMValueRef whole = cpu_i64(f, r->s.columns / CPU_COLUMNS);
  LLVMValueRef is_whole = LLVMBuildICmp(f->b, LLVMIntSLT, chunk, whole, "");
  LLVMBasicBlockRef after = cpu_if(f, is_whole, "whole");
  CpuLoop l = cpu_loop(f, from, LLVMBuildAdd(f->b, from, cpu_i64(f, CPU_COLUMNS), ""),
                       (int64_t)width * f->lanes, "columns");
  columns(f, r, l.i, width, NULL);
  cpu_loop_end(f, &l);
  cpu_if_end(f, after);
  if (r->s.columns % CPU_COLUMNS == 0) return;
  after = cpu_if(f, LLVMBuildNot(f->b, is_whole, ""), "rest");
  ragged_columns(f, r, from);
  cpu_if_end(f, after);
}

void cpu_rows(CpuFn *f) {
  Rows r = {.s = cpu_row_shape(f->arena, f->k, f->plan), .width = 1};
  r.acc = ARENA_ARRAY(f->arena, f->k->nval * BLOCKS, LLVMValueRef);
  r.result = ARENA_ARRAY(f->arena, f->k->nval * BLOCKS, LLVMValueRef);
  f->sub = r.s.fusion.sub;
  f->nsub = f->k->naxes;
  f->placed = placed;
  f->placed_ctx = &r;
  LLVMValueRef chunk;
  CpuLoop l = cpu_unit_loop(f, &r.s.outer, r.s.chunks, r.s.tasks, &chunk);
  if (r.s.by_column)
    by_column(f, &r, chunk);
  else
    all_passes(f, &r);
  f->lanes = 1;
  cpu_loop_end(f, &l);
}
