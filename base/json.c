#include "base/json.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_DEPTH = 16 };

Json json_new(char *text, size_t len) {
  return (Json){.text = text, .len = len};
}

bool json_fail(Json *j, size_t at, const char *fmt, ...) {
  if (j->failed) return false;
  j->failed = true;
  j->error_at = at;
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(j->error, sizeof j->error, fmt, ap);
  va_end(ap);
  return false;
}

char json_peek(Json *j) {
  while (j->at < j->len && j->text[j->at] && strchr(" \t\r\n", j->text[j->at])) j->at++;
  return j->at < j->len && !j->failed ? j->text[j->at] : '\0';
}

static bool unexpected(Json *j, const char *expected) {
  if (j->at >= j->len) return json_fail(j, j->at, "expected %s, found the end", expected);
  unsigned char c = (unsigned char)j->text[j->at];
  if (c < 0x20 || c >= 0x7f) return json_fail(j, j->at, "expected %s, found byte 0x%02x", expected, c);
  return json_fail(j, j->at, "expected %s, found '%c'", expected, c);
}

bool json_maybe(Json *j, char c) {
  if (json_peek(j) != c || j->failed) return false;
  j->at++;
  return true;
}

bool json_take(Json *j, char c) {
  char expected[] = {'\'', c, '\'', '\0'};
  return json_maybe(j, c) || unexpected(j, expected);
}

bool json_word(Json *j, const char *word) {
  size_t n = strlen(word);
  json_peek(j);
  if (j->failed || j->len - j->at < n || memcmp(j->text + j->at, word, n) != 0) return false;
  j->at += n;
  return true;
}

static bool hex4(Json *j, uint32_t *out) {
  if (j->len - j->at < 4) return json_fail(j, j->at, "expected four hex digits, found the end");
  *out = 0;
  for (int i = 0; i < 4; i++, j->at++) {
    char c = j->text[j->at];
    const char *digits = "0123456789abcdefABCDEF", *p = c ? strchr(digits, c) : NULL;
    if (!p) return unexpected(j, "a hex digit");
    int d = (int)(p - digits);
    *out = *out << 4 | (uint32_t)(d > 15 ? d - 6 : d);
  }
  return true;
}

/* The code point after "\u", surrogate pairs joined. */
static bool unicode(Json *j, uint32_t *cp) {
  if (!hex4(j, cp)) return false;
  if (*cp == 0) return json_fail(j, j->at, "a string holds the character NUL");
  if (*cp < 0xd800 || *cp > 0xdfff) return true;
  uint32_t low = 0;
  if (*cp > 0xdbff || j->len - j->at < 2 || j->text[j->at] != '\\' || j->text[j->at + 1] != 'u')
    return json_fail(j, j->at, "expected the second half of a surrogate pair");
  j->at += 2;
  if (!hex4(j, &low)) return false;
  if (low < 0xdc00 || low > 0xdfff)
    return json_fail(j, j->at, "expected the second half of a surrogate pair");
  *cp = 0x10000 + ((*cp - 0xd800) << 10) + (low - 0xdc00);
  return true;
}

static char *utf8(char *to, uint32_t cp) {
  if (cp < 0x80) {
    *to++ = (char)cp;
  } else if (cp < 0x800) {
    *to++ = (char)(0xc0 | cp >> 6);
    *to++ = (char)(0x80 | (cp & 63));
  } else if (cp < 0x10000) {
    *to++ = (char)(0xe0 | cp >> 12);
    *to++ = (char)(0x80 | (cp >> 6 & 63));
    *to++ = (char)(0x80 | (cp & 63));
  } else {
    *to++ = (char)(0xf0 | cp >> 18);
    *to++ = (char)(0x80 | (cp >> 12 & 63));
    *to++ = (char)(0x80 | (cp >> 6 & 63));
    *to++ = (char)(0x80 | (cp & 63));
  }
  return to;
}

/* One escape, j->at behind the backslash. No escape is shorter than what it stands for. */
static char *escape(Json *j, char *to) {
  const char *from = "\"\\/bfnrt", *means = "\"\\/\b\f\n\r\t";
  char c = j->at < j->len ? j->text[j->at] : '\0';
  const char *p = c ? strchr(from, c) : NULL;
  if (p) {
    j->at++;
    *to = means[p - from];
    return to + 1;
  }
  uint32_t cp = 0;
  if (c != 'u') {
    unexpected(j, "an escape");
    return NULL;
  }
  j->at++;
  return unicode(j, &cp) ? utf8(to, cp) : NULL;
}

