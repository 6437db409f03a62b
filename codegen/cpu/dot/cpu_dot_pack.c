/* Packs: the current block of k of some panels of an operand, into scratch. Loops follow memory: along k row
 * by row, or along the rows with a short run of k outside, so that every line read is used up while it is in
 * the first cache. */
#include "codegen/cpu/dot/cpu_dot.h"

enum { RUN = 4 }; /* units of k in a run */

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
  LLVMValueRef index = dot_mul(d, dot_sub(d, p, d->mp0), d->g->lanes);
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
  LLVMValueRef whole = rest ? dot_min(d, d->len, dot_sub(d, all, d->kbase)) : d->len;
  CpuLoop u = cpu_loop(f, cpu_i64(f, 0), whole, lanes, "k");
  dot_prefetch(d, &d->s->a, true, dot_add(d, row, cpu_i64(f, 1)), dot_add(d, d->kbase, u.i));
  LLVMValueRef v = dot_along_k(d, &d->s->a, row, dot_add(d, d->kbase, u.i), -1, sum);
  dot_store(d, v, LLVMBuildGEP2(f->b, d->unit, to, &u.i, 1, ""));
  cpu_loop_end(f, &u);
  if (!rest) return;
  CpuLoop t = cpu_loop(f, whole, d->len, lanes, "k_rest");
  v = dot_along_k(d, &d->s->a, row, dot_add(d, d->kbase, t.i), rest, sum);
  dot_store(d, v, LLVMBuildGEP2(f->b, d->unit, to, &t.i, 1, ""));
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
    LLVMValueRef before = LLVMBuildSelect(f->b, first_block(d), LLVMConstNull(t), dot_load(d, t, to), "");
    dot_store(d, LLVMBuildFAdd(f->b, before, v, ""), to);
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
  LLVMValueRef row = dot_add(d, start, i.i);
  clear_sums(d, &sums);
  LLVMValueRef at = dot_mul(d, dot_sub(d, row, block), d->g->a_row);
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
    LLVMValueRef sum = LLVMBuildSelect(b, fresh, zero, dot_load(d, vec, at), "");
    LLVMValueRef lost = LLVMBuildSelect(b, fresh, zero, dot_load(d, vec, lost_at), "");
    LLVMValueRef more = LLVMBuildFSub(b, LLVMBuildLoad2(b, vec, s->slot[n], ""), lost, "");
    LLVMValueRef whole = LLVMBuildFAdd(b, sum, more, "");
    dot_store(d, LLVMBuildFSub(b, LLVMBuildFSub(b, whole, sum, ""), more, ""), lost_at);
    dot_store(d, whole, at);
  }
}

static void pack_a_along_rows(Dot *d) {
  CpuFn *f = d->f;
  const DotBlocks *g = d->g;
  Sums sums = sum_slots(d, true);
  CpuLoop run = cpu_loop(f, cpu_i64(f, 0), d->len, RUN, "pack_a");
  LLVMValueRef end = dot_min(d, dot_add(d, run.i, cpu_i64(f, RUN)), d->len);
  LLVMValueRef k = dot_add(d, d->kbase, run.i);
  LLVMValueRef fresh = LLVMBuildICmp(f->b, LLVMIntEQ, k, cpu_i64(f, 0), "");
  CpuLoop p = cpu_loop(f, d->mp0, d->mp1, 1, "panel");
  LLVMValueRef start = dot_panel_start(d, p.i), rows = dot_panel_rows(d, p.i);
  f->lanes = (int)g->lanes;
  LLVMValueRef mask =
      g->mr == g->lanes && g->tall == g->mpanels ? NULL : cpu_tail_mask(f, cpu_i64(f, 0), rows);
  LLVMValueRef panel = dot_mul(d, dot_sub(d, p.i, d->mp0), g->a_panel);
  clear_sums(d, &sums);
  CpuLoop u = cpu_loop(f, run.i, end, 1, "k");
  dot_prefetch(d, &d->s->a, false, start, dot_add(d, d->kbase, dot_add(d, u.i, cpu_i64(f, RUN))));
  LLVMValueRef v = dot_along_rows(d, &d->s->a, start, dot_add(d, d->kbase, u.i), mask, sums.slot);
  dot_store(d, v, dot_scratch(d, g->a_at, dot_add(d, panel, dot_mul(d, u.i, g->a_k))));
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
  LLVMValueRef panel = dot_mul(d, dot_sub(d, dot_div(d, v, g->w), d->np0), g->b_panel);
  return dot_add(d, panel, dot_mul(d, dot_mod(d, v, g->w), g->lanes));
}

