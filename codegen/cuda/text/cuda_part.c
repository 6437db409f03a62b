/* The plain rule's choice: stores to parts, a part's kind and its row. */
#include "codegen/cuda/text/cuda_part.h"

static AxisSet store_domain(const Kernel *k, int store) {
  return cuda_domain(k, k->store[store].val);
}

static CudaPart candidate(const Kernel *k, Arena *a, const CudaNeed *n, CudaPart p, bool rows, AxisSet row) {
  p.rows = rows;
  p.row = row;
  p.nhold = rows ? cuda_hold(k, a, n, row, &p.hold) : 0;
  return p;
}

static AxisSet depends(const Kernel *k, const CudaNeed *n, int val) {
  AxisSet s = 0;
  for (int i = 0; i < k->val[val].naxes; i++) s |= n->pos[val][i];
  return s;
}

/* The rows worth trying: all the domain, what each reduction depends on, and what all of them do. */
static int row_choices(const Kernel *k, const CudaNeed *n, AxisSet domain, AxisSet *row) {
  int count = 0;
  AxisSet common = domain;
  row[count++] = domain;
  for (int v = 0; v < k->nval; v++) {
    if (!n->need[v] || !k->val[v].reduce) continue;
    row[count++] = depends(k, n, v);
    if (common & row[count - 1]) common &= row[count - 1];
  }
  row[count++] = common;
  return count;
}

static CudaPart best(const Kernel *k, Arena *a, CudaPart p) {
  CudaNeed n = cuda_need(k, a, p.nstore, p.store);
  AxisSet domain = store_domain(k, p.store[0]), *row = ARENA_ARRAY(a, k->nval + 2, AxisSet);
  int nrow = row_choices(k, &n, domain, row);
  CudaPart chosen = candidate(k, a, &n, p, false, domain);
  double least = cuda_part_cost(k, a, &n, &chosen);
  for (int i = 0; i < nrow; i++) {
    CudaPart c = candidate(k, a, &n, p, true, row[i]);
    double cost = cuda_part_cost(k, a, &n, &c);
    if (cost < least) least = cost, chosen = c;
  }
  return chosen;
}

static void add_store(Arena *a, CudaPart *p, int store) {
  int *s = ARENA_ARRAY(a, p->nstore + 1, int);
  for (int i = 0; i < p->nstore; i++) s[i] = p->store[i];
  s[p->nstore++] = store;
  p->store = s;
}

/* Stores of one domain always stand together: one may overwrite what another reads there. */
static int by_domain(const Kernel *k, Arena *a, CudaPart *group) {
  int n = 0;
  for (int s = 0; s < k->nstore; s++) {
    int i = 0;
    while (i < n && store_domain(k, group[i].store[0]) != store_domain(k, s)) i++;
    if (i == n) group[n++] = (CudaPart){0};
    add_store(a, &group[i], s);
  }
  return n;
}

static bool needs_subset(const Kernel *k, Arena *a, const CudaPart *g, const CudaPart *of) {
  CudaNeed x = cuda_need(k, a, g->nstore, g->store), y = cuda_need(k, a, of->nstore, of->store);
  bool any = false;
  for (int v = 0; v < k->nval; v++) {
    if (!x.need[v] || !k->val[v].reduce) continue;
    if (!y.need[v]) return false;
    any = true;
  }
  return any;
}

/* A row that computes a reduction anyway also stores what depends on it: mean and variance beside the norm.
 */
static bool join(const Kernel *k, Arena *a, CudaPart *part, int n, const CudaPart *g) {
  AxisSet domain = store_domain(k, g->store[0]);
  for (int i = 0; i < n; i++) {
    CudaPart *p = &part[i];
    if (!p->rows || (p->row & ~domain) || !needs_subset(k, a, g, p)) continue;
    for (int s = 0; s < g->nstore; s++) add_store(a, p, g->store[s]);
    CudaNeed need = cuda_need(k, a, p->nstore, p->store);
    p->nhold = cuda_hold(k, a, &need, p->row, &p->hold);
    return true;
  }
  return false;
}

static int largest(const Kernel *k, const CudaPart *group, int n, const bool *done) {
  int at = -1;
  for (int i = 0; i < n; i++) {
    if (done[i]) continue;
    if (at < 0 || cuda_extent(k, store_domain(k, group[i].store[0])) >
                      cuda_extent(k, store_domain(k, group[at].store[0])))
      at = i;
  }
  return at;
}

int cuda_parts(const Kernel *k, Arena *a, CudaPart **part) {
  CudaPart *group = ARENA_ARRAY(a, k->nstore, CudaPart);
  int ngroup = by_domain(k, a, group), n = 0;
  bool *done = ARENA_ARRAY(a, ngroup, bool);
  *part = ARENA_ARRAY(a, ngroup, CudaPart);
  for (int i = 0; i < ngroup; i++) {
    int g = largest(k, group, ngroup, done);
    done[g] = true;
    if (!join(k, a, *part, n, &group[g])) (*part)[n++] = best(k, a, group[g]);
  }
  return n;
}

/* The longest run of elements that the part's threads share. */
static int64_t width(const Kernel *k, const CudaPart *p) {
  int64_t most = 1;
  for (int i = 0; i < p->nhold; i++) {
    const KVal *v = &k->val[p->hold[i]];
    int64_t w = cuda_extent(k, cuda_domain(k, p->hold[i]) & ~p->row);
    if (w == 1)
      for (int j = 0; j < v->nred; j++) w *= k->axis[v->red[j].axis].extent;
    if (w > most) most = w;
  }
  for (int i = 0; i < p->nstore; i++) {
    int64_t w = cuda_extent(k, store_domain(k, p->store[i]) & ~p->row);
    if (w > most) most = w;
  }
  return most;
}

int cuda_part_block(const Kernel *k, const CudaPart *p) {
  int block = 32;
  int64_t w = p->rows ? width(k, p) / 2 : cuda_extent(k, p->row) / 512;
  while (block < 256 && block * 2 <= w) block *= 2;
  return block;
}

int64_t cuda_part_grid(const Kernel *k, const CudaPart *p, int block) {
  const int64_t most = 1 << 16; /* then each goes over several by the grid's stride */
  int64_t units = cuda_extent(k, p->row);
  if (!p->rows) units = (units + block - 1) / block;
  return units < most ? units : most;
}
