/* The row skeleton's analysis. Values are computed in passes over the row: a reduction's result is known only
 * when its pass is over, so what uses it comes in a later pass; what runs over the same axes shares one.
 *
 * Roles: `outer`, the axes that tasks share and that every store has; `row`, what stays resident; `lane`, the
 * axis in vectors, of the row or an outer one (else the cheapest for the accesses). Place `row` keeps a
 * value's row in scratch; other values are evaluated at each use. Number `tasks` as in the flat skeleton. */
#include "codegen/cpu/loops/cpu_rows.h"

#include <string.h>

#include "base/i64.h"
#include "codegen/plan_roles.h"

CpuAxes cpu_row_axes(const RowShape *s, const KVal *v) {
  CpuAxes axes = {0};
  for (int i = 0; i < v->naxes; i++)
    if (!s->is_outer[v->axis[i]]) cpu_axes_add(&axes, s->k, v->axis[i]);
  return axes;
}

/* Moves the lane axis, if it is among those from `first` on, to the end. */
static void lane_last(const RowShape *s, CpuAxes *axes, int first) {
  for (int i = first; i < axes->n - 1; i++) {
    if (axes->axis[i] != s->lane) continue;
    axes->axis[i] = axes->axis[i + 1];
    axes->axis[i + 1] = s->lane;
    int64_t extent = axes->extent[i];
    axes->extent[i] = axes->extent[i + 1];
    axes->extent[i + 1] = extent;
  }
}

/* The axes of the pass that computes a value: its row, then what it reduces over, lanes last. */
static CpuAxes pass_axes(const RowShape *s, const KVal *v, int *inner) {
  CpuAxes axes = cpu_row_axes(s, v);
  *inner = v->reduce == KR_NONE ? -1 : axes.n;
  for (int i = 0; i < v->nred && v->reduce != KR_NONE; i++) cpu_axes_add(&axes, s->k, v->red[i].axis);
  lane_last(s, &axes, *inner < 0 ? 0 : *inner);
  return axes;
}

static const KRed *bounds_of(const KVal *v) {
  for (int i = 0; i < v->nred; i++)
    if (v->red[i].lo || v->red[i].hi) return v->red;
  return NULL;
}

static bool same_bounds(const KRed *x, const KRed *y, int n) {
  return x && y ? kred_same(n, x, y) : x == y;
}

static bool same_axes(const CpuAxes *x, const CpuAxes *y) {
  return x->n == y->n && !memcmp(x->axis, y->axis, (size_t)x->n * sizeof x->axis[0]);
}

/* The earliest pass from `level` on that runs over these axes, made if there is none. Reductions also need
 * the same bounds; maps need whole axes. */
static int pass_for(RowShape *s, int level, const CpuAxes *axes, int inner, const KRed *red, int nred) {
  for (int i = 0; i < s->npass; i++) {
    RowPass *q = &s->passes[i];
    if (q->level != level || !same_axes(&q->axes, axes)) continue;
    if (!same_bounds(q->red, red, nred)) continue;
    if (inner >= 0 && q->inner >= 0 && inner != q->inner) continue;
    if (q->inner < 0) q->inner = inner;
    return i;
  }
  s->passes[s->npass] = (RowPass){.level = level,
                                  .axes = *axes,
                                  .red = red,
                                  .nred = nred,
                                  .inner = inner,
                                  .val = ARENA_ARRAY(s->arena, s->k->nval, int),
                                  .store = ARENA_ARRAY(s->arena, s->k->nstore, int)};
  return s->npass++;
}

/* What an expression needs: the least level it can be evaluated at in a pass over `axes`. */
typedef struct Need {
  RowShape *s;
  const CpuAxes *axes;
  bool bounded;
  int level;
  bool *seen; /* two a value: visited in its place, visited elsewhere */
} Need;

static Need need_new(RowShape *s, const CpuAxes *axes, bool bounded) {
  return (Need){s, axes, bounded, 0, ARENA_ARRAY(s->arena, 2 * s->k->nval, bool)};
}

static void need_expr(Need *q, const KExpr *e, bool moved);

static bool own_place(const RowShape *s, const KVal *v, const Ix *const *idx) {
  for (int i = 0; i < v->naxes; i++)
    if (!ix_same(idx[i], ix_axis(s->arena, v->axis[i], s->k->axis[v->axis[i]].extent))) return false;
  return true;
}

