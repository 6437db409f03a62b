/* How much of each buffer a kernel reads and writes. */
#include "ir/kernel/kern_walk.h"

/* Accesses of one buffer that differ. */
typedef struct Touch {
  const Kernel *k;
  int buf;
  int64_t elements; /* of all accesses so far */
  int n, cap;
  const Ix *const **seen;
} Touch;

static bool same_access(const Kernel *k, int buf, const Ix *const *x, const Ix *const *y) {
  for (int i = 0; i < k->buf[buf].rank; i++)
    if (!ix_same(x[i], y[i])) return false;
  return true;
}

static bool any_uses(const Ix *const *idx, int n, int axis) {
  for (int i = 0; i < n; i++)
    if (ix_uses_axis(idx[i], axis)) return true;
  return false;
}

static void access(Touch *t, Arena *a, const Ix *const *idx) {
  for (int i = 0; i < t->n; i++)
    if (same_access(t->k, t->buf, t->seen[i], idx)) return;
  ARENA_GROW(a, t->seen, t->n, t->cap);
  t->seen[t->n++] = idx;
  int64_t points = 1;
  for (int i = 0; i < t->k->naxes; i++)
    if (any_uses(idx, t->k->buf[t->buf].rank, i)) points *= t->k->axis[i].extent;
  t->elements += points;
}

static void reads(Touch *t, Arena *a, const KExpr *e) {
  if (e->kind == KE_READ && e->ref == t->buf) access(t, a, e->idx);
  for (int i = 0; i < 3; i++)
    if (e->arg[i]) reads(t, a, e->arg[i]);
}

int64_t kern_touched(const Kernel *k, int buf) {
  Arena *a = arena_new();
  Touch r = {.k = k, .buf = buf}, w = r;
  int64_t most = 1;
  for (int i = 0; i < k->buf[buf].rank; i++) most *= k->buf[buf].dim[i];
  for (int i = 0; i < k->nval; i++) reads(&r, a, k->val[i].expr);
  for (int i = 0; i < k->nstore; i++)
    if (k->store[i].buf == buf) access(&w, a, k->store[i].idx);
  arena_free(a);
  int64_t read = r.elements < most ? r.elements : most, written = w.elements < most ? w.elements : most;
  return read + written;
}
