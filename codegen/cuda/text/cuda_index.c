/* Index expressions as C: sums of the axes' variables, quotients and remainders that round down, elements
 * read from index buffers, and the elements of strided buffers. */
#include <stdlib.h>

#include "codegen/cuda/text/cuda_emit.h"

static const Ix *offset(CudaFn *f, const KBuf *b, int n, const Ix *const *idx) {
  const Ix *at = ix_const(f->a, 0);
  for (int i = 0; i < n; i++) at = ix_add(f->a, at, ix_scale(f->a, idx[i], b->stride[i]));
  return at;
}

const char *cuda_element(CudaFn *f, int buf, const Ix *const *idx) {
  const KBuf *b = &f->k->buf[buf];
  return arena_printf(f->a, "%s[%s]", f->buf_name[buf], cuda_index(f, offset(f, b, b->rank, idx)));
}

static const char *sum(CudaFn *f, const Ix *ix);

static const char *quotient(CudaFn *f, const IxAtom *x) {
  int64_t lo, hi;
  ix_range(x->arg, &lo, &hi);
  bool mod = x->kind == IX_MOD, name = x->arg->nterm == 1 && !x->arg->base && x->arg->term[0].coef == 1;
  const char *arg = sum(f, x->arg);
  long long by = x->extent;
  if (lo < 0) return arena_printf(f->a, "floor_%s(%s, %lld)", mod ? "mod" : "div", arg, by);
  return arena_printf(f->a, name ? "%s %s %lld" : "(%s) %s %lld", arg, mod ? "%" : "/", by);
}

static const char *atom(CudaFn *f, const IxAtom *x, bool factor) {
  if (x->kind == IX_AXIS) return f->axis_name[x->id];
  if (x->kind == IX_READ) return cuda_element(f, x->id, x->idx);
  const char *q = quotient(f, x);
  return factor ? arena_printf(f->a, "(%s)", q) : q;
}

static void term(CudaFn *f, CudaText *t, const IxTerm *x) {
  int64_t coef = x->coef;
  if (t->n) ctext_add(t, coef < 0 ? " - " : " + ");
  if (t->n && coef < 0) coef = -coef;
  bool whole = coef == 1;
  ctext_add(t, atom(f, x->atom, !whole || t->n));
  if (!whole) ctext_printf(t, " * %lld", (long long)coef);
}

static const char *sum(CudaFn *f, const Ix *ix) {
  CudaText t = {.a = f->a};
  for (int i = 0; i < ix->nterm; i++) term(f, &t, &ix->term[i]);
  if (!t.n) return arena_printf(f->a, "%lld", (long long)ix->base);
  if (ix->base) ctext_printf(&t, " %c %lld", ix->base < 0 ? '-' : '+', llabs((long long)ix->base));
  return t.s;
}

const char *cuda_index(CudaFn *f, const Ix *ix) {
  return sum(f, ix);
}
