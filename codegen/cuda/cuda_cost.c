/* The plain rule's estimate of a part's work, in operations on the critical path. Only differences of kind
 * matter: a reduction done again for each point, or by too few threads. */
#include "codegen/cuda/text/cuda_part.h"

enum { THREADS = 128, BLOCKS = 264, BARRIER = 20 };

typedef struct Work {
  const Kernel *k;
  const bool *held;
  const double *cost; /* of computing a value once, with what it inlines */
} Work;

static bool uses_reduced(const Kernel *k, int val, const KExpr *ref) {
  for (int i = 0; i < k->val[val].nred; i++)
    for (int j = 0; j < ref->nidx; j++)
      if (ix_uses_axis(ref->idx[j], k->val[val].red[i].axis)) return true;
  return false;
}

/* Adds the work of an expression of value `val`: inside its loop, and before it. */
static void add_work(const Work *w, int val, const KExpr *e, double *inside, double *before) {
  *inside += 1;
  if (e->kind == KE_VALUE)
    *(uses_reduced(w->k, val, e) ? inside : before) += w->held[e->ref] ? 1 : w->cost[e->ref];
  for (int i = 0; i < 3; i++)
    if (e->arg[i]) add_work(w, val, e->arg[i], inside, before);
}

static double terms(const Kernel *k, int val) {
  double n = 1;
  for (int i = 0; i < k->val[val].nred; i++) n *= (double)k->axis[k->val[val].red[i].axis].extent;
  return n;
}

static double rounds(double work, double workers) {
  double n = work / workers;
  return n > 1 ? n : 1;
}

static double held_cost(const Kernel *k, int val, AxisSet row, double cost) {
  AxisSet own = cuda_domain(k, val) & ~row;
  if (own) return rounds((double)cuda_extent(k, own), THREADS) * cost + BARRIER;
  return cost / rounds(terms(k, val), 1) * rounds(terms(k, val), THREADS) + 8 * BARRIER;
}

double cuda_part_cost(const Kernel *k, Arena *a, const CudaNeed *n, const CudaPart *p) {
  bool *held = ARENA_ARRAY(a, k->nval, bool);
  double *cost = ARENA_ARRAY(a, k->nval, double), path = 0;
  Work w = {k, held, cost};
  for (int i = 0; i < p->nhold; i++) held[p->hold[i]] = true;
  for (int v = 0; v < k->nval; v++) {
    double inside = 0, before = 0;
    if (!n->need[v]) continue;
    add_work(&w, v, k->val[v].expr, &inside, &before);
    cost[v] = terms(k, v) * inside + before;
    if (held[v]) path += held_cost(k, v, p->row, cost[v]);
  }
  for (int i = 0; i < p->nstore; i++) {
    int v = k->store[p->store[i]].val;
    double points = p->rows ? (double)cuda_extent(k, cuda_domain(k, v) & ~p->row) : 1;
    path += rounds(points, THREADS) * (held[v] ? 1 : cost[v]);
  }
  double units = (double)cuda_extent(k, p->row);
  return path * rounds(units, p->rows ? BLOCKS : BLOCKS * THREADS);
}
