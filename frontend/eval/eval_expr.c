/* Expressions: literals, choices, lists, comprehensions, indices, and the bounds that keep any input finite.
 */
#include <math.h>
#include <stdarg.h>
#include <string.h>

#include "frontend/eval/builtin.h"
#include "frontend/eval/eval.h"
#include "frontend/eval/module.h"

enum { MOST_DEPTH = 600, MOST_LEVELS = 200, MOST_WEIGHT = 1 << 20 };

static void report(Loc loc, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));

static void report(Loc loc, const char *fmt, va_list ap) {
  char text[1024];
  vsnprintf(text, sizeof text, fmt, ap);
  diag_error_once(loc, "%s", text);
}

Val eval_fail(Loc loc, const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  report(loc, fmt, ap);
  va_end(ap);
  return (Val){0};
}

bool eval_refuse(Loc loc, const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  report(loc, fmt, ap);
  va_end(ap);
  return false;
}

CallNote eval_enter_call(Loc loc, const char *callee) {
  CallNote call = {.loc = loc, .callee = callee, .errors = diag_count()};
  if (loc.src && !loc.src->library) call.before = diag_within((DiagCall){.loc = loc, .callee = callee});
  return call;
}

void eval_leave_call(Eval *ev, const CallNote *call, bool failed) {
  enum { MOST_NOTES = 3 };
  bool told = call->loc.src && !call->loc.src->library && diag_within(call->before).told;
  if (!failed || told || diag_count() == call->errors) return;
  if (ev->noted != diag_count()) ev->notes = 0;
  ev->noted = diag_count();
  if (ev->notes++ < MOST_NOTES) diag_note(call->loc, "in this call of %s", call->callee);
}

Val eval_list(Eval *ev, Loc loc, const Val *item, int n) {
  Val v = val_list(item, n);
  ev->budget -= n;
  if (v.weight > MOST_WEIGHT)
    return eval_fail(loc, "a list of %d values, at most %d are allowed", v.weight, MOST_WEIGHT);
  if (v.levels > MOST_LEVELS) return eval_fail(loc, "lists within lists, more than %d deep", MOST_LEVELS);
  return v;
}

bool eval_truth(Val v, Loc loc, bool *ok) {
  *ok = v.kind == VAL_BOOL;
  if (*ok) return v.u.truth;
  if (v.kind == VAL_TENSOR)
    eval_fail(loc, "the condition must be known when the program is built, found a tensor; "
                   "\"select(condition, a, b)\" chooses by element");
  else if (v.kind != VAL_ERROR)
    eval_fail(loc, "expected a truth value, found %s", val_kind_name(v.kind));
  return false;
}

static Val eval_range(Eval *ev, Val a, Val b, Loc loc) {
  int64_t lo, hi;
  if (a.kind == VAL_ERROR || b.kind == VAL_ERROR) return (Val){0};
  if (!val_whole(a, -MOST_WEIGHT, MOST_WEIGHT, &lo) || !val_whole(b, -MOST_WEIGHT, MOST_WEIGHT, &hi))
    return eval_fail(loc, "a range goes from a whole number to another, found %s..%s", val_show(ev->arena, a),
                     val_show(ev->arena, b));
  int n = hi > lo ? (int)(hi - lo) : 0;
  Val *item = ARENA_ARRAY(ev->arena, n + 1, Val);
  for (int i = 0; i < n; i++) item[i] = val_number((double)(lo + i));
  return eval_list(ev, loc, item, n);
}

/* "and" and "or" look at their second operand only if they need it. */
static Val eval_logic(Eval *ev, Scope *s, const Expr *e, Val a) {
  bool is_and = e->u.op.sign == SIGN_AND;
  if (a.kind == VAL_BOOL && a.u.truth != is_and) return a;
  Val b = eval_expr(ev, s, e->u.op.b);
  if (a.kind == VAL_BOOL && b.kind == VAL_BOOL) return b;
  return eval_binary(ev, e->u.op.sign, a, b, e->loc);
}

