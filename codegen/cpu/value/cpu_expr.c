/* Evaluates compute expressions at the current point. What was computed at a point is remembered, so that a
 * value used many times is emitted once and a tower of values that each use the one below twice does not grow
 * without bound. */
#include <string.h>

#include "codegen/cpu/cpu_impl.h"

/* The expression is the same in all lanes, as far as can be told without asking where values live. */
static bool uniform(const CpuFn *f, const KExpr *e) {
  int64_t s;
  switch (e->kind) {
  case KE_CONST:
  case KE_NUMBER:
  case KE_STEP: return true;
  case KE_INDEX:
  case KE_RANDOM: return cpu_slope(f, cpu_subst(f, e->ix), &s) && s == 0;
  case KE_READ: {
    const KBuf *b = &f->k->buf[e->ref];
    return cpu_slope(f, cpu_linear(f, b->rank, b->stride, e->idx), &s) && s == 0;
  }
  case KE_VALUE: return false;
  case KE_ELT:
  case KE_CAST: break;
  }
  int n = e->kind == KE_CAST ? 1 : elt_rows[e->elt].arity;
  for (int i = 0; i < n; i++)
    if (!uniform(f, e->arg[i])) return false;
  return true;
}

static LLVMValueRef constant(CpuFn *f, const KExpr *e) {
  LLVMTypeRef t = cpu_vec(f, e->dtype, 1);
  LLVMValueRef c;
  if (dtype_is_float(e->dtype))
    c = LLVMConstReal(t, (double)dtype_round(e->dtype, (float)e->value));
  else
    c = LLVMConstInt(t, (unsigned long long)(int64_t)e->value, true);
  return cpu_splat(f, c, f->lanes);
}

/* An index as a number: exact in i32 where it fits. */
static LLVMValueRef index_number(CpuFn *f, const KExpr *e) {
  int64_t lo, hi;
  LLVMValueRef v = cpu_index(f, e->ix);
  if (e->dtype == DT_U64) return cpu_fill(f, v);
  ix_range(cpu_subst(f, e->ix), &lo, &hi);
  LLVMTypeRef i32 = LLVMInt32TypeInContext(f->cx), f32 = LLVMFloatTypeInContext(f->cx);
  bool small = lo >= INT32_MIN && hi <= INT32_MAX;
  if (small) v = LLVMBuildTrunc(f->b, v, cpu_like(i32, v), "");
  if (!dtype_is_float(e->dtype)) {
    if (!small) v = LLVMBuildTrunc(f->b, v, cpu_like(i32, v), "");
    return cpu_fill(f, cpu_cast(f, DT_I32, e->dtype, v));
  }
  v = LLVMBuildSIToFP(f->b, v, cpu_like(f32, v), "");
  return cpu_fill(f, cpu_round(f, e->dtype, v));
}

static LLVMValueRef both(CpuFn *f, LLVMValueRef x, LLVMValueRef y) {
  if (!x) return y;
  if (cpu_width(x) != cpu_width(y)) x = cpu_fill(f, x), y = cpu_fill(f, y);
  return LLVMBuildAnd(f->b, x, y, "");
}

/* Both branches are computed; a read that may lie outside its buffer is made only in the lanes that want it.
 */
static LLVMValueRef select_lazily(CpuFn *f, const KExpr *e) {
  LLVMValueRef guard = f->guard, c;
  if (f->lanes > 1 && uniform(f, e->arg[0])) {
    CpuLanes saved = cpu_scalar(f);
    c = cpu_expr(f, e->arg[0]);
    cpu_vector(f, &saved);
  } else {
    c = cpu_expr(f, e->arg[0]);
  }
  f->guard = both(f, guard, c);
  LLVMValueRef x = cpu_expr(f, e->arg[1]);
  f->guard = both(f, guard, LLVMBuildNot(f->b, c, ""));
  LLVMValueRef y = cpu_expr(f, e->arg[2]);
  f->guard = guard;
  return LLVMBuildSelect(f->b, c, x, y, "");
}

static LLVMValueRef elementwise(CpuFn *f, const KExpr *e) {
  if (e->elt == E_SELECT) return select_lazily(f, e);
  LLVMValueRef v[3] = {0};
  for (int i = 0; i < elt_rows[e->elt].arity; i++) v[i] = cpu_expr(f, e->arg[i]);
  LLVMValueRef r = cpu_elt(f, e->elt, v[0], v[1], v[2]);
  return cpu_round(f, e->dtype, r);
}

static LLVMValueRef evaluate(CpuFn *f, const KExpr *e) {
  switch (e->kind) {
  case KE_CONST: return constant(f, e);
  case KE_INDEX: return index_number(f, e);
  case KE_READ: return cpu_load(f, e->ref, e->idx);
  case KE_VALUE: return cpu_value(f, e->ref, e->idx);
  case KE_ELT: return elementwise(f, e);
  case KE_CAST: return cpu_cast(f, e->arg[0]->dtype, e->dtype, cpu_expr(f, e->arg[0]));
  case KE_STEP: return cpu_step(f, e->name);
  case KE_RANDOM: return cpu_random(f, e->ref, e->ix);
  case KE_NUMBER: return f->word[e->ref];
  }
  ice("kernel %s: no such expression: %d", f->k->name, (int)e->kind);
}

LLVMValueRef cpu_expr(CpuFn *f, const KExpr *e) {
  if (e->kind == KE_CONST) return constant(f, e);
  LLVMValueRef v = cpu_memo_find(f, e, 0, NULL, 0);
  if (v) return v;
  if (f->lanes > 1 && uniform(f, e)) {
    CpuLanes saved = cpu_scalar(f);
    v = cpu_expr(f, e);
    cpu_vector(f, &saved);
    v = cpu_splat(f, v, f->lanes);
  } else {
    v = evaluate(f, e);
  }
  cpu_memo_add(f, e, 0, NULL, 0, v);
  return v;
}

