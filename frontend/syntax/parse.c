/* The parser's footing (tokens, errors, recovery) and declarations: what a file holds. */
#include "frontend/syntax/parse.h"
#include "base/nearest.h"

#include <stdarg.h>
#include <string.h>

enum { MOST_DEPTH = 200 };

static const char *const keywords[] = {"and",    "check", "else", "false",  "fn",        "for", "if",
                                       "import", "in",    "let",  "module", "not",       "or",  "param",
                                       "return", "then",  "true", "train",  "optimizer", NULL};

bool parse_is_keyword(const char *text) {
  for (int i = 0; keywords[i]; i++)
    if (!strcmp(keywords[i], text)) return true;
  return false;
}

bool parse_at(const Parser *p, const char *text) {
  const Token *t = p->tok;
  return !p->bad && (t->kind == TOK_SIGN || t->kind == TOK_NAME) && !strcmp(t->text, text);
}

bool parse_accept(Parser *p, const char *text) {
  if (!parse_at(p, text)) return false;
  p->tok++;
  return true;
}

void parse_fail(Parser *p, const char *fmt, ...) {
  if (p->bad) return;
  va_list ap;
  va_start(ap, fmt);
  diag_error(p->tok->loc, "%s", arena_vprintf(p->arena, fmt, ap));
  va_end(ap);
  p->bad = true;
}

bool parse_expect(Parser *p, const char *text, const char *where) {
  if (parse_accept(p, text)) return true;
  parse_fail(p, "expected \"%s\" %s, found \"%s\"", text, where, p->tok->text);
  return false;
}

const char *parse_name(Parser *p, const char *what) {
  if (!p->bad && p->tok->kind == TOK_NAME && !parse_is_keyword(p->tok->text)) return (p->tok++)->text;
  parse_fail(p, "expected %s, found \"%s\"", what, p->tok->text);
  return "";
}

bool parse_enter(Parser *p) {
  if (p->depth >= MOST_DEPTH) parse_fail(p, "nested more than %d deep", MOST_DEPTH);
  p->depth++;
  return !p->bad;
}

void parse_leave(Parser *p) {
  p->depth--;
}

static bool is_among(const char *text, const char *const *words) {
  for (int i = 0; words[i]; i++)
    if (!strcmp(words[i], text)) return true;
  return false;
}

void parse_recover(Parser *p, const char *const *starts) {
  int open = 0;
  for (p->bad = false; p->tok->kind != TOK_END; p->tok++) {
    const Token *t = p->tok;
    if (t->kind == TOK_NAME && t->line_start && is_among(t->text, starts)) return;
    if (t->kind != TOK_SIGN) continue;
    if (t->text[0] == '{') open++;
    if (t->text[0] == '}' && open-- == 0) return;
  }
}

DType parse_type(Parser *p) {
  const Token *t = p->tok;
  const char *text = parse_name(p, "an element type");
  DType type = dtype_parse(text, (int)strlen(text));
  if (!p->bad && type == DT_COUNT) {
    p->tok = t;
    parse_fail(p, "expected an element type (f32, i32, u8, ..), found \"%s\"", text);
  }
  return type;
}

/* argument = NAME [[TYPE] dims] ["=" expr] */
static ArgDecl parse_argument(Parser *p) {
  ArgDecl a = {.loc = p->tok->loc, .type = DT_F32};
  a.name = parse_name(p, "an argument's name");
  if (!p->bad && p->tok->kind == TOK_NAME) {
    a.type = parse_type(p);
    a.typed = true;
  }
  if (a.typed || parse_at(p, "[")) {
    a.typed = true;
    a.dims = parse_dims(p, true);
  }
  if (parse_accept(p, "=")) a.init = parse_expr(p);
  return a;
}

/* signature = "(" [argument {"," argument} [","]] ")" */
Signature parse_signature(Parser *p) {
  Signature out = {0};
  parse_expect(p, "(", "before the arguments");
  while (!p->bad && !parse_at(p, ")")) {
    ARENA_GROW(p->arena, out.v, out.n, out.cap);
    out.v[out.n++] = parse_argument(p);
    if (!parse_accept(p, ",")) break;
  }
  parse_expect(p, ")", "after the arguments");
  return out;
}

/* fn = signature ("=" exprs | "{" statements "}") */
void parse_fn_rest(Parser *p, FnDecl *f) {
  f->sig = parse_signature(p);
  if (!parse_at(p, "=")) {
    f->body = parse_block(p);
    return;
  }
  Stmt *s = ARENA_NEW(p->arena, Stmt);
  s->kind = SM_RETURN;
  parse_accept(p, "=");
  s->loc = p->tok->loc;
  s->u.value = parse_expr_list(p);
  ARENA_GROW(p->arena, f->body.v, f->body.n, f->body.cap);
  f->body.v[f->body.n++] = s;
}

static void parse_fn(Parser *p, Decl *d) {
  d->u.fn.name = d->name = parse_name(p, "the function's name");
  d->u.fn.loc = d->loc;
  parse_fn_rest(p, &d->u.fn);
}

/* module = "module" NAME signature "{" {member} "}" */
static void parse_module(Parser *p, Decl *d) {
  d->name = parse_name(p, "the module's name");
  d->u.module.sig = parse_signature(p);
  d->u.module.member = parse_members(p, &d->u.module);
}

