/* tessera inspect: the manifest of a program, read from outside. */
#include <stdio.h>

#include "base/diag.h"
#include "codegen/host/elf_section.h"
#include "codegen/host/host.h"
#include "codegen/host/manifest.h"
#include "tools/cli/args.h"
#include "tools/verbs.h"

/* All of it, or one kernel's text. */
static bool inspect(Arena *a, const char *path, bool json, const char *kernel) {
  const Source *file = diag_read(a, path);
  if (!file) return false;
  size_t size = 0;
  const unsigned char *bytes = elf_section(file->text, file->len, HOST_MANIFEST_SECTION, &size);
  if (!bytes) {
    diag_error((Loc){.src = file}, "not a program of Tessera: it has no section %s", HOST_MANIFEST_SECTION);
    return false;
  }
  bytes = arena_copy(a, bytes, size);
  const char *fault =
      kernel ? manifest_show_kernel(stdout, bytes, size, kernel) : manifest_show(stdout, bytes, size, json);
  if (fault) diag_error((Loc){.src = file}, "%s", fault);
  return !fault;
}

int verb_inspect(int argc, char **argv) {
  Args args = args_start("inspect", argc, argv);
  const char *path = NULL, *kernel = NULL;
  bool json = false;
  while (args_more(&args)) {
    if (args_flag(&args, "--json"))
      json = true;
    else if (!args_option(&args, "--kernel", &kernel))
      args_only(&args, &path);
  }
  if (!args.wrong && !path) args_fail(&args, "which program?");
  if (!args.wrong && json && kernel)
    args_fail(&args, "--json prints everything, --kernel one text: not both");
  if (args.wrong) return 2;
  Arena *a = arena_new();
  bool ok = inspect(a, path, json, kernel);
  arena_free(a);
  return !ok;
}
