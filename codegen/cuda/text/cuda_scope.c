/* Nested scopes of the emitted text, and which values have names in them. */
#include <string.h>

#include "codegen/cuda/text/cuda_emit.h"

static void indent(CudaText *t, int depth) {
  for (int i = 0; i < depth; i++) ctext_add(t, "  ");
}

void cuda_push(CudaFn *f, bool closed) {
  CudaScope *s = ARENA_NEW(f->a, CudaScope);
  s->up = f->scope;
  s->text.a = f->a;
  s->closed = closed;
  s->depth = f->scope ? f->scope->depth + 1 : 1;
  f->scope = s;
}

void cuda_open(CudaFn *f, bool closed, const char *fmt, ...) {
  va_list ap;
  cuda_push(f, closed);
  CudaText *t = &f->scope->text;
  indent(t, f->scope->depth - 1);
  va_start(ap, fmt);
  ctext_vprintf(t, fmt, ap);
  va_end(ap);
  ctext_add(t, " {\n");
}

void cuda_pop(CudaFn *f) {
  cuda_release_names(f);
  f->scope = f->scope->up;
}

void cuda_close(CudaFn *f) {
  CudaScope *s = f->scope;
  indent(&s->text, s->depth - 1);
  ctext_add(&s->text, "}\n");
  cuda_pop(f);
  ctext_add(&f->scope->text, s->text.s);
}

void cuda_line(CudaFn *f, const char *fmt, ...) {
  va_list ap;
  indent(&f->scope->text, f->scope->depth);
  va_start(ap, fmt);
  ctext_vprintf(&f->scope->text, fmt, ap);
  va_end(ap);
  ctext_add(&f->scope->text, "\n");
}

void cuda_bind_axis(CudaFn *f, int axis) {
  CudaScope *s = f->scope;
  ARENA_GROW(f->a, s->axis, s->naxis, s->cap_axis);
  s->axis[s->naxis++] = axis;
}

static bool binds(const CudaScope *s, int axis) {
  for (int i = 0; i < s->naxis; i++)
    if (s->axis[i] == axis) return true;
  return false;
}

static bool bound_from(const CudaScope *s, int axis) {
  for (; s; s = s->up)
    if (binds(s, axis)) return true;
  return false;
}

bool cuda_axis_bound(const CudaFn *f, int axis) {
  return bound_from(f->scope, axis);
}

void cuda_bind(CudaScope *s, Arena *a, int val, const Ix *const *idx, const char *text) {
  ARENA_GROW(a, s->bound, s->nbound, s->cap_bound);
  s->bound[s->nbound++] = (CudaBound){val, idx, text};
}

static bool same_indices(int n, const Ix *const *x, const Ix *const *y) {
  for (int i = 0; i < n; i++)
    if (!ix_same(x[i], y[i])) return false;
  return true;
}

const char *cuda_lookup(const CudaFn *f, int val, const Ix *const *idx) {
  int n = f->k->val[val].naxes;
  for (const CudaScope *s = f->scope; s; s = s->up)
    for (int i = 0; i < s->nbound; i++)
      if (s->bound[i].val == val && same_indices(n, s->bound[i].idx, idx)) return s->bound[i].text;
  return NULL;
}

static bool all_bound(const CudaFn *f, const CudaScope *s, int nidx, const Ix *const *idx) {
  for (int axis = 0; axis < f->naxis; axis++)
    for (int i = 0; i < nidx; i++)
      if (ix_uses_axis(idx[i], axis) && !bound_from(s, axis)) return false;
  return true;
}

CudaScope *cuda_home(const CudaFn *f, int nidx, const Ix *const *idx) {
  CudaScope *s = f->scope;
  while (!s->closed && s->up && all_bound(f, s->up, nidx, idx)) s = s->up;
  return s;
}
