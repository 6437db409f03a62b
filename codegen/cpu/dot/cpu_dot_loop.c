/* The loop nest of a contraction: tasks, batches, blocks of k, panels. What happens to a finished tile: every
 * store whose value lives on (batch, m, n), a row at a time, and every store of a side sum, a panel at a
 * time.
 */
#include "codegen/cpu/dot/cpu_dot.h"

/* Where values live: a CpuPlaced over a Dot. */
static LLVMValueRef placed(CpuFn *f, void *ctx, int val, const Ix *const *idx) {
  Dot *d = ctx;
  LLVMValueRef v = val == d->s->val ? d->tile : NULL;
  for (int i = 0; i < d->s->nsum; i++)
    if (val == d->s->sum[i]) v = d->sums[i];
  const KVal *kv = &f->k->val[val];
  if (!v) {
    if (kv->reduce != KR_NONE) kern_misfit(f->k, "%s is not computed here", kv->name);
    return NULL;
  }
  for (int i = 0; i < kv->naxes; i++) {
    const Ix *own = ix_axis(f->arena, kv->axis[i], f->k->axis[kv->axis[i]].extent);
    if (!ix_same(cpu_subst(f, own), cpu_subst(f, idx[i])))
      kern_misfit(f->k, "%s is read away from its own point", kv->name);
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
  const Kernel *k = d->f->k;
  int *store = ARENA_ARRAY(d->f->arena, k->nstore, int), n = 0;
  for (int s = 0; s < k->nstore; s++)
    if (stores_sum(d, &k->store[s]) == sums) store[n++] = s;
  cpu_store_together(d->f, store, n);
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
  LLVMValueRef t = cpu_scratch_load(d->f, LLVMVectorType(f32, (unsigned)d->g->lanes), 4,
                                    LLVMBuildGEP2(f->b, f32, row, &offset, 1, ""));
  t = set_lanes(d, d->s->axis_n, d->s->n, cpu_add(d->f, col, offset), mask, t);
  f->lane_align = f->lanes;
  d->tile = cpu_round(f, f->k->val[d->s->val].dtype, t);
  do_stores(d, false);
  d->tile = NULL;
  f->mask = NULL;
}

/* The stores over a finished tile of panel p of A and np of B; `edge`: the last panel of B, where some
 * columns are missing. */
static void epilogue(Dot *d, LLVMValueRef tile, LLVMValueRef p, LLVMValueRef np, bool edge) {
  CpuFn *f = d->f;
  const DotBlocks *g = d->g;
  int64_t vecs = edge ? g->nvecs - g->w * (g->npanels - 1) : g->w, rest = d->s->n % g->lanes;
  LLVMValueRef start = dot_panel_start(d, p), col = cpu_mul(d->f, np, g->nr);
  CpuLoop i = cpu_loop(f, cpu_i64(f, 0), dot_panel_rows(d, p), 1, "epilogue");
  f->axis[d->s->axis_m] = cpu_add(d->f, start, i.i);
  LLVMValueRef at = cpu_mul(d->f, i.i, g->nr);
  LLVMValueRef row = LLVMBuildGEP2(f->b, LLVMFloatTypeInContext(f->cx), tile, &at, 1, "");
  for (int j = 0; j < vecs; j++) {
    bool partial = edge && rest && j == vecs - 1;
    f->lanes = (int)g->lanes;
    LLVMValueRef mask = partial ? cpu_tail_mask(f, cpu_i64(f, 0), cpu_i64(f, rest)) : NULL;
    store_vector(d, row, j, col, mask);
  }
  cpu_loop_end(f, &i);
}

/* The stores of the side sums of the task's panels. */
static void sums_epilogue(Dot *d) {
  CpuFn *f = d->f;
  const DotBlocks *g = d->g;
  CpuLoop p = cpu_loop(f, d->mp0, d->mp1, 1, "sums");
  LLVMValueRef index = cpu_mul(d->f, cpu_sub(d->f, p.i, d->mp0), g->lanes);
  f->lanes = (int)g->lanes;
  LLVMValueRef mask = cpu_tail_mask(f, cpu_i64(f, 0), dot_panel_rows(d, p.i));
  for (int i = 0; i < d->s->nsum; i++) {
    LLVMValueRef at = dot_scratch(d, g->sum_at + i * g->max_mp * g->lanes * 4, index);
    LLVMValueRef v = cpu_scratch_load(d->f, cpu_vec(f, DT_F32, (int)g->lanes), 4, at);
    v = set_lanes(d, d->s->axis_m, d->s->m, dot_panel_start(d, p.i), mask, v);
    d->sums[i] = cpu_round(f, f->k->val[d->s->sum[i]].dtype, v);
  }
  f->lane_align = 1;
  do_stores(d, true);
  for (int i = 0; i < d->s->nsum; i++) d->sums[i] = NULL;
  f->mask = NULL;
  cpu_loop_end(f, &p);
}

/* The address of panel p of packed A, at the current block of k. */
static LLVMValueRef a_panel(Dot *d, LLVMValueRef p) {
  const DotBlocks *g = d->g;
  LLVMValueRef at;
  if (d->s->a.along_k)
    at = cpu_mul(d->f, cpu_sub(d->f, dot_panel_start(d, p), dot_panel_start(d, d->mp0)), g->a_row);
  else
    at = cpu_mul(d->f, cpu_sub(d->f, p, d->mp0), g->a_panel);
  if (!g->hold_b) at = cpu_add(d->f, at, cpu_mul(d->f, d->kbase, g->a_k));
  return dot_scratch(d, g->a_at, at);
}

static LLVMValueRef b_panel(Dot *d, LLVMValueRef np) {
  const DotBlocks *g = d->g;
  LLVMValueRef at = cpu_mul(d->f, cpu_sub(d->f, np, d->np0), g->b_panel);
  if (g->hold_b) at = cpu_add(d->f, at, cpu_mul(d->f, d->kbase, g->nr));
  return dot_scratch(d, g->b_at, at);
}

static LLVMValueRef tile_at(Dot *d, LLVMValueRef p, LLVMValueRef np) {
  const DotBlocks *g = d->g;
  LLVMValueRef at = cpu_i64(d->f, 0);
  if (g->nk > 1)
    at = cpu_add(d->f, cpu_mul(d->f, cpu_sub(d->f, p, d->mp0), g->max_np), cpu_sub(d->f, np, d->np0));
  return dot_scratch(d, g->tile_at, cpu_mul(d->f, at, g->mr * g->nr));
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
  epilogue(d, tile, p, np, edge);
  if (after) cpu_if_end(f, after);
}

typedef void TileOf(Dot *d, LLVMValueRef p, LLVMValueRef np, bool edge);

/* The task's panels of B, whole ones, then the edge. */
static void each_of_b(Dot *d, LLVMValueRef p, TileOf *tile) {
  CpuFn *f = d->f;
  bool has_edge = d->s->n % d->g->nr != 0;
  LLVMValueRef last = cpu_i64(f, d->g->npanels - 1);
  CpuLoop n = cpu_loop(f, d->np0, has_edge ? cpu_min(f, d->np1, last) : d->np1, 1, "n");
  tile(d, p, n.i, false);
  cpu_loop_end(f, &n);
  if (!has_edge) return;
  CpuLoop e = cpu_loop(f, cpu_max(f, d->np0, last), d->np1, 1, "n_edge");
  tile(d, p, e.i, true);
  cpu_loop_end(f, &e);
}

/* The tiles of all the task's panels of A with one of B. */
static void each_of_a(Dot *d, LLVMValueRef p, LLVMValueRef np, bool edge) {
  (void)p;
  CpuLoop m = cpu_loop(d->f, d->mp0, d->mp1, 1, "m");
  one_tile(d, m.i, np, edge);
  cpu_loop_end(d->f, &m);
}

/* All tiles of the task; the streamed operand inside, so that the held one is read once from afar. */
static void tiles(Dot *d) {
  if (d->g->hold_b) {
    each_of_b(d, NULL, each_of_a);
    return;
  }
  CpuLoop m = cpu_loop(d->f, d->mp0, d->mp1, 1, "m");
  each_of_b(d, m.i, one_tile);
  cpu_loop_end(d->f, &m);
}

/* The stores of the side sums once A is packed over all of k, in the tasks of the first block of n. */
static void store_sums(Dot *d, LLVMValueRef n_block, LLVMValueRef last) {
  if (!d->s->nsum) return;
  LLVMValueRef first = LLVMBuildICmp(d->f->b, LLVMIntEQ, n_block, cpu_i64(d->f, 0), "");
  if (last) first = LLVMBuildAnd(d->f->b, first, last, "");
  LLVMBasicBlockRef after = cpu_if(d->f, first, "sums");
  sums_epilogue(d);
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
  d->kbase = k.i, d->len = cpu_min(d->f, cpu_i64(f, d->g->kc), cpu_sub(d->f, cpu_i64(f, d->g->ku), k.i));
  one_block(d, n_block);
  cpu_loop_end(f, &k);
}

/* One batch of a task, whose blocks are set. `id` names what the held operand is packed from. */
static void one_batch(Dot *d, LLVMValueRef batch, LLVMValueRef id, LLVMValueRef held, LLVMValueRef n_block) {
  CpuFn *f = d->f;
  LLVMTypeRef i64 = LLVMInt64TypeInContext(f->cx);
  cpu_axes_set(f, &d->s->batch, batch);
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
  LLVMValueRef in = cpu_mod(d->f, task, inner), rest = cpu_div(d->f, task, inner);
  LLVMValueRef out = cpu_mod(d->f, rest, outer), group = cpu_div(d->f, rest, outer);
  LLVMValueRef mb = g->hold_b ? in : out, nb = g->hold_b ? out : in, one = cpu_i64(f, 1);
  d->mp0 = cpu_part(d->f, g->mpanels, mb, g->bm);
  d->mp1 = cpu_part(d->f, g->mpanels, cpu_add(d->f, mb, one), g->bm);
  d->np0 = cpu_part(d->f, g->npanels, nb, g->bn);
  d->np1 = cpu_part(d->f, g->npanels, cpu_add(d->f, nb, one), g->bn);
  LLVMValueRef lo = cpu_part(d->f, d->s->nbatch, group, g->groups);
  LLVMValueRef hi = cpu_part(d->f, d->s->nbatch, cpu_add(d->f, group, one), g->groups);
  CpuLoop b = cpu_loop(f, lo, hi, 1, "batch");
  one_batch(d, b.i, cpu_add(d->f, cpu_mul(d->f, b.i, outer), out), held, nb);
  cpu_loop_end(f, &b);
}

void cpu_dot(CpuFn *f) {
  const DotShape *s = dot_shape(f->arena, f->k, f->plan);
  const DotBlocks g = dot_blocks(s, f->cpu);
  LLVMTypeRef f32 = LLVMFloatTypeInContext(f->cx), i32 = LLVMInt32TypeInContext(f->cx);
  Dot d = {.f = f, .s = s, .g = &g, .unit = g.pairs ? i32 : f32};
  f->sub = s->to, f->nsub = f->k->naxes;
  f->placed = placed, f->placed_ctx = &d;
  LLVMValueRef held = cpu_alloca(f, LLVMInt64TypeInContext(f->cx), "held");
  LLVMBuildStore(f->b, cpu_i64(f, -1), held);
  CpuLoop t = cpu_loop(f, f->task, f->end, 1, "task");
  one_task(&d, t.i, held);
  cpu_loop_end(f, &t);
}
