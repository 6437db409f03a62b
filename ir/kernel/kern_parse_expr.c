/* Parsing expressions, of indices and of values. Infix operations and their precedence come from
 * ir/eltwise.def; all associate to the left.
 *
 *   ix      = ["-"] term { ("+" | "-") term }
 *   term    = factor { "*" factor | "/" INT | "%" INT }        one side of "*" is a constant
 *   factor  = INT | AXIS | BUFFER "[" ix {"," ix} "]" | "(" ix ")"
 *   expr    = primary { INFIX expr-of-higher-precedence }
 *   primary = ["-"] NUMBER | "inf" | "nan" | "true" | "false" | TYPE "(" literal ")" | "(" expr ")"
 *           | BUFFER "[" ix {"," ix} "]" | VALUE "[" ix {"," ix} "]" | NUMBER-WORD
 *           | "cast" "(" TYPE "," expr ")" | "index" "(" TYPE "," ix ")" | "step" "(" NAME ")"
 *           | "random" "(" STREAM "," ix ")" | FUNCTION "(" expr {"," expr} ")"
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ir/kernel/kern_parse.h"

enum { MOST_IX_PARTS = 64 };

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
  if (p->ix_parts++ == MOST_IX_PARTS) {
    kparse_error(p, p->tok.loc, "the indices have more than %d parts", MOST_IX_PARTS);
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

static const KExpr *expr_above(KParser *p, int least);

DType kparse_dtype(KParser *p) {
  DType t = p->tok.kind == KT_NAME ? dtype_parse(p->tok.at, p->tok.len) : DT_COUNT;
  if (t == DT_COUNT)
    kparse_expected(p, "a type (f32, bf16, f16, i32, u8, bool, u64)");
  else
    kparse_next(p);
  return t;
}

/* A number with its sign, as it is written. */
double kparse_literal(KParser *p) {
  bool minus = kparse_accept(p, "-");
  double v = NAN;
  if (p->tok.kind == KT_INT || p->tok.kind == KT_FLOAT)
    v = strtod(arena_strndup(p->arena, p->tok.at, (size_t)p->tok.len), NULL);
  else if (ktok_is(&p->tok, "inf"))
    v = INFINITY;
  else if (ktok_is(&p->tok, "true") || ktok_is(&p->tok, "false"))
    v = ktok_is(&p->tok, "true");
  else if (!ktok_is(&p->tok, "nan"))
    kparse_expected(p, "a number");
  if (!p->panic) kparse_next(p);
  return minus ? -v : v;
}

static const KExpr *constant(KParser *p) {
  bool truth = ktok_is(&p->tok, "true") || ktok_is(&p->tok, "false");
  double v = kparse_literal(p);
  return p->panic ? NULL : kexpr_const(p->arena, truth ? DT_BOOL : DT_F32, v);
}

/* "bf16(0.5)" */
static const KExpr *typed_constant(KParser *p) {
  DType t = kparse_dtype(p);
  kparse_expect(p, "(");
  double v = p->panic ? 0 : kparse_literal(p);
  if (p->panic || !kparse_expect(p, ")")) return NULL;
  return kexpr_const(p->arena, t, t == DT_BOOL ? v != 0 : v);
}

static const KExpr *tensor(KParser *p) {
  Loc loc = p->tok.loc;
  const char *name = kparse_name(p, "a buffer or value");
  if (!name) return NULL;
  int val = kern_find_val(p->k, name), buf = kern_find_buf(p->k, name), n;
  int word = kern_find_word(p->k, name);
  if (word >= 0 && p->k->word[word].type == DT_F32) return kexpr_number(p->k, word);
  if (val < 0 && buf < 0) {
    const char *const *names = kparse_tensors(p, &n);
    kparse_unknown(p, loc, "buffer or value", name, names, n);
    return NULL;
  }
  const Ix *const *idx = kparse_indices(p, val >= 0 ? p->k->val[val].naxes : p->k->buf[buf].rank, name);
  if (!idx) return NULL;
  return val >= 0 ? kexpr_value(p->k, val, idx) : kexpr_read(p->k, buf, idx);
}

/* op of the n operands that it takes; arg[n..] are NULL. */
static const KExpr *apply(KParser *p, Loc loc, EltOp op, int n, const KExpr *const *arg) {
  DType t[3] = {DT_COUNT, DT_COUNT, DT_COUNT};
  char found[64] = "";
  for (int i = 0; i < n; i++) {
    t[i] = arg[i]->dtype;
    size_t at = strlen(found);
    snprintf(found + at, sizeof found - at, "%s%s", i ? ", " : "", dtype_name(t[i]));
  }
  if (elt_result(op, t) != DT_COUNT) return kexpr_elt(p->arena, op, arg[0], arg[1], arg[2]);
  const char *want = op == E_SELECT ? "bool and two operands of one type"
                     : op == E_AND || op == E_OR || op == E_NOT
                         ? "bool operands"
                         : "operands of one numeric type that it works on";
  kparse_error(p, loc, "'%s' of %s, expected %s", elt_rows[op].text, found, want);
  return NULL;
}

