/* Which plans the tensor-core dot does: one sum over k of a product of two bf16 factors, one over m and k,
 * one over n and k, and stores over the sum's own domain. */
#include "codegen/cuda/text/cuda_dot.h"

#include "codegen/plan_roles.h"

static int accumulator(const Kernel *k, const KPlan *p) {
  int at = -1;
  for (int i = 0; i < k->nval; i++) {
    if (p->place[i] != PLAN_ACC) continue;
    if (at >= 0) return -1;
    at = i;
  }
  return at;
}

static bool uses_role(const KExpr *e, const KRoleAxes *r) {
  for (int i = 0; i < r->naxes; i++)
    for (int j = 0; j < e->nidx; j++)
      if (ix_uses_axis(e->idx[j], r->axis[i])) return true;
  for (int i = 0; i < r->naxes; i++)
    if (e->ix && ix_uses_axis(e->ix, r->axis[i])) return true;
  for (int i = 0; i < 3; i++)
    if (e->arg[i] && uses_role(e->arg[i], r)) return true;
  return false;
}

/* The bf16 expression that is widened to a factor, or NULL. */
static const KExpr *factor(const KExpr *e) {
  return e->kind == KE_CAST && e->dtype == DT_F32 && e->arg[0]->dtype == DT_BF16 ? e->arg[0] : NULL;
}

static bool match_sides(CudaDot *d, const KExpr *e) {
  const KRoleAxes *m = &d->plan->role[ROLE_M], *n = &d->plan->role[ROLE_N];
  if (e->kind != KE_ELT || e->elt != E_MUL) return false;
  const KExpr *a = factor(e->arg[0]), *b = factor(e->arg[1]);
  if (!a || !b) return false;
  if (uses_role(a, n) || uses_role(b, m)) {
    const KExpr *t = a;
    a = b, b = t;
  }
  d->side[0] = (CudaSide){"stage_a", a, ROLE_M, "m_first", d->bm};
  d->side[1] = (CudaSide){"stage_b", b, ROLE_N, "n_first", d->bn};
  return !uses_role(a, n) && !uses_role(b, m);
}

static int roles_axes(const KPlan *p) {
  return p->role[ROLE_BATCH].naxes + p->role[ROLE_M].naxes + p->role[ROLE_N].naxes;
}

static bool in_result(const KPlan *p, int axis) {
  return krole_has(&p->role[ROLE_BATCH], axis) || krole_has(&p->role[ROLE_M], axis) ||
         krole_has(&p->role[ROLE_N], axis);
}

/* The stores' domains are the accumulator's, which is batch, m and n; what is summed is k. */
static bool match_domain(const Kernel *k, const CudaDot *d) {
  const KVal *c = &k->val[d->acc];
  const KRoleAxes *summed = &d->plan->role[ROLE_K];
  if (c->naxes != roles_axes(d->plan) || c->nred != summed->naxes) return false;
  for (int s = 0; s < k->nstore; s++) {
    const KVal *v = &k->val[k->store[s].val];
    if (v->naxes != c->naxes) return false;
    for (int i = 0; i < v->naxes; i++)
      if (!in_result(d->plan, v->axis[i])) return false;
  }
  for (int i = 0; i < c->nred; i++)
    if (!krole_has(summed, c->red[i].axis) || c->red[i].lo || c->red[i].hi) return false;
  return true;
}

/* Nothing else may be reduced: it would be done again for each element of the tile. */
static bool only_reduction(const Kernel *k, int acc) {
  for (int i = 0; i < k->nval; i++)
    if (i != acc && k->val[i].reduce) return false;
  return true;
}

/* How the warps share the tile: wm rows of wn, so that a warp's part is nearest to a square. False when no
 * way gives each whole fragments. */
static bool share(CudaDot *d, int64_t warps) {
  int64_t least = -1;
  for (int64_t wm = 1; wm <= warps; wm++) {
    int64_t wn = warps / wm;
    if (warps % wm || d->bm % (16 * wm) || d->bn % (8 * wn)) continue;
    int64_t off = d->bm / wm - d->bn / wn;
    if (off < 0) off = -off;
    if (least < 0 || off < least) least = off, d->wm = wm, d->wn = wn;
  }
  return least >= 0;
}

/* No plan without a number of warps. */
static bool match_numbers(const KPlan *p, CudaDot *d) {
  d->bm = kplan_get(p, CUDA_BM, 128);
  d->bn = kplan_get(p, CUDA_BN, 128);
  d->bk = kplan_get(p, CUDA_BK, 32);
  d->ring = kplan_get(p, CUDA_RING, 3);
  return d->bk % 16 == 0 && d->ring >= 2 && share(d, kplan_get(p, CUDA_WARPS, 0));
}

bool cuda_dot_match(const Kernel *k, CudaDot *d) {
  const KPlan *p = kern_plan_for(k, &cuda_plans);
  *d = (CudaDot){.plan = p};
  if (!p || p->skeleton != SK_DOT || !match_numbers(p, d)) return false;
  d->acc = accumulator(k, p);
  if (!p->role[ROLE_M].naxes || !p->role[ROLE_N].naxes || d->acc < 0 || !only_reduction(k, d->acc))
    return false;
  const KVal *c = &k->val[d->acc];
  return c->reduce == KR_SUM && c->acc == DT_F32 && c->dtype == DT_F32 && match_sides(d, c->expr) &&
         match_domain(k, d);
}
