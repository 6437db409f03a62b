/* Quotients, remainders and the recombination of both. A dividend is first split by divisibility,
 * x = n*q + r; what is left is simplified by its range, by common factors (8*i + j over 64 with j < 8 is i
 * over 8) and by opening the quotients and remainders inside it. */
#include "ir/kernel/ix_simplify.h"

#include <stdlib.h>

#include "base/diag.h"
#include "base/i64.h"

/* Quotients and remainders weigh most, so that fewer of them is always cheaper. */
static int64_t cost(const Ix *x) {
  int64_t c = x->base != 0;
  for (int i = 0; i < x->nterm; i++) {
    const IxAtom *atom = x->term[i].atom;
    c += 2;
    if (atom->arg) c += 8 + cost(atom->arg);
  }
  return c;
}

static bool cheaper(const Ix *candidate, const Ix *than) {
  return candidate && cost(candidate) < cost(than);
}

/* The same where x is part of a sum: its range must stay as narrow, since that is what shows accesses to be
 * inside their buffers (128*(p/2) + 8*(p%2) is better than 64*p - 56*(p%2)). */
static bool better_term(const Ix *candidate, const Ix *than) {
  int64_t lo, hi, least, most;
  if (!cheaper(candidate, than)) return false;
  ix_range(candidate, &lo, &hi);
  ix_range(than, &least, &most);
  return lo >= least && hi <= most;
}

static bool compound(const IxAtom *atom) {
  return atom->kind == IX_DIV || atom->kind == IX_MOD;
}

static bool spend(IxWork *w) {
  if (w->fuel <= 0) return false;
  w->fuel--;
  return true;
}

/* x + by * y, NULL when either is missing. */
static const Ix *plus(IxWork *w, const Ix *x, const Ix *y, int64_t by) {
  return x && y ? ix_merge(w->arena, x, y, by) : NULL;
}

static const Ix *add_base(IxWork *w, const Ix *x, int64_t by) {
  return plus(w, x, ix_const(w->arena, by), 1);
}

static const Ix *without_term(IxWork *w, const Ix *x, int i) {
  return plus(w, x, ix_atom(w->arena, 1, x->term[i].atom), -x->term[i].coef);
}

static const Ix *compound_atom(IxWork *w, IxKind kind, const Ix *arg, int64_t by) {
  IxAtom *atom = ARENA_NEW(w->arena, IxAtom);
  *atom = (IxAtom){.kind = kind, .extent = by, .arg = arg};
  return ix_atom(w->arena, 1, atom);
}

/* x = n*q + r: r's base in 0..n-1 and its coefficients below n in size, with x's signs or, with `positive`,
 * none negative. */
static void split(IxWork *w, const Ix *x, int64_t n, bool positive, const Ix **q, const Ix **r) {
  Ix *part[2];
  IxTerm *term[2];
  for (int p = 0; p < 2; p++) {
    part[p] = ARENA_NEW(w->arena, Ix);
    part[p]->term = term[p] = ARENA_ARRAY(w->arena, x->nterm, IxTerm);
  }
  part[0]->base = ix_floor_div(x->base, n);
  part[1]->base = x->base - n * part[0]->base;
  for (int i = 0; i < x->nterm; i++) {
    int64_t c = x->term[i].coef, quotient = positive ? ix_floor_div(c, n) : c / n, rest = c - n * quotient;
    if (quotient) term[0][part[0]->nterm++] = (IxTerm){quotient, x->term[i].atom};
    if (rest) term[1][part[1]->nterm++] = (IxTerm){rest, x->term[i].atom};
  }
  *q = part[0], *r = part[1];
}

/* Whether every value of x lies in [k*n, (k+1)*n) for one k. */
static bool one_bucket(const Ix *x, int64_t n, int64_t *k) {
  int64_t lo, hi;
  ix_range(x, &lo, &hi);
  *k = ix_floor_div(lo, n);
  return *k == ix_floor_div(hi, n);
}

/* The terms of x that g divides, over g, and the others. */
static void part_by_factor(IxWork *w, const Ix *x, int64_t g, const Ix **high, const Ix **low) {
  Ix *h = ARENA_NEW(w->arena, Ix), *l = ARENA_NEW(w->arena, Ix);
  IxTerm *ht = ARENA_ARRAY(w->arena, x->nterm, IxTerm), *lt = ARENA_ARRAY(w->arena, x->nterm, IxTerm);
  h->term = ht, l->term = lt;
  h->base = ix_floor_div(x->base, g);
  l->base = x->base - g * h->base;
  for (int i = 0; i < x->nterm; i++) {
    const IxTerm *t = &x->term[i];
    if (t->coef % g == 0)
      ht[h->nterm++] = (IxTerm){t->coef / g, t->atom};
    else
      lt[l->nterm++] = *t;
  }
  *high = h, *low = l;
}

