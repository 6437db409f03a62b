/* Writing a file whole or not at all: a new one takes the old one's place once all of it is on the disk. */
#include "tools/cli/output.h"

#include <errno.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/diag.h"
#include "tools/cli/cleanup.h"

static bool fail(const char *path, const char *why) {
  Source file = {.path = path};
  diag_error((Loc){.src = &file}, "cannot write the file: %s", why);
  return false;
}

/* A device or a pipe is not to be replaced by a file. */
static bool in_place(const char *path) {
  struct stat st;
  return stat(path, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode);
}

bool output_open(Arena *a, const char *path, Output *o) {
  *o = (Output){.path = path, .part = in_place(path) ? NULL : arena_printf(a, "%s.part", path)};
  if (o->part) cleanup_unfinished(o->part);
  o->f = fopen(o->part ? o->part : path, "w");
  if (o->f) return true;
  cleanup_finished(o->part);
  return fail(path, strerror(errno));
}

bool output_close(Output *o) {
  bool ok = fflush(o->f) == 0 && !ferror(o->f);
  int why = errno;
  if (fclose(o->f) != 0 && ok) ok = false, why = errno;
  if (ok && o->part && rename(o->part, o->path) != 0) ok = false, why = errno;
  if (!ok && o->part) unlink(o->part);
  cleanup_finished(o->part);
  if (ok) return true;
  return fail(o->path, strerror(why));
}

static bool same_file(const char *x, const char *y) {
  struct stat a, b;
  return stat(x, &a) == 0 && stat(y, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

bool output_possible(const char *path, const char *input) {
  char *copy = strdup(path);
  struct stat st;
  if (!copy) diag_no_memory();
  int why = access(dirname(copy), W_OK | X_OK) == 0 ? 0 : errno;
  free(copy);
  if (why) return fail(path, strerror(why));
  if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) return fail(path, strerror(EISDIR));
  if (input && same_file(path, input)) return fail(path, "it would be made from itself");
  return true;
}

bool output_is_new(const char *path) {
  return access(path, F_OK) != 0 || in_place(path) || fail(path, "it exists; --force replaces it");
}

bool output_replaces_file(const char *path) {
  return !in_place(path) || fail(path, "there is a device or a pipe, expected a file or nothing");
}

bool output_flush(void) {
  if (fflush(stdout) == 0 && !ferror(stdout)) return true;
  if (errno != EPIPE) diag_error((Loc){0}, "cannot write to standard output: %s", strerror(errno));
  return false;
}
