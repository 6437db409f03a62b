/* The kernel verifier: declarations, expressions and reductions, and the order of the checks. The rules K1,
 * K2, .. are in docs/kernel-ir.md; each message begins with the number of the rule that is broken. */
#include <stdlib.h>
#include <string.h>

#include "ir/kernel/kern_check.h"
#include "ir/kernel/kern_impl.h"
#include "ir/kernel/kern_walk.h"

enum { MOST_TRIED = 1 << 16, TRIES = 1 << 23 };
static const int64_t most_extent = (int64_t)1 << 40;

void kcheck_fail(KCheck *c, int rule, const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  diag_error(c->loc, "kernel %s: K%d: %s", c->k->name, rule, arena_vprintf(c->arena, fmt, ap));
  va_end(ap);
  c->errors++;
}

bool kcheck_afford(KCheck *c, int64_t points) {
  if (points > c->tries) return false;
  c->tries -= points;
  return true;
}

static const char *axis_name(void *ctx, int axis) {
  const Kernel *k = ctx;
  return axis < k->naxes ? k->axis[axis].name : "?";
}

static const char *buf_name(void *ctx, int buf) {
  const Kernel *k = ctx;
  return buf < k->nbuf ? k->buf[buf].name : "?";
}

const char *kcheck_text(KCheck *c, const Ix *x) {
  return ix_text(c->arena, x, &(IxNames){axis_name, buf_name, (void *)(uintptr_t)c->k});
}

uint32_t kcheck_axes_of(const Kernel *k, const Ix *x) {
  uint32_t axes = 0;
  for (int i = 0; i < k->naxes; i++)
    if (ix_uses_axis(x, i)) axes |= 1u << i;
  return axes;
}

static bool within_at_every_point(KCheck *c, const Ix *x, int64_t extent) {
  int axis[KERN_MAX_AXES] = {0}, n = 0;
  int64_t at[KERN_MAX_AXES] = {0}, points = 1;
  for (int i = 0; i < c->k->naxes && points <= MOST_TRIED; i++) {
    if (!ix_uses_axis(x, i)) continue;
    axis[n++] = i;
    points *= c->k->axis[i].extent;
  }
  if (ix_has_read(x) || points > MOST_TRIED || !kcheck_afford(c, points)) return false;
  do {
    int64_t v = ix_eval(x, at, NULL, NULL);
    if (v < 0 || v >= extent) return false;
  } while (kern_next_point(c->k, n, axis, at));
  return true;
}

bool kcheck_within(KCheck *c, const Ix *x, int64_t extent) {
  int64_t lo, hi;
  ix_range(x, &lo, &hi);
  if (lo >= 0 && hi < extent) return true;
  bool plain = true; /* of affine expressions the range is exact; far values are not worth the search */
  for (int i = 0; i < x->nterm; i++) plain &= x->term[i].atom->kind == IX_AXIS;
  bool near = lo >= -8 * extent && hi < 8 * extent;
  return !plain && near && within_at_every_point(c, x, extent);
}

static void check_axes(KCheck *c) {
  const Kernel *k = c->k;
  if (k->naxes < 0 || k->naxes > KERN_MAX_AXES) {
    kcheck_fail(c, 1, "%d axes, expected at most %d", k->naxes, KERN_MAX_AXES);
    return;
  }
  for (int i = 0; i < k->naxes; i++) {
    const KAxis *x = &k->axis[i];
    if (!kern_is_identifier(x->name) || kern_is_reserved(x->name))
      kcheck_fail(c, 1, "axis '%s' has no proper name", x->name);
    if (kern_find_axis(k, x->name) != i) kcheck_fail(c, 1, "two axes are named '%s'", x->name);
    if (x->extent < 1 || x->extent > most_extent)
      kcheck_fail(c, 1, "axis '%s' has the extent %lld, expected 1 .. 2^40", x->name, (long long)x->extent);
  }
}

static void check_name(KCheck *c, const char *name, bool first) {
  if (!kern_is_identifier(name) || kern_is_reserved(name))
    kcheck_fail(c, 2, "'%s' is not a proper name of a buffer, word or value", name);
  else if (!first)
    kcheck_fail(c, 2, "two buffers, words or values are named '%s'", name);
}

