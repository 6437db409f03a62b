/* The kernel verifier: stores, and buffers that are read and written. */
#include "ir/kernel/kern_check.h"
#include "ir/kernel/kern_walk.h"

enum { MOST_POINTS = 1 << 20, MOST_ELEMENTS = 1 << 24 };

static const KVal *stored_value(const Kernel *k, const KStore *s) {
  return &k->val[s->val];
}

/* K14 for one dimension. */
static bool check_index(KCheck *c, const KStore *s, int i) {
  const KBuf *b = &c->k->buf[s->buf];
  const char *why = NULL;
  if (kcheck_axes_of(c->k, s->idx[i]) & ~kcheck_domain(stored_value(c->k, s)))
    why = "uses an axis that is none of the value's";
  else if (ix_has_read(s->idx[i]))
    why = "depends on a buffer";
  else if (!kcheck_within(c, s->idx[i], b->dim[i]))
    why = "is out of range";
  if (why)
    kcheck_fail(c, 14, "the store of '%s' to '%s' %s in dimension %d: %s", stored_value(c->k, s)->name,
                b->name, why, i, kcheck_text(c, s->idx[i]));
  return !why;
}

static bool check_store(KCheck *c, const KStore *s) {
  const KBuf *b = &c->k->buf[s->buf];
  const KVal *v = stored_value(c->k, s);
  int before = c->errors;
  if (b->kind == KB_IN) kcheck_fail(c, 14, "'%s' is stored to '%s', which is only read", v->name, b->name);
  if (b->dtype != v->dtype)
    kcheck_fail(c, 14, "'%s' of type %s is stored to '%s' of type %s", v->name, dtype_name(v->dtype), b->name,
                dtype_name(b->dtype));
  for (int i = 0; i < b->rank; i++) check_index(c, s, i);
  return c->errors == before;
}

static const Ix *element_of(KCheck *c, const KStore *s) {
  const KBuf *b = &c->k->buf[s->buf];
  return ix_flatten(c->arena, b->rank, b->dim, s->idx);
}

/* Whether the index is affine and hits different elements at different points of the axes. */
static bool affine_one_to_one(const Kernel *k, const KVal *v, const Ix *x) {
  int64_t coef[KERN_MAX_DOMAIN], extent[KERN_MAX_DOMAIN];
  for (int i = 0; i < v->naxes; i++) {
    if (!ix_coef(x, v->axis[i], &coef[i])) return false;
    extent[i] = k->axis[v->axis[i]].extent;
  }
  return kcheck_one_to_one(v->naxes, coef, extent);
}

/* The product of the domain's extents, or more than MOST_POINTS. */
static int64_t points_of(const Kernel *k, const KVal *v) {
  int64_t n = 1;
  for (int i = 0; i < v->naxes && n <= MOST_POINTS; i++) n *= k->axis[v->axis[i]].extent;
  return n;
}

/* Marks every element that the store hits; false when one was marked before. */
static bool mark(KCheck *c, const KStore *s, unsigned char *seen) {
  const Ix *element = element_of(c, s);
  const KVal *v = stored_value(c->k, s);
  int64_t at[KERN_MAX_AXES] = {0};
  do {
    int64_t e = ix_eval(element, at, NULL, NULL);
    if (seen[e / 8] >> (e % 8) & 1) return false;
    seen[e / 8] |= (unsigned char)(1u << (e % 8));
  } while (kern_next_point(c->k, v->naxes, v->axis, at));
  return true;
}

static int64_t element_count(const KBuf *b) {
  Shape s = shape_of(b->rank, b->dim);
  return shape_count(&s);
}

/* Whether the store's points are few enough to try them all. */
static bool few(KCheck *c, const KStore *s) {
  int64_t points = points_of(c->k, stored_value(c->k, s)), elements = element_count(&c->k->buf[s->buf]);
  return points <= MOST_POINTS && elements <= MOST_ELEMENTS && kcheck_afford(c, points + elements / 64);
}

static void check_distinct_elements(KCheck *c, const KStore *s) {
  if (affine_one_to_one(c->k, stored_value(c->k, s), element_of(c, s))) return;
  const KBuf *b = &c->k->buf[s->buf];
  if (few(c, s) && mark(c, s, arena_alloc(c->arena, (size_t)(element_count(b) / 8 + 1)))) return;
  kcheck_fail(c, 15, "the store of '%s' may hit an element of '%s' twice: %s", stored_value(c->k, s)->name,
              b->name, kcheck_text(c, element_of(c, s)));
}

static bool apart(const Kernel *k, const KStore *s, const KStore *t) {
  for (int i = 0; i < k->buf[s->buf].rank; i++) {
    int64_t slo, shi, tlo, thi;
    ix_range(s->idx[i], &slo, &shi);
    ix_range(t->idx[i], &tlo, &thi);
    if (shi < tlo || thi < slo) return true;
  }
  return false;
}

