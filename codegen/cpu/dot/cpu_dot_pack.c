/* Packs: the current block of k of some panels of an operand, into scratch. The elements come a vector of
 * units at a time: the factor's whole expression, prologue included, is evaluated here and nowhere else.
 * Loops follow memory: along k row by row, or along the rows with a short run of k outside, so that every
 * line read is used up while it is in the first cache. */
#include "codegen/cpu/dot/cpu_dot.h"

enum { RUN = 4 }; /* units of k in a run */

LLVMValueRef dot_scratch(Dot *d, int64_t at, LLVMValueRef index) {
  return cpu_scratch_at(d->f, at, d->unit, index);
}

/* <lanes x unit> */
static LLVMTypeRef units(Dot *d) {
  return LLVMVectorType(d->unit, (unsigned)d->g->lanes);
}

LLVMValueRef dot_panel_start(Dot *d, LLVMValueRef p) {
  const DotBlocks *g = d->g;
  if (g->tall == g->mpanels) return cpu_mul(d->f, p, g->mr);
  return cpu_add(d->f, cpu_mul(d->f, p, g->mr - 1), cpu_min(d->f, p, cpu_i64(d->f, g->tall)));
}

LLVMValueRef dot_panel_rows(Dot *d, LLVMValueRef p) {
  const DotBlocks *g = d->g;
  if (g->tall == g->mpanels) return cpu_i64(d->f, g->mr);
  LLVMValueRef tall = LLVMBuildICmp(d->f->b, LLVMIntSLT, p, cpu_i64(d->f, g->tall), "");
  return LLVMBuildSelect(d->f->b, tall, cpu_i64(d->f, g->mr), cpu_i64(d->f, g->mr - 1), "");
}

/* Lane l of the result is lane from[l] of x and y put one after the other. */
static LLVMValueRef shuffle(Dot *d, LLVMValueRef x, LLVMValueRef y, const int *from) {
  LLVMValueRef index[DOT_MAX_LANES];
  LLVMTypeRef i32 = LLVMInt32TypeInContext(d->f->cx);
  for (int l = 0; l < d->g->lanes; l++) index[l] = LLVMConstInt(i32, (unsigned)from[l], false);
  return LLVMBuildShuffleVector(d->f->b, x, y, LLVMConstVector(index, (unsigned)d->g->lanes), "");
}

/* In each 128 bits: groups of `size` lanes of x and y taken in turn, from the lower or the upper half. */
static LLVMValueRef unpack(Dot *d, LLVMValueRef x, LLVMValueRef y, int size, bool upper) {
  int from[DOT_MAX_LANES], lanes = (int)d->g->lanes;
  for (int l = 0; l < lanes; l++) {
    int in = l % 4, group = in / size, source = group % 2;
    from[l] = (l - in) + (upper ? 2 : 0) + (group / 2) * size + in % size + source * lanes;
  }
  return shuffle(d, x, y, from);
}

/* Blocks of 128 bits: the even (or odd) ones of x, then those of y. */
static LLVMValueRef every_other(Dot *d, LLVMValueRef x, LLVMValueRef y, int odd) {
  int from[DOT_MAX_LANES], lanes = (int)d->g->lanes, half = lanes / 2;
  for (int l = 0; l < lanes; l++) {
    int block = (l % half) / 4 * 2 + odd;
    from[l] = block * 4 + l % 4 + (l >= half ? lanes : 0);
  }
  return shuffle(d, x, y, from);
}

/* Blocks q of u[0], u[4], .. one after the other, for every q: out[4 * q]. */
static void gather_blocks(Dot *d, const LLVMValueRef *u, LLVMValueRef *out) {
  switch (d->g->lanes) {
  case 4: out[0] = u[0]; return;
  case 8:
    for (int q = 0; q < 2; q++) out[4 * q] = every_other(d, u[0], u[4], q);
    return;
  case 16:
    for (int odd = 0; odd < 2; odd++) {
      LLVMValueRef x = every_other(d, u[0], u[4], odd), y = every_other(d, u[8], u[12], odd);
      out[4 * odd] = every_other(d, x, y, 0);
      out[4 * odd + 8] = every_other(d, x, y, 1);
    }
    return;
  default: ice("no transposition of %d lanes", (int)d->g->lanes);
  }
}

