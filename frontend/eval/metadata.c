/* A bounded reader of safetensors headers: eight bytes of length, then a JSON object. */
#include "frontend/eval/metadata.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_HEADER = 100 << 20, MOST_DEPTH = 32 };

typedef struct Json {
  Arena *arena;
  const char *start, *at, *end;
  Loc loc;
  bool bad;
} Json;

static bool fail(Json *j, const char *expected) {
  if (!j->bad)
    diag_error(j->loc, "the header is not JSON at byte %ld: expected %s", (long)(j->at - j->start), expected);
  j->bad = true;
  return false;
}

static void skip_space(Json *j) {
  while (j->at < j->end && strchr(" \t\r\n", *j->at) && *j->at) j->at++;
}

static bool accept(Json *j, char c) {
  skip_space(j);
  if (j->bad || j->at == j->end || *j->at != c) return false;
  j->at++;
  return true;
}

static int hex_digit(char c) {
  const char *digits = "0123456789abcdef", *p = c ? strchr(digits, c | 32) : NULL;
  return p ? (int)(p - digits) : -1;
}

/* \uXXXX as UTF-8; halves of pairs are encoded each for itself. */
static size_t put_unicode(Json *j, char *to) {
  unsigned u = 0;
  for (int i = 0; i < 4; i++, j->at++) {
    int d = j->at < j->end ? hex_digit(*j->at) : -1;
    if (d < 0) return fail(j, "four hexadecimal digits");
    u = u * 16 + (unsigned)d;
  }
  size_t n = 0;
  if (u >= 0x800) to[n++] = (char)(0xe0 | u >> 12);
  if (u >= 0x80) to[n++] = (char)(u >= 0x800 ? 0x80 | (u >> 6 & 0x3f) : 0xc0 | u >> 6);
  to[n++] = (char)(u >= 0x80 ? 0x80 | (u & 0x3f) : u);
  return n;
}

static size_t put_escape(Json *j, char *to) {
  static const char from[] = "\"\\/bfnrt", into[] = "\"\\/\b\f\n\r\t";
  if (j->at == j->end) return fail(j, "an escape");
  char c = *j->at++;
  if (c == 'u') return put_unicode(j, to);
  const char *p = c ? strchr(from, c) : NULL;
  if (!p) return fail(j, "an escape");
  *to = into[p - from];
  return 1;
}

/* A string's text, arena-owned; NULL after an error. */
static char *string(Json *j) {
  if (!accept(j, '"')) {
    fail(j, "a string");
    return NULL;
  }
  const char *close = j->at;
  while (close < j->end && *close != '"') close += *close == '\\' && close + 1 < j->end ? 2 : 1;
  if (close >= j->end) {
    fail(j, "a closing quote");
    return NULL;
  }
  char *text = arena_alloc(j->arena, (size_t)(close - j->at) + 4);
  size_t n = 0;
  while (j->at < close && !j->bad) {
    char c = *j->at++;
    if (c == '\\')
      n += put_escape(j, text + n);
    else
      text[n++] = c;
  }
  j->at = close + 1;
  return j->bad ? NULL : text;
}

static bool skip_value(Json *j, int depth);

/* Items up to `close`, with keys in objects. */
static bool skip_items(Json *j, char close, int depth) {
  if (accept(j, close)) return true;
  do {
    if (close == '}' && (!string(j) || !(accept(j, ':') || fail(j, "':'")))) return false;
    if (!skip_value(j, depth + 1)) return false;
  } while (accept(j, ','));
  return accept(j, close) || fail(j, "the end of a list or an object");
}

static bool skip_value(Json *j, int depth) {
  if (depth > MOST_DEPTH) return fail(j, "less nesting");
  if (accept(j, '{')) return skip_items(j, '}', depth);
  if (accept(j, '[')) return skip_items(j, ']', depth);
  if (j->at < j->end && *j->at == '"') return string(j) != NULL;
  const char *from = j->at;
  while (j->at < j->end && *j->at && strchr("+-.0123456789abcdefghijklmnopqrstuvwxyzE", *j->at)) j->at++;
  return j->at > from || fail(j, "a value");
}

static bool metadata(Json *j, Metadata *out) {
  if (!accept(j, '{')) return fail(j, "an object of strings");
  if (accept(j, '}')) return true;
  do {
    const char *key = string(j);
    if (!key || !(accept(j, ':') || fail(j, "':'"))) return false;
    const char *value = string(j);
    if (!value) return false;
    ARENA_GROW(j->arena, out->v, out->n, out->cap);
    out->v[out->n++] = (MetaPair){key, value};
  } while (accept(j, ','));
  return accept(j, '}') || fail(j, "the end of the object");
}

bool metadata_parse(Arena *a, const char *json, size_t len, Loc loc, Metadata *out) {
  Json j = {.arena = a, .start = json, .at = json, .end = json + len, .loc = loc};
  *out = (Metadata){0};
  if (!accept(&j, '{')) return fail(&j, "an object");
  if (accept(&j, '}')) return true;
  do {
    const char *key = string(&j);
    if (!key || !(accept(&j, ':') || fail(&j, "':'"))) return false;
    bool ok = strcmp(key, "__metadata__") != 0 ? skip_value(&j, 1) : metadata(&j, out);
    if (!ok) return false;
  } while (accept(&j, ','));
  return accept(&j, '}') || fail(&j, "the end of the header");
}

/* The header's text, to be freed, or NULL after an error. */
static char *read_header(FILE *f, Loc loc, size_t *len) {
  unsigned char count[8];
  uint64_t n = 0;
  long size = fseek(f, 0, SEEK_END) ? -1 : ftell(f);
  if (size < 0 || fseek(f, 0, SEEK_SET) || fread(count, 1, 8, f) != 8) {
    diag_error(loc, "not a safetensors file: it has no header");
    return NULL;
  }
  for (int i = 7; i >= 0; i--) n = n << 8 | count[i];
  if (n > MOST_HEADER || n > (uint64_t)size - 8) {
    diag_error(loc, "not a safetensors file, or a cut one: a header of %llu bytes in a file of %ld",
               (unsigned long long)n, size);
    return NULL;
  }
  char *text = malloc((size_t)n + 1);
  if (!text) ice("out of memory: %llu bytes", (unsigned long long)n);
  *len = fread(text, 1, (size_t)n, f);
  return text;
}

bool metadata_read(Arena *a, const char *path, Metadata *out) {
  Loc loc = {.src = diag_source(a, path, "", 0)};
  FILE *f = fopen(path, "rb");
  if (!f) {
    diag_error(loc, "cannot read the file: %s", strerror(errno));
    return false;
  }
  size_t len;
  char *text = read_header(f, loc, &len);
  bool ok = text && metadata_parse(a, text, len, loc, out);
  free(text);
  fclose(f);
  return ok;
}
