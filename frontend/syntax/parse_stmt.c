/* Statements: of functions, of modules and of train blocks. One table says which word begins which. */
#include <string.h>

#include "base/nearest.h"
#include "frontend/syntax/parse.h"

/* Where a statement may stand. */
enum { IN_FN = 1, IN_MODULE = 2, IN_TRAIN = 4 };

static Block parse_braced(Parser *p, unsigned where, ModuleDecl *m);

static Stmt *new_stmt(Parser *p, StmtKind kind, Loc loc) {
  Stmt *s = ARENA_NEW(p->arena, Stmt);
  s->kind = kind;
  s->loc = loc;
  return s;
}

/* let = "let" names "=" exprs; the word is behind us */
Stmt *parse_let(Parser *p) {
  Stmt *s = new_stmt(p, SM_LET, p->tok->loc);
  parse_name_list(p, &s->u.bind.names);
  parse_expect(p, "=", "after the names of \"let\"");
  s->u.bind.value = parse_expr_list(p);
  return s;
}

static Stmt *parse_let_in(Parser *p, unsigned where) {
  (void)where;
  return parse_let(p);
}

/* for = "for" names "in" expr "{" statements "}" */
static Stmt *parse_for(Parser *p, unsigned where) {
  Stmt *s = new_stmt(p, SM_FOR, p->tok->loc);
  parse_name_list(p, &s->u.loop.names);
  parse_expect(p, "in", "after the names of \"for\"");
  s->u.loop.over = parse_expr(p);
  s->u.loop.body = parse_braced(p, where, NULL);
  return s;
}

/* if = "if" expr "{" statements "}" ["else" (if | "{" statements "}")] */
static Stmt *parse_if(Parser *p, unsigned where) {
  Stmt *s = new_stmt(p, SM_IF, p->tok->loc);
  s->u.choice.cond = parse_expr(p);
  s->u.choice.yes = parse_braced(p, where, NULL);
  if (!parse_accept(p, "else")) return s;
  if (!parse_accept(p, "if")) {
    s->u.choice.no = parse_braced(p, where, NULL);
    return s;
  }
  Block *no = &s->u.choice.no;
  if (parse_enter(p)) {
    ARENA_GROW(p->arena, no->v, no->n, no->cap);
    no->v[no->n++] = parse_if(p, where);
  }
  parse_leave(p);
  return s;
}

static Stmt *parse_return(Parser *p, unsigned where) {
  (void)where;
  Stmt *s = new_stmt(p, SM_RETURN, p->tok->loc);
  s->u.value = parse_expr_list(p);
  return s;
}

/* check = "check" expr "," expr */
static Stmt *parse_check(Parser *p, unsigned where) {
  (void)where;
  Stmt *s = new_stmt(p, SM_CHECK, p->tok->loc);
  s->u.check.cond = parse_expr(p);
  parse_expect(p, ",", "between what is checked and the message");
  s->u.check.message = parse_expr(p);
  return s;
}

/* param = "param" NAME dims ["fixed"] ["=" expr] */
static Stmt *parse_param(Parser *p, unsigned where) {
  (void)where;
  Stmt *s = new_stmt(p, SM_PARAM, p->tok->loc);
  s->u.param.name = parse_name(p, "the parameter's name");
  s->u.param.type = DT_F32;
  s->u.param.dims = parse_dims(p, false);
  s->u.param.fixed = parse_accept(p, "fixed");
  if (parse_accept(p, "=")) s->u.param.init = parse_expr(p);
  return s;
}

/* data = "data" NAME TYPE dims "=" expr */
static Stmt *parse_data(Parser *p, unsigned where) {
  (void)where;
  Stmt *s = new_stmt(p, SM_DATA, p->tok->loc);
  s->u.data.name = parse_name(p, "the data's name");
  s->u.data.type = parse_type(p);
  s->u.data.dims = parse_dims(p, false);
  parse_expect(p, "=", "before the data's source");
  s->u.data.source = parse_expr(p);
  return s;
}

/* The module that a model's first values are taken from. */
static Stmt *parse_from(Parser *p, Stmt *s) {
  if (parse_accept(p, "from")) s->u.named.from = parse_expr(p);
  return s;
}

