/* Parsing index expressions.
 *
 *   ix     = ["-"] term { ("+" | "-") term }
 *   term   = factor { ("*" factor | "/" INT | "%" INT) }       one side of "*" is a constant
 *   factor = INT | AXIS | BUFFER "[" ix {"," ix} "]" | "(" ix ")"
 */
#include <stdlib.h>

#include "ir/kernel/kern_name.h"
#include "ir/kernel/kern_parser.h"

enum { MOST_PARTS = 64 };

static const Ix *sum_of_terms(KParser *p);
static const Ix *const *indices(KParser *p, int n, const char *name);

/* Values stay below this, so that no simplification overflows. */
static const int64_t largest = (int64_t)1 << 48;

static const Ix *checked(KParser *p, Loc loc, const Ix *x) {
  int64_t lo, hi;
  ix_range(x, &lo, &hi);
  if (lo > -largest && hi < largest) return x;
  kparse_error(p, loc, "the index expression reaches %lld, expected at most 2^48",
               (long long)(hi >= largest ? hi : lo));
  return NULL;
}

/* An integer read, a buffer's name already consumed. */
static const Ix *read_atom(KParser *p, Loc loc, const char *name) {
  int buf = kern_find_buf(p->k, name);
  if (buf < 0) {
    int n;
    const char *const *names = kparse_tensors(p, &n);
    kparse_unknown(p, loc, "buffer", name, names, n);
    return NULL;
  }
  if (!p->below[buf]) {
    kparse_error(p, loc, "'%s' is read in an index, expected 'below N' in its declaration", name);
    return NULL;
  }
  const Ix *const *idx = indices(p, p->k->buf[buf].rank, name);
  return idx ? ix_read(p->arena, buf, p->below[buf], p->k->buf[buf].rank, idx) : NULL;
}

static const Ix *named(KParser *p) {
  Loc loc = p->tok.loc;
  KLex ahead = p->lex;
  KTok after = klex_next(&ahead);
  if (ktok_is(&after, "[")) {
    const char *name = kparse_name(p, "a buffer");
    return name ? read_atom(p, loc, name) : NULL;
  }
  int axis = kparse_axis(p);
  return axis < 0 ? NULL : ix_axis(p->arena, axis, p->k->axis[axis].extent);
}

static const Ix *factor(KParser *p) {
  if (!kparse_part(p)) return NULL;
  if (p->ix_parts++ == MOST_PARTS) {
    kparse_error(p, p->tok.loc, "the indices have more than %d parts", MOST_PARTS);
    return NULL;
  }
  if (p->tok.kind == KT_INT) {
    int64_t v = kparse_int(p, 0, largest - 1, "an index");
    return p->panic ? NULL : ix_const(p->arena, v);
  }
  if (p->tok.kind == KT_NAME) return named(p);
  if (!ktok_is(&p->tok, "(")) {
    kparse_expected(p, "an axis, a number, a buffer or '('");
    return NULL;
  }
  if (!kparse_enter(p)) return NULL;
  kparse_next(p);
  const Ix *x = sum_of_terms(p);
  kparse_leave(p);
  return x && kparse_expect(p, ")") ? x : NULL;
}

static const Ix *product(KParser *p, Loc loc, const Ix *x, const Ix *y) {
  int64_t by, lo, hi;
  bool left = ix_is_const(x, &by);
  if (!left && !ix_is_const(y, &by)) {
    kparse_error(p, loc, "a product of two index expressions, expected a constant on one side");
    return NULL;
  }
  const Ix *other = left ? y : x;
  ix_range(other, &lo, &hi);
  int64_t most = by ? largest / llabs(by) : largest;
  if (lo > -most && hi < most) return ix_scale(p->arena, other, by);
  kparse_error(p, loc, "the product is too large for an index, expected at most 2^48");
  return NULL;
}

static const Ix *quotient(KParser *p, const Ix *x, bool remainder) {
  int64_t by = kparse_int(p, 1, largest - 1, "a divisor");
  if (p->panic) return NULL;
  return remainder ? ix_mod(p->arena, x, by) : ix_div(p->arena, x, by);
}

static const Ix *term(KParser *p) {
  const Ix *x = factor(p);
  while (x) {
    Loc loc = p->tok.loc;
    if (kparse_accept(p, "*")) {
      const Ix *y = factor(p);
      x = y ? product(p, loc, x, y) : NULL;
    } else if (ktok_is(&p->tok, "/") || ktok_is(&p->tok, "%")) {
      bool remainder = ktok_is(&p->tok, "%");
      kparse_next(p);
      x = quotient(p, x, remainder);
    } else {
      break;
    }
  }
  return x;
}

/* A sum; inside parentheses or indices of a read, part of a larger expression. */
static const Ix *sum_of_terms(KParser *p) {
  const Ix *sum = ix_const(p->arena, 0);
  bool minus = kparse_accept(p, "-"), more = true;
  while (more) {
    Loc loc = p->tok.loc;
    const Ix *x = term(p);
    if (!x) return NULL;
    sum = checked(p, loc, ix_add(p->arena, sum, ix_scale(p->arena, x, minus ? -1 : 1)));
    if (!sum) return NULL;
    minus = ktok_is(&p->tok, "-");
    more = kparse_accept(p, "+") || kparse_accept(p, "-");
  }
  return sum;
}

const Ix *kparse_ix(KParser *p) {
  p->ix_parts = 0;
  return sum_of_terms(p);
}

static const Ix *const *indices(KParser *p, int n, const char *name) {
  const Ix **idx = ARENA_ARRAY(p->arena, n, const Ix *);
  Loc loc = p->tok.loc;
  int found = 0;
  if (!kparse_expect(p, "[") || !kparse_enter(p)) return NULL;
  while (!ktok_is(&p->tok, "]")) {
    if (found && !kparse_expect(p, ",")) return NULL;
    const Ix *x = sum_of_terms(p);
    if (!x) return NULL;
    if (found < n) idx[found] = x;
    found++;
  }
  kparse_leave(p);
  kparse_next(p);
  if (found == n) return idx;
  kparse_error(p, loc, "'%s' has %d indices here, expected %d", name, found, n);
  return NULL;
}

const Ix *const *kparse_indices(KParser *p, int n, const char *name) {
  p->ix_parts = 0;
  return indices(p, n, name);
}
