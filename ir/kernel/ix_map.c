/* Index expressions: substitution, evaluation, flattening and text. */
#include <stdlib.h>
#include <string.h>

#include "base/diag.h"
#include "ir/kernel/ix_simplify.h"

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
  char *text = NULL;
  size_t len = 0;
  FILE *f = open_memstream(&text, &len);
  if (!f) ice("out of memory for text");
  ix_write(f, x, names);
  fclose(f);
  char *copy = arena_strndup(a, text, len);
  free(text);
  return copy;
}
