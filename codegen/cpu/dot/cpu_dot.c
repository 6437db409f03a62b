/* The loop nest of a contraction: tasks, batches, blocks of k, panels. */
#include "codegen/cpu/dot/cpu_dot.h"

/* Sets the batch axes from a flat batch number. */
static void set_batch(Dot *d, LLVMValueRef flat) {
  const KRoleAxes *r = d->s->batch;
  for (int i = r->naxes - 1; i >= 0; i--) {
    int64_t extent = d->f->k->axis[r->axis[i]].extent;
    d->f->axis[r->axis[i]] = i ? dot_mod(d, flat, extent) : flat;
    flat = dot_div(d, flat, extent);
  }
}

/* The address of panel p of packed A, at the current block of k. */
static LLVMValueRef a_panel(Dot *d, LLVMValueRef p) {
  const DotBlocks *g = d->g;
  LLVMValueRef at;
  if (d->s->a.along_k)
    at = dot_mul(d, dot_sub(d, dot_panel_start(d, p), dot_panel_start(d, d->mp0)), g->a_row);
  else
    at = dot_mul(d, dot_sub(d, p, d->mp0), g->a_panel);
  if (!g->hold_b) at = dot_add(d, at, dot_mul(d, d->kbase, g->a_k));
  return dot_scratch(d, g->a_at, at);
}

static LLVMValueRef b_panel(Dot *d, LLVMValueRef np) {
  const DotBlocks *g = d->g;
  LLVMValueRef at = dot_mul(d, dot_sub(d, np, d->np0), g->b_panel);
  if (g->hold_b) at = dot_add(d, at, dot_mul(d, d->kbase, g->nr));
  return dot_scratch(d, g->b_at, at);
}

static LLVMValueRef tile_at(Dot *d, LLVMValueRef p, LLVMValueRef np) {
  const DotBlocks *g = d->g;
  LLVMValueRef at = cpu_i64(d->f, 0);
  if (g->nk > 1) at = dot_add(d, dot_mul(d, dot_sub(d, p, d->mp0), g->max_np), dot_sub(d, np, d->np0));
  return dot_scratch(d, g->tile_at, dot_mul(d, at, g->mr * g->nr));
}

/* The micro-kernel for the rows of panel p. */
static LLVMValueRef tile_for(Dot *d, LLVMValueRef p, int64_t vecs) {
  const DotBlocks *g = d->g;
  DotTile t = {g->mr, vecs, g->a_row, g->a_k, g->nr, g->nr, g->pairs};
  LLVMValueRef tall = dot_tile(d->f, &t);
  if (g->tall == g->mpanels) return tall;
  t.rows = g->mr - 1;
  LLVMValueRef is_tall = LLVMBuildICmp(d->f->b, LLVMIntSLT, p, cpu_i64(d->f, g->tall), "");
  return LLVMBuildSelect(d->f->b, is_tall, tall, dot_tile(d->f, &t), "");
}

static LLVMValueRef at_block(Dot *d, int64_t block) {
  return LLVMBuildICmp(d->f->b, LLVMIntEQ, d->kbase, cpu_i64(d->f, block * d->g->kc), "");
}

static void one_tile(Dot *d, LLVMValueRef p, LLVMValueRef np, bool edge) {
  CpuFn *f = d->f;
  const DotBlocks *g = d->g;
  int64_t vecs = edge ? g->nvecs - g->w * (g->npanels - 1) : g->w;
  LLVMValueRef tile = tile_at(d, p, np);
  LLVMValueRef arg[] = {tile, a_panel(d, p), b_panel(d, np), d->len, at_block(d, 0)};
  LLVMBuildCall2(f->b, dot_tile_type(f), tile_for(d, p, vecs), arg, 5, "");
  LLVMBasicBlockRef after = g->nk > 1 ? cpu_if(f, at_block(d, g->nk - 1), "last") : NULL;
  dot_epilogue(d, tile, p, np, edge);
  if (after) cpu_if_end(f, after);
}

/* The tiles of panels p (of A) or np (of B): whole ones, then the edge. */
static void tiles_inside(Dot *d, LLVMValueRef p, LLVMValueRef np, bool edge) {
  CpuFn *f = d->f;
  bool has_edge = d->s->n % d->g->nr != 0;
  if (d->g->hold_b) {
    CpuLoop m = cpu_loop(f, d->mp0, d->mp1, 1, "m");
    one_tile(d, m.i, np, edge);
    cpu_loop_end(f, &m);
    return;
  }
  LLVMValueRef last = cpu_i64(f, d->g->npanels - 1);
  CpuLoop n = cpu_loop(f, d->np0, has_edge ? dot_min(d, d->np1, last) : d->np1, 1, "n");
  one_tile(d, p, n.i, false);
  cpu_loop_end(f, &n);
  if (!has_edge) return;
  CpuLoop e = cpu_loop(f, dot_max(d, d->np0, last), d->np1, 1, "n_edge");
  one_tile(d, p, e.i, true);
  cpu_loop_end(f, &e);
}

/* All tiles of the task; the streamed operand inside, so that the held one is read once from afar. */
static void tiles(Dot *d) {
  CpuFn *f = d->f;
  bool has_edge = d->s->n % d->g->nr != 0;
  if (!d->g->hold_b) {
    CpuLoop m = cpu_loop(f, d->mp0, d->mp1, 1, "m");
    tiles_inside(d, m.i, NULL, false);
    cpu_loop_end(f, &m);
    return;
  }
  LLVMValueRef last = cpu_i64(f, d->g->npanels - 1);
  CpuLoop n = cpu_loop(f, d->np0, has_edge ? dot_min(d, d->np1, last) : d->np1, 1, "n");
  tiles_inside(d, NULL, n.i, false);
  cpu_loop_end(f, &n);
  if (!has_edge) return;
  CpuLoop e = cpu_loop(f, dot_max(d, d->np0, last), d->np1, 1, "n_edge");
  tiles_inside(d, NULL, e.i, true);
  cpu_loop_end(f, &e);
}