/* slot = "slot" NAME ["[" "]"] "=" expr */
static void parse_slot(Parser *p, OptDecl *o) {
  ARENA_GROW(p->arena, o->slot, o->nslot, o->cap_slot);
  SlotDecl *s = &o->slot[o->nslot++];
  *s = (SlotDecl){.loc = p->tok->loc};
  s->name = parse_name(p, "the slot's name");
  s->scalar = parse_accept(p, "[");
  if (s->scalar) parse_expect(p, "]", "after \"[\": a slot has no dimensions or those of the parameter");
  parse_expect(p, "=", "before the slot's first value");
  s->init = parse_expr(p);
}

/* optimizer = "optimizer" NAME signature "{" {slot} "update" ["each"] "(" NAME "," NAME ")" "{" statements
 * "}" "}" */
static void parse_optimizer_decl(Parser *p, Decl *d) {
  OptDecl *o = &d->u.opt;
  d->name = parse_name(p, "the optimizer's name");
  o->sig = parse_signature(p);
  parse_expect(p, "{", "before the optimizer's body");
  while (parse_accept(p, "slot")) parse_slot(p, o);
  parse_expect(p, "update", "after the slots");
  o->each = parse_accept(p, "each");
  parse_expect(p, "(", "before the names of parameter and gradient");
  o->param = parse_name(p, "a name for the parameter");
  parse_expect(p, ",", "between the names of parameter and gradient");
  o->grad = parse_name(p, "a name for the gradient");
  parse_expect(p, ")", "after the names of parameter and gradient");
  o->body = parse_block(p);
  parse_expect(p, "}", "after the optimizer's body");
}

/* train = "train" NAME (signature "{" {item} "}" | "=" NAME "(" args) */
static void parse_train(Parser *p, Decl *d) {
  d->name = parse_name(p, "the train block's name");
  if (parse_accept(p, "=")) {
    d->u.train.base = parse_name(p, "the name of a train block");
    parse_expect(p, "(", "before the parameters' values");
    d->u.train.args = parse_call_args(p);
    return;
  }
  d->u.train.sig = parse_signature(p);
  d->u.train.body = parse_train_items(p);
}

/* let = "let" NAME "=" expr */
static void parse_constant(Parser *p, Decl *d) {
  d->name = parse_name(p, "the constant's name");
  parse_expect(p, "=", "after the constant's name");
  d->u.let.value = parse_expr_list(p);
}

static const struct {
  const char *word;
  DeclKind kind;
  void (*parse)(Parser *p, Decl *d);
} rows[] = {{"fn", DECL_FN, parse_fn},
            {"module", DECL_MODULE, parse_module},
            {"optimizer", DECL_OPTIMIZER, parse_optimizer_decl},
            {"train", DECL_TRAIN, parse_train},
            {"let", DECL_LET, parse_constant}};
enum { ROWS = sizeof rows / sizeof *rows };

static const char *const starts[] = {"import", "fn", "module", "optimizer", "train", "let", NULL};

static void parse_import(Parser *p, File *f) {
  ARENA_GROW(p->arena, f->import, f->nimport, f->cap_import);
  if (p->tok->kind != TOK_STRING) {
    parse_fail(p, "expected the imported file's name in quotes, found \"%s\"", p->tok->text);
    return;
  }
  f->import[f->nimport++] = (Import){.path = p->tok->text, .loc = p->tok->loc};
  p->tok++;
}

static void add_decl(Parser *p, File *f, Decl *d) {
  NameTable *names = d->kind == DECL_TRAIN ? &f->train : &f->other;
  const Decl *old = name_table_find(names, d->name);
  if (old) {
    diag_error(d->loc, "\"%s\" is declared twice in this file", d->name);
    diag_note(old->loc, "the first declaration is here");
    return;
  }
  name_table_set(p->arena, names, d->name, d);
  ARENA_GROW(p->arena, f->decl, f->ndecl, f->cap_decl);
  f->decl[f->ndecl++] = d;
}

static void parse_decl(Parser *p, File *f) {
  for (int i = 0; i < ROWS; i++) {
    if (!parse_accept(p, rows[i].word)) continue;
    Decl *d = ARENA_NEW(p->arena, Decl);
    d->kind = rows[i].kind;
    d->loc = p->tok->loc;
    d->file = f;
    rows[i].parse(p, d);
    if (d->name && d->name[0]) add_decl(p, f, d);
    return;
  }
  const char *near = p->tok->kind == TOK_NAME ? nearest_name(p->tok->text, starts, ROWS + 1) : NULL;
  parse_fail(
      p, "expected \"import\", \"let\", \"fn\", \"module\", \"optimizer\" or \"train\", found \"%s\"%s%s%s",
      p->tok->text, near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
}

/* file = { "import" STRING | declaration } */
File *parse_file(Arena *a, const Source *src) {
  Parser p = {.arena = a, .tok = lex(a, src)};
  File *f = ARENA_NEW(a, File);
  f->src = src;
  while (p.tok->kind != TOK_END) {
    const Token *before = p.tok;
    if (parse_accept(&p, "import"))
      parse_import(&p, f);
    else
      parse_decl(&p, f);
    if (!p.bad) continue;
    if (p.tok == before) p.tok++;
    p.depth = 0;
    parse_recover(&p, starts);
    if (p.tok->kind == TOK_SIGN) p.tok++;
  }
  return f;
}
