/* The contractions of an chain kernel, one block of rows at a time, through the dot skeleton's packs and
 * micro-kernel. */
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
  int64_t rows = (a->s->n + a->s->lanes - 1) / a->s->lanes * a->s->lanes;
  CpuLoop i = cpu_loop(f, cpu_i64(f, 0), cpu_i64(f, rows * d->c_row), a->s->lanes, "clear");
  LLVMValueRef zero = LLVMConstNull(cpu_vec(f, DT_F32, a->s->lanes));
  LLVMValueRef s = LLVMBuildStore(f->b, zero, chain_at(a, d->c_at, cpu_i64(f, 0), 0, i.i));
  LLVMSetAlignment(s, 4);
  cpu_tag(f, s, f->k->nbuf);
  cpu_loop_end(f, &i);
}

void chain_begin(Chain *a, int val) {
  ChainClass c = a->s->cls[val];
  Dot d = dot_of(a, val);
  a->reader = val;
  if (c == AT_COLUMN) clear(a, val);
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

static LLVMValueRef times(Chain *a, LLVMValueRef v, int64_t by) {
  return LLVMBuildNSWMul(a->f->b, v, cpu_i64(a->f, by), "");
}

static LLVMValueRef plus(Chain *a, LLVMValueRef v, LLVMValueRef w) {
  return LLVMBuildNSWAdd(a->f->b, v, w, "");
}

/* The block's rows of the left operand, packed row by row. */
static void pack_rows(Chain *a, int val) {
  CpuFn *f = a->f;
  const ChainDot *t = &a->s->dot[val];
  Dot d = dot_of(a, val);
  CpuLoop i = cpu_loop(f, cpu_i64(f, 0), a->rows, 1, "pack_rows");
  dot_pack_row(&d, plus(a, a->row0, i.i), chain_at(a, t->a_at, i.i, t->a_row, NULL), NULL);
  cpu_loop_end(f, &i);
}

static void score(Chain *a, int val) {
  CpuFn *f = a->f;
  const ChainShape *s = a->s;
  const ChainDot *d = &s->dot[val];
  const ChainSlot *slot = &s->slot[chain_slot_of(s, val, -1)];
  pack_rows(a, val);
  LLVMValueRef nr = cpu_i64(f, d->g.nr), zero = cpu_i64(f, 0);
  LLVMValueRef first = LLVMBuildUDiv(f->b, a->c0, nr, "");
  LLVMValueRef end = LLVMBuildUDiv(f->b, plus(a, a->c1, cpu_i64(f, d->g.nr - 1)), nr, "");
  CpuLoop np = cpu_loop(f, first, end, 1, "score");
  LLVMValueRef arg[] = {chain_at(a, slot->at, zero, s->width, times(a, np.i, d->g.nr)),
                        chain_at(a, d->a_at, zero, d->a_row, NULL),
                        chain_at(a, d->g.b_at, np.i, d->g.b_panel, NULL), cpu_i64(f, d->extent),
                        flag(a, true)};
  call(a, (DotTile){s->mr, d->g.w, d->a_row, 1, d->g.nr, s->width, false}, s->tall != s->mpanels, arg);
  cpu_loop_end(f, &np);
}

/* The end of the needed columns that exist. */
static LLVMValueRef last_column(Chain *a) {
  LLVMValueRef x[] = {a->c1, cpu_i64(a->f, a->s->n)};
  return cpu_call(a->f, "llvm.smin", LLVMTypeOf(x[0]), x, 2);
}

static void out(Chain *a, int val) {
  CpuFn *f = a->f;
  const ChainShape *s = a->s;
  const ChainDot *d = &s->dot[val];
  LLVMValueRef zero = cpu_i64(f, 0), len = LLVMBuildNSWSub(f->b, last_column(a), a->c0, "");
  CpuLoop np = cpu_loop(f, zero, cpu_i64(f, d->g.npanels), 1, "out");
  LLVMValueRef b = plus(a, times(a, np.i, d->g.b_panel), times(a, a->c0, d->g.nr));
  LLVMValueRef arg[] = {chain_at(a, d->c_at, zero, 0, times(a, np.i, d->g.nr)),
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
  LLVMValueRef c = plus(a, times(a, j.i, d->c_row), times(a, np.i, d->g.nr));
  LLVMValueRef arg[] = {chain_at(a, d->c_at, zero, 0, c), chain_at(a, s->slot[d->slot].at, zero, 0, j.i),
                        chain_at(a, d->g.b_at, np.i, d->g.b_panel, NULL), a->rows, flag(a, false)};
  call(a, (DotTile){CHAIN_COLUMN_ROWS, d->g.w, 1, s->width, d->g.nr, d->c_row, false}, false, arg);
  cpu_loop_end(f, &np);
  cpu_loop_end(f, &j);
}

void chain_contract(Chain *a, int val) {
  switch (a->s->cls[val]) {
  case AT_SCORE: score(a, val); return;
  case AT_OUT: out(a, val); return;
  case AT_COLUMN: column(a, val); return;
  default: return;
  }
}
