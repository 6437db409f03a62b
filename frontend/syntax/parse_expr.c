/* Expressions: precedence climbing, calls, indices, lists and comprehensions. */
#include <string.h>

#include "frontend/syntax/parse.h"

static Expr *new_expr(Parser *p, ExprKind kind, Loc loc) {
  Expr *e = ARENA_NEW(p->arena, Expr);
  e->kind = kind;
  e->loc = loc;
  return e;
}

const Expr *expr_left(const Expr *e) {
  switch (e->kind) {
  case EX_BINARY: return e->u.op.a;
  case EX_CALL: return e->u.call.callee;
  case EX_INDEX: return e->u.index.of;
  case EX_FIELD: return e->u.field.of;
  default: return NULL;
  }
}

static void list_push(Parser *p, ExprList *l, Expr *e) {
  ARENA_GROW(p->arena, l->v, l->n, l->cap);
  l->v[l->n++] = e;
}

/* names = NAME {"," NAME} */
void parse_name_list(Parser *p, Names *out) {
  do {
    ARENA_GROW(p->arena, out->v, out->n, out->cap);
    out->v[out->n++] = parse_name(p, "a name");
  } while (parse_accept(p, ","));
}

/* arg = [NAME "="] expr */
static CallArg parse_one_arg(Parser *p) {
  CallArg arg = {.loc = p->tok->loc};
  const Token *next = p->tok + (p->tok->kind != TOK_END);
  if (p->tok->kind == TOK_NAME && next->kind == TOK_SIGN && !strcmp(next->text, "=")) {
    arg.name = parse_name(p, "an argument's name");
    parse_expect(p, "=", "after an argument's name");
  }
  arg.value = parse_expr(p);
  return arg;
}

/* args = [arg {"," arg} [","]] ")" */
CallArgs parse_call_args(Parser *p) {
  CallArgs out = {0};
  while (!p->bad && !parse_at(p, ")")) {
    ARENA_GROW(p->arena, out.v, out.n, out.cap);
    out.v[out.n++] = parse_one_arg(p);
    if (!parse_accept(p, ",")) break;
  }
  parse_expect(p, ")", "after the arguments");
  return out;
}

/* The end or the step of a span, if it is there. */
static Expr *parse_bound(Parser *p) {
  return parse_at(p, ":") || parse_at(p, ",") || parse_at(p, "]") ? NULL : parse_expr(p);
}

/* index = ".." | [expr] ":" [expr] [":" [expr]] | expr */
static IndexItem parse_index_item(Parser *p) {
  IndexItem item = {.loc = p->tok->loc};
  if (parse_accept(p, "..")) {
    item.kind = INDEX_REST;
    return item;
  }
  if (!parse_at(p, ":")) item.lo = parse_expr(p);
  if (parse_accept(p, ":")) {
    item.kind = INDEX_SPAN;
    item.hi = parse_bound(p);
    if (parse_accept(p, ":")) item.step = parse_bound(p);
  }
  return item;
}

static Expr *parse_index(Parser *p, Expr *of, Loc loc) {
  Expr *e = new_expr(p, EX_INDEX, loc);
  e->u.index.of = of;
  do {
    ARENA_GROW(p->arena, e->u.index.item, e->u.index.n, e->u.index.cap);
    e->u.index.item[e->u.index.n++] = parse_index_item(p);
  } while (parse_accept(p, ",") && !parse_at(p, "]"));
  parse_expect(p, "]", "after the index");
  return e;
}

/* "for" names "in" expr ["if" expr], each within the one before */
static void parse_clauses(Parser *p, Expr *e) {
  int depth = p->depth;
  while (parse_accept(p, "for")) {
    ARENA_GROW(p->arena, e->u.each.clause, e->u.each.n, e->u.each.cap);
    Clause *c = &e->u.each.clause[e->u.each.n++];
    *c = (Clause){0};
    parse_name_list(p, &c->names);
    parse_expect(p, "in", "after the names of \"for\"");
    c->over = parse_expr(p);
    if (!parse_enter(p)) break;
    if (parse_accept(p, "if")) c->only = parse_expr(p);
  }
  p->depth = depth;
}

