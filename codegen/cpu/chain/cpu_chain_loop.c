/* The loop nest of a chain kernel: tasks, batches, blocks of rows, values in order; and its contractions, one
 * block of rows at a time, through the dot skeleton's packs and micro-kernel. */
#include "base/i64.h"
#include "codegen/cpu/chain/cpu_chain.h"

static Dot dot_of(Chain *a, int val) {
  CpuFn *f = a->f;
  const ChainDot *d = &a->s->dot[val];
  return (Dot){.f = f,
               .s = &d->shape,
               .g = &d->g,
               .unit = LLVMFloatTypeInContext(f->cx),
               .kbase = cpu_i64(f, 0),
               .len = cpu_i64(f, d->g.ku),
               .np0 = cpu_i64(f, 0),
               .np1 = cpu_i64(f, d->g.npanels)};
}

/* Zeros for the sums over blocks of rows. */
static void clear(Chain *a, int val) {
  CpuFn *f = a->f;
  const ChainDot *d = &a->s->dot[val];
  int64_t rows = i64_round_up(a->s->n, a->s->lanes);
  CpuLoop i = cpu_loop(f, cpu_i64(f, 0), cpu_i64(f, rows * d->c_row), a->s->lanes, "clear");
  LLVMValueRef zero = LLVMConstNull(cpu_vec(f, DT_F32, a->s->lanes));
  cpu_scratch_store(f, zero, 4, chain_at(a, d->c_at, cpu_i64(f, 0), 0, i.i));
  cpu_loop_end(f, &i);
}

/* What a contraction needs once for a batch. */
static void begin(Chain *a, int val) {
  ChainClass c = a->s->cls[val];
  Dot d = dot_of(a, val);
  a->reader = val;
  if (c == AT_COLUMN) clear(a, val);
  if (c == AT_SUM) chain_sum_clear(a, val);
  if (c == AT_SCORE || c == AT_OUT) dot_pack_b(&d);
}

static void call(Chain *a, DotTile t, bool split, LLVMValueRef *arg) {
  CpuFn *f = a->f;
  LLVMValueRef fn = dot_tile(f, &t);
  if (split) {
    t.rows--;
    LLVMValueRef tall = LLVMBuildICmp(f->b, LLVMIntSLT, a->p, cpu_i64(f, a->s->tall), "");
    fn = LLVMBuildSelect(f->b, tall, fn, dot_tile(f, &t), "");
  }
  LLVMBuildCall2(f->b, dot_tile_type(f), fn, arg, 5, "");
}

static LLVMValueRef flag(Chain *a, bool v) {
  return LLVMConstInt(LLVMInt1TypeInContext(a->f->cx), v, false);
}

/* The block's rows of the left operand, packed row by row. */
static void pack_rows(Chain *a, int val) {
  CpuFn *f = a->f;
  const ChainDot *t = &a->s->dot[val];
  Dot d = dot_of(a, val);
  CpuLoop i = cpu_loop(f, cpu_i64(f, 0), a->rows, 1, "pack_rows");
  dot_pack_row(&d, cpu_add(a->f, a->row0, i.i), chain_at(a, t->a_at, i.i, t->a_row, NULL), NULL);
  cpu_loop_end(f, &i);
}

static void contract_scores(Chain *a, int val) {
  CpuFn *f = a->f;
  const ChainShape *s = a->s;
  const ChainDot *d = &s->dot[val];
  const ChainSlot *slot = &s->slot[chain_slot_of(s, val, -1)];
  pack_rows(a, val);
  LLVMValueRef zero = cpu_i64(f, 0);
  LLVMValueRef first = cpu_div(f, a->c0, d->g.nr);
  LLVMValueRef end = cpu_div(f, cpu_add(a->f, a->c1, cpu_i64(f, d->g.nr - 1)), d->g.nr);
  CpuLoop np = cpu_loop(f, first, end, 1, "score");
  LLVMValueRef arg[] = {chain_at(a, slot->at, zero, s->width, cpu_mul(a->f, np.i, d->g.nr)),
                        chain_at(a, d->a_at, zero, d->a_row, NULL),
                        chain_at(a, d->g.b_at, np.i, d->g.b_panel, NULL), cpu_i64(f, d->extent),
                        flag(a, true)};
  call(a, (DotTile){s->mr, d->g.w, d->a_row, 1, d->g.nr, s->width, false}, s->tall != s->mpanels, arg);
  cpu_loop_end(f, &np);
}

/* The end of the needed columns that exist. */
static LLVMValueRef last_column(Chain *a) {
  return cpu_min(a->f, a->c1, cpu_i64(a->f, a->s->n));
}

