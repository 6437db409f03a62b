/* How a contraction is cut: tasks from the shape alone, so that their number and what each sums are the same
 * for every target; tiles and blocks of k from the target. A plan's numbers override: mr, nr (elements), kc
 * (elements of k), mc, nc (rows and columns of a task). */
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

/* Blocks of the streamed dimension: of `size` or the plan's number, more where k is short, `want` if the work
 * allows it, an even number so that two threads get equal halves, none smaller than `least`. */
static int64_t streamed_blocks(const DotShape *s, KNum num, int64_t size, int64_t want, int64_t least) {
  int64_t extent = num == NUM_MC ? s->m : s->n;
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
    g->bm = streamed_blocks(s, NUM_MC, MC, want, 28);
  } else {
    g->bm = i64_clamp(held_blocks, 1, i64_ceil_div(s->m, 16));
    g->bn = streamed_blocks(s, NUM_NC, NC, want, 64);
  }
}

/* Rows and vectors of a tile: accumulators, a row of B and one broadcast fill the registers; few rows leave
 * room for more vectors. */
static void cut_tiles(DotBlocks *g, const DotShape *s, const CpuTarget *t) {
  int64_t most_rows = i64_min(DOT_MAX_ROWS, t->lanes);
  int64_t w = s->m <= 6 && t->vregs >= 32 ? 4 : t->lanes == 4 ? 4 : 2;
  w = i64_clamp(kplan_get(s->plan, NUM_NR, w * t->lanes) / t->lanes, 1, DOT_MAX_VECS);
  g->nvecs = i64_ceil_div(s->n, t->lanes);
  g->w = i64_min(w, g->nvecs);
  int64_t mr = (t->vregs - 1 - g->w) / g->w;
  mr = i64_clamp(kplan_get(s->plan, NUM_MR, i64_min(mr, 14)), 1, most_rows);
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
  int64_t kc = kplan_get(s->plan, NUM_KC, s->kk <= most ? s->kk : most);
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

DotBlocks dot_blocks(const DotShape *s, const CpuTarget *t) {
  DotBlocks g = {.lanes = t->lanes, .pairs = s->bf16 && t->bf16_dot};
  cut_tasks(&g, s);
  cut_tiles(&g, s, t);
  cut_k(&g, s);
  lay_out(&g, s);
  return g;
}

int64_t cpu_dot_tasks(const Kernel *k, const KPlan *p) {
  DotBlocks g = {0};
  cut_tasks(&g, dot_shape(k, p));
  return g.groups * g.bm * g.bn;
}

int64_t cpu_dot_scratch(const Kernel *k, const KPlan *p, const CpuTarget *t) {
  return dot_blocks(dot_shape(k, p), t).bytes;
}
