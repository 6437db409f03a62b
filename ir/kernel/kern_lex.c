/* Tokens of the kernel IR's text. */
#include "ir/kernel/kern_lex.h"

#include <ctype.h>
#include <string.h>

enum { MOST_SHOWN = 40 };

KLex klex_open(const Source *src) {
  return (KLex){.src = src, .line = 1};
}

static char peek(const KLex *l, size_t ahead) {
  return l->pos + ahead < l->src->len ? l->src->text[l->pos + ahead] : '\0';
}

static bool at_end(const KLex *l) {
  return l->pos >= l->src->len;
}

static void newline(KLex *l) {
  l->line++;
  l->line_start = l->pos;
}

/* Skips blanks and comments; true when a line began. */
static bool skip_blank(KLex *l) {
  bool began = l->pos == 0;
  while (!at_end(l)) {
    char c = peek(l, 0);
    if (c == '#') {
      while (!at_end(l) && peek(l, 0) != '\n') l->pos++;
    } else if (isspace((unsigned char)c)) {
      l->pos++;
      if (c == '\n') newline(l), began = true;
    } else {
      break;
    }
  }
  return began;
}

static bool name_char(char c) {
  return isalnum((unsigned char)c) || c == '_';
}

static size_t digits(const KLex *l, size_t n) {
  while (isdigit((unsigned char)peek(l, n))) n++;
  return n;
}

/* 12, 0x1f, 1.5, 1e-6; "0 .. n" may be written without blanks, so a second dot ends the number. */
static KTokKind number(const KLex *l, size_t *len) {
  KTokKind kind = KT_INT;
  size_t n = digits(l, 0);
  if (n == 1 && peek(l, 0) == '0' && peek(l, 1) == 'x') {
    for (n = 2; isxdigit((unsigned char)peek(l, n));) n++;
    *len = n;
    return n > 2 ? KT_INT : KT_BAD;
  }
  if (peek(l, n) == '.' && peek(l, n + 1) != '.') kind = KT_FLOAT, n = digits(l, n + 1);
  if (peek(l, n) == 'e' || peek(l, n) == 'E') {
    size_t sign = peek(l, n + 1) == '-' || peek(l, n + 1) == '+', after = n + 1 + sign;
    if (isdigit((unsigned char)peek(l, after))) kind = KT_FLOAT, n = digits(l, after);
  }
  *len = n;
  return kind;
}

static KTokKind string(const KLex *l, size_t *len) {
  size_t n = 1;
  while (l->pos + n < l->src->len && peek(l, n) != '"' && peek(l, n) != '\n') n += peek(l, n) == '\\' ? 2 : 1;
  bool closed = peek(l, n) == '"';
  *len = closed ? n + 1 : n;
  if (l->pos + *len > l->src->len) *len = l->src->len - l->pos;
  return closed ? KT_STRING : KT_BAD;
}

static KTokKind sign(const KLex *l, size_t *len) {
  static const char *const pairs[] = {"->", "<=", "==", ".."};
  *len = 1;
  for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
    if (peek(l, 0) == pairs[i][0] && peek(l, 1) == pairs[i][1]) *len = 2;
  return *len == 2 || strchr("{}[](),:;=+-*/%<@", peek(l, 0)) ? KT_SIGN : KT_BAD;
}

KTok klex_next(KLex *l) {
  KTok t = {.first = skip_blank(l)};
  size_t len = 0;
  t.at = l->src->text + l->pos;
  t.loc = (Loc){l->src, l->line, (int)(l->pos - l->line_start) + 1};
  char c = peek(l, 0);
  if (at_end(l)) {
    t.kind = KT_END;
  } else if (name_char(c) && !isdigit((unsigned char)c)) {
    t.kind = KT_NAME;
    while (name_char(peek(l, len))) len++;
  } else if (isdigit((unsigned char)c)) {
    t.kind = number(l, &len);
  } else {
    t.kind = c == '"' ? string(l, &len) : c ? sign(l, &len) : (len = 1, KT_BAD);
  }
  t.len = (int)len;
  l->pos += len;
  return t;
}

bool ktok_is(const KTok *t, const char *text) {
  return t->kind != KT_STRING && (int)strlen(text) == t->len && t->len &&
         !memcmp(t->at, text, (size_t)t->len);
}

char *ktok_show(Arena *a, const KTok *t) {
  if (t->kind == KT_END) return arena_strdup(a, "the end of the text");
  bool cut = t->len > MOST_SHOWN;
  char *s = arena_printf(a, "'%.*s%s'", cut ? MOST_SHOWN : t->len, t->at, cut ? "..." : "");
  for (char *p = s; *p; p++)
    if (!isprint((unsigned char)*p)) *p = '?';
  return s;
}
