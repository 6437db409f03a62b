/* Where the values of an chain kernel live in a thread's scratch: resident blocks, whose memory is used again
 * when their last reader is done, packed operands, results. */
#include "base/i64.h"
#include "codegen/cpu/chain/cpu_chain.h"

enum { GROUPS = 64, PAD = 16 };

static bool bounded(const KVal *v) {
  for (int i = 0; i < v->nred; i++)
    if (v->red[i].lo || v->red[i].hi) return true;
  return false;
}

static bool is_left(ChainClass c) {
  return c == AT_OUT || c == AT_COLUMN;
}

/* The resident value that contraction c's left factor simply is, or -1. */
static int left_value(const ChainShape *s, int c) {
  const KExpr *e = s->dot[c].left;
  if (e->kind != KE_VALUE || (s->cls[e->ref] != AT_MAP && s->cls[e->ref] != AT_SCORE)) return -1;
  return kexpr_at_own_axes(s->k, e) ? e->ref : -1;
}

int chain_slot_of(const ChainShape *s, int val, int reader) {
  for (int i = 0; i < s->nslot; i++)
    if (s->slot[i].val == val && s->slot[i].bound < 0) return i;
  if (reader < 0 || s->cls[reader] != AT_ROW) return -1;
  for (int i = 0; i < s->nslot; i++)
    if (s->slot[i].val == val && chain_same_bounds(s->k, s->slot[i].bound, reader)) return i;
  return -1;
}

static int add_slot(ChainShape *s, int val, const KExpr *expr, int bound, int from) {
  ARENA_GROW(s->k->arena, s->slot, s->nslot, s->cap_slot);
  s->slot[s->nslot] = (ChainSlot){.val = val, .expr = expr, .bound = bound, .from = from, .to = from};
  return s->nslot++;
}

/* The slot of val under the bounds of contraction c. */
static int slot_under(const ChainShape *s, int val, int c) {
  for (int i = 0; i < s->nslot; i++)
    if (s->slot[i].val == val && s->slot[i].bound >= 0 && chain_same_bounds(s->k, s->slot[i].bound, c))
      return i;
  return -1;
}

/* Whether the map is read other than as a left factor or by a sum that reads the same as one. */
static bool needs_whole(const ChainShape *s, int val) {
  for (int w = val + 1; w < s->k->nval; w++) {
    if (is_left(s->cls[w])) {
      int left = left_value(s, w);
      if (left == val ? !bounded(&s->k->val[w]) : chain_reads(s, s->dot[w].left, val)) return true;
    } else if (s->cls[w] != AT_INLINE && chain_reads(s, s->k->val[w].expr, val)) {
      bool sum = s->cls[w] == AT_ROW && s->k->val[w].reduce == KR_SUM;
      if (!sum || slot_under(s, val, w) < 0) return true;
    }
  }
  for (int i = 0; i < s->k->nstore; i++) {
    int v = s->k->store[i].val;
    if (v == val || (s->cls[v] == AT_INLINE && chain_reads(s, s->k->val[v].expr, val))) return true;
  }
  return false;
}

static void slots_of_value(ChainShape *s, int val) {
  for (int c = val + 1; c < s->k->nval && s->cls[val] == AT_MAP; c++)
    if (is_left(s->cls[c]) && left_value(s, c) == val && bounded(&s->k->val[c]) && slot_under(s, val, c) < 0)
      add_slot(s, val, NULL, c, val);
  if (s->cls[val] == AT_SCORE || needs_whole(s, val)) add_slot(s, val, NULL, -1, val);
}

/* The block that contraction c reads: a map's under its bounds, a whole one, or one made for it. */
static void slot_of_left(ChainShape *s, int c) {
  int val = left_value(s, c), slot = -1;
  bool bounds = bounded(&s->k->val[c]);
  if (val >= 0) slot = bounds ? slot_under(s, val, c) : chain_slot_of(s, val, -1);
  if (slot < 0) slot = add_slot(s, -1, s->dot[c].left, bounds ? c : -1, c);
  s->dot[c].slot = slot;
  s->slot[slot].to = c;
}

static void keep_until(ChainShape *s, int val, int reader) {
  int slot = chain_slot_of(s, val, reader);
  if (slot >= 0 && s->slot[slot].to < reader) s->slot[slot].to = reader;
}

static void find_lifetimes(ChainShape *s) {
  const Kernel *k = s->k;
  for (int v = 0; v < k->nval; v++) {
    if (s->cls[v] != AT_SCORE && s->cls[v] != AT_MAP) continue;
    for (int w = v + 1; w < k->nval; w++) {
      const KExpr *e = is_left(s->cls[w]) ? s->dot[w].left : k->val[w].expr;
      bool direct = is_left(s->cls[w]) && s->slot[s->dot[w].slot].val == v;
      if (s->cls[w] != AT_INLINE && !direct && chain_reads(s, e, v)) keep_until(s, v, w);
    }
    for (int i = 0; i < k->nstore; i++) {
      int w = k->store[i].val, slot = chain_slot_of(s, v, -1);
      bool reads = w == v || (s->cls[w] == AT_INLINE && chain_reads(s, k->val[w].expr, v));
      if (reads && slot >= 0) s->slot[slot].to = k->nval;
    }
  }
}

