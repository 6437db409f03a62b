/* Loop axes: fusing neighbours, judging lanes, and cutting work into tasks. */
#include "codegen/cpu_axes.h"

void cpu_axes_add(CpuAxes *axes, const Kernel *k, int axis) {
  axes->axis[axes->n] = axis;
  axes->extent[axes->n++] = k->axis[axis].extent;
}

int64_t cpu_axes_count(const CpuAxes *axes) {
  int64_t n = 1;
  for (int i = 0; i < axes->n; i++) n *= axes->extent[i];
  return n;
}

static const Ix *linear(Arena *a, const KBuf *b, const Ix *const *idx) {
  const Ix *sum = ix_const(a, 0);
  for (int d = 0; d < b->rank; d++) sum = ix_add(a, sum, ix_scale(a, idx[d], b->stride[d]));
  return sum;
}

static void each_in_expr(Arena *a, const Kernel *k, const KExpr *e, CpuIxVisit *visit, void *ctx) {
  if (e->kind == KE_READ) visit(ctx, linear(a, &k->buf[e->ref], e->idx));
  for (int i = 0; e->kind == KE_VALUE && i < e->nidx; i++) {
    int axis = k->val[e->ref].axis[i];
    if (!ix_same(e->idx[i], ix_axis(a, axis, k->axis[axis].extent))) visit(ctx, e->idx[i]);
  }
  if (e->ix) visit(ctx, e->ix);
  for (int i = 0; i < 3; i++)
    if (e->arg[i]) each_in_expr(a, k, e->arg[i], visit, ctx);
}

void cpu_each_access(Arena *a, const Kernel *k, CpuIxVisit *visit, void *ctx) {
  for (int i = 0; i < k->nval; i++) {
    const KVal *v = &k->val[i];
    each_in_expr(a, k, v->expr, visit, ctx);
    for (int r = 0; r < v->nred; r++) {
      if (v->red[r].lo) visit(ctx, v->red[r].lo);
      if (v->red[r].hi) visit(ctx, v->red[r].hi);
    }
  }
  for (int s = 0; s < k->nstore; s++) visit(ctx, linear(a, &k->buf[k->store[s].buf], k->store[s].idx));
}

typedef struct Score {
  int axis;
  double sum;
} Score;

static void score_access(void *ctx, const Ix *ix) {
  Score *s = ctx;
  int64_t coef;
  if (!ix_coef(ix, s->axis, &coef))
    s->sum -= 2;
  else if (coef != 0)
    s->sum += coef == 1 ? 1 : -2;
}

static double vector_use(int64_t extent) {
  int64_t vectors = (extent + CPU_GRAIN - 1) / CPU_GRAIN;
  return (double)extent / (double)(vectors * CPU_GRAIN);
}

double cpu_lane_score(Arena *a, const Kernel *k, int axis) {
  Score s = {axis, 0};
  cpu_each_access(a, k, score_access, &s);
  return s.sum > 0 ? s.sum * vector_use(k->axis[axis].extent) : s.sum;
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

static void check_affine(void *ctx, const Ix *ix) {
  Affine *c = ctx;
  int64_t coef;
  if (!c->holds) return;
  const Ix *x = ix_subst(c->u->arena, ix, c->to, c->u->k->naxes);
  c->holds = ix_coef(x, c->axis, &coef);
}

static bool stays_affine(const CpuFusion *u, const Ix *const *to, int fused) {
  Affine c = {u, to, fused, true};
  cpu_each_access(u->arena, u->k, check_affine, &c);
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
  int64_t n = kplan_get(p, "tasks", work / CPU_TASK_WORK);
  if (n > CPU_MAX_TASKS) n = CPU_MAX_TASKS;
  if (n > units) n = units;
  return n < 1 ? 1 : n;
}

CpuLoop cpu_unit_loop(CpuFn *f, const CpuAxes *outer, int64_t chunks, int64_t tasks, LLVMValueRef *chunk) {
  LLVMValueRef units = cpu_i64(f, cpu_axes_count(outer) * chunks), n = cpu_i64(f, tasks);
  LLVMValueRef lo = LLVMBuildUDiv(f->b, LLVMBuildMul(f->b, f->task, units, ""), n, "first");
  LLVMValueRef hi = LLVMBuildUDiv(f->b, LLVMBuildMul(f->b, f->end, units, ""), n, "last");
  CpuLoop l = cpu_loop(f, lo, hi, 1, "unit");
  LLVMValueRef rest = l.i, by = cpu_i64(f, chunks);
  *chunk = LLVMBuildURem(f->b, rest, by, "chunk");
  rest = LLVMBuildUDiv(f->b, rest, by, "");
  for (int i = outer->n - 1; i >= 0; i--) {
    by = cpu_i64(f, outer->extent[i]);
    f->axis[outer->axis[i]] = i ? LLVMBuildURem(f->b, rest, by, "") : rest;
    rest = LLVMBuildUDiv(f->b, rest, by, "");
  }
  return l;
}
