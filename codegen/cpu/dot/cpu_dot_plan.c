/* Reads a dot kernel's roles: fuses the axes of each into one, tells which factor is the left operand and in
 * which direction each lies in memory. Then how the contraction is cut: tasks from the shape alone, so that
 * their number and what each sums are the same for every target; tiles and blocks of k from the target. A
 * plan's numbers override: mr, nr (elements), kc (elements of k), mc, nc (rows and columns of a task). */
#include <stdlib.h>

#include "base/i64.h"
#include "codegen/cpu/dot/cpu_dot.h"

enum {
  TASKS = 8,            /* at least so many where there is work for them */
  MOST_GROUPS = 64,     /* of batches */
  TASK_FLOPS = 1 << 19, /* a task is not worth starting for less */
  NC = 128,
  MC = 140,             /* columns and rows of a task, about */
  KC = 1280,            /* elements of a block of k at most, f32 */
  KC_PAIRS = 1536,      /* and bf16 */
  STREAMED = 1 << 17,   /* elements of a streamed block, about */
  HELD_BYTES = 8 << 20, /* a held operand is cut beyond this */
  PAD = 16              /* units that keep rows and panels out of each other's cache sets */
};

const KExpr *dot_definition(Arena *a, const Kernel *k, const KExpr *e) {
  const KVal *v = &k->val[e->ref];
  const Ix *to[KERN_MAX_AXES] = {0};
  for (int i = 0; i < e->nidx; i++) to[v->axis[i]] = e->idx[i];
  return kexpr_subst(a, v->expr, to, k->naxes);
}

bool dot_is_written_here(const Kernel *k, const KExpr *e) {
  return e->kind == KE_VALUE && k->val[e->ref].reduce == KR_NONE;
}

static bool uses(const DotShape *s, const Ix *ix, int axis) {
  return ix_uses_axis(ix_subst(s->arena, ix, s->to, s->k->naxes), axis);
}

/* Whether the expression varies along a fused axis. */
static bool depends(const DotShape *s, const KExpr *e, int axis) {
  if (e->ix && uses(s, e->ix, axis)) return true;
  for (int i = 0; i < e->nidx; i++)
    if (uses(s, e->idx[i], axis)) return true;
  for (int i = 0; i < 3 && e->arg[i]; i++)
    if (depends(s, e->arg[i], axis)) return true;
  return false;
}

static bool sums_over_k(const Kernel *k, const KPlan *p, int val) {
  return k->val[val].reduce == KR_SUM && kval_reduces(&k->val[val], &p->role[ROLE_K]);
}

/* Reads through names of values: what is multiplied. */
static const KExpr *open_value(Arena *a, const Kernel *k, const KExpr *e) {
  while (dot_is_written_here(k, e)) e = dot_definition(a, k, e);
  return e;
}

/* The contraction is the sum over k that is a product, at n too where n has axes. */
static bool is_main(const DotShape *s, int val) {
  const Kernel *k = s->k;
  const KPlan *p = s->plan;
  const KVal *v = &k->val[val];
  const KExpr *e = sums_over_k(k, p, val) ? open_value(s->arena, k, v->expr) : NULL;
  const KRoleAxes *n = &p->role[ROLE_N];
  return e && e->kind == KE_ELT && e->elt == E_MUL && (n->naxes == 0 || kval_is_over(v, n));
}

static void find_values(DotShape *s) {
  const Kernel *k = s->k;
  s->val = -1;
  for (int v = 0; v < k->nval; v++)
    if (s->val < 0 && is_main(s, v)) s->val = v;
  if (s->val < 0) kern_misfit(k, "a dot plan without a contraction");
  for (int v = 0; v < k->nval; v++) {
    if (v == s->val || k->val[v].reduce == KR_NONE) continue;
    if (!sums_over_k(k, s->plan, v) || s->nsum == DOT_MAX_SUMS)
      kern_misfit(k, "%s is not a sum over k", k->val[v].name);
    s->sum[s->nsum++] = v;
  }
}

static int64_t stride_of(const DotShape *s, const KExpr *read, int axis, bool *affine) {
  const KBuf *b = &s->k->buf[read->ref];
  Arena *a = s->arena;
  const Ix *at = ix_const(a, 0);
  for (int i = 0; i < b->rank; i++) at = ix_add(a, at, ix_scale(a, read->idx[i], b->stride[i]));
  int64_t coef = 0;
  *affine = ix_coef(ix_subst(a, at, s->to, s->k->naxes), axis, &coef);
  return coef;
}

