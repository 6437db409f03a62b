#include "runtime/rt_base.h"

#include <errno.h>
#include <libgen.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static FILE *messages;
static bool redirected;

void rt_messages_to(FILE *out) {
  messages = out;
  redirected = true;
}

static void message(const char *kind, const char *fmt, va_list ap) {
  FILE *out = redirected ? messages : stderr;
  if (!out) return;
  fflush(stdout);
  fprintf(out, "%s: ", kind);
  vfprintf(out, fmt, ap);
  fputc('\n', out);
}

void rt_error(const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  message("error", fmt, ap);
  va_end(ap);
}

void rt_note(const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  message("note", fmt, ap);
  va_end(ap);
}

void *rt_alloc(size_t count, size_t size) {
  void *p = calloc(count ? count : 1, size);
  if (!p) {
    rt_error("out of memory: %zu elements of %zu bytes", count, size);
    exit(1);
  }
  return p;
}

char *rt_format(const char *fmt, ...) {
  va_list ap, again;
  va_start(ap, fmt);
  va_copy(again, ap);
  int n = vsnprintf(NULL, 0, fmt, ap);
  va_end(ap);
  char *s = RT_NEW(n + 1, char);
  vsnprintf(s, (size_t)n + 1, fmt, again);
  va_end(again);
  return s;
}

enum { NAME_MAX_LEN = 64 };

/* Levenshtein's distance; long names count as far. */
static int distance(const char *a, const char *b) {
  size_t n = strlen(a), m = strlen(b);
  if (n >= NAME_MAX_LEN || m >= NAME_MAX_LEN) return NAME_MAX_LEN;
  int row[NAME_MAX_LEN];
  for (size_t j = 0; j <= m; j++) row[j] = (int)j;
  for (size_t i = 1; i <= n; i++) {
    int diagonal = row[0];
    row[0] = (int)i;
    for (size_t j = 1; j <= m; j++) {
      int best = diagonal + (a[i - 1] != b[j - 1]);
      if (row[j] + 1 < best) best = row[j] + 1;
      if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
      diagonal = row[j];
      row[j] = best;
    }
  }
  return row[m];
}

const char *rt_nearest(const char *name, const char *const *names, int n) {
  const char *best = NULL;
  int least = (int)strlen(name) / 3 + 2;
  for (int i = 0; i < n; i++) {
    int d = distance(name, names[i]);
    if (d < least) {
      least = d;
      best = names[i];
    }
  }
  return best;
}

bool rt_parse_u64(const char *s, uint64_t *out) {
  if (*s < '0' || *s > '9') return false;
  char *end;
  errno = 0;
  *out = strtoull(s, &end, 10);
  return errno == 0 && *end == '\0';
}

bool rt_parse_float(const char *s, float *out) {
  if (*s == '\0' || *s == ' ') return false;
  char *end;
  *out = strtof(s, &end);
  return *end == '\0' && isfinite(*out);
}

double rt_now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

void rt_json_put(FILE *out, const char *s) {
  fputc('"', out);
  for (; *s; s++) {
    unsigned char c = (unsigned char)*s;
    if (c == '"' || c == '\\')
      fprintf(out, "\\%c", c);
    else if (c < 0x20)
      fprintf(out, "\\u%04x", c);
    else
      fputc(c, out);
  }
  fputc('"', out);
}

void rt_json_number(FILE *out, double v) {
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

bool rt_can_write(const char *option, const char *path) {
  char *copy = rt_format("%s", path);
  const char *folder = dirname(copy);
  struct stat st;
  bool ok = access(folder, W_OK) == 0;
  if (!ok) {
    rt_error("%s %s: cannot write to folder %s: %s", option, path, folder, strerror(errno));
  } else if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) {
    rt_error("%s %s: expected a file or nothing there, found %s", option, path,
             S_ISDIR(st.st_mode) ? "a folder" : "a device or a pipe");
    ok = false;
  }
  free(copy);
  return ok;
}