/* Gives slots memory; one whose last reader makes the next may be written over in place. */
static int64_t place_slots(ChainShape *s, int64_t at) {
  int64_t size = s->mr * s->width * 4, used = 0;
  int *until = ARENA_ARRAY(s->k->arena, s->nslot + 1, int);
  for (int v = 0; v < s->k->nval; v++)
    for (int i = 0; i < s->nslot; i++) {
      if (s->slot[i].from != v) continue;
      int64_t n = 0;
      while (n < used && until[n] > v) n++;
      if (n == used) used++;
      until[n] = s->slot[i].to == v ? v + 1 : s->slot[i].to;
      s->slot[i].at = at + n * size;
    }
  return at + used * size;
}

static int64_t area(int64_t *at, int64_t floats) {
  int64_t here = *at;
  *at += i64_round_up(floats * 4, 64);
  return here;
}

static void pack_shape(ChainShape *s, int val, int rows, int64_t extent, int axis_k, int64_t kk) {
  ChainDot *d = &s->dot[val];
  DotShape *sh = &d->shape;
  *sh = (DotShape){.k = s->k,
                   .plan = s->plan,
                   .val = val,
                   .nbatch = s->nbatch,
                   .m = s->m,
                   .n = extent,
                   .kk = kk,
                   .axis_m = s->axis_m,
                   .axis_n = rows,
                   .axis_k = axis_k};
  for (int i = 0; i < s->k->naxes; i++) sh->to[i] = s->to[i];
  bool along = s->cls[val] != AT_COLUMN && dot_runs_along_k(sh, d->right, rows);
  sh->a = (DotOperand){.expr = d->left, .rows = s->axis_m, .along_k = true};
  sh->b = (DotOperand){.expr = d->right, .rows = rows, .along_k = along};
  int64_t nvecs = i64_ceil_div(extent, s->lanes), w = i64_min(s->w, nvecs);
  d->g = (DotBlocks){.lanes = s->lanes,
                     .mr = s->mr,
                     .mpanels = s->mpanels,
                     .tall = s->tall,
                     .w = w,
                     .nr = w * s->lanes,
                     .nvecs = nvecs,
                     .npanels = i64_ceil_div(nvecs, w),
                     .ku = kk};
}

/* Room for a contraction's packed operands and result. */
static void lay_out_dot(ChainShape *s, int val, int64_t *at) {
  ChainDot *d = &s->dot[val];
  int64_t depth = i64_round_up(d->extent, s->lanes), n = i64_round_up(s->n, s->lanes);
  if (s->cls[val] == AT_SCORE) {
    pack_shape(s, val, s->axis_n, s->n, d->x, d->extent);
    d->a_row = depth + PAD;
    d->a_at = area(at, s->mr * d->a_row);
    d->g.b_panel = depth * d->g.nr + PAD;
  } else if (s->cls[val] == AT_OUT) {
    pack_shape(s, val, d->x, d->extent, s->axis_n, s->n);
    d->g.b_panel = n * d->g.nr + PAD;
    d->c_row = d->g.npanels * d->g.nr;
    d->c_at = area(at, s->mr * d->c_row);
  } else {
    pack_shape(s, val, d->x, d->extent, s->axis_m, s->m);
    d->g.b_panel = s->mr * d->g.nr + PAD;
    d->c_row = d->g.npanels * d->g.nr;
    d->c_at = area(at, n * d->c_row);
  }
  d->g.b_at = area(at, d->g.npanels * d->g.b_panel);
}

void chain_lay_out(ChainShape *s, const CpuTarget *t) {
  const Kernel *k = s->k;
  int64_t at = 0;
  s->lanes = t->lanes;
  s->w = 2, s->nr = s->w * t->lanes;
  int64_t mr = i64_min(i64_min((t->vregs - 1 - s->w) / s->w, 14), t->lanes);
  mr = i64_min(kplan_get(s->plan, NUM_MR, mr), mr);
  s->mpanels = i64_ceil_div(s->m, mr);
  s->mr = i64_ceil_div(s->m, s->mpanels);
  s->tall = s->m - (s->mr - 1) * s->mpanels;
  s->width = i64_round_up(s->n, s->nr) + PAD;
  for (int v = 0; v < k->nval; v++)
    if (s->cls[v] == AT_SCORE || s->cls[v] == AT_MAP) slots_of_value(s, v);
  for (int v = 0; v < k->nval; v++)
    if (is_left(s->cls[v])) slot_of_left(s, v);
  find_lifetimes(s);
  at = place_slots(s, at);
  for (int v = 0; v < k->nval; v++) {
    if (s->cls[v] == AT_ROW) s->row_at[v] = area(&at, s->mr);
    if (s->cls[v] == AT_SCORE || is_left(s->cls[v])) lay_out_dot(s, v, &at);
  }
  s->bytes = at;
}

int64_t cpu_chain_tasks(const Kernel *k, const KPlan *p) {
  return i64_min(chain_shape(k, p)->nbatch, GROUPS);
}

int64_t cpu_chain_scratch(const Kernel *k, const KPlan *p, const CpuTarget *t) {
  ChainShape *s = chain_shape(k, p);
  chain_lay_out(s, t);
  return s->bytes;
}
