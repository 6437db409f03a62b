/* The reference interpreter of kernels: each value in turn over its whole domain, then the stores. A value
 * that is reduced, stored or used over more points than it has is computed once and kept; the others are
 * evaluated where they are used. */
#include <math.h>

#include "ir/kernel/kern_run.h"
#include "ir/kernel/kern_walk.h"

enum { MOST_KEPT = 1 << 24 };

/* The number of points of the axes, held within 2^62. */
static int64_t points(const Kernel *k, int n, const int *axis) {
  double size = 1;
  for (int i = 0; i < n; i++) size *= (double)k->axis[axis[i]].extent;
  return size < 0x1p62 ? (int64_t)size : (int64_t)1 << 62;
}

static int64_t points_evaluated(const Kernel *k, const KVal *v) {
  int axis[2 * KERN_MAX_DOMAIN] = {0};
  for (int i = 0; i < v->naxes; i++) axis[i] = v->axis[i];
  for (int i = 0; i < v->nred; i++) axis[v->naxes + i] = v->red[i].axis;
  return points(k, v->naxes + v->nred, axis);
}

/* How often each value is asked for, by the values that use it. */
static void count_uses(const KExpr *e, int64_t points, double *uses) {
  if (e->kind == KE_VALUE) uses[e->ref] += (double)points;
  for (int i = 0; i < 3 && e->arg[i]; i++) count_uses(e->arg[i], points, uses);
}

static bool is_stored(const Kernel *k, int val) {
  for (int i = 0; i < k->nstore; i++)
    if (k->store[i].val == val) return true;
  return false;
}

static void choose_kept(KRun *r) {
  const Kernel *k = r->k;
  double *uses = ARENA_ARRAY(r->arena, k->nval, double);
  for (int i = 0; i < k->nval; i++) count_uses(k->val[i].expr, points_evaluated(k, &k->val[i]), uses);
  for (int i = 0; i < k->nval; i++) {
    const KVal *v = &k->val[i];
    int64_t n = points(k, v->naxes, v->axis);
    bool must = v->reduce != KR_NONE || is_stored(k, i);
    if (must || (n <= MOST_KEPT && uses[i] > (double)n)) r->array[i] = ARENA_ARRAY(r->arena, n, double);
  }
}

typedef struct Sum {
  const KVal *v;
  const KCode *code;
  double value;
} Sum;

static void bounds(KRun *r, const KRed *red, int64_t *lo, int64_t *hi) {
  int64_t extent = r->k->axis[red->axis].extent;
  *lo = red->lo ? krun_ix(r, red->lo) : 0;
  *hi = red->hi ? krun_ix(r, red->hi) : extent;
  if (*lo < 0 || *hi > extent)
    ice("kernel %s: bounds %lld .. %lld of axis '%s' leave 0 .. %lld", r->k->name, (long long)*lo,
        (long long)*hi, r->k->axis[red->axis].name, (long long)extent);
}

/* Accumulates over the reduced axes from number `depth` on, in order. */
static void accumulate(KRun *r, Sum *s, int depth) {
  const KVal *v = s->v;
  if (depth == v->nred) {
    double term = krun_eval(r, s->code);
    bool sum = v->reduce == KR_SUM;
    double next = sum && v->dtype != DT_I32
                      ? s->value + term
                      : krun_elt(sum ? E_ADD : E_MAX, v->acc, (double[3]){s->value, term});
    s->value = krun_round(v->acc, r->f64, next);
    return;
  }
  int64_t lo, hi;
  int axis = v->red[depth].axis;
  bounds(r, &v->red[depth], &lo, &hi);
  for (int64_t i = lo; i < hi; i++) {
    r->at[axis] = i;
    accumulate(r, s, depth + 1);
  }
  r->at[axis] = 0;
}

static double identity(const KVal *v) {
  if (v->reduce != KR_MAX) return 0;
  return v->dtype == DT_I32 ? INT32_MIN : -INFINITY;
}

static double element(KRun *r, const KVal *v, const KCode *code) {
  if (v->reduce == KR_NONE) return krun_eval(r, code);
  Sum s = {v, code, identity(v)};
  accumulate(r, &s, 0);
  return krun_round(v->dtype, r->f64, s.value);
}

static void compute(KRun *r, int i) {
  const KVal *v = &r->k->val[i];
  r->code[i] = krun_compile(r, v->expr);
  if (!r->array[i]) return;
  int64_t n = 0;
  do {
    r->array[i][n++] = element(r, v, r->code[i]);
  } while (kern_next_point(r->k, v->naxes, v->axis, r->at));
}

static void store(KRun *r, const KStore *s) {
  const KVal *v = &r->k->val[s->val];
  const KBuf *b = &r->k->buf[s->buf];
  KAddr to = krun_addr(r, b->name, b->rank, b->dim, b->stride, s->idx);
  int64_t n = 0;
  do {
    krun_store(b->dtype, r->f64, r->bufs[s->buf], krun_address(r, &to), r->array[s->val][n++]);
  } while (kern_next_point(r->k, v->naxes, v->axis, r->at));
}

void kern_interp(const Kernel *k, void *const *bufs, const KStepEnv *env, bool f64) {
  KRun r = {.k = k, .arena = arena_new(), .bufs = bufs, .env = env, .f64 = f64};
  r.array = ARENA_ARRAY(r.arena, k->nval, double *);
  r.code = ARENA_ARRAY(r.arena, k->nval, KCode *);
  choose_kept(&r);
  for (int i = 0; i < k->nval; i++) compute(&r, i);
  for (int i = 0; i < k->nstore; i++) store(&r, &k->store[i]);
  arena_free(r.arena);
}