/* Stores to one buffer; where ranges do not tell and there are too many points to try, it is trusted. */
static void check_disjoint(KCheck *c, const KStore *s, const KStore *t) {
  const KBuf *b = &c->k->buf[s->buf];
  if (s->buf != t->buf || apart(c->k, s, t) || !few(c, s) || !few(c, t)) return;
  unsigned char *seen = arena_alloc(c->arena, (size_t)(element_count(b) / 8 + 1));
  if (!mark(c, s, seen) || mark(c, t, seen)) return;
  kcheck_fail(c, 16, "two stores hit one element of '%s': of '%s' and of '%s'", b->name,
              stored_value(c->k, s)->name, stored_value(c->k, t)->name);
}

static bool same_place(const Kernel *k, const KStore *s, const KExpr *read) {
  if (s->buf != read->ref) return false;
  for (int i = 0; i < k->buf[s->buf].rank; i++)
    if (!ix_same(s->idx[i], read->idx[i])) return false;
  return true;
}

/* The store that writes where the read reads, or NULL. */
static const KStore *written_where_read(const Kernel *k, const KExpr *read) {
  for (int i = 0; i < k->nstore; i++)
    if (same_place(k, &k->store[i], read)) return &k->store[i];
  return NULL;
}

/* The value's axes, without those of one point. */
static uint32_t points_over(const Kernel *k, const KVal *v) {
  uint32_t axes = kcheck_domain(v);
  for (int i = 0; i < k->naxes; i++)
    if (k->axis[i].extent == 1) axes &= ~(1u << i);
  return axes;
}

/* One value's reads of inout buffers, itself and through values that contain one. */
typedef struct Inout {
  const Kernel *k;
  bool *tainted; /* by value: it contains one */
  int value;
  int rule; /* that is broken, or 0 */
} Inout;

/* K17: they stay at the point that is written. K26: and are made when it is, as what is over other axes need
 * not be. `of`: the value that is written there, or that the read is in. */
static void check_inout_read(Inout *c, const KVal *of, bool at_point) {
  const KVal *v = &c->k->val[c->value];
  c->tainted[c->value] = true;
  if (v->reduce != KR_NONE || !of || !at_point)
    c->rule = 17;
  else if (points_over(c->k, v) != points_over(c->k, of))
    c->rule = 26;
}

static void look_for_inout(Inout *c, const KExpr *e) {
  const Kernel *k = c->k;
  if (e->kind == KE_READ && k->buf[e->ref].kind == KB_INOUT) {
    const KStore *s = written_where_read(k, e);
    check_inout_read(c, s ? stored_value(k, s) : NULL, true);
  }
  if (e->kind == KE_VALUE && c->tainted[e->ref])
    check_inout_read(c, &k->val[e->ref], kexpr_at_own_axes(k, e));
  for (int i = 0; i < 3 && e->arg[i]; i++) look_for_inout(c, e->arg[i]);
}

static void check_inout(KCheck *c) {
  Inout x = {.k = c->k, .tainted = ARENA_ARRAY(c->arena, c->k->nval, bool)};
  for (x.value = 0; x.value < c->k->nval; x.value++) {
    const KVal *v = &c->k->val[x.value];
    c->loc = v->loc;
    x.rule = 0;
    look_for_inout(&x, v->expr);
    if (x.rule == 17)
      kcheck_fail(c, 17, "'%s' reads an inout buffer elsewhere than where it is written", v->name);
    if (x.rule == 26)
      kcheck_fail(c, 26, "'%s' reads an inout buffer that is written over other axes: before or after",
                  v->name);
  }
}

static void check_written(KCheck *c) {
  const Kernel *k = c->k;
  c->loc = k->loc;
  if (k->nstore == 0) kcheck_fail(c, 18, "nothing is stored");
  for (int b = 0; b < k->nbuf; b++) {
    bool written = k->buf[b].kind == KB_IN;
    for (int i = 0; i < k->nstore; i++) written |= k->store[i].buf == b;
    if (!written) kcheck_fail(c, 18, "nothing is stored to '%s'", k->buf[b].name);
  }
}

void kcheck_stores(KCheck *c) {
  const Kernel *k = c->k;
  bool *ok = ARENA_ARRAY(c->arena, k->nstore, bool);
  for (int i = 0; i < k->nstore; i++) {
    c->loc = stored_value(k, &k->store[i])->loc;
    ok[i] = check_store(c, &k->store[i]);
    if (ok[i]) check_distinct_elements(c, &k->store[i]);
    for (int j = 0; j < i; j++)
      if (ok[i] && ok[j]) check_disjoint(c, &k->store[j], &k->store[i]);
  }
  check_inout(c);
  check_written(c);
}
