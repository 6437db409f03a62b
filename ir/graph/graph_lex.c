/* The cursor over a graph's text. */
#include "ir/graph/graph_lex.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

GraphLex graph_lex(Arena *a, const Source *src) {
  return (GraphLex){.arena = a,
                    .src = src,
                    .p = src->text,
                    .line_start = src->text,
                    .end = src->text + src->len,
                    .line = 1};
}

Loc graph_lex_loc(const GraphLex *l) {
  return (Loc){l->src, l->line, (int)(l->p - l->line_start) + 1};
}

static void skip_blanks(GraphLex *l) {
  while (l->p < l->end && (*l->p == ' ' || *l->p == '\t' || *l->p == '\r')) l->p++;
}

static bool line_ends(const GraphLex *l) {
  return l->p >= l->end || *l->p == '\n' || *l->p == '#';
}

static bool is_word_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool graph_lex_at_end(GraphLex *l) {
  skip_blanks(l);
  return line_ends(l);
}

bool graph_lex_wrong(GraphLex *l, const char *expected) {
  if (l->failed) return false;
  l->failed = true;
  skip_blanks(l);
  Loc loc = graph_lex_loc(l);
  const char *start;
  int len = graph_lex_token(l, &start);
  if (len)
    diag_error(loc, "found \"%.*s\", expected %s", len > 40 ? 40 : len, start, expected);
  else
    diag_error(loc, "found the end of the line, expected %s", expected);
  return false;
}

bool graph_lex_next_line(GraphLex *l) {
  if (!graph_lex_at_end(l)) graph_lex_wrong(l, "the end of the line");
  const char *newline = l->p < l->end ? memchr(l->p, '\n', (size_t)(l->end - l->p)) : NULL;
  l->failed = false;
  l->p = l->line_start = newline ? newline + 1 : l->end;
  l->line++;
  return l->p < l->end;
}

bool graph_lex_char(GraphLex *l, char c) {
  skip_blanks(l);
  if (line_ends(l) || *l->p != c) return false;
  l->p++;
  return true;
}

bool graph_lex_is(GraphLex *l, const char *word) {
  size_t len = strlen(word);
  skip_blanks(l);
  if ((size_t)(l->end - l->p) < len || memcmp(l->p, word, len) != 0) return false;
  if (l->p + len < l->end && is_word_char(l->p[len])) return false;
  l->p += len;
  return true;
}

int graph_lex_token(GraphLex *l, const char **start) {
  skip_blanks(l);
  *start = l->p;
  while (!line_ends(l) && *l->p != ' ' && *l->p != '\t' && *l->p != '\r') l->p++;
  return (int)(l->p - *start);
}

bool graph_lex_int(GraphLex *l, int64_t *v) {
  skip_blanks(l);
  const char *digits = l->p + (l->p < l->end && *l->p == '-');
  if (digits >= l->end || !is_digit(*digits)) return false;
  char *after;
  errno = 0;
  long long read = strtoll(l->p, &after, 10);
  if (errno) return graph_lex_wrong(l, "a whole number of 64 bits");
  *v = read;
  l->p = after;
  return true;
}

bool graph_lex_ref(GraphLex *l, char sigil, int *v) {
  skip_blanks(l);
  if (l->end - l->p < 2 || *l->p != sigil || !is_digit(l->p[1])) return false;
  int64_t number = 0;
  const char *start = l->p++;
  if (graph_lex_int(l, &number) && number <= INT32_MAX) {
    *v = (int)number;
    return true;
  }
  l->p = start;
  return false;
}

bool graph_lex_expect(GraphLex *l, char c) {
  char text[] = "'?'";
  text[1] = c;
  return graph_lex_char(l, c) || graph_lex_wrong(l, text);
}

bool graph_lex_need_int(GraphLex *l, int64_t *v) {
  return graph_lex_int(l, v) || graph_lex_wrong(l, "a whole number");
}

bool graph_lex_need_real(GraphLex *l, double *v) {
  skip_blanks(l);
  bool begins = !line_ends(l) && (is_word_char(*l->p) || *l->p == '-' || *l->p == '.');
  char *after = (char *)l->p;
  *v = begins ? strtod(l->p, &after) : 0;
  if (after == l->p || after > l->end) return graph_lex_wrong(l, "a number");
  l->p = after;
  return true;
}

bool graph_lex_need_hex(GraphLex *l, uint64_t *v) {
  skip_blanks(l);
  if (l->end - l->p < 3 || l->p[0] != '0' || l->p[1] != 'x' || !is_word_char(l->p[2]))
    return graph_lex_wrong(l, "a number as 0x and hexadecimal digits");
  char *after;
  errno = 0;
  *v = strtoull(l->p, &after, 16);
  if (errno || after < l->p + 3) return graph_lex_wrong(l, "hexadecimal digits, 16 at most");
  l->p = after;
  return true;
}

static int hex_digit(char c) {
  if (is_digit(c)) return c - '0';
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* One character of a string, or an escape: a backslash before a quote, a backslash, or x and two digits.
 * False where there is none. */
static bool string_char(GraphLex *l, char *c) {
  if (l->p >= l->end || *l->p == '\n' || !*l->p) return false;
  *c = *l->p++;
  if (*c != '\\') return true;
  if (l->p >= l->end) return false;
  *c = *l->p++;
  if (*c == '"' || *c == '\\') return true;
  if (*c != 'x' || l->end - l->p < 2) return false;
  int hi = hex_digit(l->p[0]), lo = hi < 0 ? -1 : hex_digit(l->p[1]);
  l->p += 2;
  *c = (char)(hi * 16 + lo);
  return lo >= 0 && *c;
}

bool graph_lex_need_string(GraphLex *l, const char **s) {
  skip_blanks(l);
  const char *quote = l->p;
  if (!graph_lex_char(l, '"')) return graph_lex_wrong(l, "a string in double quotes");
  const char *close = l->p;
  while (close < l->end && *close != '\n') close++;
  char *out = arena_alloc(l->arena, (size_t)(close - l->p) + 1);
  for (int n = 0;; n++) {
    if (l->p < l->end && *l->p == '"') break;
    if (string_char(l, &out[n])) continue;
    l->p = quote;
    return graph_lex_wrong(l, "a string that ends in its line, with \\\", \\\\ and \\xNN as escapes");
  }
  l->p++;
  *s = out;
  return true;
}

static bool need_shape(GraphLex *l, Shape *s) {
  *s = (Shape){0};
  if (!graph_lex_expect(l, '[')) return false;
  if (graph_lex_char(l, ']')) return true;
  do {
    if (s->rank == MAX_RANK) return graph_lex_wrong(l, "at most 8 dimensions");
    if (!graph_lex_need_int(l, &s->dim[s->rank++])) return false;
  } while (graph_lex_char(l, ','));
  return graph_lex_expect(l, ']');
}

bool graph_lex_need_type(GraphLex *l, DType *t, Shape *s) {
  if (!graph_lex_expect(l, ':')) return false;
  skip_blanks(l);
  const char *start = l->p, *after = l->p;
  while (after < l->end && is_word_char(*after)) after++;
  *t = dtype_parse(start, (int)(after - start));
  if (*t == DT_COUNT) return graph_lex_wrong(l, "an element type such as f32");
  l->p = after;
  return need_shape(l, s);
}