/* rows[i] becomes column i of the lanes x lanes matrix whose rows they were. */
static void transpose(Dot *d, LLVMValueRef *rows) {
  LLVMValueRef t[DOT_MAX_LANES] = {0}, u[DOT_MAX_LANES] = {0};
  int lanes = (int)d->g->lanes;
  for (int i = 0; i < lanes; i += 2) {
    t[i] = unpack(d, rows[i], rows[i + 1], 1, false);
    t[i + 1] = unpack(d, rows[i], rows[i + 1], 1, true);
  }
  for (int i = 0; i < lanes; i += 4)
    for (int c = 0; c < 4; c++) u[i + c] = unpack(d, t[i + c / 2], t[i + c / 2 + 2], 2, c % 2);
  for (int c = 0; c < 4; c++) gather_blocks(d, u + c, rows + c);
}

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
  return LLVMBuildBitCast(f->b, both, units(d), "");
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

/* One vector of units of an operand: row `row`, units from `unit` on, of which the first `count` elements
 * exist
 * (-1: all) and the rest are 0. `sum`, if not NULL, holds slots of the side sums, to which the elements are
 * added. */
static LLVMValueRef along_k(Dot *d, const DotOperand *o, LLVMValueRef row, LLVMValueRef unit, int64_t count,
                            LLVMValueRef *sum) {
  CpuFn *f = d->f;
  int64_t lanes = d->g->lanes;
  f->axis[o->rows] = row;
  f->lanes = (int)lanes, f->lane_axis = d->s->axis_k, f->lane_align = (int)lanes;
  if (!d->g->pairs) return along_k_at(d, o, unit, count, sum);
  int64_t rest = count < 0 ? -1 : count > lanes ? count - lanes : 0;
  LLVMValueRef k = cpu_mul(d->f, unit, 2);
  LLVMValueRef lo = along_k_at(d, o, k, count, sum);
  LLVMValueRef hi = along_k_at(d, o, cpu_add(d->f, k, cpu_i64(f, lanes)), rest, sum);
  return pair_up(d, lo, hi, false);
}

/* The second element of the pair at unit `unit`, which the last pair of an odd k has not. */
static LLVMValueRef second_of_pair(Dot *d, const DotOperand *o, LLVMValueRef k, LLVMValueRef *sum) {
  CpuFn *f = d->f;
  LLVMValueRef mask = f->mask, next = cpu_add(d->f, k, cpu_i64(f, 1));
  if (d->s->kk % 2) {
    LLVMValueRef exists = LLVMBuildICmp(f->b, LLVMIntSLT, next, cpu_i64(f, d->s->kk), "");
    LLVMValueRef all = cpu_splat(f, exists, f->lanes);
    f->mask = mask ? LLVMBuildAnd(f->b, mask, all, "") : all;
    next = cpu_min(d->f, next, cpu_i64(f, d->s->kk - 1));
  }
  f->axis[d->s->axis_k] = next;
  LLVMValueRef v = element(d, o, sum);
  f->mask = mask;
  return v;
}

