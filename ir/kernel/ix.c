/* Index expressions: construction, order, sums, ranges, substitution, evaluation, flattening and text.
 * Quotients and remainders are simplified in ir/kernel/ix_simplify.c. */
#include "ir/kernel/ix.h"

#include <stdlib.h>

#include "base/diag.h"
#include "ir/kernel/ix_simplify.h"

enum { FUEL = 64 };
static const int64_t limit = (int64_t)1 << 62;

int64_t ix_floor_div(int64_t x, int64_t by) {
  return x / by - (x % by < 0);
}

bool ix_mul_fits(int64_t x, int64_t y, int64_t *out) {
  return !__builtin_mul_overflow(x, y, out) && *out > -limit && *out < limit;
}

bool ix_add_fits(int64_t x, int64_t y, int64_t *out) {
  return !__builtin_add_overflow(x, y, out) && *out > -limit && *out < limit;
}

static int order(int64_t x, int64_t y) {
  return (x > y) - (x < y);
}

static int atom_compare(const IxAtom *x, const IxAtom *y) {
  if (x == y) return 0;
  int c = order(x->kind, y->kind);
  if (!c) c = order(x->id, y->id);
  if (!c) c = order(x->extent, y->extent);
  if (!c) c = order(x->nidx, y->nidx);
  if (!c && x->arg) c = ix_compare(x->arg, y->arg);
  for (int i = 0; i < x->nidx && !c; i++) c = ix_compare(x->idx[i], y->idx[i]);
  return c;
}

int ix_compare(const Ix *x, const Ix *y) {
  if (x == y) return 0;
  int n = x->nterm < y->nterm ? x->nterm : y->nterm, c = 0;
  for (int i = 0; i < n && !c; i++) {
    c = atom_compare(x->term[i].atom, y->term[i].atom);
    if (!c) c = order(x->term[i].coef, y->term[i].coef);
  }
  if (!c) c = order(x->nterm, y->nterm);
  return c ? c : order(x->base, y->base);
}

bool ix_same(const Ix *x, const Ix *y) {
  return ix_compare(x, y) == 0;
}

const Ix *ix_const(Arena *a, int64_t v) {
  Ix *x = ARENA_NEW(a, Ix);
  x->base = v;
  return x;
}

const Ix *ix_atom(Arena *a, int64_t coef, const IxAtom *atom) {
  Ix *x = ARENA_NEW(a, Ix);
  if (!coef) return x;
  IxTerm *t = ARENA_NEW(a, IxTerm);
  *t = (IxTerm){coef, atom};
  x->nterm = 1;
  x->term = t;
  return x;
}

const Ix *ix_axis(Arena *a, int axis, int64_t extent) {
  if (extent < 1 || axis < 0) ice("index axis %d of extent %lld", axis, (long long)extent);
  if (extent == 1) return ix_const(a, 0);
  IxAtom *atom = ARENA_NEW(a, IxAtom);
  *atom = (IxAtom){.kind = IX_AXIS, .id = axis, .extent = extent};
  return ix_atom(a, 1, atom);
}

const Ix *ix_read(Arena *a, int buf, int64_t extent, int nidx, const Ix *const *idx) {
  if (extent < 1 || buf < 0) ice("indexed read of buffer %d below %lld", buf, (long long)extent);
  if (extent == 1) return ix_const(a, 0);
  IxAtom *atom = ARENA_NEW(a, IxAtom);
  *atom = (IxAtom){.kind = IX_READ, .id = buf, .extent = extent, .nidx = nidx};
  atom->idx = ARENA_ARRAY(a, nidx, const Ix *);
  for (int i = 0; i < nidx; i++) atom->idx[i] = idx[i];
  return ix_atom(a, 1, atom);
}

/* Appends coef * atom to t[0..n), which it may join; false when it does not fit. */
static bool append(IxTerm *t, int *n, int64_t coef, const IxAtom *atom) {
  if (*n && atom_compare(t[*n - 1].atom, atom) == 0) {
    if (!ix_add_fits(t[*n - 1].coef, coef, &t[*n - 1].coef)) return false;
    if (!t[*n - 1].coef) --*n;
    return true;
  }
  if (coef) t[(*n)++] = (IxTerm){coef, atom};
  return true;
}

const Ix *ix_merge(Arena *a, const Ix *x, const Ix *y, int64_t by) {
  Ix *r = ARENA_NEW(a, Ix);
  IxTerm *t = ARENA_ARRAY(a, x->nterm + y->nterm, IxTerm);
  int64_t scaled = 0;
  if (!ix_mul_fits(y->base, by, &scaled) || !ix_add_fits(x->base, scaled, &r->base)) return NULL;
  for (int i = 0, j = 0; i < x->nterm || j < y->nterm;) {
    bool left = j == y->nterm || (i < x->nterm && atom_compare(x->term[i].atom, y->term[j].atom) <= 0);
    const IxTerm *from = left ? &x->term[i++] : &y->term[j++];
    if (!ix_mul_fits(from->coef, left ? 1 : by, &scaled)) return NULL;
    if (!append(t, &r->nterm, scaled, from->atom)) return NULL;
  }
  r->term = t;
  return r;
}

