/* From characters to tokens. */
#include "frontend/syntax/lex.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct Lexer {
  Arena *arena;
  const Source *src;
  size_t at;
  int line;
  size_t line_at; /* where the line begins */
  bool line_start;
  int n, cap;
  Token *token;
} Lexer;

static const char *const signs[] = {"..", "==", "!=", "<=", ">=", "//", "(", ")", "[", "]", "{", "}",
                                    ",",  ":",  "=",  "+",  "-",  "*",  "/", "%", "^", "<", ">", "."};

static char peek(const Lexer *l, size_t ahead) {
  return l->at + ahead < l->src->len ? l->src->text[l->at + ahead] : '\0';
}

static bool is_name_start(char c) {
  return isalpha((unsigned char)c) || c == '_';
}

static bool is_name_part(char c) {
  return isalnum((unsigned char)c) || c == '_';
}

static Loc here(const Lexer *l) {
  return (Loc){.src = l->src, .line = l->line, .col = (int)(l->at - l->line_at) + 1};
}

static Token *push(Lexer *l, TokKind kind, const char *text, Loc loc) {
  ARENA_GROW(l->arena, l->token, l->n, l->cap);
  Token *t = &l->token[l->n++];
  *t = (Token){.kind = kind, .text = text, .line_start = l->line_start, .loc = loc};
  l->line_start = false;
  return t;
}

static void newline(Lexer *l) {
  l->at++;
  l->line++;
  l->line_at = l->at;
  l->line_start = true;
}

static void skip_space(Lexer *l) {
  while (l->at < l->src->len) {
    char c = peek(l, 0);
    if (c == '\n')
      newline(l);
    else if (c == '#')
      while (l->at < l->src->len && peek(l, 0) != '\n') l->at++;
    else if (c == ' ' || c == '\t' || c == '\r')
      l->at++;
    else
      return;
  }
}

static void lex_name(Lexer *l) {
  Loc loc = here(l);
  size_t from = l->at;
  while (is_name_part(peek(l, 0))) l->at++;
  push(l, TOK_NAME, arena_strndup(l->arena, l->src->text + from, l->at - from), loc);
}

static void skip_digits(Lexer *l) {
  while (isdigit((unsigned char)peek(l, 0))) l->at++;
}

/* number = digits ["." digits] [("e" | "E") ["+" | "-"] digits]; "0..4" is a range, so a dot needs a digit.
 */
static void lex_number(Lexer *l) {
  Loc loc = here(l);
  size_t from = l->at;
  skip_digits(l);
  if (peek(l, 0) == '.' && isdigit((unsigned char)peek(l, 1))) {
    l->at++;
    skip_digits(l);
  }
  size_t sign = peek(l, 1) == '+' || peek(l, 1) == '-';
  if ((peek(l, 0) == 'e' || peek(l, 0) == 'E') && isdigit((unsigned char)peek(l, 1 + sign))) {
    l->at += 1 + sign;
    skip_digits(l);
  }
  char *text = arena_strndup(l->arena, l->src->text + from, l->at - from);
  double v = push(l, TOK_NUMBER, text, loc)->number = strtod(text, NULL);
  if (!isfinite(v)) diag_error(loc, "the number %s is too large", text);
}

static bool is_escape(const char *c) {
  return c[0] == '\\' && (c[1] == '"' || c[1] == '\\');
}

/* string = '"' characters on one line '"'; \" and \\ stand for themselves. */
static void lex_string(Lexer *l) {
  Loc loc = here(l);
  size_t from = ++l->at, n = 0;
  while (l->at < l->src->len && peek(l, 0) != '"' && peek(l, 0) != '\n')
    l->at += is_escape(&l->src->text[l->at]) ? 2 : 1;
  char *text = arena_strndup(l->arena, l->src->text + from, l->at - from);
  for (const char *c = text; *c; c++) text[n++] = *(c += is_escape(c));
  if (peek(l, 0) == '"')
    l->at++;
  else
    diag_error(loc, "the string has no closing quote on its line");
  text[n] = '\0';
  push(l, TOK_STRING, text, loc);
}

static void lex_sign(Lexer *l) {
  Loc loc = here(l);
  for (size_t i = 0; i < sizeof signs / sizeof *signs; i++) {
    size_t len = strlen(signs[i]);
    if (l->at + len > l->src->len || memcmp(l->src->text + l->at, signs[i], len) != 0) continue;
    l->at += len;
    push(l, TOK_SIGN, signs[i], loc);
    return;
  }
  unsigned char c = (unsigned char)peek(l, 0);
  if (isprint(c))
    diag_error(loc, "unexpected character '%c'", c);
  else
    diag_error(loc, "unexpected byte 0x%02x", c);
  l->at++;
}

Token *lex(Arena *a, const Source *src) {
  Lexer l = {.arena = a, .src = src, .line = 1, .line_start = true};
  for (skip_space(&l); l.at < src->len; skip_space(&l)) {
    char c = peek(&l, 0);
    if (is_name_start(c))
      lex_name(&l);
    else if (isdigit((unsigned char)c))
      lex_number(&l);
    else if (c == '"')
      lex_string(&l);
    else
      lex_sign(&l);
  }
  push(&l, TOK_END, "the end of the file", here(&l));
  return l.token;
}