static void out(Chain *a, int val) {
  CpuFn *f = a->f;
  const ChainShape *s = a->s;
  const ChainDot *d = &s->dot[val];
  LLVMValueRef zero = cpu_i64(f, 0), len = cpu_sub(f, last_column(a), a->c0);
  CpuLoop np = cpu_loop(f, zero, cpu_i64(f, d->g.npanels), 1, "out");
  LLVMValueRef b = cpu_add(a->f, cpu_mul(a->f, np.i, d->g.b_panel), cpu_mul(a->f, a->c0, d->g.nr));
  LLVMValueRef arg[] = {chain_at(a, d->c_at, zero, 0, cpu_mul(a->f, np.i, d->g.nr)),
                        chain_at(a, s->slot[d->slot].at, zero, 0, a->c0), chain_at(a, d->g.b_at, zero, 0, b),
                        len, flag(a, true)};
  call(a, (DotTile){s->mr, d->g.w, s->width, 1, d->g.nr, d->c_row, false}, s->tall != s->mpanels, arg);
  cpu_loop_end(f, &np);
}

static void column(Chain *a, int val) {
  CpuFn *f = a->f;
  const ChainShape *s = a->s;
  const ChainDot *d = &s->dot[val];
  Dot pack = dot_of(a, val);
  LLVMValueRef zero = cpu_i64(f, 0);
  a->reader = val;
  pack.kbase = a->row0, pack.len = a->rows;
  dot_pack_b(&pack);
  CpuLoop j = cpu_loop(f, a->c0, a->c1, CHAIN_COLUMN_ROWS, "column");
  CpuLoop np = cpu_loop(f, zero, cpu_i64(f, d->g.npanels), 1, "out");
  LLVMValueRef c = cpu_add(a->f, cpu_mul(a->f, j.i, d->c_row), cpu_mul(a->f, np.i, d->g.nr));
  LLVMValueRef arg[] = {chain_at(a, d->c_at, zero, 0, c), chain_at(a, s->slot[d->slot].at, zero, 0, j.i),
                        chain_at(a, d->g.b_at, np.i, d->g.b_panel, NULL), a->rows, flag(a, false)};
  call(a, (DotTile){CHAIN_COLUMN_ROWS, d->g.w, 1, s->width, d->g.nr, d->c_row, false}, false, arg);
  cpu_loop_end(f, &np);
  cpu_loop_end(f, &j);
}

static void contract(Chain *a, int val) {
  switch (a->s->cls[val]) {
  case AT_SCORE: contract_scores(a, val); return;
  case AT_OUT: out(a, val); return;
  case AT_COLUMN: column(a, val); return;
  default: return;
  }
}

static void set_block(Chain *a, LLVMValueRef p) {
  const ChainShape *s = a->s;
  const DotBlocks g = {.mr = s->mr, .mpanels = s->mpanels, .tall = s->tall};
  Dot d = {.f = a->f, .g = &g};
  a->p = p;
  a->row0 = dot_panel_start(&d, p);
  a->rows = dot_panel_rows(&d, p);
}

static void one_block(Chain *a) {
  const ChainShape *s = a->s;
  chain_columns(a);
  for (int v = 0; v < s->k->nval; v++) {
    if (s->cls[v] == AT_SCORE) contract(a, v);
    if (s->cls[v] == AT_ROW) chain_row(a, v);
    if (s->cls[v] == AT_SUM) chain_sum(a, v);
    if (s->cls[v] == AT_MAP || s->cls[v] == AT_OUT || s->cls[v] == AT_COLUMN) chain_fill(a, v);
    if (s->cls[v] == AT_OUT || s->cls[v] == AT_COLUMN) contract(a, v);
  }
  chain_store_block(a);
}

static void one_batch(Chain *a, LLVMValueRef batch) {
  CpuFn *f = a->f;
  const ChainShape *s = a->s;
  bool columns = false;
  cpu_axes_set(f, &s->batch, batch);
  for (int v = 0; v < s->k->nval; v++) {
    begin(a, v);
    columns |= s->cls[v] == AT_COLUMN || s->cls[v] == AT_SUM;
  }
  CpuLoop p = cpu_loop(f, cpu_i64(f, 0), cpu_i64(f, s->mpanels), 1, "rows");
  set_block(a, p.i);
  one_block(a);
  cpu_loop_end(f, &p);
  if (columns) chain_store_columns(a);
}

void cpu_chain(CpuFn *f) {
  const ChainShape *s = chain_plan(f->arena, f->k, f->plan, f->cpu);
  Chain a = {.f = f, .s = s, .reader = -1};
  int64_t tasks = cpu_chain_tasks(f->arena, f->k, f->plan);
  f->sub = s->to, f->nsub = f->k->naxes;
  f->placed = chain_placed, f->placed_ctx = &a;
  CpuLoop t = cpu_loop(f, f->task, f->end, 1, "task");
  LLVMValueRef next = cpu_add(f, t.i, cpu_i64(f, 1));
  CpuLoop b =
      cpu_loop(f, cpu_part(f, s->nbatch, t.i, tasks), cpu_part(f, s->nbatch, next, tasks), 1, "batch");
  one_batch(&a, b.i);
  cpu_loop_end(f, &b);
  cpu_loop_end(f, &t);
}