/* The stores of the side sums once A is packed over all of k, in the tasks of the first block of n. */
static void store_sums(Dot *d, LLVMValueRef n_block, LLVMValueRef last) {
  if (!d->s->nsum) return;
  LLVMValueRef first = LLVMBuildICmp(d->f->b, LLVMIntEQ, n_block, cpu_i64(d->f, 0), "");
  if (last) first = LLVMBuildAnd(d->f->b, first, last, "");
  LLVMBasicBlockRef after = cpu_if(d->f, first, "sums");
  dot_epilogue_sums(d);
  cpu_if_end(d->f, after);
}

/* Packs the held operand, over all of k. */
static void pack_held(Dot *d, LLVMValueRef n_block) {
  d->kbase = cpu_i64(d->f, 0), d->len = cpu_i64(d->f, d->g->ku);
  if (d->g->hold_b) {
    dot_pack_b(d);
    return;
  }
  dot_pack_a(d);
  store_sums(d, n_block, NULL);
}

static void one_block(Dot *d, LLVMValueRef n_block) {
  if (d->g->hold_b) {
    dot_pack_a(d);
    store_sums(d, n_block, d->g->nk > 1 ? at_block(d, d->g->nk - 1) : NULL);
  } else {
    dot_pack_b(d);
  }
  tiles(d);
}

static void blocks_of_k(Dot *d, LLVMValueRef n_block) {
  CpuFn *f = d->f;
  d->kbase = cpu_i64(f, 0), d->len = cpu_i64(f, d->g->ku);
  if (d->g->nk == 1) {
    one_block(d, n_block);
    return;
  }
  CpuLoop k = cpu_loop(f, cpu_i64(f, 0), cpu_i64(f, d->g->ku), d->g->kc, "k_block");
  d->kbase = k.i, d->len = dot_min(d, cpu_i64(f, d->g->kc), dot_sub(d, cpu_i64(f, d->g->ku), k.i));
  one_block(d, n_block);
  cpu_loop_end(f, &k);
}

/* One batch of a task, whose blocks are set. `id` names what the held operand is packed from. */
static void one_batch(Dot *d, LLVMValueRef batch, LLVMValueRef id, LLVMValueRef held, LLVMValueRef n_block) {
  CpuFn *f = d->f;
  LLVMTypeRef i64 = LLVMInt64TypeInContext(f->cx);
  set_batch(d, batch);
  LLVMValueRef other = LLVMBuildICmp(f->b, LLVMIntNE, LLVMBuildLoad2(f->b, i64, held, ""), id, "");
  LLVMBasicBlockRef after = cpu_if(f, other, "pack_held");
  pack_held(d, n_block);
  LLVMBuildStore(f->b, id, held);
  cpu_if_end(f, after);
  blocks_of_k(d, n_block);
}

static void one_task(Dot *d, LLVMValueRef task, LLVMValueRef held) {
  CpuFn *f = d->f;
  const DotBlocks *g = d->g;
  int64_t outer = g->hold_b ? g->bn : g->bm, inner = g->hold_b ? g->bm : g->bn;
  LLVMValueRef in = dot_mod(d, task, inner), rest = dot_div(d, task, inner);
  LLVMValueRef out = dot_mod(d, rest, outer), group = dot_div(d, rest, outer);
  LLVMValueRef mb = g->hold_b ? in : out, nb = g->hold_b ? out : in, one = cpu_i64(f, 1);
  d->mp0 = dot_part(d, g->mpanels, mb, g->bm);
  d->mp1 = dot_part(d, g->mpanels, dot_add(d, mb, one), g->bm);
  d->np0 = dot_part(d, g->npanels, nb, g->bn);
  d->np1 = dot_part(d, g->npanels, dot_add(d, nb, one), g->bn);
  LLVMValueRef lo = dot_part(d, d->s->nbatch, group, g->groups);
  LLVMValueRef hi = dot_part(d, d->s->nbatch, dot_add(d, group, one), g->groups);
  CpuLoop b = cpu_loop(f, lo, hi, 1, "batch");
  one_batch(d, b.i, dot_add(d, dot_mul(d, b.i, outer), out), held, nb);
  cpu_loop_end(f, &b);
}

void cpu_dot(CpuFn *f) {
  const DotShape *s = dot_shape(f->k, f->plan);
  const DotBlocks g = dot_blocks(s, f->target);
  LLVMTypeRef f32 = LLVMFloatTypeInContext(f->cx), i32 = LLVMInt32TypeInContext(f->cx);
  Dot d = {.f = f, .s = s, .g = &g, .unit = g.pairs ? i32 : f32};
  f->sub = s->to, f->nsub = f->k->naxes;
  f->placed = dot_placed, f->placed_ctx = &d;
  LLVMValueRef held = cpu_alloca(f, LLVMInt64TypeInContext(f->cx), "held");
  LLVMBuildStore(f->b, cpu_i64(f, -1), held);
  CpuLoop t = cpu_loop(f, f->task, f->end, 1, "task");
  one_task(&d, t.i, held);
  cpu_loop_end(f, &t);
}