/* state = "state" NAME [TYPE] dims ["=" expr], and in a train block "state" NAME "=" expr ["from" expr] */
static Stmt *parse_state(Parser *p, unsigned where) {
  Stmt *s = new_stmt(p, SM_STATE, p->tok->loc);
  const char *name = parse_name(p, "the state's name");
  if (where == IN_TRAIN && parse_accept(p, "=")) {
    s->kind = SM_STATE_MODEL;
    s->u.named.name = name;
    s->u.named.value = parse_expr(p);
    return parse_from(p, s);
  }
  s->u.param.name = name;
  s->u.param.type = p->tok->kind == TOK_NAME ? parse_type(p) : DT_F32;
  s->u.param.dims = parse_dims(p, false);
  if (parse_accept(p, "=")) s->u.param.init = parse_expr(p);
  return s;
}

/* WORD NAME "=" expr */
static Stmt *parse_bound(Parser *p, StmtKind kind, const char *what) {
  Stmt *s = new_stmt(p, kind, p->tok->loc);
  s->u.named.name = parse_name(p, what);
  parse_expect(p, "=", "after the name");
  s->u.named.value = parse_expr(p);
  return s;
}

static Stmt *parse_model(Parser *p, unsigned where) {
  (void)where;
  return parse_from(p, parse_bound(p, SM_MODEL, "the model's name"));
}

static Stmt *parse_frozen(Parser *p, unsigned where) {
  (void)where;
  return parse_bound(p, SM_FROZEN, "the frozen model's name");
}

/* setting = "setting" NAME "=" expr [STRING] */
static Stmt *parse_setting(Parser *p, unsigned where) {
  (void)where;
  Stmt *s = parse_bound(p, SM_SETTING, "the setting's name");
  s->u.named.help = "";
  if (!p->bad && p->tok->kind == TOK_STRING) s->u.named.help = (p->tok++)->text;
  return s;
}

static Stmt *parse_value(Parser *p, StmtKind kind) {
  Stmt *s = new_stmt(p, kind, p->tok->loc);
  s->u.value = parse_expr(p);
  return s;
}

static Stmt *parse_minimise(Parser *p, unsigned where) {
  (void)where;
  return parse_value(p, SM_MINIMISE);
}

/* choice = NAME "(" args ")" | "if" expr "then" choice "else" choice */
static void check_choice(const Expr *e) {
  for (; e->kind == EX_IF; e = e->u.choice.no) check_choice(e->u.choice.yes);
  if (e->kind != EX_CALL)
    diag_error(e->loc, "expected an optimizer with its arguments, or \"if\" between such");
}

/* optimizer = "optimizer" choice */
static Stmt *parse_optimizer(Parser *p, unsigned where) {
  (void)where;
  Stmt *s = parse_value(p, SM_OPTIMIZER);
  if (!p->bad) check_choice(s->u.value);
  return s;
}

static Stmt *parse_clip(Parser *p, unsigned where) {
  (void)where;
  return parse_value(p, SM_CLIP);
}

/* report = "report" item {"," item}, item = NAME ["=" expr] */
static Stmt *parse_report(Parser *p, unsigned where) {
  (void)where;
  Stmt *s = new_stmt(p, SM_REPORT, p->tok->loc);
  CallArgs *r = &s->u.report;
  do {
    ARENA_GROW(p->arena, r->v, r->n, r->cap);
    CallArg *item = &r->v[r->n++];
    *item = (CallArg){.loc = p->tok->loc};
    item->name = parse_name(p, "the name of what is reported");
    if (parse_accept(p, "=")) item->value = parse_expr(p);
  } while (parse_accept(p, ","));
  return s;
}

/* update = "update" NAME "=" expr */
static Stmt *parse_update(Parser *p, unsigned where) {
  (void)where;
  return parse_bound(p, SM_UPDATE, "the name of a model that is a state");
}

static Stmt *parse_evaluate(Parser *p, unsigned where) {
  Stmt *s = new_stmt(p, SM_EVALUATE, p->tok->loc);
  s->u.body = parse_braced(p, where, NULL);
  return s;
}

static const struct {
  const char *word;
  unsigned where;
  Stmt *(*parse)(Parser *p, unsigned where);
} rows[] = {
    {"let", IN_FN | IN_MODULE | IN_TRAIN, parse_let_in},
    {"for", IN_FN, parse_for},
    {"if", IN_FN | IN_MODULE | IN_TRAIN, parse_if},
    {"return", IN_FN, parse_return},
    {"check", IN_FN | IN_MODULE | IN_TRAIN, parse_check},
    {"param", IN_MODULE, parse_param},
    {"state", IN_MODULE | IN_TRAIN, parse_state},
    {"data", IN_TRAIN, parse_data},
    {"model", IN_TRAIN, parse_model},
    {"frozen", IN_TRAIN, parse_frozen},
    {"setting", IN_TRAIN, parse_setting},
    {"minimise", IN_TRAIN, parse_minimise},
    {"report", IN_TRAIN, parse_report},
    {"optimizer", IN_TRAIN, parse_optimizer},
    {"clip", IN_TRAIN, parse_clip},
    {"evaluate", IN_TRAIN, parse_evaluate},
    {"update", IN_TRAIN, parse_update},
};
enum { ROWS = sizeof rows / sizeof *rows };