static Val eval_infix(Eval *ev, Scope *s, const Expr *e, Val a) {
  if (e->u.op.sign == SIGN_AND || e->u.op.sign == SIGN_OR) return eval_logic(ev, s, e, a);
  Val b = eval_expr(ev, s, e->u.op.b);
  if (e->u.op.sign == SIGN_RANGE) return eval_range(ev, a, b, e->loc);
  return eval_binary(ev, e->u.op.sign, a, b, e->loc);
}

static Val eval_items(Eval *ev, Scope *s, const Expr *e) {
  Val *item = ARENA_ARRAY(ev->arena, e->u.list.n + 1, Val);
  bool ok = true;
  for (int i = 0; i < e->u.list.n; i++) {
    item[i] = eval_expr(ev, s, e->u.list.v[i]);
    ok = ok && item[i].kind != VAL_ERROR;
  }
  return ok ? eval_list(ev, e->loc, item, e->u.list.n) : (Val){0};
}

typedef struct Collected {
  int n, cap;
  Val *v;
} Collected;

static bool eval_from_clause(Eval *ev, Scope *s, const Expr *e, int k, Collected *out);

static bool eval_clause(Eval *ev, Scope *s, const Expr *e, int k, Collected *out) {
  const Clause *c = &e->u.each.clause[k];
  Val over = eval_expr(ev, s, c->over);
  if (over.kind != VAL_LIST) {
    if (over.kind != VAL_ERROR)
      eval_fail(c->over->loc, "expected a list, found %s", val_kind_name(over.kind));
    return false;
  }
  for (int i = 0; i < over.n; i++) {
    Scope *inner = scope_new(ev->arena, s);
    bool ok = true, take = true;
    eval_bind_names(ev, inner, &c->names, over.u.item[i], c->over->loc, false);
    if (c->only) take = eval_truth(eval_expr(ev, inner, c->only), c->only->loc, &ok);
    if (!ok || (take && !eval_from_clause(ev, inner, e, k + 1, out))) return false;
  }
  return true;
}

/* Runs clause k and those within it, then the item; false after an error. */
static bool eval_from_clause(Eval *ev, Scope *s, const Expr *e, int k, Collected *out) {
  if (k < e->u.each.n) {
    if (!eval_enter(ev, e->u.each.clause[k].over->loc)) return false;
    bool ok = eval_clause(ev, s, e, k, out);
    eval_leave(ev);
    return ok;
  }
  ARENA_GROW(ev->arena, out->v, out->n, out->cap);
  Val v = eval_expr(ev, s, e->u.each.item);
  out->v[out->n++] = v;
  return v.kind != VAL_ERROR && out->n <= MOST_WEIGHT;
}

static Val eval_each(Eval *ev, Scope *s, const Expr *e) {
  Collected out = {0};
  if (!eval_from_clause(ev, s, e, 0, &out)) {
    if (out.n > MOST_WEIGHT) eval_fail(e->loc, "the list has more than %d values", MOST_WEIGHT);
    return (Val){0};
  }
  return eval_list(ev, e->loc, out.v, out.n);
}

static Val eval_choice(Eval *ev, Scope *s, const Expr *e) {
  bool ok, yes = eval_truth(eval_expr(ev, s, e->u.choice.cond), e->u.choice.cond->loc, &ok);
  if (!ok) return (Val){0};
  return eval_expr(ev, s, yes ? e->u.choice.yes : e->u.choice.no);
}

static Val eval_field(Eval *ev, const Expr *e, Val of) {
  if (of.kind == VAL_ERROR) return of;
  const char *ours = of.kind == VAL_TENSOR || of.kind == VAL_PARAM ? foreign_name(e->u.field.name) : NULL;
  if (of.kind != VAL_INST)
    return eval_fail(e->loc, "\".%s\": only a module has members, found %s%s%s", e->u.field.name,
                     val_kind_name(of.kind), ours ? "; " : "", ours ? ours : "");
  return inst_member(ev, of.u.inst, e->u.field.name, e->loc);
}

/* x[i, a:b, a:b:c, ..], of lists and of tensors: an index takes its dimension away, a span keeps it; negative
 * positions count from the end. */
static const int64_t most = (int64_t)1 << 40;

