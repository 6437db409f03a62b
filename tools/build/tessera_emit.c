/* Writes the text of a stage. */
#include "tools/build/tessera_emit.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/diag.h"
#include "tools/tessera_output.h"

typedef struct Kind {
  const char *name, *ending;
} Kind;

static const Kind kinds[EMIT_KINDS] = {[EMIT_GRAPH] = {"graph", "graph"},
                                       [EMIT_KERNELS] = {"kernels", "kern"},
                                       [EMIT_LLVM] = {"llvm", "ll"},
                                       [EMIT_ASM] = {"asm", "s"},
                                       [EMIT_CUDA] = {"cuda", "cu"}};

EmitKind emit_kind(const char *name) {
  for (int k = 0; k < EMIT_KINDS; k++)
    if (strcmp(kinds[k].name, name) == 0) return (EmitKind)k;
  return EMIT_KINDS;
}

bool emit_write(Arena *a, const Emit *e, EmitKind kind, const char *text) {
  const char *folder = e->folder[kind];
  Source place = {.path = folder};
  Output file;
  if (mkdir(folder, 0777) != 0 && errno != EEXIST) {
    diag_error((Loc){.src = &place}, "cannot make the folder: %s", strerror(errno));
    return false;
  }
  if (!output_open(a, arena_printf(a, "%s/%s.%s", folder, e->name, kinds[kind].ending), &file)) return false;
  fputs(text, file.f);
  return output_close(&file);
}
