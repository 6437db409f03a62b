/* Tells what each value of an chain kernel is, from the roles of its axes. */
#include "codegen/cpu/chain/cpu_chain.h"

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

static unsigned roles_of(const ChainShape *s, int n, const int *axis) {
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

static int64_t extent_of(const ChainShape *s, int axis) {
  return axis == s->axis_m ? s->m : axis == s->axis_n ? s->n : axis == s->axis_k ? s->extent_k : s->extent_d;
}

static bool uses(const ChainShape *s, const KExpr *e, int axis) {
  if (e->ix && ix_uses_axis(ix_subst(s->k->arena, e->ix, s->to, s->k->naxes), axis)) return true;
  for (int i = 0; i < e->nidx; i++)
    if (ix_uses_axis(ix_subst(s->k->arena, e->idx[i], s->to, s->k->naxes), axis)) return true;
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
  d->extent = extent_of(s, x);
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
  unsigned domain = roles_of(s, v->naxes, v->axis), reduced = reduced_roles(s, v);
  if (v->reduce == KR_NONE) return s->plan->place[val] == KP_ROW && domain == (M | N) ? AT_MAP : AT_INLINE;
  ChainClass c = v->reduce == KR_SUM ? classify_sum(s, val, domain, reduced) : AT_INLINE;
  s->row_axis[val] = fused_axis(s, reduced);
  bool one_row = !(domain & ~(unsigned)M) && s->row_axis[val] >= 0 && s->row_axis[val] != s->axis_m;
  if (c == AT_INLINE && one_row) c = AT_ROW;
  if (c == AT_INLINE) ice("kernel %s: the chain skeleton can't reduce %s", s->k->name, v->name);
  return c;
}

/* The axes of a role as one. */
static int fuse(ChainShape *s, KRole role, int fresh, int64_t *extent) {
  const KRoleAxes *r = &s->plan->role[role];
  const Kernel *k = s->k;
  int64_t dim[KERN_MAX_DOMAIN];
  const Ix *part[KERN_MAX_DOMAIN];
  *extent = 1;
  for (int i = 0; i < r->naxes; i++) *extent *= dim[i] = k->axis[r->axis[i]].extent;
  if (r->naxes == 1) return r->axis[0];
  if (r->naxes == 0) return fresh;
  ix_unflatten(k->arena, ix_axis(k->arena, fresh, *extent), r->naxes, dim, part);
  for (int i = 0; i < r->naxes; i++) s->to[r->axis[i]] = part[i];
  return fresh;
}

bool chain_reads(const ChainShape *s, const KExpr *e, int val) {
  if (e->kind == KE_VALUE) {
    if (e->ref == val) return true;
    if (s->cls[e->ref] == AT_INLINE && s->reads[e->ref * s->k->nval + val]) return true;
  }
  for (int i = 0; i < 3 && e->arg[i]; i++)
    if (chain_reads(s, e->arg[i], val)) return true;
  return false;
}

/* Once a value: written into each other, expressions that read what is below them twice would be walked
 * without end. */
static void find_reads(ChainShape *s) {
  int n = s->k->nval;
  s->reads = ARENA_ARRAY(s->k->arena, n * n + 1, bool);
  for (int v = 0; v < n; v++)
    for (int w = 0; w < v; w++) s->reads[v * n + w] = chain_reads(s, s->k->val[v].expr, w);
}

bool chain_same_bounds(const Kernel *k, int a, int b) {
  if (a == b) return true;
  const KVal *v = &k->val[a], *w = &k->val[b];
  return v->nred == w->nred && kred_same(v->nred, v->red, w->red);
}

ChainShape *chain_shape(const Kernel *k, const KPlan *p) {
  Arena *a = k->arena;
  ChainShape *s = ARENA_NEW(a, ChainShape);
  s->k = k, s->plan = p;
  s->cls = ARENA_ARRAY(a, k->nval + 1, ChainClass);
  s->dot = ARENA_ARRAY(a, k->nval + 1, ChainDot);
  s->row_axis = ARENA_ARRAY(a, k->nval + 1, int);
  s->row_at = ARENA_ARRAY(a, k->nval + 1, int64_t);
  s->batch = &p->role[ROLE_BATCH];
  s->nbatch = kern_role_extent(k, s->batch);
  s->axis_m = fuse(s, ROLE_M, k->naxes, &s->m);
  s->axis_n = fuse(s, ROLE_N, k->naxes + 1, &s->n);
  s->axis_k = fuse(s, ROLE_K, k->naxes + 2, &s->extent_k);
  s->axis_d = fuse(s, ROLE_D, k->naxes + 3, &s->extent_d);
  for (int v = 0; v < k->nval; v++) s->cls[v] = classify(s, v);
  find_reads(s);
  return s;
}