/* Votes of the reads in e: positive for running along k, negative for running along the rows. */
static int direction(const DotShape *s, const KExpr *e, int rows) {
  int votes = 0;
  if (e->kind == KE_READ) {
    bool k_affine, r_affine;
    int64_t k = stride_of(s, e, s->axis_k, &k_affine), r = stride_of(s, e, rows, &r_affine);
    if (!k_affine || !r_affine) return r_affine && r == 1 ? -1 : k_affine && k == 1 ? 1 : 0;
    if (k != 0 && r != 0) votes += llabs(k) <= llabs(r) ? 2 : -2;
  }
  if (dot_is_written_here(s->k, e)) votes += direction(s, dot_definition(s->arena, s->k, e), rows);
  for (int i = 0; i < 3 && e->arg[i]; i++) votes += direction(s, e->arg[i], rows);
  return votes;
}

bool dot_runs_along_k(const DotShape *s, const KExpr *e, int rows) {
  return direction(s, e, rows) >= 0;
}

static bool is_bf16(const DotShape *s, const KExpr *e) {
  e = open_value(s->arena, s->k, e);
  return e->dtype == DT_BF16 || (e->kind == KE_CAST && e->dtype == DT_F32 && e->arg[0]->dtype == DT_BF16);
}

static const KExpr *before_rounding(const DotShape *s, const KExpr *e) {
  e = open_value(s->arena, s->k, e);
  if (e->kind == KE_CAST && e->dtype == DT_F32 && e->arg[0]->dtype == DT_BF16)
    e = open_value(s->arena, s->k, e->arg[0]);
  bool rounds = e->kind == KE_CAST && e->dtype == DT_BF16 && e->arg[0]->dtype == DT_F32;
  return rounds ? e->arg[0] : e;
}

static bool has_bounds(const DotShape *s) {
  const KVal *v = &s->k->val[s->val];
  for (int i = 0; i < v->nred; i++)
    if (v->red[i].lo || v->red[i].hi) return true;
  return false;
}

static bool bounds_depend(const DotShape *s, int axis) {
  const KVal *v = &s->k->val[s->val];
  for (int i = 0; i < v->nred; i++) {
    if (v->red[i].lo && uses(s, v->red[i].lo, axis)) return true;
    if (v->red[i].hi && uses(s, v->red[i].hi, axis)) return true;
  }
  return false;
}

static void split_product(DotShape *s) {
  const KExpr *e = open_value(s->arena, s->k, s->k->val[s->val].expr), *a = e->arg[0], *b = e->arg[1];
  if (depends(s, a, s->axis_n) || depends(s, b, s->axis_m)) {
    const KExpr *t = a;
    a = b, b = t;
  }
  if (depends(s, a, s->axis_n) || depends(s, b, s->axis_m))
    kern_misfit(s->k, "a factor depends on both m and n");
  bool b_bounded = bounds_depend(s, s->axis_n), a_bounded = !b_bounded && has_bounds(s);
  if (b_bounded && bounds_depend(s, s->axis_m)) kern_misfit(s->k, "bounds depend on m and n");
  s->a = (DotOperand){a, s->axis_m, dot_runs_along_k(s, a, s->axis_m), a_bounded, before_rounding(s, a)};
  s->b = (DotOperand){b, s->axis_n, dot_runs_along_k(s, b, s->axis_n), b_bounded, before_rounding(s, b)};
  s->bf16 = is_bf16(s, a) && is_bf16(s, b);
}

const DotShape *dot_shape(Arena *a, const Kernel *k, const KPlan *p) {
  DotShape *s = ARENA_NEW(a, DotShape);
  s->arena = a, s->k = k, s->plan = p;
  find_values(s);
  s->batch = cpu_axes_of(k, &p->role[ROLE_BATCH]);
  s->nbatch = cpu_axes_count(&s->batch);
  s->axis_m = cpu_role_as_one(a, k, &p->role[ROLE_M], k->naxes, s->to, &s->m);
  s->axis_n = cpu_role_as_one(a, k, &p->role[ROLE_N], k->naxes + 1, s->to, &s->n);
  s->axis_k = cpu_role_as_one(a, k, &p->role[ROLE_K], k->naxes + 2, s->to, &s->kk);
  split_product(s);
  return s;
}

/* Blocks of the streamed dimension: of `size` or the plan's number, more where k is short, `want` if the work
 * allows it, an even number so that two threads get equal halves, none smaller than `least`. */
static int64_t streamed_blocks(const DotShape *s, CpuNumber num, int64_t size, int64_t want, int64_t least) {
  int64_t extent = num == CPU_MC ? s->m : s->n;
  size = kplan_get(s->plan, num, i64_max(size, STREAMED / i64_min(s->kk, KC)));
  int64_t n = i64_clamp(i64_max(i64_ceil_div(extent, size), want), 1, i64_max(extent / least, 1));
  return n > 1 ? n & ~(int64_t)1 : 1;
}

