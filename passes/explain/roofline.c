#include "passes/explain/roofline.h"

#include <string.h>

#include "ir/kernel/kern_walk.h"
#include "passes/lower/lower.h"

const char *const roofline_bounds[RB_COUNT] = {
#define X(e, text) text,
    ROOFLINE_BOUNDS(X)
#undef X
};

/* Of a CPU: a thread on a core of its own, and what all cores of a machine get from memory together. */
typedef struct Machine {
  const char *target, *machine;
  double flop, operations, bytes, most_bytes, launch;
} Machine;

static const Machine machines[] = {
    {"cpu:znver5", "Zen 5, as Zen 4 at its clock with 512-bit data paths", 230e9, 115e9, 16e9, 60e9, 1e-6},
    {"cpu:znver4", "Zen 4: bench/peak, and 16 additions a cycle", 115e9, 57e9, 14e9, 50e9, 1e-6},
    {"cpu:sapphirerapids", "data sheet at 2.8 GHz", 179e9, 90e9, 12e9, 80e9, 1e-6},
    {"cpu:skylake-avx512", "data sheet at 2.6 GHz", 166e9, 83e9, 11e9, 60e9, 1e-6},
    {"cpu:x86-64-v3", "two 256-bit units at 3 GHz", 96e9, 48e9, 10e9, 40e9, 1e-6},
    {"cuda:sm_90", "H100 SXM, data sheet", 67e12, 33e12, 3.35e12, 3.35e12, 3e-6},
    {"cuda:sm_80", "A100 SXM, data sheet", 19.5e12, 9.7e12, 2e12, 2e12, 3e-6},
    {"cuda:", "A100 SXM, data sheet, for want of another", 19.5e12, 9.7e12, 2e12, 2e12, 3e-6},
    {"cpu:", "two 256-bit units at 3 GHz, for want of another", 96e9, 48e9, 10e9, 40e9, 1e-6},
};

static const Machine *machine_of(const char *target) {
  size_t last = sizeof machines / sizeof *machines - 1;
  for (size_t i = 0; i < last; i++)
    if (strncmp(target, machines[i].target, strlen(machines[i].target)) == 0) return &machines[i];
  return &machines[last];
}

Roofline roofline_of(const char *target, int threads) {
  const Machine *m = machine_of(target);
  int n = strncmp(target, "cuda:", 5) == 0 ? 1 : threads;
  double bytes = n * m->bytes < m->most_bytes ? n * m->bytes : m->most_bytes;
  return (Roofline){.target = target,
                    .machine = m->machine,
                    .threads = n,
                    .flop = n * m->flop,
                    .operations = n * m->operations,
                    .bytes = bytes,
                    .launch = m->launch};
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
  double sum = e->kind == KE_ELT ? elt_work(e->elt) : e->kind == KE_RANDOM ? RANDOM_WORK : 0;
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
