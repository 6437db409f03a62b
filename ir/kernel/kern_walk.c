/* Visiting the index expressions, expressions and points of a kernel, and how much of each buffer it reads
 * and writes. */
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

bool ix_has_read(const Ix *x) {
  for (int i = 0; i < x->nterm; i++) {
    const IxAtom *atom = x->term[i].atom;
    if (atom->kind == IX_READ || (atom->arg && ix_has_read(atom->arg))) return true;
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

static void note_index_bounds(void *ctx, const Ix *x) {
  ix_each_read(x, note_bound, ctx);
}

int64_t *kern_read_bounds(Arena *a, const Kernel *k) {
  Bounds b = {k->nbuf, ARENA_ARRAY(a, k->nbuf, int64_t)};
  kern_each_ix(k, note_index_bounds, &b);
  return b.most;
}

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
