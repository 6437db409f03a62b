/* Writes the text of a stage. */
#include "tools/tessera_emit.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "ir/diag.h"

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
  Source file = {.path = arena_printf(a, "%s/%s.%s", e->folder[kind], e->name, kinds[kind].ending)};
  bool ok = !mkdir(e->folder[kind], 0777) || errno == EEXIST;
  FILE *f = ok ? fopen(file.path, "w") : NULL;
  ok = f && fputs(text, f) >= 0;
  if (f && fclose(f)) ok = false;
  if (!ok) diag_error((Loc){.src = &file}, "cannot write the file: %s", strerror(errno));
  return ok;
}