/* The largest factor g of n such that x = g*high + low with 0 <= low < g; 0 when there is none. */
static int64_t common_factor(IxWork *w, const Ix *x, int64_t n, const Ix **high, const Ix **low) {
  int64_t best = 0;
  for (int i = 0; i < x->nterm; i++) {
    const Ix *h, *l;
    int64_t g = i64_gcd(x->term[i].coef, n), k;
    if (g <= 1 || g <= best) continue;
    part_by_factor(w, x, g, &h, &l);
    if (!one_bucket(l, g, &k)) continue;
    h = add_base(w, h, k);
    l = add_base(w, l, -k * g);
    if (h && l) best = g, *high = h, *low = l;
  }
  return best;
}

/* (rest + e/m) / n is (m*rest + e) / (m*n). */
static const Ix *open_quotient(IxWork *w, const Ix *x, int i, int64_t n) {
  const IxTerm *t = &x->term[i];
  int64_t by;
  if (t->coef != 1 || !ix_mul_fits(n, t->atom->extent, &by)) return NULL;
  return ix_quotient(w, plus(w, t->atom->arg, without_term(w, x, i), t->atom->extent), by);
}

/* (rest + c*(e%m)) / n, where n divides c*m, is (rest + c*e) / n - (c*m/n) * (e/m). */
static const Ix *open_remainder(IxWork *w, const Ix *x, int i, int64_t n) {
  const IxTerm *t = &x->term[i];
  int64_t step;
  if (!ix_mul_fits(t->coef, t->atom->extent, &step) || step % n) return NULL;
  const Ix *whole = ix_quotient(w, plus(w, without_term(w, x, i), t->atom->arg, t->coef), n);
  return plus(w, whole, ix_quotient(w, t->atom->arg, t->atom->extent), -(step / n));
}

/* The quotient of a split dividend that neither range nor common factors resolve. */
static const Ix *opened(IxWork *w, const Ix *r, int64_t n) {
  const Ix *best = compound_atom(w, IX_DIV, r, n);
  for (int i = 0; i < r->nterm; i++) {
    if (!compound(r->term[i].atom) || !spend(w)) continue;
    bool alone = r->nterm == 1 && r->base == 0;
    bool quotient = r->term[i].atom->kind == IX_DIV;
    const Ix *c = quotient ? open_quotient(w, r, i, n) : open_remainder(w, r, i, n);
    if (c && quotient && alone) return c;
    if (cheaper(c, best)) best = c;
  }
  return best;
}

/* (c*(e%m)) / n for c = 1 and n dividing m is (e/n) % (m/n). */
static bool is_lone_remainder(const Ix *r, int64_t n) {
  return r->nterm == 1 && r->base == 0 && r->term[0].coef == 1 && r->term[0].atom->kind == IX_MOD &&
         r->term[0].atom->extent % n == 0;
}

static const Ix *quotient_of_rest(IxWork *w, const Ix *r, int64_t n) {
  const Ix *high, *low;
  int64_t g = common_factor(w, r, n, &high, &low);
  if (g) return ix_quotient(w, high, n / g);
  if (!is_lone_remainder(r, n)) return opened(w, r, n);
  const IxAtom *atom = r->term[0].atom;
  return ix_remainder(w, ix_quotient(w, atom->arg, n), atom->extent / n);
}

const Ix *ix_quotient(IxWork *w, const Ix *x, int64_t n) {
  if (!x || n == 1) return x;
  const Ix *q, *r;
  int64_t k;
  for (int positive = 1; positive >= 0; positive--) {
    split(w, x, n, positive, &q, &r);
    if (one_bucket(r, n, &k)) return add_base(w, q, k);
  }
  const Ix *whole = ix_recombine(w, r); /* the split may have left what belongs together */
  const Ix *sum = plus(w, q, whole == r ? quotient_of_rest(w, r, n) : ix_quotient(w, whole, n), 1);
  return sum ? ix_recombine(w, sum) : NULL;
}

