/* Tells what each value of a chain kernel is, from the roles of its axes; then where it lives in a thread's
 * scratch: resident blocks, whose memory is used again when their last reader is done, packed operands,
 * results. */
#include "base/i64.h"
#include "codegen/cpu/chain/cpu_chain.h"
#include "codegen/plan_roles.h"

enum { GROUPS = 64, PAD = 16 };

enum {
  BATCH = 1 << ROLE_BATCH,
  M = 1 << ROLE_M,
  N = 1 << ROLE_N,
  K = 1 << ROLE_K,
  D = 1 << ROLE_D,
  OTHER = 1 << ROLE_COUNT /* axes without a role */
};

static unsigned role_of(const ChainShape *s, int axis) {
  for (int r = 0; r < ROLE_COUNT; r++)
    if (krole_has(&s->plan->role[r], axis)) return 1u << r;
  return OTHER;
}

static unsigned role_set(const ChainShape *s, int n, const int *axis) {
  unsigned roles = 0;
  for (int i = 0; i < n; i++) roles |= role_of(s, axis[i]);
  return roles & ~(unsigned)BATCH;
}

static unsigned reduced_roles(const ChainShape *s, const KVal *v) {
  unsigned roles = 0;
  for (int i = 0; i < v->nred; i++) roles |= role_of(s, v->red[i].axis);
  return roles;
}

static int fused_axis(const ChainShape *s, unsigned roles) {
  switch (roles) {
  case M: return s->axis_m;
  case N: return s->axis_n;
  case K: return s->axis_k;
  case D: return s->axis_d;
  default: return -1;
  }
}

int64_t chain_extent(const ChainShape *s, int axis) {
  return axis == s->axis_m ? s->m : axis == s->axis_n ? s->n : axis == s->axis_k ? s->extent_k : s->extent_d;
}

static bool uses(const ChainShape *s, const KExpr *e, int axis) {
  if (e->ix && ix_uses_axis(ix_subst(s->arena, e->ix, s->to, s->k->naxes), axis)) return true;
  for (int i = 0; i < e->nidx; i++)
    if (ix_uses_axis(ix_subst(s->arena, e->idx[i], s->to, s->k->naxes), axis)) return true;
  for (int i = 0; i < 3 && e->arg[i]; i++)
    if (uses(s, e->arg[i], axis)) return true;
  return false;
}

/* Splits the product into the factor that lives on `left` (with the reduced axis) and the other. */
static bool split(ChainShape *s, int val, int left, int right, int x) {
  const KExpr *e = s->k->val[val].expr;
  ChainDot *d = &s->dot[val];
  if (e->kind != KE_ELT || e->elt != E_MUL) return false;
  bool turned = uses(s, e->arg[0], right) || uses(s, e->arg[1], left);
  d->left = e->arg[turned];
  d->right = e->arg[!turned];
  if (uses(s, d->left, right) || uses(s, d->right, left)) return false;
  d->x = x;
  d->extent = chain_extent(s, x);
  return true;
}

static ChainClass classify_sum(ChainShape *s, int val, unsigned domain, unsigned reduced) {
  int x = fused_axis(s, domain & (K | D)), r = fused_axis(s, reduced);
  bool features = r == s->axis_k || r == s->axis_d;
  if (domain == (M | N) && features && split(s, val, s->axis_m, s->axis_n, r)) return AT_SCORE;
  if (x >= 0 && domain & M && r == s->axis_n && split(s, val, s->axis_m, x, x)) return AT_OUT;
  if (x >= 0 && domain & N && r == s->axis_m && split(s, val, s->axis_n, x, x)) return AT_COLUMN;
  return AT_INLINE;
}

static ChainClass classify(ChainShape *s, int val) {
  const KVal *v = &s->k->val[val];
  unsigned domain = role_set(s, v->naxes, v->axis), reduced = reduced_roles(s, v);
  if (v->reduce == KR_NONE) return s->plan->place[val] == PLAN_ROW && domain == (M | N) ? AT_MAP : AT_INLINE;
  ChainClass c = v->reduce == KR_SUM ? classify_sum(s, val, domain, reduced) : AT_INLINE;
  s->row_axis[val] = fused_axis(s, reduced);
  bool one_row = !(domain & ~(unsigned)M) && s->row_axis[val] >= 0 && s->row_axis[val] != s->axis_m;
  if (c == AT_INLINE && one_row) c = AT_ROW;
  if (c == AT_INLINE && s->row_axis[val] == s->axis_m && fused_axis(s, domain) >= 0)
    c = AT_SUM, s->row_axis[val] = fused_axis(s, domain);
  if (c == AT_INLINE) kern_misfit(s->k, "the chain skeleton can't reduce %s", v->name);
  return c;
}

/* Whether e, with what is written into it, reads value val. */
static bool reads_value(const ChainShape *s, const KExpr *e, int val) {
  if (e->kind == KE_VALUE) {
    if (e->ref == val) return true;
    if (s->cls[e->ref] == AT_INLINE && s->reads[e->ref * s->k->nval + val]) return true;
  }
  for (int i = 0; i < 3 && e->arg[i]; i++)
    if (reads_value(s, e->arg[i], val)) return true;
  return false;
}