static void check_all_names(KCheck *c) {
  const Kernel *k = c->k;
  for (int i = 0; i < k->nbuf; i++) check_name(c, k->buf[i].name, kern_find_buf(k, k->buf[i].name) == i);
  for (int i = 0; i < k->nword; i++) {
    const char *name = k->word[i].name;
    check_name(c, name, kern_find_word(k, name) == i && kern_find_buf(k, name) < 0);
  }
  for (int i = 0; i < k->nval; i++) {
    const char *name = k->val[i].name;
    bool other = kern_find_buf(k, name) >= 0 || kern_find_word(k, name) >= 0;
    check_name(c, name, kern_find_val(k, name) == i && !other);
  }
}

bool kcheck_one_to_one(int n, const int64_t *coef, const int64_t *extent) {
  int64_t reach = 0;
  bool done[KERN_MAX_DOMAIN] = {0};
  for (int k = 0; k < n; k++) {
    int least = -1;
    for (int i = 0; i < n; i++)
      if (!done[i] && (least < 0 || llabs(coef[i]) < llabs(coef[least]))) least = i;
    done[least] = true;
    if (extent[least] == 1) continue;
    if (llabs(coef[least]) <= reach) return false;
    reach += llabs(coef[least]) * (extent[least] - 1);
  }
  return true;
}

uint32_t kcheck_domain(const KVal *v) {
  uint32_t axes = 0;
  for (int i = 0; i < v->naxes; i++) axes |= 1u << v->axis[i];
  return axes;
}

/* The offset of the last element, held within 2^62. */
static int64_t reach_of(const KBuf *b) {
  double reach = 0;
  for (int i = 0; i < b->rank; i++) reach += (double)(b->dim[i] - 1) * (double)b->stride[i];
  return reach < 0x1p62 ? (int64_t)reach : (int64_t)1 << 62;
}

static void check_buf(KCheck *c, const KBuf *b) {
  Shape s = {.rank = b->rank};
  if (b->rank < 0 || b->rank > MAX_RANK || b->dtype >= DT_COUNT) {
    kcheck_fail(c, 3, "buffer '%s' has no proper rank or type", b->name);
    return;
  }
  memcpy(s.dim, b->dim, sizeof s.dim);
  if (shape_count(&s) < 0) {
    kcheck_fail(c, 3, "buffer '%s' has an extent below 1 or more than 2^40 elements", b->name);
    return;
  }
  for (int i = 0; i < b->rank; i++)
    if (b->stride[i] < 0 || b->stride[i] > (int64_t)1 << 48) {
      kcheck_fail(c, 3, "buffer '%s' has the stride %lld, expected 0 .. 2^48", b->name,
                  (long long)b->stride[i]);
      return;
    }
  if (reach_of(b) > (int64_t)1 << 48) {
    kcheck_fail(c, 3, "buffer '%s' reaches further than 2^48 elements", b->name);
    return;
  }
  if (b->kind != KB_IN && !kcheck_one_to_one(b->rank, b->stride, b->dim))
    kcheck_fail(c, 4, "buffer '%s' is written, but its strides put two elements at one place", b->name);
}

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

static void check_index_reads(KCheck *c, const Ix *x) {
  ix_each_read(x, check_read_atom, c);
}

