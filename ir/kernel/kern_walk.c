/* Visiting the index expressions, expressions and points of a kernel. */
#include "ir/kernel/kern_walk.h"

void kexpr_each_ix(const KExpr *e, IxVisit *visit, void *ctx) {
  if (e->ix) visit(ctx, e->ix);
  for (int i = 0; i < e->nidx; i++) visit(ctx, e->idx[i]);
  for (int i = 0; i < 3; i++)
    if (e->arg[i]) kexpr_each_ix(e->arg[i], visit, ctx);
}

static void value_each_ix(const KVal *v, IxVisit *visit, void *ctx) {
  kexpr_each_ix(v->expr, visit, ctx);
  for (int i = 0; i < v->nred; i++) {
    if (v->red[i].lo) visit(ctx, v->red[i].lo);
    if (v->red[i].hi) visit(ctx, v->red[i].hi);
  }
}

void kern_each_ix(const Kernel *k, IxVisit *visit, void *ctx) {
  for (int i = 0; i < k->nval; i++) value_each_ix(&k->val[i], visit, ctx);
  for (int s = 0; s < k->nstore; s++)
    for (int i = 0; i < k->buf[k->store[s].buf].rank; i++) visit(ctx, k->store[s].idx[i]);
}

void ix_each_read(const Ix *x, IxReadVisit *visit, void *ctx) {
  for (int i = 0; i < x->nterm; i++) {
    const IxAtom *atom = x->term[i].atom;
    if (atom->arg) ix_each_read(atom->arg, visit, ctx);
    if (atom->kind != IX_READ) continue;
    visit(ctx, atom);
    for (int j = 0; j < atom->nidx; j++) ix_each_read(atom->idx[j], visit, ctx);
  }
}

bool ix_reads(const Ix *x) {
  for (int i = 0; i < x->nterm; i++) {
    const IxAtom *atom = x->term[i].atom;
    if (atom->kind == IX_READ || (atom->arg && ix_reads(atom->arg))) return true;
  }
  return false;
}

bool kern_next_point(const Kernel *k, int n, const int *axis, int64_t *at) {
  for (int i = n - 1; i >= 0; i--) {
    if (++at[axis[i]] < k->axis[axis[i]].extent) return true;
    at[axis[i]] = 0;
  }
  return false;
}

typedef struct Bounds {
  int n;
  int64_t *most;
} Bounds;

static void note_bound(void *ctx, const IxAtom *read) {
  Bounds *b = ctx;
  if (read->id >= 0 && read->id < b->n && read->extent > b->most[read->id]) b->most[read->id] = read->extent;
}

static void note_bounds(void *ctx, const Ix *x) {
  ix_each_read(x, note_bound, ctx);
}

int64_t *kern_read_bounds(Arena *a, const Kernel *k) {
  Bounds b = {k->nbuf, ARENA_ARRAY(a, k->nbuf, int64_t)};
  kern_each_ix(k, note_bounds, &b);
  return b.most;
}
