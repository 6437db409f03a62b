/* Reads a dot kernel's roles: fuses the axes of each into one, tells which factor is the left operand and in
 * which direction each lies in memory. */
#include <stdlib.h>

#include "codegen/cpu/dot/cpu_dot.h"

const KExpr *dot_definition(const Kernel *k, const KExpr *e) {
  const KVal *v = &k->val[e->ref];
  const Ix *to[KERN_MAX_AXES] = {0};
  for (int i = 0; i < e->nidx; i++) to[v->axis[i]] = e->idx[i];
  return kexpr_subst(k->arena, v->expr, to, k->naxes);
}

bool dot_is_written_here(const Kernel *k, const KExpr *e) {
  return e->kind == KE_VALUE && k->val[e->ref].reduce == KR_NONE;
}

static bool uses(const DotShape *s, const Ix *ix, int axis) {
  return ix_uses_axis(ix_subst(s->k->arena, ix, s->to, s->k->naxes), axis);
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

/* The axes of a role as one axis of extent *extent: the role's own when it has a single one. */
static int fuse(DotShape *s, KRole role, int fresh, int64_t *extent) {
  const KRoleAxes *r = &s->plan->role[role];
  const Kernel *k = s->k;
  *extent = 1;
  if (r->naxes == 1) {
    *extent = k->axis[r->axis[0]].extent;
    return r->axis[0];
  }
  if (r->naxes == 0) return fresh;
  int64_t dim[KERN_MAX_DOMAIN];
  const Ix *part[KERN_MAX_DOMAIN];
  for (int i = 0; i < r->naxes; i++) *extent *= dim[i] = k->axis[r->axis[i]].extent;
  ix_unflatten(k->arena, ix_axis(k->arena, fresh, *extent), r->naxes, dim, part);
  for (int i = 0; i < r->naxes; i++) s->to[r->axis[i]] = part[i];
  return fresh;
}

static bool sums_over_k(const Kernel *k, const KPlan *p, int val) {
  return k->val[val].reduce == KR_SUM && kval_reduces(&k->val[val], &p->role[ROLE_K]);
}

/* Reads through names of values: what is multiplied. */
static const KExpr *open_value(const Kernel *k, const KExpr *e) {
  while (dot_is_written_here(k, e)) e = dot_definition(k, e);
  return e;
}

/* The contraction is the sum over k that is a product, at n too where n has axes. */
static bool is_main(const Kernel *k, const KPlan *p, int val) {
  const KVal *v = &k->val[val];
  const KExpr *e = sums_over_k(k, p, val) ? open_value(k, v->expr) : NULL;
  const KRoleAxes *n = &p->role[ROLE_N];
  return e && e->kind == KE_ELT && e->elt == E_MUL && (n->naxes == 0 || kval_is_over(v, n));
}

static void find_values(DotShape *s) {
  const Kernel *k = s->k;
  s->val = -1;
  for (int v = 0; v < k->nval; v++)
    if (s->val < 0 && is_main(k, s->plan, v)) s->val = v;
  if (s->val < 0) ice("kernel %s: a dot plan without a contraction", k->name);
  for (int v = 0; v < k->nval; v++) {
    if (v == s->val || k->val[v].reduce == KR_NONE) continue;
    if (!sums_over_k(k, s->plan, v) || s->nsum == DOT_MAX_SUMS)
      ice("kernel %s: %s is not a sum over k", k->name, k->val[v].name);
    s->sum[s->nsum++] = v;
  }
}

static int64_t stride_of(const DotShape *s, const KExpr *read, int axis, bool *affine) {
  const KBuf *b = &s->k->buf[read->ref];
  Arena *a = s->k->arena;
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
  if (dot_is_written_here(s->k, e)) votes += direction(s, dot_definition(s->k, e), rows);
  for (int i = 0; i < 3 && e->arg[i]; i++) votes += direction(s, e->arg[i], rows);
  return votes;
}

bool dot_runs_along_k(const DotShape *s, const KExpr *e, int rows) {
  return direction(s, e, rows) >= 0;
}

static bool is_bf16(const Kernel *k, const KExpr *e) {
  e = open_value(k, e);
  return e->dtype == DT_BF16 || (e->kind == KE_CAST && e->dtype == DT_F32 && e->arg[0]->dtype == DT_BF16);
}

static const KExpr *before_rounding(const Kernel *k, const KExpr *e) {
  e = open_value(k, e);
  if (e->kind == KE_CAST && e->dtype == DT_F32 && e->arg[0]->dtype == DT_BF16) e = open_value(k, e->arg[0]);
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
  const KExpr *e = open_value(s->k, s->k->val[s->val].expr), *a = e->arg[0], *b = e->arg[1];
  if (depends(s, a, s->axis_n) || depends(s, b, s->axis_m)) {
    const KExpr *t = a;
    a = b, b = t;
  }
  if (depends(s, a, s->axis_n) || depends(s, b, s->axis_m))
    ice("kernel %s: a factor depends on both m and n", s->k->name);
  bool b_bounded = bounds_depend(s, s->axis_n), a_bounded = !b_bounded && has_bounds(s);
  if (b_bounded && bounds_depend(s, s->axis_m)) ice("kernel %s: bounds depend on m and n", s->k->name);
  s->a = (DotOperand){a, s->axis_m, dot_runs_along_k(s, a, s->axis_m), a_bounded, before_rounding(s->k, a)};
  s->b = (DotOperand){b, s->axis_n, dot_runs_along_k(s, b, s->axis_n), b_bounded, before_rounding(s->k, b)};
  s->bf16 = is_bf16(s->k, a) && is_bf16(s->k, b);
}

const DotShape *dot_shape(const Kernel *k, const KPlan *p) {
  DotShape *s = ARENA_NEW(k->arena, DotShape);
  s->k = k, s->plan = p;
  find_values(s);
  s->batch = &p->role[ROLE_BATCH];
  s->nbatch = kern_role_extent(k, s->batch);
  s->axis_m = fuse(s, ROLE_M, k->naxes, &s->m);
  s->axis_n = fuse(s, ROLE_N, k->naxes + 1, &s->n);
  s->axis_k = fuse(s, ROLE_K, k->naxes + 2, &s->kk);
  split_product(s);
  return s;
}
