/* Writing a file whole or not at all: base/files/outfile.h, with errors for the user. */
#include "tools/cli/output.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/diag.h"
#include "base/files/infile.h"
#include "base/files/streams.h"
#include "tools/cli/cleanup.h"

static bool fail(const char *path, const char *why) {
  Source file = {.path = path};
  diag_error((Loc){.src = &file}, "cannot write the file: %s", why);
  return false;
}

bool output_open(const char *path, Output *o) {
  o->path = path;
  cleanup_hold(true);
  bool ok = outfile_open(&o->file, path, 0666, NULL);
  if (ok) cleanup_unfinished(o->file.temporary);
  cleanup_hold(false);
  if (!ok) return fail(path, o->file.why);
  int fd = fcntl(o->file.fd, F_DUPFD_CLOEXEC, 0);
  o->f = fd >= 0 ? fdopen(fd, "w") : NULL;
  if (o->f) return true;
  fail(path, strerror(errno));
  if (fd >= 0) close(fd);
  outfile_drop(&o->file);
  cleanup_finished(o->file.temporary);
  return false;
}

bool output_close(Output *o) {
  bool ok = fflush(o->f) == 0 && !ferror(o->f);
  int why = errno;
  if (fclose(o->f) != 0 && ok) ok = false, why = errno;
  if (ok)
    ok = outfile_commit(&o->file);
  else
    o->file.why = strerror(why), outfile_drop(&o->file);
  cleanup_finished(o->file.temporary);
  return ok || fail(o->path, o->file.why);
}

bool output_possible(const char *path) {
  OutFile o;
  return outfile_try(&o, path, NULL) || fail(path, o.why);
}

bool output_differ(const char *x, const char *y) {
  OutFile a, b;
  bool same =
      outfile_find(&a, x) && outfile_find(&b, y) && !a.in_place && infile_same_entry(a.target, b.target);
  return !same || fail(x, "two outputs have this one name");
}

/* A device or a pipe is not to be replaced by a file. */
static bool in_place(const char *path) {
  struct stat st;
  return stat(path, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode);
}

bool output_is_new(const char *path) {
  return access(path, F_OK) != 0 || in_place(path) || fail(path, "it exists; --force replaces it");
}

bool output_replaces_file(const char *path) {
  return !in_place(path) || fail(path, "there is a device or a pipe, expected a file or nothing");
}

bool output_flush(void) {
  int lost = streams_lost();
  if (lost && lost != EPIPE)
    diag_error((Loc){0}, "cannot write to standard output: %s",
               lost > 0 ? strerror(lost) : "some of it is lost");
  return !lost;
}