/* v's expression with its axes replaced by idx. */
static const KExpr *expr_at(CpuFn *f, const KVal *v, const Ix *const *idx) {
  const Ix *to[KERN_MAX_AXES] = {0};
  bool moved = false;
  for (int i = 0; i < v->naxes; i++) {
    const Ix *own = ix_axis(f->arena, v->axis[i], f->k->axis[v->axis[i]].extent);
    if (!ix_same(own, idx[i])) to[v->axis[i]] = idx[i], moved = true;
  }
  return moved ? kexpr_subst(f->arena, v->expr, to, f->k->naxes) : v->expr;
}

static LLVMValueRef expr_in_place(CpuFn *f, const KVal *v, const KExpr *e) {
  LLVMMetadataRef loc = LLVMGetCurrentDebugLocation2(f->b);
  if (v->loc.src) cpu_at_loc(f, v->loc);
  LLVMValueRef r = cpu_expr(f, e);
  LLVMSetCurrentDebugLocation2(f->b, loc);
  return r;
}

LLVMValueRef cpu_value(CpuFn *f, int val, const Ix *const *idx) {
  const KVal *v = &f->k->val[val];
  if (!idx) idx = kval_own_axes(f->arena, f->k, v);
  LLVMValueRef r = f->placed ? f->placed(f, f->placed_ctx, val, idx) : NULL;
  if (r) return cpu_fill(f, r);
  if (v->reduce != KR_NONE) kern_misfit(f->k, "%s is reduced, yet lives nowhere", v->name);
  r = cpu_memo_find(f, NULL, val, idx, v->naxes);
  if (r) return r;
  r = expr_in_place(f, v, expr_at(f, v, idx));
  cpu_memo_add(f, NULL, val, idx, v->naxes, r);
  return r;
}

LLVMValueRef cpu_define(CpuFn *f, int val) {
  const KVal *v = &f->k->val[val];
  return expr_in_place(f, v, v->expr);
}

/* The point that an entry holds for. */
typedef struct MemoPoint {
  int lanes, lane_axis;
  LLVMValueRef mask, guard;
  LLVMValueRef axis[CPU_MAX_AXES];
} MemoPoint;

typedef struct MemoEntry {
  const void *what; /* an expression; NULL: value val at idx */
  int val, nidx;
  const Ix *const *idx;
  int state;
  LLVMValueRef v;
} MemoEntry;

struct CpuMemo {
  Arena *arena;
  LLVMBasicBlockRef region, tail; /* straight-line code runs from region to tail */
  int nstate, cap_state, nentry, cap_entry;
  MemoPoint *state;
  MemoEntry *entry;
};

CpuMemo *cpu_memo_new(Arena *a) {
  CpuMemo *m = ARENA_NEW(a, CpuMemo);
  m->arena = a;
  return m;
}

LLVMBasicBlockRef cpu_memo_region(CpuFn *f) {
  LLVMBasicBlockRef now = LLVMGetInsertBlock(f->b);
  return now == f->memo->tail ? f->memo->region : now;
}

void cpu_memo_extend(CpuFn *f, LLVMBasicBlockRef region) {
  if (region == f->memo->region) f->memo->tail = LLVMGetInsertBlock(f->b);
}

static void enter_region(CpuFn *f) {
  CpuMemo *m = f->memo;
  LLVMBasicBlockRef region = cpu_memo_region(f);
  if (region == m->region) return;
  m->region = region;
  m->tail = LLVMGetInsertBlock(f->b);
  m->nstate = m->nentry = 0;
}

static bool memo_holds(const CpuFn *f, const MemoPoint *s) {
  return s->lanes == f->lanes && s->lane_axis == f->lane_axis && s->mask == f->mask &&
         (!s->guard || s->guard == f->guard) && !memcmp(s->axis, f->axis, sizeof s->axis);
}

static int state_of(CpuFn *f) {
  CpuMemo *m = f->memo;
  for (int i = m->nstate; i-- > 0;)
    if (m->state[i].guard == f->guard && memo_holds(f, &m->state[i])) return i;
  ARENA_GROW(m->arena, m->state, m->nstate, m->cap_state);
  MemoPoint *s = &m->state[m->nstate];
  s->lanes = f->lanes, s->lane_axis = f->lane_axis, s->mask = f->mask, s->guard = f->guard;
  memcpy(s->axis, f->axis, sizeof s->axis);
  return m->nstate++;
}

static bool same(const MemoEntry *e, const void *what, int val, const Ix *const *idx, int nidx) {
  if (e->what != what || e->val != val || e->nidx != nidx) return false;
  for (int i = 0; i < nidx; i++)
    if (!ix_same(e->idx[i], idx[i])) return false;
  return true;
}

LLVMValueRef cpu_memo_find(CpuFn *f, const void *what, int val, const Ix *const *idx, int nidx) {
  enter_region(f);
  const CpuMemo *m = f->memo;
  for (int i = m->nentry; i-- > 0;)
    if (same(&m->entry[i], what, val, idx, nidx) && memo_holds(f, &m->state[m->entry[i].state]))
      return m->entry[i].v;
  return NULL;
}

void cpu_memo_add(CpuFn *f, const void *what, int val, const Ix *const *idx, int nidx, LLVMValueRef v) {
  enter_region(f);
  CpuMemo *m = f->memo;
  int state = state_of(f);
  ARENA_GROW(m->arena, m->entry, m->nentry, m->cap_entry);
  m->entry[m->nentry++] = (MemoEntry){what, val, nidx, idx, state, v};
}