/* A value is read in its own pass if that runs over the same axes, at the point it is made for; else in a
 * later pass. */
static void need_value(Need *q, int val, bool moved) {
  RowShape *s = q->s;
  if (q->seen[2 * val + moved]) return;
  q->seen[2 * val + moved] = true;
  if (s->pass[val] < 0) {
    need_expr(q, s->k->val[val].expr, moved);
    return;
  }
  const RowPass *from = &s->passes[s->pass[val]];
  bool map = s->k->val[val].reduce == KR_NONE;
  bool forwarded = map && !moved && !q->bounded && same_axes(&from->axes, q->axes);
  int level = from->level + !forwarded;
  if (level > q->level) q->level = level;
}

static void need_expr(Need *q, const KExpr *e, bool moved) {
  if (e->kind == KE_VALUE) need_value(q, e->ref, moved || !own_place(q->s, &q->s->k->val[e->ref], e->idx));
  for (int i = 0; i < 3; i++)
    if (e->arg[i]) need_expr(q, e->arg[i], moved);
}

static void place_value(RowShape *s, int val) {
  const KVal *v = &s->k->val[val];
  int inner;
  CpuAxes axes = pass_axes(s, v, &inner);
  const KRed *red = bounds_of(v);
  Need q = need_new(s, &axes, red != NULL);
  need_expr(&q, v->expr, false);
  s->pass[val] = pass_for(s, q.level, &axes, inner, red, v->nred);
  RowPass *to = &s->passes[s->pass[val]];
  to->val[to->nval++] = val;
}

static bool reads(const KExpr *e, int buf) {
  if (e->kind == KE_READ && e->ref == buf) return true;
  for (int i = 0; i < 3; i++)
    if (e->arg[i] && reads(e->arg[i], buf)) return true;
  return false;
}

/* The least level at which a store can be made. */
static int store_level(RowShape *s, const KStore *st, const CpuAxes *axes) {
  Need q = need_new(s, axes, false);
  need_value(&q, st->val, false);
  return q.level;
}

static CpuAxes store_axes(const RowShape *s, const KStore *st) {
  CpuAxes axes = cpu_row_axes(s, &s->k->val[st->val]);
  lane_last(s, &axes, 0);
  return axes;
}

/* The least level at which a buffer may be written: where nobody reads it later. */
static int may_write(RowShape *s, int buf) {
  bool read = false;
  for (int i = 0; i < s->k->nval; i++) read |= reads(s->k->val[i].expr, buf);
  int most = 0;
  for (int i = 0; read && i < s->npass; i++)
    if (s->passes[i].level > most) most = s->passes[i].level;
  for (int i = 0; read && i < s->k->nstore; i++) {
    const CpuAxes axes = store_axes(s, &s->k->store[i]);
    int level = store_level(s, &s->k->store[i], &axes);
    if (level > most) most = level;
  }
  return most;
}

static void place_store(RowShape *s, int store) {
  const KStore *st = &s->k->store[store];
  CpuAxes axes = store_axes(s, st);
  int level = store_level(s, st, &axes), least = may_write(s, st->buf);
  if (level < least) level = least;
  RowPass *to = &s->passes[pass_for(s, level, &axes, -1, NULL, 0)];
  to->store[to->nstore++] = store;
}

static void check_store(const RowShape *s, const KVal *v) {
  int outer = 0;
  for (int i = 0; i < v->naxes; i++) outer += s->is_outer[v->axis[i]] && s->k->axis[v->axis[i]].extent > 1;
  for (int i = 0; i < s->k->naxes; i++) outer -= s->is_outer[i] && s->k->axis[i].extent > 1;
  if (outer) kern_misfit(s->k, "tasks would store %s more than once", v->name);
}

static void choose_lane(RowShape *s) {
  const KRoleAxes *lane = &s->p->role[ROLE_LANE];
  double best = 0;
  s->lane = lane->naxes ? lane->axis[0] : -1;
  for (int i = s->k->naxes - 1; i >= 0 && !lane->naxes; i--) {
    double cost = cpu_lane_cost(s->arena, s->k, i);
    if (s->lane >= 0 && cost >= best) continue;
    s->lane = i, best = cost;
  }
  s->by_column = s->lane >= 0 && s->is_outer[s->lane] && s->k->axis[s->lane].extent > 1;
}