/* The part that depends on the shape alone. */
static void cut_tasks(DotBlocks *g, const DotShape *s) {
  double flops = 2.0 * (double)s->nbatch * (double)s->m * (double)s->n * (double)s->kk;
  int64_t worth = (int64_t)(flops / TASK_FLOPS) + 1;
  g->groups = i64_min(s->nbatch, i64_min(worth, MOST_GROUPS));
  int64_t want = i64_min(i64_ceil_div(TASKS, g->groups), i64_ceil_div(worth, g->groups));
  g->hold_b = s->m > s->n;
  int64_t held = g->hold_b ? s->n : s->m;
  int64_t held_blocks = i64_ceil_div(held * s->kk * 4, HELD_BYTES);
  if (g->hold_b) {
    g->bn = i64_clamp(held_blocks, 1, i64_ceil_div(s->n, 64));
    g->bm = streamed_blocks(s, CPU_MC, MC, want, 28);
  } else {
    g->bm = i64_clamp(held_blocks, 1, i64_ceil_div(s->m, 16));
    g->bn = streamed_blocks(s, CPU_NC, NC, want, 64);
  }
}

/* Rows and vectors of a tile: accumulators, a row of B and one broadcast fill the registers; few rows leave
 * room for more vectors. */
static void cut_tiles(DotBlocks *g, const DotShape *s, const Processor *t) {
  int64_t most_rows = i64_min(DOT_MAX_ROWS, t->lanes);
  int64_t w = s->m <= 6 && t->vregs >= 32 ? 4 : t->lanes == 4 ? 4 : 2;
  w = i64_clamp(kplan_get(s->plan, CPU_NR, w * t->lanes) / t->lanes, 1, DOT_MAX_VECS);
  g->nvecs = i64_ceil_div(s->n, t->lanes);
  g->w = i64_min(w, g->nvecs);
  int64_t mr = (t->vregs - 1 - g->w) / g->w;
  mr = i64_clamp(kplan_get(s->plan, CPU_MR, i64_min(mr, 14)), 1, most_rows);
  g->mpanels = i64_ceil_div(s->m, mr);
  g->mr = i64_ceil_div(s->m, g->mpanels);
  g->tall = s->m - (g->mr - 1) * g->mpanels;
  g->nr = g->w * t->lanes;
  g->npanels = i64_ceil_div(g->nvecs, g->w);
  g->max_mp = i64_ceil_div(g->mpanels, g->bm);
  g->max_np = i64_ceil_div(g->npanels, g->bn);
}

static void cut_k(DotBlocks *g, const DotShape *s) {
  int64_t per = g->pairs ? 2 : 1, most = g->pairs ? KC_PAIRS : KC;
  g->ku = i64_ceil_div(s->kk, per);
  int64_t kc = kplan_get(s->plan, CPU_KC, s->kk <= most ? s->kk : most);
  g->kc = i64_min(i64_round_up(i64_max(kc / per, 1), g->lanes), i64_round_up(g->ku, g->lanes));
  g->nk = i64_ceil_div(g->ku, g->kc);
  g->kc = i64_round_up(i64_ceil_div(g->ku, g->nk), g->lanes);
}

/* Where things are in a thread's scratch. */
static void lay_out(DotBlocks *g, const DotShape *s) {
  int64_t padded = i64_round_up(g->ku, g->lanes);
  int64_t a_units = g->hold_b ? g->kc : padded, b_units = g->hold_b ? padded : g->kc, a_bytes;
  if (s->a.along_k) {
    g->a_k = 1, g->a_row = a_units + PAD;
    a_bytes = g->max_mp * g->mr * g->a_row * 4;
  } else {
    g->a_k = g->lanes, g->a_row = 1;
    g->a_panel = a_units * g->lanes + PAD;
    a_bytes = g->max_mp * g->a_panel * 4;
  }
  g->b_panel = b_units * g->nr + PAD;
  int64_t tiles = g->nk > 1 ? g->max_mp * g->max_np : 1;
  g->a_at = 0;
  g->b_at = i64_round_up(a_bytes + 64, 64);
  g->tile_at = g->b_at + i64_round_up(g->max_np * g->b_panel * 4 + 64, 64);
  g->sum_at = g->tile_at + i64_round_up(tiles * g->mr * g->nr * 4, 64);
  g->bytes = g->sum_at + 2 * s->nsum * g->max_mp * g->lanes * 4; /* and what they lose */
}

DotBlocks dot_blocks(const DotShape *s, const Processor *t) {
  DotBlocks g = {.lanes = t->lanes, .pairs = s->bf16 && t->bf16_dot};
  cut_tasks(&g, s);
  cut_tiles(&g, s, t);
  cut_k(&g, s);
  lay_out(&g, s);
  return g;
}

int64_t cpu_dot_tasks(Arena *a, const Kernel *k, const KPlan *p) {
  DotBlocks g = {0};
  cut_tasks(&g, dot_shape(a, k, p));
  return g.groups * g.bm * g.bn;
}

int64_t cpu_dot_scratch(Arena *a, const Kernel *k, const KPlan *p, const Processor *t) {
  return dot_blocks(dot_shape(a, k, p), t).bytes;
}