/* Once a value: written into each other, expressions that read what is below them twice would be walked
 * without end. */
static void find_reads(ChainShape *s) {
  int n = s->k->nval;
  s->reads = ARENA_ARRAY(s->arena, n * n + 1, bool);
  for (int v = 0; v < n; v++)
    for (int w = 0; w < v; w++) s->reads[v * n + w] = reads_value(s, s->k->val[v].expr, w);
}

bool chain_same_bounds(const Kernel *k, int a, int b) {
  if (a == b) return true;
  const KVal *v = &k->val[a], *w = &k->val[b];
  return v->nred == w->nred && kred_same(v->nred, v->red, w->red);
}

static ChainShape *read_roles(Arena *a, const Kernel *k, const KPlan *p) {
  ChainShape *s = ARENA_NEW(a, ChainShape);
  s->arena = a, s->k = k, s->plan = p;
  s->cls = ARENA_ARRAY(a, k->nval + 1, ChainClass);
  s->dot = ARENA_ARRAY(a, k->nval + 1, ChainDot);
  s->row_axis = ARENA_ARRAY(a, k->nval + 1, int);
  s->row_at = ARENA_ARRAY(a, k->nval + 1, int64_t);
  s->batch = cpu_axes_of(k, &p->role[ROLE_BATCH]);
  s->nbatch = cpu_axes_count(&s->batch);
  s->axis_m = cpu_role_as_one(a, k, &p->role[ROLE_M], k->naxes, s->to, &s->m);
  s->axis_n = cpu_role_as_one(a, k, &p->role[ROLE_N], k->naxes + 1, s->to, &s->n);
  s->axis_k = cpu_role_as_one(a, k, &p->role[ROLE_K], k->naxes + 2, s->to, &s->extent_k);
  s->axis_d = cpu_role_as_one(a, k, &p->role[ROLE_D], k->naxes + 3, s->to, &s->extent_d);
  for (int v = 0; v < k->nval; v++) s->cls[v] = classify(s, v);
  find_reads(s);
  return s;
}

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
  ARENA_GROW(s->arena, s->slot, s->nslot, s->cap_slot);
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
      if (left == val ? !bounded(&s->k->val[w]) : reads_value(s, s->dot[w].left, val)) return true;
    } else if (s->cls[w] != AT_INLINE && reads_value(s, s->k->val[w].expr, val)) {
      bool sum = s->cls[w] == AT_ROW && s->k->val[w].reduce == KR_SUM;
      if (!sum || slot_under(s, val, w) < 0) return true;
    }
  }
  for (int i = 0; i < s->k->nstore; i++) {
    int v = s->k->store[i].val;
    if (v == val || (s->cls[v] == AT_INLINE && reads_value(s, s->k->val[v].expr, val))) return true;
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
      if (s->cls[w] != AT_INLINE && !direct && reads_value(s, e, v)) keep_until(s, v, w);
    }
    for (int i = 0; i < k->nstore; i++) {
      int w = k->store[i].val, slot = chain_slot_of(s, v, -1);
      bool reads = w == v || (s->cls[w] == AT_INLINE && reads_value(s, k->val[w].expr, v));
      if (reads && slot >= 0) s->slot[slot].to = k->nval;
    }
  }
}

/* Gives slots memory; one whose last reader makes the next may be written over in place. */
static int64_t place_slots(ChainShape *s, int64_t at) {
  int64_t size = s->mr * s->width * 4, used = 0;
  int *until = ARENA_ARRAY(s->arena, s->nslot + 1, int);
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
  *sh = (DotShape){.arena = s->arena,
                   .k = s->k,
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

static void lay_out(ChainShape *s, const Processor *t) {
  const Kernel *k = s->k;
  int64_t at = 0;
  s->lanes = t->lanes;
  s->w = 2, s->nr = s->w * t->lanes;
  int64_t mr = i64_min(i64_min((t->vregs - 1 - s->w) / s->w, 14), t->lanes);
  mr = i64_min(kplan_get(s->plan, CPU_MR, mr), mr);
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
    if (s->cls[v] == AT_SUM)
      s->row_at[v] = area(&at, i64_round_up(chain_extent(s, s->row_axis[v]), s->lanes));
    if (s->cls[v] == AT_SCORE || is_left(s->cls[v])) lay_out_dot(s, v, &at);
  }
  s->bytes = at;
}

ChainShape *chain_plan(Arena *a, const Kernel *k, const KPlan *p, const Processor *t) {
  ChainShape *s = read_roles(a, k, p);
  lay_out(s, t);
  return s;
}

int64_t cpu_chain_tasks(Arena *a, const Kernel *k, const KPlan *p) {
  return i64_min(read_roles(a, k, p)->nbatch, GROUPS);
}

int64_t cpu_chain_scratch(Arena *a, const Kernel *k, const KPlan *p, const Processor *t) {
  return chain_plan(a, k, p, t)->bytes;
}
