/* The kernel verifier: expressions. */
#include <string.h>

#include "ir/kernel/kern_check.h"
#include "ir/kernel/kern_name.h"
#include "ir/kernel/kern_walk.h"

/* One value's expression being checked. */
typedef struct Scope {
  KCheck *c;
  const KVal *v;
  int number;
  uint32_t axes; /* those it may use */
} Scope;

static void check_read_atom(void *ctx, const IxAtom *read) {
  KCheck *c = ctx;
  const Kernel *k = c->k;
  if (read->id < 0 || read->id >= k->nbuf) {
    kcheck_fail(c, 13, "an index reads buffer %d of %d", read->id, k->nbuf);
    return;
  }
  const KBuf *b = &k->buf[read->id];
  if (b->dtype != DT_I32 || b->kind != KB_IN)
    kcheck_fail(c, 13, "an index reads '%s', expected an i32 'in' buffer", b->name);
  if (read->nidx != b->rank) {
    kcheck_fail(c, 13, "an index reads '%s' at %d indices, expected %d", b->name, read->nidx, b->rank);
    return;
  }
  if (c->bounds[read->id] != read->extent)
    kcheck_fail(c, 13, "indices read '%s' with different bounds", b->name);
  for (int i = 0; i < b->rank; i++)
    if (!kcheck_within(c, read->idx[i], b->dim[i]))
      kcheck_fail(c, 13, "an index reads '%s' out of range in dimension %d: %s", b->name, i,
                  kcheck_text(c, read->idx[i]));
}

void kcheck_reads(KCheck *c, const Ix *x) {
  ix_each_read(x, check_read_atom, c);
}

static void check_ix(Scope *s, const Ix *x) {
  if (kcheck_axes_of(s->c->k, x) & ~s->axes)
    kcheck_fail(s->c, 6, "'%s' uses an axis that it is neither over nor reduced over: %s", s->v->name,
                kcheck_text(s->c, x));
  kcheck_reads(s->c, x);
}

static void check_range(Scope *s, const char *name, int dim, const Ix *x, int64_t extent) {
  if (!kcheck_within(s->c, x, extent))
    kcheck_fail(s->c, 10, "'%s' reads '%s' out of range in dimension %d of extent %lld: %s", s->v->name, name,
                dim, (long long)extent, kcheck_text(s->c, x));
}

static void check_read(Scope *s, const KExpr *e, bool guarded) {
  const Kernel *k = s->c->k;
  if (e->ref < 0 || e->ref >= k->nbuf || e->nidx != k->buf[e->ref].rank) {
    kcheck_fail(s->c, 9, "'%s' reads no proper buffer", s->v->name);
    s->c->unsound = true;
    return;
  }
  const KBuf *b = &k->buf[e->ref];
  if (b->kind == KB_OUT) kcheck_fail(s->c, 9, "'%s' reads '%s', which is only written", s->v->name, b->name);
  if (b->dtype != e->dtype) kcheck_fail(s->c, 8, "'%s' reads '%s' as another type", s->v->name, b->name);
  for (int i = 0; i < e->nidx && !guarded; i++) check_range(s, b->name, i, e->idx[i], b->dim[i]);
}

static void check_use(Scope *s, const KExpr *e, bool guarded) {
  const Kernel *k = s->c->k;
  if (e->ref < 0 || e->ref >= s->number || e->nidx != k->val[e->ref].naxes) {
    kcheck_fail(s->c, 7, "'%s' uses a value that does not come before it, or with a wrong number of indices",
                s->v->name);
    s->c->unsound = true;
    return;
  }
  const KVal *u = &k->val[e->ref];
  if (u->dtype != e->dtype) kcheck_fail(s->c, 8, "'%s' uses '%s' as another type", s->v->name, u->name);
  for (int i = 0; i < e->nidx && !guarded; i++)
    check_range(s, u->name, i, e->idx[i], k->axis[u->axis[i]].extent);
}

static void check_draw(Scope *s, const KExpr *e) {
  const Kernel *k = s->c->k;
  if (e->ref >= 0 && e->ref < k->nstream) return;
  kcheck_fail(s->c, 19, "'%s' draws from stream %d of %d", s->v->name, e->ref, k->nstream);
}

static void check_elt(Scope *s, const KExpr *e) {
  DType t[3] = {DT_COUNT, DT_COUNT, DT_COUNT};
  for (int i = 0; i < elt_rows[e->elt].arity; i++) t[i] = e->arg[i]->dtype;
  if (elt_result(e->elt, t) != e->dtype)
    kcheck_fail(s->c, 8, "'%s': the operands or the result of '%s' have a wrong type", s->v->name,
                elt_rows[e->elt].text);
}

/* u64 is for counters: nothing makes one out of something else. */
static void check_type(Scope *s, const KExpr *e) {
  bool ok = e->dtype < DT_COUNT;
  if (e->kind == KE_INDEX) ok = dtype_is_float(e->dtype) || e->dtype == DT_I32;
  if (e->kind == KE_STEP || e->kind == KE_RANDOM) ok = e->dtype == DT_F32;
  if (e->kind == KE_CONST || e->kind == KE_CAST) ok = e->dtype < DT_COUNT && e->dtype != DT_U64;
  if (!ok)
    kcheck_fail(s->c, 8, "'%s': a constant, index, cast, step or draw of type %s", s->v->name,
                e->dtype < DT_COUNT ? dtype_name(e->dtype) : "none");
}

static void check(Scope *s, const KExpr *e, bool guarded) {
  check_type(s, e);
  if (e->ix) check_ix(s, e->ix);
  for (int i = 0; i < e->nidx; i++) check_ix(s, e->idx[i]);
  if (e->kind == KE_READ) check_read(s, e, guarded);
  if (e->kind == KE_VALUE) check_use(s, e, guarded);
  if (e->kind == KE_RANDOM) check_draw(s, e);
  if (e->kind == KE_ELT) check_elt(s, e);
  bool select = e->kind == KE_ELT && e->elt == E_SELECT;
  for (int i = 0; i < 3 && e->arg[i]; i++) check(s, e->arg[i], guarded || (select && i > 0));
}

void kcheck_expr(KCheck *c, const KVal *v, int number) {
  Scope s = {.c = c, .v = v, .number = number};
  for (int i = 0; i < v->naxes; i++) s.axes |= 1u << v->axis[i];
  for (int i = 0; i < v->nred; i++) s.axes |= 1u << v->red[i].axis;
  if (v->expr->dtype != v->dtype)
    kcheck_fail(c, 8, "'%s' is of type %s, its expression of type %s", v->name, dtype_name(v->dtype),
                dtype_name(v->expr->dtype));
  check(&s, v->expr, false);
}