/* c*(e%m) is c*e modulo n where n divides c*m. */
static const Ix *drop_remainders(IxWork *w, const Ix *r, int64_t n) {
  for (int i = 0; r && i < r->nterm; i++) {
    const IxTerm *t = &r->term[i];
    int64_t step;
    if (t->atom->kind != IX_MOD || !ix_mul_fits(t->coef, t->atom->extent, &step) || step % n) continue;
    return plus(w, without_term(w, r, i), t->atom->arg, t->coef);
  }
  return NULL;
}

const Ix *ix_remainder(IxWork *w, const Ix *x, int64_t n) {
  if (!x || n == 1) return x ? ix_const(w->arena, 0) : NULL;
  const Ix *q, *r, *high, *low;
  int64_t k;
  for (int positive = 1; positive >= 0; positive--) {
    split(w, x, n, positive, &q, &r);
    if (one_bucket(r, n, &k)) return add_base(w, r, -k * n);
  }
  const Ix *open = drop_remainders(w, r, n);
  if (open) return ix_remainder(w, open, n);
  int64_t g = common_factor(w, r, n, &high, &low);
  const Ix *whole = g ? r : ix_recombine(w, r); /* the split may have left what belongs together */
  if (whole != r) return ix_remainder(w, whole, n);
  if (!g) return compound_atom(w, IX_MOD, r, n);
  const Ix *sum = plus(w, low, ix_remainder(w, high, n / g), g);
  return sum ? ix_recombine(w, sum) : NULL;
}

/* c*(y%n) is c*y - c*n*(y/n). */
static const Ix *unmake_remainder(IxWork *w, const Ix *x, int i) {
  const IxTerm *t = &x->term[i];
  int64_t step;
  if (!ix_mul_fits(t->coef, t->atom->extent, &step)) return NULL;
  const Ix *whole = plus(w, without_term(w, x, i), t->atom->arg, t->coef);
  return plus(w, whole, ix_quotient(w, t->atom->arg, t->atom->extent), -step);
}

/* c*n*(y/n) is c*y - c*(y%n). */
static const Ix *unmake_quotient(IxWork *w, const Ix *x, int i) {
  const IxTerm *t = &x->term[i];
  if (t->coef % t->atom->extent) return NULL;
  int64_t c = t->coef / t->atom->extent;
  const Ix *whole = plus(w, without_term(w, x, i), t->atom->arg, c);
  return plus(w, whole, ix_remainder(w, t->atom->arg, t->atom->extent), -c);
}

/* c*m*(y%n) + c*(z%m), where y is z/m modulo n, is c*(z % (m*n)). */
static const Ix *join_remainders(IxWork *w, const Ix *x, int i, int j) {
  const IxTerm *s = &x->term[i], *t = &x->term[j];
  int64_t m = t->atom->extent, n = s->atom->extent, step, by, zero;
  if (!ix_mul_fits(t->coef, m, &step) || step != s->coef || !ix_mul_fits(m, n, &by)) return NULL;
  const Ix *gap = plus(w, s->atom->arg, ix_quotient(w, t->atom->arg, m), -1);
  gap = ix_remainder(w, gap, n);
  if (!gap || !ix_is_const(gap, &zero) || zero) return NULL;
  const Ix *rest = plus(w, without_term(w, x, i), ix_atom(w->arena, 1, t->atom), -t->coef);
  return plus(w, rest, ix_remainder(w, t->atom->arg, by), t->coef);
}

static const Ix *rewrite_term(IxWork *w, const Ix *x, int i) {
  const IxAtom *atom = x->term[i].atom;
  if (!spend(w)) return NULL;
  const Ix *c = atom->kind == IX_DIV ? unmake_quotient(w, x, i) : unmake_remainder(w, x, i);
  if (better_term(c, x)) return c;
  for (int j = 0; atom->kind == IX_MOD && j < x->nterm; j++) {
    if (j == i || x->term[j].atom->kind != IX_MOD || !spend(w)) continue;
    c = join_remainders(w, x, i, j);
    if (better_term(c, x)) return c;
  }
  return NULL;
}

const Ix *ix_recombine(IxWork *w, const Ix *x) {
  for (int i = 0; i < x->nterm && x->nterm > 1; i++) {
    if (!compound(x->term[i].atom)) continue;
    const Ix *better = rewrite_term(w, x, i);
    if (better) x = better, i = -1;
  }
  return x;
}