/* `lanes` rows of B from column `col` on, at units from u on: evaluated along k and transposed. Rows that do
 * not exist repeat the last one: nobody reads them. */
static void pack_square(Dot *d, LLVMValueRef col, LLVMValueRef at, LLVMValueRef u, int64_t count) {
  CpuFn *f = d->f;
  LLVMValueRef row[DOT_MAX_LANES];
  LLVMValueRef last = cpu_i64(f, d->s->n - 1), unit = dot_add(d, d->kbase, u);
  for (int i = 0; i < d->g->lanes; i++) {
    LLVMValueRef n = dot_add(d, col, cpu_i64(f, i));
    if (d->s->n % d->g->lanes) n = dot_min(d, n, last);
    row[i] = dot_along_k(d, &d->s->b, n, unit, count, NULL);
  }
  dot_transpose(d, row);
  for (int i = 0; i < d->g->lanes; i++) {
    LLVMValueRef k = dot_mul(d, dot_add(d, u, cpu_i64(f, i)), d->g->nr);
    dot_store(d, row[i], dot_scratch(d, d->g->b_at, dot_add(d, at, k)));
  }
}

/* The vectors of the task's panels. */
static LLVMValueRef first_vector(Dot *d) {
  return dot_mul(d, d->np0, d->g->w);
}

static LLVMValueRef end_vector(Dot *d) {
  return dot_min(d, dot_mul(d, d->np1, d->g->w), cpu_i64(d->f, d->g->nvecs));
}

static void pack_b_along_k(Dot *d) {
  CpuFn *f = d->f;
  int64_t lanes = d->g->lanes, per = d->g->pairs ? 2 : 1, rest = d->s->kk % (lanes * per);
  LLVMValueRef all = cpu_i64(f, d->s->kk / (lanes * per) * lanes);
  LLVMValueRef whole = rest ? dot_min(d, d->len, dot_sub(d, all, d->kbase)) : d->len;
  CpuLoop v = cpu_loop(f, first_vector(d), end_vector(d), 1, "pack_b");
  LLVMValueRef col = dot_mul(d, v.i, lanes), at = vector_at(d, v.i);
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
  LLVMValueRef col = dot_mul(d, v.i, d->g->lanes), at = vector_at(d, v.i);
  CpuLoop u = cpu_loop(f, from, end, 1, "k");
  dot_prefetch(d, &d->s->b, false, col, dot_add(d, d->kbase, dot_add(d, u.i, cpu_i64(f, RUN))));
  LLVMValueRef x = dot_along_rows(d, &d->s->b, col, dot_add(d, d->kbase, u.i), mask, NULL);
  dot_store(d, x, dot_scratch(d, d->g->b_at, dot_add(d, at, dot_mul(d, u.i, d->g->nr))));
  cpu_loop_end(f, &u);
  cpu_loop_end(f, &v);
}

static void pack_b_along_rows(Dot *d) {
  CpuFn *f = d->f;
  int64_t lanes = d->g->lanes, rest = d->s->n % lanes;
  CpuLoop run = cpu_loop(f, cpu_i64(f, 0), d->len, RUN, "pack_b");
  LLVMValueRef end = dot_min(d, dot_add(d, run.i, cpu_i64(f, RUN)), d->len);
  LLVMValueRef hi = end_vector(d), whole = rest ? dot_min(d, hi, cpu_i64(f, d->s->n / lanes)) : hi;
  pack_vectors(d, first_vector(d), whole, run.i, end, NULL);
  if (rest) {
    f->lanes = (int)lanes;
    LLVMValueRef mask = cpu_tail_mask(f, cpu_i64(f, 0), cpu_i64(f, rest));
    pack_vectors(d, dot_max(d, whole, first_vector(d)), hi, run.i, end, mask);
  }
  cpu_loop_end(f, &run);
}

void dot_pack_b(Dot *d) {
  if (d->s->b.along_k)
    pack_b_along_k(d);
  else
    pack_b_along_rows(d);
}
