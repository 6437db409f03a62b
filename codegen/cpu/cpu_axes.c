/* Loop axes: fusing neighbours, judging lanes, and cutting work into tasks. */
#include "codegen/cpu/cpu_axes.h"

#include "base/i64.h"

void cpu_axes_add(CpuAxes *axes, const Kernel *k, int axis) {
  axes->axis[axes->n] = axis;
  axes->extent[axes->n++] = k->axis[axis].extent;
}

int64_t cpu_axes_count(const CpuAxes *axes) {
  int64_t n = 1;
  for (int i = 0; i < axes->n; i++) n *= axes->extent[i];
  return n;
}

CpuAxes cpu_axes_of(const Kernel *k, const KRoleAxes *r) {
  CpuAxes axes = {0};
  for (int i = 0; i < r->naxes; i++) cpu_axes_add(&axes, k, r->axis[i]);
  return axes;
}

int cpu_role_as_one(Arena *a, const Kernel *k, const KRoleAxes *r, int fresh, const Ix **to,
                    int64_t *extent) {
  const CpuAxes axes = cpu_axes_of(k, r);
  const Ix *part[CPU_MAX_AXES];
  *extent = cpu_axes_count(&axes);
  if (axes.n == 1) return axes.axis[0];
  if (axes.n) ix_unflatten(a, ix_axis(a, fresh, *extent), axes.n, axes.extent, part);
  for (int i = 0; i < axes.n; i++) to[axes.axis[i]] = part[i];
  return fresh;
}

void cpu_axes_set(CpuFn *f, const CpuAxes *axes, LLVMValueRef number) {
  for (int i = axes->n - 1; i >= 0; i--) {
    f->axis[axes->axis[i]] = i ? cpu_mod(f, number, axes->extent[i]) : number;
    number = cpu_div(f, number, axes->extent[i]);
  }
}

typedef void IxUse(void *ctx, const KVal *v, const Ix *ix);

static const Ix *linear(Arena *a, const KBuf *b, const Ix *const *idx) {
  const Ix *sum = ix_const(a, 0);
  for (int d = 0; d < b->rank; d++) sum = ix_add(a, sum, ix_scale(a, idx[d], b->stride[d]));
  return sum;
}

static void each_in_expr(Arena *a, const Kernel *k, const KVal *v, const KExpr *e, IxUse *visit, void *ctx) {
  if (e->kind == KE_READ) visit(ctx, v, linear(a, &k->buf[e->ref], e->idx));
  for (int i = 0; e->kind == KE_VALUE && i < e->nidx; i++) {
    int axis = k->val[e->ref].axis[i];
    if (!ix_same(e->idx[i], ix_axis(a, axis, k->axis[axis].extent))) visit(ctx, v, e->idx[i]);
  }
  if (e->ix) visit(ctx, v, e->ix);
  for (int i = 0; i < 3; i++)
    if (e->arg[i]) each_in_expr(a, k, v, e->arg[i], visit, ctx);
}

/* Every index expression with the value it belongs to: element numbers of reads and stores, and all others.
 */
static void each_access(Arena *a, const Kernel *k, IxUse *visit, void *ctx) {
  for (int i = 0; i < k->nval; i++) {
    const KVal *v = &k->val[i];
    each_in_expr(a, k, v, v->expr, visit, ctx);
    for (int r = 0; r < v->nred; r++) {
      if (v->red[r].lo) visit(ctx, v, v->red[r].lo);
      if (v->red[r].hi) visit(ctx, v, v->red[r].hi);
    }
  }
  for (int s = 0; s < k->nstore; s++) {
    const KStore *st = &k->store[s];
    visit(ctx, &k->val[st->val], linear(a, &k->buf[st->buf], st->idx));
  }
}

typedef struct Cost {
  const Kernel *k;
  int axis;
  double use, sum;
} Cost;

/* The points at which a value is computed, and whether an axis is among theirs. */
static double points_of(const Kernel *k, const KVal *v, int axis, bool *has) {
  double n = 1;
  *has = false;
  for (int i = 0; i < v->naxes; i++) n *= (double)k->axis[v->axis[i]].extent, *has |= v->axis[i] == axis;
  for (int i = 0; i < v->nred; i++)
    n *= (double)k->axis[v->red[i].axis].extent, *has |= v->red[i].axis == axis;
  return n;
}

static void add_cost(void *ctx, const KVal *v, const Ix *ix) {
  enum { GATHER = CPU_GRAIN / 2 };
  Cost *c = ctx;
  bool has;
  int64_t coef;
  double points = points_of(c->k, v, c->axis, &has);
  bool whole = ix_coef(ix, c->axis, &coef) && (coef == 0 || coef == 1);
  c->sum += has ? points * (whole ? 1 : GATHER) / (c->use * CPU_GRAIN) : points;
}

/* The part of the vectors along an axis that holds elements. */
static double vector_use(int64_t extent) {
  return (double)extent / (double)i64_round_up(extent, CPU_GRAIN);
}

