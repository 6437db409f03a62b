/* Tokens of the kernel IR's text, and what the parser reads of them with errors reported. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/nearest.h"
#include "ir/kernel/kern_parse.h"

enum { MOST_SHOWN = 40, MOST_DEPTH = 60, MOST_PARTS = 3000, MOST_LISTED = 8, MOST_SEARCHES = 20 };

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

void kparse_error(KParser *p, Loc loc, const char *fmt, ...) {
  if (p->panic) return;
  p->panic = true;
  p->errors++;
  va_list ap;
  va_start(ap, fmt);
  diag_error(loc, "%s", arena_vprintf(p->arena, fmt, ap));
  va_end(ap);
}

void kparse_expected(KParser *p, const char *what) {
  kparse_error(p, p->tok.loc, "found %s, expected %s", ktok_show(p->arena, &p->tok), what);
}

void kparse_next(KParser *p) {
  p->tok = klex_next(&p->lex);
}

bool kparse_accept(KParser *p, const char *text) {
  if (!ktok_is(&p->tok, text)) return false;
  kparse_next(p);
  return true;
}

bool kparse_expect(KParser *p, const char *text) {
  if (kparse_accept(p, text)) return true;
  kparse_expected(p, arena_printf(p->arena, "'%s'", text));
  return false;
}

const char *kparse_name(KParser *p, const char *what) {
  if (p->tok.kind != KT_NAME) {
    kparse_expected(p, what);
    return NULL;
  }
  const char *name = arena_strndup(p->arena, p->tok.at, (size_t)p->tok.len);
  kparse_next(p);
  return name;
}

int64_t kparse_int(KParser *p, int64_t lo, int64_t hi, const char *what) {
  Loc loc = p->tok.loc;
  bool minus = lo < 0 && kparse_accept(p, "-");
  if (p->tok.kind != KT_INT || p->tok.len > 18) {
    kparse_expected(p, arena_printf(p->arena, "%s, an integer", what));
    return lo;
  }
  int64_t v = strtoll(arena_strndup(p->arena, p->tok.at, (size_t)p->tok.len), NULL, 0);
  if (minus) v = -v;
  if (v >= lo && v <= hi) {
    kparse_next(p);
    return v;
  }
  kparse_error(p, loc, "found %lld, expected %s in %lld .. %lld", (long long)v, what, (long long)lo,
               (long long)hi);
  return lo;
}

bool kparse_part(KParser *p) {
  if (p->parts++ < MOST_PARTS) return true;
  kparse_error(p, p->tok.loc, "the expression has more than %d parts", MOST_PARTS);
  return false;
}

bool kparse_enter(KParser *p) {
  if (p->depth++ < MOST_DEPTH) return true;
  kparse_error(p, p->tok.loc, "the expression is nested more than %d deep", MOST_DEPTH);
  return false;
}

void kparse_leave(KParser *p) {
  p->depth--;
}

/* "a, b, c" when they are few, else "". */
static const char *expectation(Arena *a, const char *const *names, int n) {
  const char *list = "";
  if (n == 0 || n > MOST_LISTED) return list;
  for (int i = 0; i < n; i++) list = arena_printf(a, "%s%s%s", list, i ? ", " : "; expected ", names[i]);
  return list;
}

void kparse_unknown(KParser *p, Loc loc, const char *what, const char *name, const char *const *names,
                    int n) {
  bool look = strlen(name) > 1 && p->errors < MOST_SEARCHES;
  const char *near = look ? nearest_name(name, names, n) : NULL;
  if (near)
    kparse_error(p, loc, "no %s is named '%s'; did you mean '%s'?", what, name, near);
  else
    kparse_error(p, loc, "no %s is named '%s'%s", what, name, expectation(p->arena, names, n));
}

const char *const *kparse_tensors(KParser *p, int *n) {
  const char **names = ARENA_ARRAY(p->arena, p->k->nbuf + p->k->nval, const char *);
  *n = 0;
  for (int i = 0; i < p->k->nbuf; i++) names[(*n)++] = p->k->buf[i].name;
  for (int i = 0; i < p->k->nval; i++) names[(*n)++] = p->k->val[i].name;
  return names;
}

int kparse_axis(KParser *p) {
  Loc loc = p->tok.loc;
  const char *names[KERN_MAX_AXES], *name = kparse_name(p, "an axis");
  if (!name) return -1;
  int axis = kern_find_axis(p->k, name);
  for (int i = 0; i < p->k->naxes; i++) names[i] = p->k->axis[i].name;
  if (axis < 0) kparse_unknown(p, loc, "axis", name, names, p->k->naxes);
  return axis;
}
