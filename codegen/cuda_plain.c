/* The plain rule from end to end: parts, the check that they can run in any order, their text and launch. */
#include "codegen/cuda_part.h"

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

static bool part_reads(const Kernel *k, Arena *a, const CudaPart *p, int buf) {
  CudaNeed n = cuda_need(k, a, p->nstore, p->store);
  for (int v = 0; v < k->nval; v++)
    if (n.need[v] && reads(k->val[v].expr, buf)) return true;
  return false;
}

/* Parts run at once, in no order: none may read what another writes. */
static bool independent(const Kernel *k, Arena *a, const CudaPart *part, int n) {
  for (int i = 0; i < n; i++)
    for (int s = 0; s < part[i].nstore; s++)
      for (int j = 0; j < n; j++) {
        int buf = k->store[part[i].store[s]].buf;
        if (i == j || !part_reads(k, a, &part[j], buf)) continue;
        diag_error(k->loc,
                   "kernel %s writes %s where it also reads it over another domain; CUDA needs two kernels",
                   k->name, k->buf[buf].name);
        return false;
      }
  return true;
}

bool cuda_plain(CudaFn *f, CudaLaunch *l) {
  CudaPart *part;
  int n = cuda_parts(f->k, f->a, &part);
  if (!independent(f->k, f->a, part, n)) return false;
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
