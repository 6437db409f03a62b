#include "runtime/rt_base.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

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

static jmp_buf *attempted; /* where running out of memory leads to; NULL: to the program's end */

bool rt_attempt(bool (*work)(void *ctx), void *ctx, bool *no_memory) {
  jmp_buf here;
  *no_memory = setjmp(here) != 0;
  attempted = *no_memory ? NULL : &here;
  bool ok = !*no_memory && work(ctx);
  attempted = NULL;
  return ok;
}

void *rt_alloc(size_t count, size_t size) {
  void *p = calloc(count ? count : 1, size);
  if (!p) {
    rt_error("out of memory: %zu elements of %zu bytes", count, size);
    if (attempted) longjmp(*attempted, 1);
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
