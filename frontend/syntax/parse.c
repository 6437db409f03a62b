/* The parser's footing: tokens, errors and recovery. */
#include "frontend/syntax/parse.h"

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
