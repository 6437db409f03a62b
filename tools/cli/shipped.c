/* Where the compiler's own files are. */
#include "tools/cli/shipped.h"

#include <errno.h>
#include <libgen.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "base/diag.h"
#include "base/files/infile.h"

/* The folder that the running compiler is in: the kernel says which file it started, also where there is no
 * /proc; nothing here changes the working directory. */
static const char *own_folder(Arena *a) {
  const char *started = (const char *)getauxval(AT_EXECFN); /* NOLINT: an address as a number */
  char *self = started ? realpath(started, NULL) : NULL;
  if (!self && errno == ENOMEM) diag_no_memory();
  if (!self) ice("%s, which was started, cannot be found", started ? started : "the compiler");
  const char *folder = arena_strdup(a, dirname(self));
  free(self);
  return folder;
}

static bool is_build_folder(Arena *a, const char *folder) {
  return access(arena_printf(a, "%s/CMakeCache.txt", folder), F_OK) == 0;
}

const char *shipped_library(Arena *a) {
  const char *own = own_folder(a);
  return is_build_folder(a, own) ? TESSERA_LIBRARY : arena_printf(a, "%s/../share/tessera/models", own);
}

const char *shipped_path(Arena *a, const char *path) {
  static const char folder[] = "models/";
  if (access(path, F_OK) == 0 || strncmp(path, folder, strlen(folder)) != 0) return path;
  const char *shipped = arena_printf(a, "%s/%s", shipped_library(a), path + strlen(folder));
  return access(shipped, F_OK) == 0 ? shipped : path;
}

const char *shipped_archive(Arena *a, const char *name) {
  const char *own = own_folder(a);
  return arena_printf(a, "%s%s/%s", own, is_build_folder(a, own) ? "" : "/../lib/tessera", name);
}

void shipped_note(Arena *a) {
  static const char *const archive[] = {"libtessera_rt.a", "libtessera_rt_cuda.a"};
  infile_note("/proc/self/exe", "that is this compiler");
  for (size_t i = 0; i < sizeof archive / sizeof *archive; i++) {
    const char *path = shipped_archive(a, archive[i]);
    infile_note(path, path);
  }
}
