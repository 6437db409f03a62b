/* The plain rule's analysis: which values some stores need, what they depend on, and which a row holds; an
 * estimate of a part's work, in operations on the critical path, of which only differences of kind matter: a
 * reduction done again for each point, or by too few threads; and from it the choice: stores to parts, a
 * part's kind and its row. */
#include "codegen/cuda/text/cuda_plain.h"

#include "base/i64.h"

enum { THREADS = 128, BLOCKS = 264, BARRIER = 20 };

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

/* Values to hold when `row` are a row's axes: their numbers into *hold, rising. */
static int hold_row(const Kernel *k, Arena *a, const CudaNeed *n, AxisSet row, int **hold) {
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

static double reduced_points(const Kernel *k, int val) {
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
  return cost / rounds(reduced_points(k, val), 1) * rounds(reduced_points(k, val), THREADS) + 8 * BARRIER;
}

/* Steps on the critical path of the part: threads a block and blocks at once as on a large GPU. */
static double part_cost(const Kernel *k, Arena *a, const CudaNeed *n, const CudaPart *p) {
  bool *held = ARENA_ARRAY(a, k->nval, bool);
  double *cost = ARENA_ARRAY(a, k->nval, double), path = 0;
  Work w = {k, held, cost};
  for (int i = 0; i < p->nhold; i++) held[p->hold[i]] = true;
  for (int v = 0; v < k->nval; v++) {
    double inside = 0, before = 0;
    if (!n->need[v]) continue;
    add_work(&w, v, k->val[v].expr, &inside, &before);
    cost[v] = reduced_points(k, v) * inside + before;
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

AxisSet cuda_store_domain(const Kernel *k, int store) {
  return cuda_domain(k, k->store[store].val);
}

static CudaPart candidate(const Kernel *k, Arena *a, const CudaNeed *n, CudaPart p, bool rows, AxisSet row) {
  p.rows = rows;
  p.row = row;
  p.nhold = rows ? hold_row(k, a, n, row, &p.hold) : 0;
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
  AxisSet domain = cuda_store_domain(k, p.store[0]), *row = ARENA_ARRAY(a, k->nval + 2, AxisSet);
  int nrow = row_choices(k, &n, domain, row);
  CudaPart chosen = candidate(k, a, &n, p, false, domain);
  double least = part_cost(k, a, &n, &chosen);
  for (int i = 0; i < nrow; i++) {
    CudaPart c = candidate(k, a, &n, p, true, row[i]);
    double cost = part_cost(k, a, &n, &c);
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
    while (i < n && cuda_store_domain(k, group[i].store[0]) != cuda_store_domain(k, s)) i++;
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
  AxisSet domain = cuda_store_domain(k, g->store[0]);
  for (int i = 0; i < n; i++) {
    CudaPart *p = &part[i];
    if (!p->rows || (p->row & ~domain) || !needs_subset(k, a, g, p)) continue;
    for (int s = 0; s < g->nstore; s++) add_store(a, p, g->store[s]);
    CudaNeed need = cuda_need(k, a, p->nstore, p->store);
    p->nhold = hold_row(k, a, &need, p->row, &p->hold);
    return true;
  }
  return false;
}

static int largest(const Kernel *k, const CudaPart *group, int n, const bool *done) {
  int at = -1;
  for (int i = 0; i < n; i++) {
    if (done[i]) continue;
    if (at < 0 || cuda_extent(k, cuda_store_domain(k, group[i].store[0])) >
                      cuda_extent(k, cuda_store_domain(k, group[at].store[0])))
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
    int64_t w = cuda_extent(k, cuda_store_domain(k, p->store[i]) & ~p->row);
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
  if (!p->rows) units = i64_ceil_div(units, block);
  return units < most ? units : most;
}