static const Ix *must_fit(const Ix *x) {
  if (!x) ice("an index expression's coefficient does not fit 62 bits");
  return x;
}

const Ix *ix_add(Arena *a, const Ix *x, const Ix *y) {
  IxWork w = {a, FUEL};
  return ix_recombine(&w, must_fit(ix_merge(a, x, y, 1)));
}

const Ix *ix_scale(Arena *a, const Ix *x, int64_t by) {
  return must_fit(ix_merge(a, ix_const(a, 0), x, by));
}

const Ix *ix_div(Arena *a, const Ix *x, int64_t by) {
  if (by < 1) ice("index quotient by %lld", (long long)by);
  IxWork w = {a, FUEL};
  return must_fit(ix_quotient(&w, x, by));
}

const Ix *ix_mod(Arena *a, const Ix *x, int64_t by) {
  if (by < 1) ice("index remainder by %lld", (long long)by);
  IxWork w = {a, FUEL};
  return must_fit(ix_remainder(&w, x, by));
}

static void atom_range(const IxAtom *atom, int64_t *lo, int64_t *hi) {
  int64_t n = atom->extent;
  *lo = 0, *hi = n - 1;
  if (!atom->arg) return;
  int64_t l, h;
  ix_range(atom->arg, &l, &h);
  int64_t ql = ix_floor_div(l, n), qh = ix_floor_div(h, n);
  if (atom->kind == IX_DIV)
    *lo = ql, *hi = qh;
  else if (ql == qh)
    *lo = l - ql * n, *hi = h - ql * n;
}

/* base + coef * v, held within the limit. */
static int64_t held_within(int64_t base, int64_t coef, int64_t v) {
  int64_t r;
  if (!ix_mul_fits(coef, v, &r)) r = (coef < 0) == (v < 0) ? limit - 1 : 1 - limit;
  if (!ix_add_fits(base, r, &r)) return base < 0 ? 1 - limit : limit - 1;
  return r;
}

void ix_range(const Ix *x, int64_t *lo, int64_t *hi) {
  *lo = *hi = x->base;
  for (int i = 0; i < x->nterm; i++) {
    int64_t l, h, coef = x->term[i].coef;
    atom_range(x->term[i].atom, &l, &h);
    *lo = held_within(*lo, coef, coef > 0 ? l : h);
    *hi = held_within(*hi, coef, coef > 0 ? h : l);
  }
}

bool ix_is_const(const Ix *x, int64_t *value) {
  if (value) *value = x->base;
  return x->nterm == 0;
}

static bool atom_uses_axis(const IxAtom *atom, int axis) {
  if (atom->kind == IX_AXIS) return atom->id == axis;
  if (atom->arg) return ix_uses_axis(atom->arg, axis);
  for (int i = 0; i < atom->nidx; i++)
    if (ix_uses_axis(atom->idx[i], axis)) return true;
  return false;
}

bool ix_uses_axis(const Ix *x, int axis) {
  for (int i = 0; i < x->nterm; i++)
    if (atom_uses_axis(x->term[i].atom, axis)) return true;
  return false;
}

bool ix_coef(const Ix *x, int axis, int64_t *coef) {
  *coef = 0;
  for (int i = 0; i < x->nterm; i++) {
    const IxTerm *t = &x->term[i];
    if (t->atom->kind == IX_AXIS && t->atom->id == axis)
      *coef = t->coef;
    else if (atom_uses_axis(t->atom, axis))
      return false;
  }
  return true;
}

/* What a rebuilt expression's atoms become: axes by `to`, buffers of reads by `bufs` (NULL: kept). */
typedef struct Map {
  Arena *arena;
  const Ix *const *to;
  int n;
  const int *bufs;
} Map;

static const Ix *map_ix(const Map *m, const Ix *x);

static const Ix *map_read(const Map *m, const IxAtom *atom) {
  const Ix **idx = ARENA_ARRAY(m->arena, atom->nidx, const Ix *);
  for (int i = 0; i < atom->nidx; i++) idx[i] = map_ix(m, atom->idx[i]);
  return ix_read(m->arena, m->bufs ? m->bufs[atom->id] : atom->id, atom->extent, atom->nidx, idx);
}

