/* The plain rule from end to end: parts, the check that they can run in any order, their text and launch. */
#include "codegen/cuda/text/cuda_part.h"

static bool index_reads(const Ix *ix, int buf);

static bool atom_reads(const IxAtom *x, int buf) {
  if (x->kind == IX_READ && x->id == buf) return true;
  if (x->arg && index_reads(x->arg, buf)) return true;
  for (int i = 0; i < x->nidx; i++)
    if (index_reads(x->idx[i], buf)) return true;
  return false;
}

static bool index_reads(const Ix *ix, int buf) {
  for (int i = 0; ix && i < ix->nterm; i++)
    if (atom_reads(ix->term[i].atom, buf)) return true;
  return false;
}

static bool reads(const KExpr *e, int buf) {
  if (e->kind == KE_READ && e->ref == buf) return true;
  if (index_reads(e->ix, buf)) return true;
  for (int i = 0; i < e->nidx; i++)
    if (index_reads(e->idx[i], buf)) return true;
  for (int i = 0; i < 3; i++)
    if (e->arg[i] && reads(e->arg[i], buf)) return true;
  return false;
}

static bool store_reads(const Kernel *k, Arena *a, int store, int buf) {
  CudaNeed n = cuda_need(k, a, 1, &store);
  for (int v = 0; v < k->nval; v++)
    if (n.need[v] && reads(k->val[v].expr, buf)) return true;
  return false;
}

static AxisSet domain_of(const Kernel *k, int store) {
  return cuda_domain(k, k->store[store].val);
}

/* Stores over different domains happen at different times, in no order that the compute knows: none may read
 * what another writes. */
static bool independent(const Kernel *k, Arena *a) {
  for (int s = 0; s < k->nstore; s++)
    for (int t = 0; t < k->nstore; t++) {
      int buf = k->store[s].buf;
      if (domain_of(k, s) == domain_of(k, t) || !store_reads(k, a, t, buf)) continue;
      diag_error(k->loc,
                 "kernel %s writes %s and reads it over another domain; CUDA needs two kernels for that",
                 k->name, k->buf[buf].name);
      return false;
    }
  return true;
}

bool cuda_plain(CudaFn *f, CudaLaunch *l) {
  CudaPart *part;
  if (!independent(f->k, f->a)) return false;
  int n = cuda_parts(f->k, f->a, &part);
  l->block = 32;
  for (int i = 0; i < n; i++) {
    int block = cuda_part_block(f->k, &part[i]);
    if (block > l->block) l->block = block;
  }
  f->block = l->block;
  for (int i = 0; i < n; i++) {
    int64_t grid = cuda_part_grid(f->k, &part[i], l->block);
    if (grid > l->grid) l->grid = grid;
    cuda_write_part(f, &part[i]);
  }
  return true;
}
