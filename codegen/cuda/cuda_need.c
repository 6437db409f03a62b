/* The plain rule's analysis: which values some stores need, what they depend on, and which a row holds. */
#include "codegen/cuda/text/cuda_part.h"

/* Shared memory that held arrays may take: what every architecture gives without asking. */
enum { HOLD_BYTES = 40 * 1024 };

AxisSet cuda_domain(const Kernel *k, int val) {
  AxisSet s = 0;
  for (int i = 0; i < k->val[val].naxes; i++)
    if (k->axis[k->val[val].axis[i]].extent > 1) s |= 1u << k->val[val].axis[i];
  return s;
}

int64_t cuda_extent(const Kernel *k, AxisSet s) {
  int64_t n = 1;
  for (int i = 0; i < k->naxes; i++)
    if (s >> i & 1) n *= k->axis[i].extent;
  return n;
}

/* The stores' axes that an index of a reference from value `from` depends on. */
static AxisSet reaches(const Kernel *k, const CudaNeed *n, int from, const Ix *ix) {
  AxisSet s = 0;
  const KVal *v = &k->val[from];
  for (int i = 0; i < v->naxes; i++)
    if (ix_uses_axis(ix, v->axis[i])) s |= n->pos[from][i];
  return s;
}

static void visit(const Kernel *k, CudaNeed *n, int from, const KExpr *e) {
  if (e->kind == KE_VALUE) {
    const KVal *v = &k->val[from];
    n->need[e->ref] = true;
    for (int i = 0; i < e->nidx; i++) n->pos[e->ref][i] |= reaches(k, n, from, e->idx[i]);
    n->in_sum[e->ref] |= v->reduce != KR_NONE || n->in_sum[from];
    n->summed[from] |= n->summed[e->ref];
  }
  for (int i = 0; i < 3; i++)
    if (e->arg[i]) visit(k, n, from, e->arg[i]);
}

static void mark_summed(const Kernel *k, bool *summed, int val, const KExpr *e) {
  if (e->kind == KE_VALUE) summed[val] |= summed[e->ref];
  for (int i = 0; i < 3; i++)
    if (e->arg[i]) mark_summed(k, summed, val, e->arg[i]);
}

CudaNeed cuda_need(const Kernel *k, Arena *a, int nstore, const int *store) {
  CudaNeed n = {ARENA_ARRAY(a, k->nval, bool), arena_array(a, (size_t)k->nval, sizeof *n.pos),
                ARENA_ARRAY(a, k->nval, bool), ARENA_ARRAY(a, k->nval, bool), ARENA_ARRAY(a, k->nval, bool)};
  for (int v = 0; v < k->nval; v++) {
    n.summed[v] = k->val[v].reduce != KR_NONE;
    mark_summed(k, n.summed, v, k->val[v].expr);
  }
  for (int i = 0; i < nstore; i++) {
    int v = k->store[store[i]].val;
    n.need[v] = true;
    for (int p = 0; p < k->val[v].naxes; p++) n.pos[v][p] |= 1u << k->val[v].axis[p];
  }
  for (int v = k->nval - 1; v >= 0; v--)
    if (n.need[v]) visit(k, &n, v, k->val[v].expr);
  return n;
}

/* Whether the row's axes that the value has are asked for at the row's own place. */
static bool of_the_row(const Kernel *k, const CudaNeed *n, int val, AxisSet row) {
  for (int i = 0; i < k->val[val].naxes; i++) {
    AxisSet own = 1u << k->val[val].axis[i];
    if ((own & row) && n->pos[val][i] != own) return false;
  }
  return true;
}

/* Marks what each reduction with axes outside the row evaluates again and again along them. */
static void mark_repeats(const Kernel *k, const CudaNeed *n, AxisSet row, int from, const KExpr *e) {
  if (e->kind == KE_VALUE) {
    AxisSet outside = cuda_domain(k, from) & ~row & ~cuda_domain(k, e->ref);
    if (k->val[from].reduce && outside) n->repeats[e->ref] = true;
  }
  for (int i = 0; i < 3; i++)
    if (e->arg[i]) mark_repeats(k, n, row, from, e->arg[i]);
}

int cuda_hold(const Kernel *k, Arena *a, const CudaNeed *n, AxisSet row, int **hold) {
  int count = 0;
  int64_t room = HOLD_BYTES / 4;
  *hold = ARENA_ARRAY(a, k->nval, int);
  for (int v = 0; v < k->nval; v++) n->repeats[v] = false;
  for (int v = 0; v < k->nval; v++)
    if (n->need[v]) mark_repeats(k, n, row, v, k->val[v].expr);
  for (int v = 0; v < k->nval; v++) {
    int64_t size = cuda_extent(k, cuda_domain(k, v) & ~row);
    bool scalar = !(cuda_domain(k, v) & ~row);
    bool worth = k->val[v].reduce ? scalar || n->in_sum[v] : !scalar && n->summed[v] && n->repeats[v];
    if (!n->need[v] || !worth || size > room || !of_the_row(k, n, v, row)) continue;
    if (!scalar) room -= size;
    (*hold)[count++] = v;
  }
  return count;
}