/* The position that `e` stands for along n elements, or `missing` without one; false after an error. */
static bool position(Eval *ev, Scope *s, const Expr *e, int64_t n, int64_t missing, int64_t *out) {
  *out = missing;
  if (!e) return true;
  Val v = eval_expr(ev, s, e);
  if (v.kind == VAL_ERROR) return false;
  if (!val_whole(v, -most, most, out)) {
    eval_fail(e->loc, "a position is a whole number, found %s", val_show(ev->arena, v));
    return false;
  }
  if (*out < 0) *out += n;
  return true;
}

/* What one item takes of a dimension: `len` elements from `start` on, and of these every step-th. */
typedef struct Span {
  int64_t start, len, step;
} Span;

static bool span_step(Eval *ev, Scope *s, const Expr *e, int64_t *step) {
  *step = 1;
  if (!e) return true;
  Val v = eval_expr(ev, s, e);
  if (v.kind == VAL_ERROR) return false;
  return val_whole(v, 1, most, step) ||
         eval_refuse(e->loc, "a step is a whole number from 1 on, found %s", val_show(ev->arena, v));
}

/* What an item takes of n elements; false after an error. */
static bool span(Eval *ev, Scope *s, const IndexItem *it, int64_t n, Span *c) {
  int64_t end;
  if (!position(ev, s, it->lo, n, 0, &c->start)) return false;
  if (it->kind == INDEX_AT) {
    c->len = c->step = 1;
    if (c->start >= 0 && c->start < n) return true;
    return eval_refuse(it->loc, "position %lld of %lld elements", (long long)c->start, (long long)n);
  }
  if (!position(ev, s, it->hi, n, n, &end) || !span_step(ev, s, it->step, &c->step)) return false;
  c->len = end - c->start;
  if (c->start >= 0 && c->len >= 0 && end <= n) return true;
  return eval_refuse(it->loc, "found the span %lld:%lld, expected one within 0:%lld", (long long)c->start,
                     (long long)end, (long long)n);
}

static Val index_list(Eval *ev, Scope *s, const Expr *e, Val of) {
  Span c;
  if (e->u.index.n != 1 || e->u.index.item[0].kind == INDEX_REST)
    return eval_fail(e->loc, "a list takes one position or one span");
  const IndexItem *it = &e->u.index.item[0];
  if (!span(ev, s, it, of.n, &c)) return (Val){0};
  const Val *from = of.u.item + c.start;
  if (it->kind == INDEX_AT) return *from;
  if (c.step == 1) return eval_list(ev, e->loc, from, (int)c.len);
  Val *item = ARENA_ARRAY(ev->arena, c.len + 1, Val);
  int n = 0;
  for (int64_t i = 0; i < c.len; i += c.step) item[n++] = from[i];
  return eval_list(ev, e->loc, item, n);
}

typedef struct Cut {
  int64_t start[MAX_RANK], step[MAX_RANK];
  Shape sliced;
  bool goes[MAX_RANK];
} Cut;

static bool cut_dim(Eval *ev, Scope *s, const IndexItem *it, int64_t n, Cut *c) {
  Span one = {.len = n, .step = 1};
  int d = c->sliced.rank++;
  if (it && !span(ev, s, it, n, &one)) return false;
  c->start[d] = one.start;
  c->step[d] = one.step;
  c->sliced.dim[d] = one.len;
  c->goes[d] = it && it->kind == INDEX_AT;
  return one.len > 0 ||
         eval_refuse(it ? it->loc : ev->graph->loc, "the span is empty: a tensor has at least one element");
}

static Node *cut(Graph *g, Node *x, const Cut *c) {
  Shape kept = {0};
  x = graph_slice(g, x, c->start, c->sliced);
  for (int d = 0; d < c->sliced.rank; d++) x = graph_every(g, x, d, c->step[d]);
  for (int d = 0; x && d < c->sliced.rank; d++)
    if (!c->goes[d]) kept.dim[kept.rank++] = x->shape.dim[d];
  return graph_reshape(g, x, kept);
}