static void read_roles(RowShape *s) {
  const KRoleAxes *outer = &s->p->role[ROLE_OUTER];
  for (int i = 0; i < outer->naxes; i++) s->is_outer[outer->axis[i]] = true;
  choose_lane(s);
  for (int i = 0; i < outer->naxes; i++) cpu_axes_add(&s->outer, s->k, outer->axis[i]);
  lane_last(s, &s->outer, 0);
}

/* Values that live in scratch, a row of each; reductions that leave a row are among them. */
static void lay_out_scratch(RowShape *s) {
  for (int i = 0; i < s->k->nval; i++) {
    const KVal *v = &s->k->val[i];
    CpuAxes axes = cpu_row_axes(s, v);
    s->stored[i] = s->p->place[i] == PLAN_ROW;
    if (v->reduce != KR_NONE) s->stored[i] = axes.n > 0;
    s->scratch[i] = s->bytes;
    int64_t n = cpu_axes_count(&axes) * (s->by_column ? CPU_COLUMNS : 1) * dtype_size(v->dtype);
    if (s->stored[i]) s->bytes += i64_round_up(n, 64);
  }
}

static void make_passes(RowShape *s) {
  for (int i = 0; i < s->k->nval; i++) s->pass[i] = -1;
  for (int i = 0; i < s->k->nval; i++)
    if (s->stored[i] || s->k->val[i].reduce != KR_NONE) place_value(s, i);
  for (int i = 0; i < s->k->nstore; i++) {
    check_store(s, &s->k->val[s->k->store[i].val]);
    place_store(s, i);
  }
}

/* The row's axes run as one when every pass runs over all of them. */
static void fuse_rows(RowShape *s) {
  const RowPass *first = NULL;
  for (int i = 0; i < s->npass; i++) {
    const RowPass *q = &s->passes[i];
    if (!q->axes.n) continue;
    if (q->red || q->inner > 0 || (first && !same_axes(&first->axes, &q->axes))) return;
    first = q;
  }
  if (!first) return;
  CpuAxes fused = first->axes;
  cpu_fuse(&s->fusion, &fused, true);
  for (int i = 0; i < s->npass; i++)
    if (s->passes[i].axes.n) s->passes[i].axes = fused;
}

static void fuse_outer(RowShape *s) {
  s->columns = 1;
  cpu_fuse(&s->fusion, &s->outer, s->by_column);
  if (!s->by_column) return;
  s->lane = s->outer.axis[--s->outer.n];
  s->columns = s->outer.extent[s->outer.n];
}

static int64_t work(const RowShape *s) {
  int64_t n = 0;
  for (int i = 0; i < s->npass; i++) n += cpu_axes_count(&s->passes[i].axes);
  return n * cpu_axes_count(&s->outer) * s->columns;
}

RowShape cpu_row_shape(Arena *a, const Kernel *k, const KPlan *p) {
  RowShape s = {.arena = a, .k = k, .p = p};
  s.stored = ARENA_ARRAY(a, k->nval, bool);
  s.scratch = ARENA_ARRAY(a, k->nval, int64_t);
  s.pass = ARENA_ARRAY(a, k->nval, int);
  s.passes = ARENA_ARRAY(a, k->nval + k->nstore, RowPass);
  read_roles(&s);
  lay_out_scratch(&s);
  make_passes(&s);
  cpu_fusion_init(&s.fusion, a, k);
  fuse_outer(&s);
  if (!s.by_column) fuse_rows(&s);
  s.chunks = i64_ceil_div(s.columns, CPU_COLUMNS);
  s.tasks = cpu_task_count(p, cpu_axes_count(&s.outer) * s.chunks, work(&s));
  return s;
}

int64_t cpu_rows_tasks(Arena *a, const Kernel *k, const KPlan *p) {
  return cpu_row_shape(a, k, p).tasks;
}

int64_t cpu_rows_scratch(Arena *a, const Kernel *k, const KPlan *p, const Processor *t) {
  (void)t;
  return cpu_row_shape(a, k, p).bytes;
}