static const Ix *map_atom(const Map *m, const IxAtom *atom) {
  switch (atom->kind) {
  case IX_AXIS:
    if (m->to && atom->id < m->n && m->to[atom->id]) return m->to[atom->id];
    return ix_axis(m->arena, atom->id, atom->extent);
  case IX_DIV: return ix_div(m->arena, map_ix(m, atom->arg), atom->extent);
  case IX_MOD: return ix_mod(m->arena, map_ix(m, atom->arg), atom->extent);
  case IX_READ: return map_read(m, atom);
  }
  ice("index atom of kind %d", (int)atom->kind);
}

static const Ix *map_ix(const Map *m, const Ix *x) {
  const Ix *r = ix_const(m->arena, x->base);
  for (int i = 0; i < x->nterm; i++)
    r = ix_add(m->arena, r, ix_scale(m->arena, map_atom(m, x->term[i].atom), x->term[i].coef));
  return r;
}

const Ix *ix_subst(Arena *a, const Ix *x, const Ix *const *to, int n) {
  return map_ix(&(Map){a, to, n, NULL}, x);
}

const Ix *ix_rename_reads(Arena *a, const Ix *x, const int *to) {
  return map_ix(&(Map){a, NULL, 0, to}, x);
}

static int64_t eval_atom(const IxAtom *atom, const int64_t *axis, IxReader *read, void *ctx) {
  if (atom->kind == IX_AXIS) return axis[atom->id];
  if (atom->kind == IX_READ) {
    int64_t idx[16];
    if (atom->nidx > 16) ice("indexed read of %d dimensions", atom->nidx);
    for (int i = 0; i < atom->nidx; i++) idx[i] = ix_eval(atom->idx[i], axis, read, ctx);
    return read(ctx, atom->id, idx, atom->nidx);
  }
  int64_t v = ix_eval(atom->arg, axis, read, ctx), q = ix_floor_div(v, atom->extent);
  return atom->kind == IX_DIV ? q : v - q * atom->extent;
}

int64_t ix_eval(const Ix *x, const int64_t *axis, IxReader *read, void *ctx) {
  int64_t r = x->base;
  for (int i = 0; i < x->nterm; i++) r += x->term[i].coef * eval_atom(x->term[i].atom, axis, read, ctx);
  return r;
}

void ix_unflatten(Arena *a, const Ix *linear, int rank, const int64_t *dim, const Ix **out) {
  for (int i = rank - 1; i >= 0; i--) {
    out[i] = i ? ix_mod(a, linear, dim[i]) : linear;
    linear = ix_div(a, linear, dim[i]);
  }
}

const Ix *ix_flatten(Arena *a, int rank, const int64_t *dim, const Ix *const *idx) {
  const Ix *r = ix_const(a, 0);
  for (int i = 0; i < rank; i++) r = ix_add(a, ix_scale(a, r, dim[i]), idx[i]);
  return r;
}

static void write_atom(FILE *f, const IxAtom *atom, const IxNames *names) {
  if (atom->kind == IX_AXIS) {
    fputs(names->axis(names->ctx, atom->id), f);
  } else if (atom->kind == IX_READ) {
    fprintf(f, "%s[", names->buf(names->ctx, atom->id));
    for (int i = 0; i < atom->nidx; i++) {
      if (i) fputs(", ", f);
      ix_write(f, atom->idx[i], names);
    }
    fputc(']', f);
  } else {
    const Ix *x = atom->arg;
    bool bare = x->nterm == 1 && x->base == 0 && x->term[0].coef == 1;
    fputs(bare ? "(" : "((", f);
    ix_write(f, x, names);
    fprintf(f, "%s%c%lld)", bare ? "" : ")", atom->kind == IX_DIV ? '/' : '%', (long long)atom->extent);
  }
}

static void write_term(FILE *f, int64_t coef, const IxAtom *atom, bool first, const IxNames *names) {
  if (coef < 0)
    fputs(first ? "-" : " - ", f);
  else if (!first)
    fputs(" + ", f);
  if (coef != 1 && coef != -1) fprintf(f, "%lld*", (long long)llabs(coef));
  write_atom(f, atom, names);
}

void ix_write(FILE *f, const Ix *x, const IxNames *names) {
  for (int i = 0; i < x->nterm; i++) write_term(f, x->term[i].coef, x->term[i].atom, i == 0, names);
  if (x->nterm == 0)
    fprintf(f, "%lld", (long long)x->base);
  else if (x->base)
    fprintf(f, " %c %lld", x->base < 0 ? '-' : '+', (long long)llabs(x->base));
}

char *ix_text(Arena *a, const Ix *x, const IxNames *names) {
  TextStream text;
  arena_text_open(&text);
  ix_write(text.f, x, names);
  return arena_text_close(a, &text);
}