static void check_ix(Scope *s, const Ix *x) {
  if (kcheck_axes_of(s->c->k, x) & ~s->axes)
    kcheck_fail(s->c, 6, "'%s' uses an axis that it is neither over nor reduced over: %s", s->v->name,
                kcheck_text(s->c, x));
  check_index_reads(s->c, x);
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

static void check_word(Scope *s, const KExpr *e) {
  const Kernel *k = s->c->k;
  DType t = e->kind == KE_RANDOM ? DT_U64 : DT_F32;
  if (e->ref >= 0 && e->ref < k->nword && k->word[e->ref].type == t) return;
  kcheck_fail(s->c, 19, "'%s' takes word %d of %d as a %s", s->v->name, e->ref, k->nword,
              e->kind == KE_RANDOM ? "stream" : "number");
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
  if (e->kind == KE_STEP || e->kind == KE_RANDOM || e->kind == KE_NUMBER) ok = e->dtype == DT_F32;
  if (e->kind == KE_CONST || e->kind == KE_CAST) ok = e->dtype < DT_COUNT && e->dtype != DT_U64;
  if (!ok)
    kcheck_fail(s->c, 8, "'%s': a constant, number, index, cast, step or draw of type %s", s->v->name,
                e->dtype < DT_COUNT ? dtype_name(e->dtype) : "none");
}

static void check(Scope *s, const KExpr *e, bool guarded) {
  check_type(s, e);
  if (e->ix) check_ix(s, e->ix);
  for (int i = 0; i < e->nidx; i++) check_ix(s, e->idx[i]);
  if (e->kind == KE_READ) check_read(s, e, guarded);
  if (e->kind == KE_VALUE) check_use(s, e, guarded);
  if (e->kind == KE_RANDOM || e->kind == KE_NUMBER) check_word(s, e);
  if (e->kind == KE_ELT) check_elt(s, e);
  bool select = e->kind == KE_ELT && e->elt == E_SELECT;
  for (int i = 0; i < 3 && e->arg[i]; i++) check(s, e->arg[i], guarded || (select && i > 0));
}

static void check_expr(KCheck *c, const KVal *v, int number) {
  Scope s = {.c = c, .v = v, .number = number, .axes = kcheck_domain(v)};
  for (int i = 0; i < v->nred; i++) s.axes |= 1u << v->red[i].axis;
  if (v->expr->dtype != v->dtype)
    kcheck_fail(c, 8, "'%s' is of type %s, its expression of type %s", v->name, dtype_name(v->dtype),
                dtype_name(v->expr->dtype));
  check(&s, v->expr, false);
}

/* False when an axis does not exist, so that nothing more can be said. */
static bool check_value_axes(KCheck *c, const KVal *v) {
  uint32_t seen = 0;
  for (int i = 0; i < v->naxes + v->nred; i++) {
    int axis = i < v->naxes ? v->axis[i] : v->red[i - v->naxes].axis;
    if (axis < 0 || axis >= c->k->naxes) {
      kcheck_fail(c, 5, "'%s' is over axis %d of %d", v->name, axis, c->k->naxes);
      return false;
    }
    if (seen >> axis & 1) kcheck_fail(c, 5, "'%s' has the axis '%s' twice", v->name, c->k->axis[axis].name);
    seen |= 1u << axis;
  }
  return true;
}

static void check_reduction(KCheck *c, const KVal *v) {
  if ((v->reduce == KR_NONE) != (v->nred == 0))
    kcheck_fail(c, 11, "'%s' has %d reduced axes", v->name, v->nred);
  if (v->reduce == KR_NONE) return;
  bool number = dtype_is_float(v->dtype) || v->dtype == DT_I32;
  if (!number) kcheck_fail(c, 11, "'%s' reduces values of type %s", v->name, dtype_name(v->dtype));
  bool fits = v->reduce == KR_MAX        ? v->acc == v->dtype
              : dtype_is_float(v->dtype) ? v->acc == DT_F32 || v->acc == v->dtype
                                         : v->acc == v->dtype;
  if (number && !fits)
    kcheck_fail(c, 11, "'%s' accumulates %s in %s", v->name, dtype_name(v->dtype), dtype_name(v->acc));
}

static void check_bound(KCheck *c, const KVal *v, const KRed *r, const Ix *x) {
  const KAxis *axis = &c->k->axis[r->axis];
  if (kcheck_axes_of(c->k, x) & ~kcheck_domain(v))
    kcheck_fail(c, 12, "a bound of '%s' in '%s' uses an axis that is none of the value's: %s", axis->name,
                v->name, kcheck_text(c, x));
  else if (!kcheck_within(c, x, axis->extent + 1))
    kcheck_fail(c, 12, "a bound of '%s' in '%s' leaves 0 .. %lld: %s", axis->name, v->name,
                (long long)axis->extent, kcheck_text(c, x));
  check_index_reads(c, x);
}

static void check_value(KCheck *c, int i) {
  const KVal *v = &c->k->val[i];
  c->loc = v->loc;
  if (!check_value_axes(c, v)) {
    c->unsound = true;
    return;
  }
  check_reduction(c, v);
  for (int r = 0; r < v->nred; r++) {
    if (v->red[r].lo) check_bound(c, v, &v->red[r], v->red[r].lo);
    if (v->red[r].hi) check_bound(c, v, &v->red[r], v->red[r].hi);
  }
  check_expr(c, v, i);
}

bool kern_verify(const Kernel *k) {
  KCheck c = {.k = k, .arena = arena_new(), .loc = k->loc, .tries = TRIES};
  c.bounds = kern_read_bounds(c.arena, k);
  check_axes(&c);
  check_all_names(&c);
  for (int i = 0; i < k->nbuf; i++) check_buf(&c, &k->buf[i]);
  if (!c.errors) {
    for (int i = 0; i < k->nval; i++) check_value(&c, i);
    if (!c.unsound) kcheck_stores(&c);
    if (!c.unsound) kcheck_plans(&c);
  }
  arena_free(c.arena);
  return c.errors == 0;
}
