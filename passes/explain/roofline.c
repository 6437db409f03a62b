#include "passes/explain/roofline.h"

#include "ir/graph/graph.h"
#include "ir/kernel/kern_walk.h"

const char *const roofline_bounds[RB_COUNT] = {
#define X(e, text) text,
    ROOFLINE_BOUNDS(X)
#undef X
};

Roofline roofline_of(const Target *t, int threads) {
  const TargetSpeed *s = &t->speed;
  int n = t->threaded ? threads : 1;
  double bytes = n * s->bytes < s->most_bytes ? n * s->bytes : s->most_bytes;
  return (Roofline){.target = t->name,
                    .machine = s->machine,
                    .threads = n,
                    .flop = n * s->flop,
                    .operations = n * s->operations,
                    .bytes = bytes,
                    .launch = s->launch};
}

double roofline_seconds(const Roofline *r, double flop, double operations, double bytes, Bound *bound) {
  const double part[] = {[RB_FLOP] = flop / r->flop,
                         [RB_OPERATIONS] = operations / r->operations,
                         [RB_BYTES] = bytes / r->bytes,
                         [RB_LAUNCH] = r->launch};
  Bound most = RB_FLOP;
  for (int i = 1; i < RB_LAUNCH; i++)
    if (part[i] > part[most]) most = (Bound)i;
  double seconds = part[most] + r->launch;
  if (r->launch > part[most]) most = RB_LAUNCH;
  if (bound) *bound = most;
  return seconds;
}

typedef struct Axes {
  const Kernel *k;
  bool used[KERN_MAX_AXES];
} Axes;

static void note_axes(void *ctx, const Ix *x) {
  Axes *a = ctx;
  for (int i = 0; i < a->k->naxes; i++) a->used[i] |= ix_uses_axis(x, i);
}

/* At how many points an expression has different values: a contraction's operand is computed in its pack. */
static double own_points(const Kernel *k, const KExpr *e) {
  Axes a = {.k = k};
  double n = 1;
  kexpr_each_ix(e, note_axes, &a);
  for (int i = 0; i < k->naxes; i++) n *= a.used[i] ? (double)k->axis[i].extent : 1;
  return n;
}

/* At how many points a value's expression is asked for. */
static double points(const Kernel *k, const KVal *v) {
  double n = 1;
  for (int i = 0; i < v->naxes; i++) n *= (double)k->axis[v->axis[i]].extent;
  for (int i = 0; i < v->nred; i++) n *= (double)k->axis[v->red[i].axis].extent;
  return n;
}

static double work(const KExpr *e) {
  double sum = e->kind == KE_ELT ? elt_rows[e->elt].work : e->kind == KE_RANDOM ? op_rows[O_RANDOM].work : 0;
  for (int i = 0; i < 3; i++)
    if (e->arg[i]) sum += work(e->arg[i]);
  return sum;
}

/* A sum of products is a contraction's own: its multiplies and adds are in the launch's flop. */
static double value_work(const Kernel *k, const KVal *v) {
  const KExpr *e = v->expr;
  if (v->reduce == KR_SUM && e->kind == KE_ELT && e->elt == E_MUL)
    return work(e->arg[0]) * own_points(k, e->arg[0]) + work(e->arg[1]) * own_points(k, e->arg[1]);
  return (work(e) + (v->reduce != KR_NONE)) * points(k, v);
}

double kern_operations(const Kernel *k) {
  double total = 0;
  for (int i = 0; i < k->nval; i++) total += value_work(k, &k->val[i]);
  return total;
}