/* list = "[" [expr {"," expr} [","]] "]" | "[" expr clause {clause} "]" */
static Expr *parse_list(Parser *p, Loc loc) {
  Expr *e = new_expr(p, EX_LIST, loc);
  while (!p->bad && !parse_at(p, "]")) {
    Expr *item = parse_expr(p);
    if (parse_at(p, "for") && e->u.list.n == 0) {
      e = new_expr(p, EX_EACH, loc);
      e->u.each.item = item;
      parse_clauses(p, e);
      break;
    }
    list_push(p, &e->u.list, item);
    if (!parse_accept(p, ",")) break;
  }
  parse_expect(p, "]", "after the list");
  return e;
}

/* paren = "(" ")" | "(" expr ")" | "(" expr "," [expr {"," expr}] ")": with a comma it is a list. */
static Expr *parse_paren(Parser *p, Loc loc) {
  Expr *e = new_expr(p, EX_LIST, loc);
  bool comma = parse_at(p, ")");
  while (!p->bad && !parse_at(p, ")")) {
    list_push(p, &e->u.list, parse_expr(p));
    if (!parse_accept(p, ",")) break;
    comma = true;
  }
  parse_expect(p, ")", "to close the parenthesis");
  return comma || e->u.list.n == 0 ? e : e->u.list.v[0];
}

static Expr *parse_literal(Parser *p) {
  const Token *t = p->tok;
  Expr *e = new_expr(p, EX_NUMBER, t->loc);
  if (t->kind == TOK_NUMBER) {
    e->u.number = t->number;
  } else if (t->kind == TOK_STRING) {
    e->kind = EX_STRING;
    e->u.text = t->text;
  } else if (parse_at(p, "true") || parse_at(p, "false")) {
    e->kind = EX_BOOL;
    e->u.truth = t->text[0] == 't';
  } else {
    e->kind = EX_NAME;
    e->u.text = parse_name(p, "an expression");
    return e;
  }
  p->tok++;
  return e;
}

static Expr *parse_primary(Parser *p) {
  Loc loc = p->tok->loc;
  if (p->bad) return new_expr(p, EX_LIST, loc);
  if (parse_accept(p, "(")) return parse_paren(p, loc);
  if (parse_accept(p, "[")) return parse_list(p, loc);
  return parse_literal(p);
}

/* postfix = primary { "(" args | "[" index {"," index} "]" | "." NAME }, brackets on the same line */
static Expr *parse_postfix(Parser *p) {
  Expr *e = parse_primary(p);
  while (!p->bad) {
    Loc loc = p->tok->loc;
    bool same_line = !p->tok->line_start;
    if (same_line && parse_accept(p, "(")) {
      Expr *call = new_expr(p, EX_CALL, e->loc);
      call->u.call.callee = e;
      call->u.call.args = parse_call_args(p);
      e = call;
    } else if (same_line && parse_accept(p, "[")) {
      e = parse_index(p, e, loc);
    } else if (parse_accept(p, ".")) {
      Expr *field = new_expr(p, EX_FIELD, p->tok->loc);
      field->u.field.of = e;
      field->u.field.name = parse_name(p, "a name after \".\"");
      e = field;
    } else {
      break;
    }
  }
  return e;
}

static Expr *new_op(Parser *p, Sign sign, Loc loc, Expr *a, Expr *b) {
  Expr *e = new_expr(p, b ? EX_BINARY : EX_UNARY, loc);
  e->u.op.sign = sign;
  e->u.op.a = a;
  e->u.op.b = b;
  return e;
}

static Expr *parse_unary(Parser *p);

/* What a sign before it applies to. */
static Expr *parse_operand(Parser *p) {
  Expr *e = parse_enter(p) ? parse_unary(p) : new_expr(p, EX_LIST, p->tok->loc);
  parse_leave(p);
  return e;
}