char *json_string(Json *j) {
  if (json_peek(j) != '"') {
    unexpected(j, "a string");
    return NULL;
  }
  char *start = j->text + ++j->at, *to = start;
  while (j->at < j->len && (unsigned char)j->text[j->at] >= 0x20 && j->text[j->at] != '"') {
    char c = j->text[j->at++];
    if (c != '\\')
      *to++ = c;
    else if (!(to = escape(j, to)))
      return NULL;
  }
  if (j->at >= j->len || j->text[j->at] != '"') {
    unexpected(j, "'\"'");
    return NULL;
  }
  j->at++;
  *to = '\0';
  return start;
}

bool json_u64(Json *j, uint64_t *out) {
  char c = json_peek(j);
  size_t start = j->at;
  if (c < '0' || c > '9') return unexpected(j, "a number");
  *out = 0;
  for (; j->at < j->len && j->text[j->at] >= '0' && j->text[j->at] <= '9'; j->at++) {
    uint64_t d = (uint64_t)(j->text[j->at] - '0');
    if (*out > (UINT64_MAX - d) / 10) return json_fail(j, start, "a number above 2^64 - 1");
    *out = *out * 10 + d;
  }
  if (c == '0' && j->at - start > 1) return json_fail(j, start, "a number with a leading zero");
  return true;
}

static bool skip(Json *j, int depth);

static bool skip_members(Json *j, int depth, char close) {
  j->at++;
  if (depth >= MAX_DEPTH) return json_fail(j, j->at, "values nested deeper than %d", MAX_DEPTH);
  if (json_maybe(j, close)) return true;
  do {
    if (close == '}' && !(json_string(j) && json_take(j, ':'))) return false;
    if (!skip(j, depth + 1)) return false;
  } while (json_maybe(j, ','));
  return json_take(j, close);
}

static bool skip_word(Json *j) {
  size_t start = j->at;
  while (j->at < j->len && j->text[j->at] != '\0' &&
         strchr("+-.0123456789abcdefghijklmnopqrstuvwxyzE", j->text[j->at]))
    j->at++;
  return j->at > start || unexpected(j, "a value");
}

static bool skip(Json *j, int depth) {
  switch (json_peek(j)) {
  case '{': return skip_members(j, depth, '}');
  case '[': return skip_members(j, depth, ']');
  case '"': return json_string(j) != NULL;
  default: return skip_word(j);
  }
}

bool json_skip(Json *j) {
  return skip(j, 0);
}

bool json_end(Json *j) {
  if (json_peek(j) == '\0' && j->at == j->len) return !j->failed;
  return unexpected(j, "the end");
}

/* The bytes of the character that begins at s, as RFC 3629 has UTF-8; 0 for what is none. */
static size_t character(const unsigned char *s) {
  size_t n = s[0] < 0x80                   ? 1
             : s[0] >= 0xc2 && s[0] < 0xe0 ? 2
             : s[0] >= 0xe0 && s[0] < 0xf0 ? 3
             : s[0] >= 0xf0 && s[0] < 0xf5 ? 4
                                           : 0;
  for (size_t i = 1; i < n; i++)
    if ((s[i] & 0xc0) != 0x80) return 0;
  bool longer = (s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xf0 && s[1] < 0x90); /* than it need be */
  bool beyond =
      (s[0] == 0xed && s[1] >= 0xa0) || (s[0] == 0xf4 && s[1] >= 0x90); /* surrogates, 0x110000 on */
  return longer || beyond ? 0 : n;
}

void json_put_string(FILE *out, const char *s) {
  if (!s) {
    fputs("null", out);
    return;
  }
  fputc('"', out);
  for (size_t n; *s; s += n ? n : 1) {
    unsigned char c = (unsigned char)*s;
    n = character((const unsigned char *)s);
    if (c == '"' || c == '\\')
      fprintf(out, "\\%c", c);
    else if (c < 0x20)
      fprintf(out, "\\u%04x", c);
    else if (n)
      fwrite(s, 1, n, out);
    else
      fputs("\\ufffd", out);
  }
  fputc('"', out);
}

void json_put_number(FILE *out, double v) {
  if (!isfinite(v)) {
    fputs("null", out);
    return;
  }
  char text[32];
  for (int digits = 6; digits <= 17; digits++) {
    snprintf(text, sizeof text, "%.*g", digits, v);
    if (strtod(text, NULL) == v) break;
  }
  fputs(text, out);
}