double cpu_lane_cost(Arena *a, const Kernel *k, int axis) {
  Cost c = {k, axis, vector_use(k->axis[axis].extent), 0};
  each_access(a, k, add_cost, &c);
  return c.sum;
}

void cpu_fusion_init(CpuFusion *u, Arena *a, const Kernel *k) {
  *u = (CpuFusion){.arena = a, .k = k, .next = k->naxes};
}

/* Sets, in to[], the members of a group in terms of one axis that runs over them all. */
static void stand_for(const CpuFusion *u, const CpuAxes *axes, int first, int last, int fused,
                      const Ix **to) {
  int64_t inner = 1;
  for (int i = last; i >= first; i--) inner *= axes->extent[i];
  const Ix *p = ix_axis(u->arena, fused, inner);
  for (int i = first; i <= last; i++) {
    inner /= axes->extent[i];
    const Ix *x = ix_div(u->arena, p, inner);
    to[axes->axis[i]] = i == first ? x : ix_mod(u->arena, x, axes->extent[i]);
  }
}

typedef struct Affine {
  const CpuFusion *u;
  const Ix *const *to;
  int axis;
  bool holds;
} Affine;

static void check_affine(void *ctx, const KVal *v, const Ix *ix) {
  (void)v;
  Affine *c = ctx;
  int64_t coef;
  if (!c->holds) return;
  const Ix *x = ix_subst(c->u->arena, ix, c->to, c->u->k->naxes);
  c->holds = ix_coef(x, c->axis, &coef);
}

static bool stays_affine(const CpuFusion *u, const Ix *const *to, int fused) {
  Affine c = {u, to, fused, true};
  each_access(u->arena, u->k, check_affine, &c);
  return c.holds;
}

/* The stores at least stay affine. */
static bool stores_in_a_row(const CpuFusion *u, const Ix *const *to, int fused) {
  for (int s = 0; s < u->k->nstore; s++) {
    int64_t coef;
    const KStore *st = &u->k->store[s];
    const Ix *x = ix_subst(u->arena, linear(u->arena, &u->k->buf[st->buf], st->idx), to, u->k->naxes);
    if (!ix_coef(x, fused, &coef) || coef != 1) return false;
  }
  return true;
}

static int64_t group_extent(const CpuAxes *axes, int first, int last) {
  int64_t n = 1;
  for (int i = first; i <= last; i++) n *= axes->extent[i];
  return n;
}

/* The outermost axis that can join the group ending at `last`. */
static int group_start(const CpuFusion *u, const CpuAxes *axes, int last, bool fill) {
  int first = last;
  while (first > 0) {
    const Ix *to[KERN_MAX_AXES] = {0};
    stand_for(u, axes, first - 1, last, u->next, to);
    bool wanted = fill && vector_use(group_extent(axes, first, last)) < 0.6;
    if (!stays_affine(u, to, u->next) && !(wanted && stores_in_a_row(u, to, u->next))) break;
    first--;
  }
  return first;
}

void cpu_fuse(CpuFusion *u, CpuAxes *axes, bool fill) {
  CpuAxes out = {0};
  for (int last = axes->n - 1; last >= 0;) {
    int first = u->next < CPU_MAX_AXES ? group_start(u, axes, last, fill && last == axes->n - 1) : last;
    int at = CPU_MAX_AXES - 1 - out.n++;
    out.axis[at] = axes->axis[last];
    out.extent[at] = group_extent(axes, first, last);
    if (first < last) {
      stand_for(u, axes, first, last, u->next, u->sub);
      out.axis[at] = u->next++;
    }
    last = first - 1;
  }
  axes->n = out.n;
  for (int i = 0; i < out.n; i++) {
    axes->axis[i] = out.axis[CPU_MAX_AXES - out.n + i];
    axes->extent[i] = out.extent[CPU_MAX_AXES - out.n + i];
  }
}

int64_t cpu_task_count(const KPlan *p, int64_t units, int64_t work) {
  int64_t n = kplan_get(p, CPU_TASKS, work / CPU_TASK_WORK);
  if (n > CPU_MAX_TASKS) n = CPU_MAX_TASKS;
  if (n > units) n = units;
  return n < 1 ? 1 : n;
}

CpuLoop cpu_unit_loop(CpuFn *f, const CpuAxes *outer, int64_t chunks, int64_t tasks, LLVMValueRef *chunk) {
  LLVMValueRef units = cpu_i64(f, cpu_axes_count(outer) * chunks), n = cpu_i64(f, tasks);
  LLVMValueRef lo = LLVMBuildUDiv(f->b, LLVMBuildMul(f->b, f->task, units, ""), n, "first");
  LLVMValueRef hi = LLVMBuildUDiv(f->b, LLVMBuildMul(f->b, f->end, units, ""), n, "last");
  CpuLoop l = cpu_loop(f, lo, hi, 1, "unit");
  *chunk = cpu_mod(f, l.i, chunks);
  cpu_axes_set(f, outer, cpu_div(f, l.i, chunks));
  return l;
}
