/* The loop nest of an chain kernel: tasks, batches, blocks of rows, values in order. */
#include "codegen/cpu/chain/cpu_chain.h"

static void set_batch(Chain *a, LLVMValueRef flat) {
  CpuFn *f = a->f;
  const KRoleAxes *r = a->s->batch;
  for (int i = r->naxes - 1; i >= 0; i--) {
    LLVMValueRef extent = cpu_i64(f, f->k->axis[r->axis[i]].extent);
    f->axis[r->axis[i]] = i ? LLVMBuildURem(f->b, flat, extent, "") : flat;
    flat = LLVMBuildUDiv(f->b, flat, extent, "");
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
    if (s->cls[v] == AT_SCORE) chain_contract(a, v);
    if (s->cls[v] == AT_ROW) chain_row(a, v);
    if (s->cls[v] == AT_MAP || s->cls[v] == AT_OUT || s->cls[v] == AT_COLUMN) chain_fill(a, v);
    if (s->cls[v] == AT_OUT || s->cls[v] == AT_COLUMN) chain_contract(a, v);
  }
  chain_store_block(a);
}

static void one_batch(Chain *a, LLVMValueRef batch) {
  CpuFn *f = a->f;
  const ChainShape *s = a->s;
  bool columns = false;
  set_batch(a, batch);
  for (int v = 0; v < s->k->nval; v++) {
    chain_begin(a, v);
    columns |= s->cls[v] == AT_COLUMN;
  }
  CpuLoop p = cpu_loop(f, cpu_i64(f, 0), cpu_i64(f, s->mpanels), 1, "rows");
  set_block(a, p.i);
  one_block(a);
  cpu_loop_end(f, &p);
  if (columns) chain_store_columns(a);
}

static LLVMValueRef part(Chain *a, LLVMValueRef i, int64_t parts) {
  CpuFn *f = a->f;
  LLVMValueRef all = LLVMBuildNSWMul(f->b, i, cpu_i64(f, a->s->nbatch), "");
  return LLVMBuildUDiv(f->b, all, cpu_i64(f, parts), "");
}

void cpu_chain(CpuFn *f) {
  ChainShape *s = chain_shape(f->k, f->plan);
  chain_lay_out(s, f->target);
  Chain a = {.f = f, .s = s, .reader = -1};
  int64_t tasks = cpu_chain_tasks(f->k, f->plan);
  f->sub = s->to, f->nsub = f->k->naxes;
  f->placed = chain_placed, f->placed_ctx = &a;
  CpuLoop t = cpu_loop(f, f->task, f->end, 1, "task");
  LLVMValueRef next = LLVMBuildNSWAdd(f->b, t.i, cpu_i64(f, 1), "");
  CpuLoop b = cpu_loop(f, part(&a, t.i, tasks), part(&a, next, tasks), 1, "batch");
  one_batch(&a, b.i);
  cpu_loop_end(f, &b);
  cpu_loop_end(f, &t);
}