/* unary = "-" unary | postfix ["^" unary] */
static Expr *parse_unary(Parser *p) {
  Loc loc = p->tok->loc;
  if (parse_accept(p, "-")) return new_op(p, SIGN_NEG, loc, parse_operand(p), NULL);
  Expr *e = parse_postfix(p);
  loc = p->tok->loc;
  return parse_accept(p, "^") ? new_op(p, SIGN_POW, loc, e, parse_operand(p)) : e;
}

/* Binary signs from the loosest level to the tightest; all group to the left. */
static const struct {
  const char *text;
  int level;
  Sign sign;
} binary[] = {{"or", 0, SIGN_OR},     {"and", 1, SIGN_AND}, {"<", 2, SIGN_LT},  {"<=", 2, SIGN_LE},
              {">", 2, SIGN_GT},      {">=", 2, SIGN_GE},   {"==", 2, SIGN_EQ}, {"!=", 2, SIGN_NE},
              {"..", 3, SIGN_RANGE},  {"+", 4, SIGN_ADD},   {"-", 4, SIGN_SUB}, {"*", 5, SIGN_MUL},
              {"//", 5, SIGN_INTDIV}, {"/", 5, SIGN_DIV},   {"%", 5, SIGN_MOD}};
enum { LEVELS = 6, LEVEL_COMPARE = 2 };

static bool accept_binary(Parser *p, int level, Sign *sign) {
  for (size_t i = 0; i < sizeof binary / sizeof *binary; i++) {
    if (binary[i].level != level || !parse_accept(p, binary[i].text)) continue;
    *sign = binary[i].sign;
    return true;
  }
  return false;
}

/* level = "not" at the level of comparisons, else tighter {sign tighter} */
static Expr *parse_level(Parser *p, int level) {
  if (level == LEVELS) return parse_unary(p);
  Loc loc = p->tok->loc;
  if (level == LEVEL_COMPARE && parse_accept(p, "not")) {
    Expr *of = parse_enter(p) ? parse_level(p, level) : new_expr(p, EX_LIST, loc);
    parse_leave(p);
    return new_op(p, SIGN_NOT, loc, of, NULL);
  }
  Expr *e = parse_level(p, level + 1);
  Sign sign;
  for (loc = p->tok->loc; accept_binary(p, level, &sign); loc = p->tok->loc)
    e = new_op(p, sign, loc, e, parse_level(p, level + 1));
  return e;
}

/* "if" expr "then" expr "else" expr */
static Expr *parse_choice(Parser *p, Loc loc) {
  Expr *e = new_expr(p, EX_IF, loc);
  e->u.choice.cond = parse_expr(p);
  parse_expect(p, "then", "after the condition of an \"if\" expression");
  e->u.choice.yes = parse_expr(p);
  parse_expect(p, "else", "in an \"if\" expression");
  e->u.choice.no = parse_expr(p);
  return e;
}

/* expr = choice | levels */
Expr *parse_expr(Parser *p) {
  Loc loc = p->tok->loc;
  Expr *e = NULL;
  if (parse_enter(p)) e = parse_accept(p, "if") ? parse_choice(p, loc) : parse_level(p, 0);
  parse_leave(p);
  return e ? e : new_expr(p, EX_LIST, loc);
}

Expr *parse_expr_list(Parser *p) {
  Expr *first = parse_expr(p);
  if (!parse_at(p, ",")) return first;
  Expr *e = new_expr(p, EX_LIST, first->loc);
  list_push(p, &e->u.list, first);
  while (parse_accept(p, ",")) list_push(p, &e->u.list, parse_expr(p));
  return e;
}

/* dims = "[" [dim {"," dim}] "]", dim = expr or, once and where allowed, ".." */
ExprList parse_dims(Parser *p, bool rest_allowed) {
  ExprList out = {0};
  parse_expect(p, "[", "before dimensions");
  while (!p->bad && !parse_at(p, "]")) {
    if (rest_allowed && parse_accept(p, "..")) {
      list_push(p, &out, NULL);
      rest_allowed = false;
    } else {
      list_push(p, &out, parse_expr(p));
    }
    if (!parse_accept(p, ",")) break;
  }
  parse_expect(p, "]", "after dimensions");
  return out;
}