/* The function's name is already consumed. */
static const KExpr *function(KParser *p, Loc loc, const char *name) {
  const KExpr *arg[3] = {NULL};
  int n = 0;
  if (!kparse_expect(p, "(")) return NULL;
  while (!ktok_is(&p->tok, ")") && n < 3) {
    if (n && !kparse_expect(p, ",")) return NULL;
    arg[n] = kparse_expr(p);
    if (!arg[n++]) return NULL;
  }
  if (!kparse_expect(p, ")")) return NULL;
  EltOp op = elt_parse(name, (int)strlen(name), 0);
  if (elt_rows[op].arity == n) return apply(p, loc, op, n, arg);
  kparse_error(p, loc, "'%s' has %d operands, expected %d", name, n, elt_rows[op].arity);
  return NULL;
}

static const KExpr *call_of_type(KParser *p, bool cast) {
  if (!kparse_expect(p, "(")) return NULL;
  DType t = kparse_dtype(p);
  if (p->panic || !kparse_expect(p, ",")) return NULL;
  const KExpr *x = cast ? kparse_expr(p) : NULL;
  const Ix *ix = cast ? NULL : kparse_ix(p);
  if (p->panic || !kparse_expect(p, ")")) return NULL;
  return cast ? kexpr_cast(p->arena, t, x) : kexpr_index(p->arena, t, ix);
}

static const KExpr *step(KParser *p) {
  if (!kparse_expect(p, "(")) return NULL;
  const char *name = kparse_name(p, "a field of the step block");
  return name && kparse_expect(p, ")") ? kexpr_step(p->arena, name) : NULL;
}

/* The stream named by the next token, or -1. */
static int parse_stream(KParser *p) {
  Loc loc = p->tok.loc;
  const char *name = kparse_name(p, "a random stream");
  if (!name) return -1;
  int stream = kern_find_word(p->k, name);
  const char **names = ARENA_ARRAY(p->arena, p->k->nword, const char *);
  for (int i = 0; i < p->k->nword; i++) names[i] = p->k->word[i].name;
  if (stream >= 0 && p->k->word[stream].type == DT_U64) return stream;
  kparse_unknown(p, loc, "stream", name, names, p->k->nword);
  return -1;
}

static const KExpr *random_draw(KParser *p) {
  if (!kparse_expect(p, "(")) return NULL;
  int stream = parse_stream(p);
  const Ix *ix = stream >= 0 && kparse_expect(p, ",") ? kparse_ix(p) : NULL;
  return ix && kparse_expect(p, ")") ? kexpr_random(p->k, stream, ix) : NULL;
}

static const KExpr *unknown_function(KParser *p, Loc loc, const char *name) {
  const char *names[ELT_COUNT + 4] = {"cast", "index", "step", "random"};
  int n = 4;
  for (int i = 0; i < ELT_COUNT; i++)
    if (!elt_rows[i].precedence) names[n++] = elt_rows[i].text;
  kparse_unknown(p, loc, "function", name, names, n);
  return NULL;
}

static const KExpr *call(KParser *p) {
  Loc loc = p->tok.loc;
  if (dtype_parse(p->tok.at, p->tok.len) != DT_COUNT) return typed_constant(p);
  const char *name = kparse_name(p, "a function");
  if (!name) return NULL;
  if (!strcmp(name, "cast")) return call_of_type(p, true);
  if (!strcmp(name, "index")) return call_of_type(p, false);
  if (!strcmp(name, "step")) return step(p);
  if (!strcmp(name, "random")) return random_draw(p);
  EltOp op = elt_parse(name, (int)strlen(name), 0);
  if (op == ELT_COUNT || elt_rows[op].precedence) return unknown_function(p, loc, name);
  return function(p, loc, name);
}

static bool starts_literal(const KParser *p) {
  const KTok *t = &p->tok;
  return t->kind == KT_INT || t->kind == KT_FLOAT || ktok_is(t, "-") || ktok_is(t, "inf") ||
         ktok_is(t, "nan") || ktok_is(t, "true") || ktok_is(t, "false");
}

static const KExpr *primary(KParser *p) {
  if (!kparse_part(p)) return NULL;
  if (starts_literal(p)) return constant(p);
  if (kparse_accept(p, "(")) {
    const KExpr *e = kparse_expr(p);
    return e && kparse_expect(p, ")") ? e : NULL;
  }
  if (p->tok.kind != KT_NAME) {
    kparse_expected(p, "an expression");
    return NULL;
  }
  KLex ahead = p->lex;
  KTok after = klex_next(&ahead);
  return ktok_is(&after, "(") ? call(p) : tensor(p);
}

/* The infix operation that comes next, or ELT_COUNT. */
static EltOp infix(const KParser *p) {
  if (p->tok.kind != KT_SIGN && p->tok.kind != KT_NAME) return ELT_COUNT;
  EltOp op = elt_parse(p->tok.at, p->tok.len, 2);
  return op != ELT_COUNT && elt_rows[op].precedence ? op : ELT_COUNT;
}

static const KExpr *expr_above(KParser *p, int least) {
  const KExpr *arg[3] = {primary(p)};
  while (arg[0]) {
    Loc loc = p->tok.loc;
    EltOp op = infix(p);
    if (op == ELT_COUNT || elt_rows[op].precedence < least) break;
    kparse_next(p);
    arg[1] = expr_above(p, elt_rows[op].precedence + 1);
    arg[0] = arg[1] ? apply(p, loc, op, 2, arg) : NULL;
  }
  return arg[0];
}

const KExpr *kparse_expr(KParser *p) {
  if (!kparse_enter(p)) return NULL;
  const KExpr *e = expr_above(p, 1);
  kparse_leave(p);
  return e;
}
