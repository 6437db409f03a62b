/* Random optimizers; see random_update.h. An expression is a tree whose leaves are names and constants. */
#include "tests/passes/random_update.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "tests/suite.h"

const char *const update_names[UN_COUNT] = {"p", "g", "s", "t", "n", "k"};
const double update_first[UN_COUNT] = {0, 0, 0.25, -0.5, 0.125, 0.75};

/* How an expression is written, `%1` its first operand; what it does is said by at_point and reduced. */
#define KINDS(X)                                                                                             \
  X(NAME, 0, "")                                                                                             \
  X(NUMBER, 0, "")                                                                                           \
  X(ADD, 2, "(%1 + %2)")                                                                                     \
  X(SUB, 2, "(%1 - %2)")                                                                                     \
  X(MUL, 2, "(%1 * %2)")                                                                                     \
  X(LARGER, 2, "max(%1, %2)")                                                                                \
  X(LESSER, 2, "min(%1, %2)")                                                                                \
  X(TANH, 1, "tanh(%1)")                                                                                     \
  X(BELL, 1, "exp(-abs(%1))")                                                                                \
  X(SHIFT, 1, "(%1 + 1)")                                                                                    \
  X(SIGN, 2, "select(g < 0.25, %1, %2)")                                                                     \
  X(SUM, 1, "(0.02 * sum(%1))")                                                                              \
  X(MEAN, 1, "mean(%1)")                                                                                     \
  X(MOST, 1, "max(%1)")                                                                                      \
  X(LEAST, 1, "min(%1)")

typedef enum Kind {
#define X(kind, operands, text) K_##kind,
  KINDS(X)
#undef X
      K_COUNT
} Kind;

static const struct {
  int operands;
  const char *text;
} row[K_COUNT] = {
#define X(kind, operands, text) {operands, text},
    KINDS(X)
#undef X
};

struct UpdateExpr {
  Kind kind;
  UpdateName name;
  double number;
  bool whole; /* an element a parameter's element, not one number */
  const UpdateExpr *in[2];
};

static bool is_reduction(Kind k) {
  return k >= K_SUM;
}

/* Drawing. */

static UpdateExpr *leaf(Arena *a, bool whole) {
  UpdateExpr *e = ARENA_NEW(a, UpdateExpr);
  e->whole = whole;
  if (!whole && draw_below(4) == 0) {
    e->kind = K_NUMBER;
    e->number = (double)(1 + draw_below(15)) / 16;
    return e;
  }
  e->name = whole ? (UpdateName)draw_below(UN_N) : (UpdateName)(UN_N + draw_below(2));
  return e;
}

/* Of one number where `whole` is false, which it is only by reductions or leaves. */
static UpdateExpr *draw_expr(Arena *a, bool whole, int depth) {
  if (depth == 0) return leaf(a, whole);
  UpdateExpr *e = ARENA_NEW(a, UpdateExpr);
  e->whole = whole;
  do {
    e->kind = (Kind)(K_ADD + draw_below(K_COUNT - K_ADD));
  } while (whole ? is_reduction(e->kind) : e->kind == K_SIGN);
  for (int i = 0; i < row[e->kind].operands; i++) {
    bool wide = is_reduction(e->kind) || (whole && (i == 0 || draw_below(2)));
    e->in[i] = draw_expr(a, wide, (int)draw_below((uint32_t)depth));
  }
  return e;
}

static UpdateExpr *made_of(Arena *a, Kind kind, const UpdateExpr *x, const UpdateExpr *y) {
  UpdateExpr *e = ARENA_NEW(a, UpdateExpr);
  *e = (UpdateExpr){.kind = kind, .whole = x->whole || (y && y->whole), .in = {x, y}};
  return e;
}

static UpdateExpr *named(Arena *a, UpdateName name) {
  UpdateExpr *e = ARENA_NEW(a, UpdateExpr);
  *e = (UpdateExpr){.kind = K_NAME, .name = name, .whole = name < UN_N};
  return e;
}

