/* Messages with file, line, the user's text and a caret. */
#include "base/diag.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/files/infile.h"

enum { MOST_ERRORS_SHOWN = 20 };

static int errors;
static int unshown; /* that were said once before, and do not count towards the most that are shown */
static Loc once[MOST_ERRORS_SHOWN]; /* where one was shown that is said once */
static int nonce;
static DiagCall within;
static Loc remarked; /* the last remark's place in its text, and what it said */
static char remark[512];
static bool hidden;   /* was the last error not shown, in the call that is worked on? */
static bool repeated; /* was it one that is said once? */
static FILE *stream;
static bool stream_set;

static FILE *out(void) {
  return stream_set ? stream : stderr;
}

void diag_to(FILE *to) {
  stream = to;
  stream_set = true;
}

int diag_count(void) {
  return errors + unshown;
}

void diag_reset(void) {
  errors = unshown = nonce = 0;
  within = (DiagCall){0};
  hidden = repeated = false;
  remark[0] = '\0';
}

DiagCall diag_within(DiagCall call) {
  DiagCall before = within;
  within = call;
  hidden = false;
  return before;
}

static const char *line_start(const Source *src, int line) {
  const char *p = src->text;
  for (int i = 1; i < line && p; i++) {
    p = memchr(p, '\n', src->len - (size_t)(p - src->text));
    if (p) p++;
  }
  return p;
}

static void show_line(FILE *f, Loc loc) {
  const char *start = line_start(loc.src, loc.line);
  if (!start) return;
  size_t left = loc.src->len - (size_t)(start - loc.src->text);
  const char *end = memchr(start, '\n', left);
  int len = (int)(end ? (size_t)(end - start) : left);
  fprintf(f, "%5d | %.*s\n      | ", loc.line, len, start);
  for (int i = 0; i + 1 < loc.col && i < len; i++) fputc(start[i] == '\t' ? '\t' : ' ', f);
  fprintf(f, "^\n");
}

static void show(Loc loc, const char *kind, const char *fmt, va_list ap)
    __attribute__((format(printf, 3, 0)));

static void show(Loc loc, const char *kind, const char *fmt, va_list ap) {
  FILE *f = out();
  if (!f || errors > MOST_ERRORS_SHOWN) return;
  if (loc.src && loc.line > 0)
    fprintf(f, "%s:%d:%d: ", loc.src->path, loc.line, loc.col);
  else if (loc.src)
    fprintf(f, "%s: ", loc.src->path);
  fprintf(f, "%s: ", kind);
  vfprintf(f, fmt, ap);
  fputc('\n', f);
  if (loc.src && loc.line > 0) show_line(f, loc);
}

static void show_at_call(Loc loc, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));

/* An error of the library, at the user's call. */
static void show_at_call(Loc loc, const char *fmt, va_list ap) {
  char kind[256];
  hidden = within.told;
  within.told = true;
  if (hidden) return;
  snprintf(kind, sizeof kind, "error: in this call of %s", within.callee);
  show(within.loc, kind, fmt, ap);
  diag_note(loc, "found here");
}

static void error(Loc loc, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));

static void error(Loc loc, const char *fmt, va_list ap) {
  errors++;
  hidden = repeated = false;
  if (loc.src && loc.src->library && within.loc.src)
    show_at_call(loc, fmt, ap);
  else
    show(loc, "error", fmt, ap);
  if (errors == MOST_ERRORS_SHOWN && out()) fprintf(out(), "further errors are not shown\n");
}

void diag_error(Loc loc, const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  error(loc, fmt, ap);
  va_end(ap);
}

/* Whether one was said there before; from now on it was. */
static bool said_at(Loc loc) {
  if (!loc.src || loc.line == 0) return false;
  for (int i = 0; i < nonce; i++)
    if (once[i].src == loc.src && once[i].line == loc.line && once[i].col == loc.col) return true;
  if (nonce < MOST_ERRORS_SHOWN) once[nonce++] = loc;
  return false;
}

void diag_error_once(Loc loc, const char *fmt, ...) {
  va_list ap;
  const bool at_call = loc.src && loc.src->library && within.loc.src;
  repeated = said_at(at_call ? within.loc : loc);
  if (repeated) {
    unshown++;
    return;
  }
  va_start(ap, fmt);
  error(loc, fmt, ap);
  va_end(ap);
}

void diag_note(Loc loc, const char *fmt, ...) {
  va_list ap;
  if (hidden || repeated) return;
  va_start(ap, fmt);
  show(loc, "note", fmt, ap);
  va_end(ap);
}

void diag_remark(Loc loc, const char *fmt, ...) {
  char text[sizeof remark];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(text, sizeof text, fmt, ap);
  va_end(ap);
  bool again = loc.line == remarked.line && loc.col == remarked.col && strcmp(text, remark) == 0;
  remarked = (Loc){.line = loc.line, .col = loc.col};
  memcpy(remark, text, strlen(text) + 1);
  hidden = repeated = false;
  if (!again) diag_note(loc, "%s", text);
}

static void (*before_end)(void);

void diag_before_end(void (*leave)(void)) {
  before_end = leave;
}

/* Neither stdio nor exit's handlers can count on memory. */
void diag_no_memory(void) {
  static const char said[] = "tessera: out of memory\n";
  if (before_end) before_end();
  ssize_t written = write(STDERR_FILENO, said, sizeof said - 1);
  (void)written;
  _exit(1);
}

void diag_stop(void) {
  if (before_end) before_end();
  fflush(NULL);
  _exit(1);
}

void ice(const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  fprintf(stderr, "tessera: internal fault: ");
  vfprintf(stderr, fmt, ap);
  fprintf(stderr, "\nThis is a defect of the compiler; please report it with the command and its input.\n");
  va_end(ap);
  if (before_end) before_end();
  abort();
}

Source *diag_source(Arena *a, const char *path, const char *text, size_t len) {
  Source *s = ARENA_NEW(a, Source);
  s->path = arena_strdup(a, path);
  s->text = arena_strndup(a, text, len);
  s->len = len;
  return s;
}

/* Every Source is made above, as an object that is not constant. */
void diag_rename(const Source *src, const char *path) {
  ((Source *)src)->path = path;
}

/* Of a device that has no end. */
enum { MOST_READ = 1 << 30 };

static Source *read_stream(Arena *a, const char *path, FILE *f) {
  size_t len = 0, cap = 1 << 16;
  char *buf = malloc(cap);
  while (buf) {
    len += fread(buf + len, 1, cap - len, f);
    if (len < cap || len > MOST_READ) break;
    char *bigger = realloc(buf, cap *= 2);
    if (!bigger) free(buf);
    buf = bigger;
  }
  if (!buf) diag_no_memory();
  bool too_large = len > MOST_READ;
  if (too_large) errno = EFBIG;
  Source *s = ferror(f) || too_large ? NULL : diag_source(a, path, buf, len);
  free(buf);
  return s;
}

Source *diag_read(Arena *a, const char *path) {
  Source whole = {.path = path};
  const char *why = NULL;
  int fd = infile_open_text(path, &why);
  FILE *f = fd >= 0 ? fdopen(fd, "rb") : NULL;
  Source *s = f ? read_stream(a, path, f) : NULL;
  if (!s) diag_error((Loc){.src = &whole}, "cannot read the file: %s", why ? why : strerror(errno));
  if (f) fclose(f);
  return s;
}