static Val index_tensor(Eval *ev, Scope *s, const Expr *e, Node *x) {
  int items = e->u.index.n, rests = 0;
  for (int i = 0; i < items; i++) rests += e->u.index.item[i].kind == INDEX_REST;
  int given = items - rests, free_dims = x->shape.rank - given;
  if (rests > 1 || free_dims < 0)
    return eval_fail(e->loc, "found %d positions for %s, expected at most %d%s", given,
                     val_show(ev->arena, val_tensor(x)), x->shape.rank, rests > 1 ? " and one \"..\"" : "");
  Cut c = {0};
  for (int i = 0; i < items; i++) {
    const IndexItem *it = &e->u.index.item[i];
    int times = it->kind == INDEX_REST ? free_dims : 1;
    for (int k = 0; k < times; k++)
      if (!cut_dim(ev, s, it->kind == INDEX_REST ? NULL : it, x->shape.dim[c.sliced.rank], &c))
        return (Val){0};
  }
  while (c.sliced.rank < x->shape.rank)
    if (!cut_dim(ev, s, NULL, x->shape.dim[c.sliced.rank], &c)) return (Val){0};
  ev->graph->loc = e->loc;
  return val_tensor(cut(ev->graph, x, &c));
}

static Val eval_index(Eval *ev, Scope *s, const Expr *e, Val of) {
  if (of.kind == VAL_ERROR) return of;
  if (of.kind == VAL_LIST) return index_list(ev, s, e, of);
  Node *x = eval_tensor(ev, of, DT_F32, e->loc);
  return x ? index_tensor(ev, s, e, x) : (Val){0};
}

/* The expression's value, given that of what stands left of it, if anything does. */
static Val eval_kind(Eval *ev, Scope *s, const Expr *e, Val left) {
  switch (e->kind) {
  case EX_NUMBER: return val_number(e->u.number);
  case EX_STRING: return val_text(e->u.text);
  case EX_BOOL: return val_bool(e->u.truth);
  case EX_NAME: return eval_name(ev, s, e->u.text, e->loc);
  case EX_LIST: return eval_items(ev, s, e);
  case EX_UNARY: return eval_unary(ev, e->u.op.sign, eval_expr(ev, s, e->u.op.a), e->loc);
  case EX_BINARY: return eval_infix(ev, s, e, left);
  case EX_IF: return eval_choice(ev, s, e);
  case EX_CALL: return eval_call(ev, s, e, left);
  case EX_INDEX: return eval_index(ev, s, e, left);
  case EX_FIELD: return eval_field(ev, e, left);
  case EX_EACH: return eval_each(ev, s, e);
  }
  return (Val){0};
}

Val eval_give_up(Eval *ev, Loc loc, const char *why) {
  if (!ev->spent) eval_fail(loc, "%s", why);
  ev->spent = true;
  return (Val){0};
}

bool eval_enter(Eval *ev, Loc loc) {
  if (ev->depth >= MOST_DEPTH && !ev->spent)
    eval_give_up(
        ev, loc,
        arena_printf(ev->arena, "nested more than %d deep: does a function call itself?", MOST_DEPTH));
  if (!ev->spent) ev->depth++;
  return !ev->spent;
}

void eval_leave(Eval *ev) {
  ev->depth--;
}

static Val eval_one(Eval *ev, Scope *s, const Expr *e, Val left) {
  if (--ev->budget < 0) eval_give_up(ev, e->loc, "evaluation takes too long: is there an endless loop?");
  return ev->spent ? (Val){0} : eval_kind(ev, s, e, left);
}

/* From what stands left on, since chains of operators, calls and indices may be as long as the file. */
Val eval_expr(Eval *ev, Scope *s, const Expr *e) {
  enum { FEW = 8 };
  const Expr *few[FEW], **chain = few;
  int n = 0;
  if (!eval_enter(ev, e->loc)) return (Val){0};
  for (const Expr *at = e; at; at = expr_left(at)) n++;
  if (n > FEW) chain = ARENA_ARRAY(ev->arena, n, const Expr *);
  for (int i = 0; i < n; i++, e = expr_left(e)) chain[i] = e;
  Val v = {0};
  while (n-- > 0) v = eval_one(ev, s, chain[n], v);
  eval_leave(ev);
  return v;
}