/* The same along the rows: those from `row` on under `mask` (NULL: all) at unit `unit`. */
static LLVMValueRef along_rows(Dot *d, const DotOperand *o, LLVMValueRef row, LLVMValueRef unit,
                               LLVMValueRef mask, LLVMValueRef *sum) {
  CpuFn *f = d->f;
  bool a_rows = o->rows == d->s->axis_m;
  int64_t align = !a_rows ? d->g->lanes : d->g->tall == d->g->mpanels ? d->g->mr : 1;
  f->lanes = (int)d->g->lanes, f->lane_axis = o->rows, f->lane_align = (int)align;
  f->axis[o->rows] = row;
  f->mask = mask;
  LLVMValueRef k = d->g->pairs ? cpu_mul(d->f, unit, 2) : unit;
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

static void prefetch_expr(Dot *d, const KExpr *e) {
  if (e->kind == KE_READ) prefetch_read(d, e);
  if (dot_is_written_here(d->f->k, e)) prefetch_expr(d, dot_definition(d->f->arena, d->f->k, e));
  for (int i = 0; i < 3 && e->arg[i]; i++) prefetch_expr(d, e->arg[i]);
}

/* Asks early for the memory that the operand reads at that point: what lies along k (`on_k`) or along the
 * rows without gaps. Out of range it asks in vain. */
static void prefetch(Dot *d, const DotOperand *o, bool on_k, LLVMValueRef row, LLVMValueRef unit) {
  CpuFn *f = d->f;
  int64_t per = d->g->pairs ? 2 : 1;
  f->lanes = (int)d->g->lanes, f->lane_align = 1;
  f->lane_axis = on_k ? d->s->axis_k : o->rows;
  f->axis[o->rows] = row;
  for (int64_t i = 0; i < per; i++) {
    LLVMValueRef next = cpu_i64(f, on_k ? i * d->g->lanes : i);
    f->axis[d->s->axis_k] = cpu_add(d->f, cpu_mul(d->f, unit, per), next);
    prefetch_expr(d, o->expr);
  }
}

/* Variables that a pack adds the side sums up in. */
typedef struct Sums {
  LLVMValueRef slot[DOT_MAX_SUMS];
  LLVMValueRef *slots; /* slot, or NULL when the operand has no sums */
} Sums;

static Sums sum_slots(Dot *d, bool any) {
  Sums s = {.slots = NULL};
  LLVMTypeRef t = cpu_vec(d->f, DT_F32, (int)d->g->lanes);
  for (int i = 0; any && i < d->s->nsum; i++) s.slot[i] = cpu_alloca(d->f, t, "sum");
  return s;
}

/* Where sum i of panel p is kept: a vector of lanes a panel. */
static LLVMValueRef sum_at(Dot *d, int i, LLVMValueRef p) {
  LLVMValueRef index = cpu_mul(d->f, cpu_sub(d->f, p, d->mp0), d->g->lanes);
  return dot_scratch(d, d->g->sum_at + i * d->g->max_mp * d->g->lanes * 4, index);
}

static LLVMValueRef first_block(Dot *d) {
  return LLVMBuildICmp(d->f->b, LLVMIntEQ, d->kbase, cpu_i64(d->f, 0), "");
}

/* A row of A at `to`: whole vectors, then what is left of k, which is the same for every block that has it.
 */
void dot_pack_row(Dot *d, LLVMValueRef row, LLVMValueRef to, LLVMValueRef *sum) {
  CpuFn *f = d->f;
  int64_t lanes = d->g->lanes, per = d->g->pairs ? 2 : 1, rest = d->s->kk % (lanes * per);
  LLVMValueRef all = cpu_i64(f, d->s->kk / (lanes * per) * lanes);
  LLVMValueRef whole = rest ? cpu_min(d->f, d->len, cpu_sub(d->f, all, d->kbase)) : d->len;
  CpuLoop u = cpu_loop(f, cpu_i64(f, 0), whole, lanes, "k");
  prefetch(d, &d->s->a, true, cpu_add(d->f, row, cpu_i64(f, 1)), cpu_add(d->f, d->kbase, u.i));
  LLVMValueRef v = along_k(d, &d->s->a, row, cpu_add(d->f, d->kbase, u.i), -1, sum);
  cpu_scratch_store(d->f, v, 4, LLVMBuildGEP2(f->b, d->unit, to, &u.i, 1, ""));
  cpu_loop_end(f, &u);
  if (!rest) return;
  CpuLoop t = cpu_loop(f, whole, d->len, lanes, "k_rest");
  v = along_k(d, &d->s->a, row, cpu_add(d->f, d->kbase, t.i), rest, sum);
  cpu_scratch_store(d->f, v, 4, LLVMBuildGEP2(f->b, d->unit, to, &t.i, 1, ""));
  cpu_loop_end(f, &t);
}

/* The sums of one row: lanes combined, added to what earlier blocks of k gave. */
static void keep_row_sums(Dot *d, const Sums *s, LLVMValueRef p, LLVMValueRef i) {
  CpuFn *f = d->f;
  LLVMTypeRef t = LLVMFloatTypeInContext(f->cx);
  for (int n = 0; n < d->s->nsum; n++) {
    LLVMValueRef v = LLVMBuildLoad2(f->b, cpu_vec(f, DT_F32, (int)d->g->lanes), s->slot[n], "");
    v = cpu_combine(f, KR_SUM, v);
    LLVMValueRef base = sum_at(d, n, p), to = LLVMBuildGEP2(f->b, t, base, &i, 1, "");
    LLVMValueRef before =
        LLVMBuildSelect(f->b, first_block(d), LLVMConstNull(t), cpu_scratch_load(d->f, t, 4, to), "");
    cpu_scratch_store(d->f, LLVMBuildFAdd(f->b, before, v, ""), 4, to);
  }
}

static void clear_sums(Dot *d, const Sums *s) {
  LLVMTypeRef vec = cpu_vec(d->f, DT_F32, (int)d->g->lanes);
  for (int n = 0; n < d->s->nsum; n++) LLVMBuildStore(d->f->b, LLVMConstNull(vec), s->slot[n]);
}

static void pack_a_along_k(Dot *d) {
  CpuFn *f = d->f;
  Sums sums = sum_slots(d, true);
  LLVMValueRef block = dot_panel_start(d, d->mp0);
  CpuLoop p = cpu_loop(f, d->mp0, d->mp1, 1, "pack_a");
  LLVMValueRef start = dot_panel_start(d, p.i);
  CpuLoop i = cpu_loop(f, cpu_i64(f, 0), dot_panel_rows(d, p.i), 1, "row");
  LLVMValueRef row = cpu_add(d->f, start, i.i);
  clear_sums(d, &sums);
  LLVMValueRef at = cpu_mul(d->f, cpu_sub(d->f, row, block), d->g->a_row);
  dot_pack_row(d, row, dot_scratch(d, d->g->a_at, at), sums.slot);
  keep_row_sums(d, &sums, p.i, i.i);
  cpu_loop_end(f, &i);
  cpu_loop_end(f, &p);
}

/* Adds a run's sums to those of panel p, with what the additions before lost (Kahan 1965): k may be very
 * long, and equal terms lose in one direction. What is lost is kept behind all sums. */
static void keep_run_sums(Dot *d, const Sums *s, LLVMValueRef p, LLVMValueRef fresh) {
  LLVMBuilderRef b = d->f->b;
  LLVMTypeRef vec = cpu_vec(d->f, DT_F32, (int)d->g->lanes);
  LLVMValueRef zero = LLVMConstNull(vec);
  for (int n = 0; n < d->s->nsum; n++) {
    LLVMValueRef at = sum_at(d, n, p), lost_at = sum_at(d, d->s->nsum + n, p);
    LLVMValueRef sum = LLVMBuildSelect(b, fresh, zero, cpu_scratch_load(d->f, vec, 4, at), "");
    LLVMValueRef lost = LLVMBuildSelect(b, fresh, zero, cpu_scratch_load(d->f, vec, 4, lost_at), "");
    LLVMValueRef more = LLVMBuildFSub(b, LLVMBuildLoad2(b, vec, s->slot[n], ""), lost, "");
    LLVMValueRef whole = LLVMBuildFAdd(b, sum, more, "");
    cpu_scratch_store(d->f, LLVMBuildFSub(b, LLVMBuildFSub(b, whole, sum, ""), more, ""), 4, lost_at);
    cpu_scratch_store(d->f, whole, 4, at);
  }
}

static void pack_a_along_rows(Dot *d) {
  CpuFn *f = d->f;
  const DotBlocks *g = d->g;
  Sums sums = sum_slots(d, true);
  CpuLoop run = cpu_loop(f, cpu_i64(f, 0), d->len, RUN, "pack_a");
  LLVMValueRef end = cpu_min(d->f, cpu_add(d->f, run.i, cpu_i64(f, RUN)), d->len);
  LLVMValueRef k = cpu_add(d->f, d->kbase, run.i);
  LLVMValueRef fresh = LLVMBuildICmp(f->b, LLVMIntEQ, k, cpu_i64(f, 0), "");
  CpuLoop p = cpu_loop(f, d->mp0, d->mp1, 1, "panel");
  LLVMValueRef start = dot_panel_start(d, p.i), rows = dot_panel_rows(d, p.i);
  f->lanes = (int)g->lanes;
  LLVMValueRef mask =
      g->mr == g->lanes && g->tall == g->mpanels ? NULL : cpu_tail_mask(f, cpu_i64(f, 0), rows);
  LLVMValueRef panel = cpu_mul(d->f, cpu_sub(d->f, p.i, d->mp0), g->a_panel);
  clear_sums(d, &sums);
  CpuLoop u = cpu_loop(f, run.i, end, 1, "k");
  prefetch(d, &d->s->a, false, start, cpu_add(d->f, d->kbase, cpu_add(d->f, u.i, cpu_i64(f, RUN))));
  LLVMValueRef v = along_rows(d, &d->s->a, start, cpu_add(d->f, d->kbase, u.i), mask, sums.slot);
  cpu_scratch_store(d->f, v, 4, dot_scratch(d, g->a_at, cpu_add(d->f, panel, cpu_mul(d->f, u.i, g->a_k))));
  cpu_loop_end(f, &u);
  keep_run_sums(d, &sums, p.i, fresh);
  cpu_loop_end(f, &p);
  cpu_loop_end(f, &run);
}

void dot_pack_a(Dot *d) {
  if (d->s->a.along_k)
    pack_a_along_k(d);
  else
    pack_a_along_rows(d);
}

/* Where vector v of B is packed, at unit 0. */
static LLVMValueRef vector_at(Dot *d, LLVMValueRef v) {
  const DotBlocks *g = d->g;
  LLVMValueRef panel = cpu_mul(d->f, cpu_sub(d->f, cpu_div(d->f, v, g->w), d->np0), g->b_panel);
  return cpu_add(d->f, panel, cpu_mul(d->f, cpu_mod(d->f, v, g->w), g->lanes));
}

/* `lanes` rows of B from column `col` on, at units from u on: evaluated along k and transposed. Rows that do
 * not exist repeat the last one: nobody reads them. */
static void pack_square(Dot *d, LLVMValueRef col, LLVMValueRef at, LLVMValueRef u, int64_t count) {
  CpuFn *f = d->f;
  LLVMValueRef row[DOT_MAX_LANES] = {0};
  LLVMValueRef last = cpu_i64(f, d->s->n - 1), unit = cpu_add(d->f, d->kbase, u);
  for (int i = 0; i < d->g->lanes; i++) {
    LLVMValueRef n = cpu_add(d->f, col, cpu_i64(f, i));
    if (d->s->n % d->g->lanes) n = cpu_min(d->f, n, last);
    row[i] = along_k(d, &d->s->b, n, unit, count, NULL);
  }
  transpose(d, row);
  for (int i = 0; i < d->g->lanes; i++) {
    LLVMValueRef k = cpu_mul(d->f, cpu_add(d->f, u, cpu_i64(f, i)), d->g->nr);
    cpu_scratch_store(d->f, row[i], 4, dot_scratch(d, d->g->b_at, cpu_add(d->f, at, k)));
  }
}

/* The vectors of the task's panels. */
static LLVMValueRef first_vector(Dot *d) {
  return cpu_mul(d->f, d->np0, d->g->w);
}

static LLVMValueRef end_vector(Dot *d) {
  return cpu_min(d->f, cpu_mul(d->f, d->np1, d->g->w), cpu_i64(d->f, d->g->nvecs));
}

static void pack_b_along_k(Dot *d) {
  CpuFn *f = d->f;
  int64_t lanes = d->g->lanes, per = d->g->pairs ? 2 : 1, rest = d->s->kk % (lanes * per);
  LLVMValueRef all = cpu_i64(f, d->s->kk / (lanes * per) * lanes);
  LLVMValueRef whole = rest ? cpu_min(d->f, d->len, cpu_sub(d->f, all, d->kbase)) : d->len;
  CpuLoop v = cpu_loop(f, first_vector(d), end_vector(d), 1, "pack_b");
  LLVMValueRef col = cpu_mul(d->f, v.i, lanes), at = vector_at(d, v.i);
  CpuLoop u = cpu_loop(f, cpu_i64(f, 0), whole, lanes, "k");
  pack_square(d, col, at, u.i, -1);
  cpu_loop_end(f, &u);
  if (rest) {
    CpuLoop t = cpu_loop(f, whole, d->len, lanes, "k_rest");
    pack_square(d, col, at, t.i, rest);
    cpu_loop_end(f, &t);
  }
  cpu_loop_end(f, &v);
}

/* Vectors lo .. hi of B over units from .. end, straight from memory. */
static void pack_vectors(Dot *d, LLVMValueRef lo, LLVMValueRef hi, LLVMValueRef from, LLVMValueRef end,
                         LLVMValueRef mask) {
  CpuFn *f = d->f;
  CpuLoop v = cpu_loop(f, lo, hi, 1, "vector");
  LLVMValueRef col = cpu_mul(d->f, v.i, d->g->lanes), at = vector_at(d, v.i);
  CpuLoop u = cpu_loop(f, from, end, 1, "k");
  prefetch(d, &d->s->b, false, col, cpu_add(d->f, d->kbase, cpu_add(d->f, u.i, cpu_i64(f, RUN))));
  LLVMValueRef x = along_rows(d, &d->s->b, col, cpu_add(d->f, d->kbase, u.i), mask, NULL);
  cpu_scratch_store(d->f, x, 4, dot_scratch(d, d->g->b_at, cpu_add(d->f, at, cpu_mul(d->f, u.i, d->g->nr))));
  cpu_loop_end(f, &u);
  cpu_loop_end(f, &v);
}

static void pack_b_along_rows(Dot *d) {
  CpuFn *f = d->f;
  int64_t lanes = d->g->lanes, rest = d->s->n % lanes;
  CpuLoop run = cpu_loop(f, cpu_i64(f, 0), d->len, RUN, "pack_b");
  LLVMValueRef end = cpu_min(d->f, cpu_add(d->f, run.i, cpu_i64(f, RUN)), d->len);
  LLVMValueRef hi = end_vector(d), whole = rest ? cpu_min(d->f, hi, cpu_i64(f, d->s->n / lanes)) : hi;
  pack_vectors(d, first_vector(d), whole, run.i, end, NULL);
  if (rest) {
    f->lanes = (int)lanes;
    LLVMValueRef mask = cpu_tail_mask(f, cpu_i64(f, 0), cpu_i64(f, rest));
    pack_vectors(d, cpu_max(d->f, whole, first_vector(d)), hi, run.i, end, mask);
  }
  cpu_loop_end(f, &run);
}

void dot_pack_b(Dot *d) {
  if (d->s->b.along_k)
    pack_b_along_k(d);
  else
    pack_b_along_rows(d);
}