static const char *const where_text[] = {
    [IN_FN] = "a function", [IN_MODULE] = "a module", [IN_TRAIN] = "a train block"};

/* NAME "=" exprs in functions and train blocks, NAME ":" expr in modules */
static Stmt *parse_by_name(Parser *p, unsigned where) {
  const Token *t = p->tok;
  bool named = t->kind == TOK_NAME && !parse_is_keyword(t->text) && t[1].kind == TOK_SIGN;
  Stmt *s = new_stmt(p, where == IN_MODULE ? SM_SUB : SM_SET, t->loc);
  if (where == IN_MODULE && named && t[1].text[0] == ':') {
    s->u.named.name = parse_name(p, "the submodule's name");
    parse_expect(p, ":", "after a submodule's name");
    s->u.named.value = parse_expr(p);
  } else if (where != IN_MODULE && named && (!strcmp(t[1].text, "=") || t[1].text[0] == ',')) {
    parse_name_list(p, &s->u.bind.names);
    parse_expect(p, "=", "after the names");
    s->u.bind.value = parse_expr_list(p);
  } else {
    const char *words[ROWS];
    int n = 0;
    for (int i = 0; i < ROWS; i++)
      if (rows[i].where & where) words[n++] = rows[i].word;
    const char *near = t->kind == TOK_NAME ? nearest_name(t->text, words, n) : NULL;
    parse_fail(p, "\"%s\" begins no statement of %s%s%s%s", t->text, where_text[where],
               near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
  }
  return s;
}

static Stmt *parse_statement(Parser *p, unsigned where) {
  const Token *t = p->tok;
  bool renamed = t->kind == TOK_NAME && t[1].kind == TOK_SIGN && (t[1].text[0] == ':' || t[1].text[0] == '=');
  for (int i = 0; i < ROWS && !renamed; i++)
    if (rows[i].where & where && parse_accept(p, rows[i].word)) return rows[i].parse(p, where);
  return parse_by_name(p, where);
}

static void add_method(Parser *p, ModuleDecl *m) {
  FnDecl *f = ARENA_NEW(p->arena, FnDecl);
  f->loc = p->tok->loc;
  f->name = parse_at(p, "(") ? "" : parse_name(p, "the function's name or its arguments");
  parse_fn_rest(p, f);
  ARENA_GROW(p->arena, m->fn, m->nfn, m->cap_fn);
  m->fn[m->nfn++] = f;
}

static void recover(Parser *p, unsigned where) {
  const char *starts[ROWS + 3];
  int n = 0;
  for (int i = 0; i < ROWS; i++)
    if (rows[i].where & where) starts[n++] = rows[i].word;
  starts[n++] = where == IN_MODULE ? "fn" : "module";
  starts[n++] = "train";
  starts[n] = NULL;
  parse_recover(p, starts);
}

/* "{" {statement} "}"; `m` takes the functions of a module's own braces, not of an "if" inside */
static Block parse_braced(Parser *p, unsigned where, ModuleDecl *m) {
  Block out = {0};
  if (!parse_enter(p) || !parse_expect(p, "{", "before the body")) {
    parse_leave(p);
    return out;
  }
  while (!parse_at(p, "}") && p->tok->kind != TOK_END) {
    const Token *before = p->tok;
    if (m && parse_accept(p, "fn")) {
      add_method(p, m);
    } else {
      Stmt *s = parse_statement(p, where);
      ARENA_GROW(p->arena, out.v, out.n, out.cap);
      out.v[out.n++] = s;
    }
    if (!p->bad) continue;
    if (p->tok == before && p->tok->kind != TOK_END) p->tok++;
    recover(p, where);
    if (parse_at(p, "module") || parse_at(p, "train")) break;
  }
  parse_expect(p, "}", "after the body");
  parse_leave(p);
  return out;
}

Block parse_block(Parser *p) {
  return parse_braced(p, IN_FN, NULL);
}

Block parse_members(Parser *p, ModuleDecl *m) {
  return parse_braced(p, IN_MODULE, m);
}

Block parse_train_items(Parser *p) {
  return parse_braced(p, IN_TRAIN, NULL);
}