/* What a name becomes: as a rule it moves from where it is, and the parameter by a rate that is a slot. */
static UpdateExpr *draw_value(Arena *a, UpdateName to) {
  UpdateExpr *by = draw_expr(a, to < UN_N, 1 + (int)draw_below(4));
  if (to == UN_P && draw_below(2)) by = made_of(a, K_MUL, by, named(a, draw_below(2) ? UN_N : UN_K));
  return draw_below(4) ? made_of(a, K_ADD, named(a, to), by) : by;
}

UpdateRule draw_update(Arena *a) {
  UpdateRule r = {.n = 2 + (int)draw_below(MOST_UPDATE_STEPS - 1)};
  for (int i = 0; i < r.n; i++) {
    UpdateName to = i == r.n - 1 ? UN_P : (UpdateName)(UN_S + draw_below(UN_COUNT - UN_S));
    r.step[i] = (UpdateStep){to, made_of(a, K_TANH, draw_value(a, to), NULL)};
  }
  return r;
}

/* Text. */

static char *text_of(Arena *a, const UpdateExpr *e) {
  if (e->kind == K_NAME) return arena_strdup(a, update_names[e->name]);
  if (e->kind == K_NUMBER) return arena_printf(a, "%g", e->number);
  char *s = "";
  for (const char *f = row[e->kind].text; *f; f++) {
    if (*f == '%')
      s = arena_printf(a, "%s%s", s, text_of(a, e->in[*++f - '1']));
    else
      s = arena_printf(a, "%s%c", s, *f);
  }
  return s;
}

char *update_text(Arena *a, const UpdateRule *r) {
  char *s = "";
  for (int i = 0; i < r->n; i++)
    s = arena_printf(a, "%s    %s = %s\n", s, update_names[r->step[i].name], text_of(a, r->step[i].value));
  return s;
}

/* Meaning. */

static double reduced(Kind kind, int64_t n, const double *x) {
  double sum = 0, most = -INFINITY, least = INFINITY;
  for (int64_t i = 0; i < n; i++) {
    sum += x[i];
    most = fmax(most, x[i]);
    least = fmin(least, x[i]);
  }
  return kind == K_SUM ? 0.02 * sum : kind == K_MEAN ? sum / (double)n : kind == K_MOST ? most : least;
}

static double at_point(const UpdateExpr *e, double x, double y, double g) {
  switch (e->kind) {
  case K_ADD: return x + y;
  case K_SUB: return x - y;
  case K_MUL: return x * y;
  case K_LARGER: return fmax(x, y);
  case K_LESSER: return fmin(x, y);
  case K_TANH: return tanh(x);
  case K_BELL: return exp(-fabs(x));
  case K_SHIFT: return x + 1;
  case K_SIGN: return g < 0.25 ? x : y;
  default: return e->number;
  }
}

/* All elements, or the one number. */
static const double *value_of(Arena *a, const UpdateExpr *e, int64_t n, double *const *v) {
  static const double none[1] = {0};
  if (e->kind == K_NAME) return v[e->name];
  const UpdateExpr *l = e->in[0], *r = e->in[1];
  int64_t count = e->whole ? n : 1;
  double *made = ARENA_ARRAY(a, count, double);
  if (is_reduction(e->kind)) {
    *made = reduced(e->kind, n, value_of(a, l, n, v));
    return made;
  }
  const double *x = l ? value_of(a, l, n, v) : none, *y = r ? value_of(a, r, n, v) : none;
  for (int64_t i = 0; i < count; i++)
    made[i] = at_point(e, x[l && l->whole ? i : 0], y[r && r->whole ? i : 0], v[UN_G][i]);
  return made;
}

void update_apply(const UpdateRule *r, int64_t n, double *const *v) {
  for (int s = 0; s < r->n; s++) {
    Arena *a = arena_new();
    const UpdateStep *step = &r->step[s];
    const double *made = value_of(a, step->value, n, v);
    memcpy(v[step->name], made, sizeof *made * (size_t)(step->value->whole ? n : 1));
    arena_free(a);
  }
}
