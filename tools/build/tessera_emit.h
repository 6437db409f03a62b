/* Looking at the stages of a build: --emit=KIND DIR. */
#ifndef TOOLS_TESSERA_EMIT_H
#define TOOLS_TESSERA_EMIT_H

#include <stdbool.h>

#include "base/arena.h"

typedef enum EmitKind { EMIT_GRAPH, EMIT_KERNELS, EMIT_LLVM, EMIT_ASM, EMIT_CUDA, EMIT_KINDS } EmitKind;

/* Where each stage's text goes: a folder, or NULL. `name` is the files' name without its ending. */
typedef struct Emit {
  const char *folder[EMIT_KINDS];
  const char *name;
} Emit;

/* The kind of that name, or EMIT_KINDS. */
EmitKind emit_kind(const char *name);
/* Writes FOLDER/NAME.ENDING, making the folder where it is missing; false after reporting. */
bool emit_write(Arena *a, const Emit *e, EmitKind kind, const char *text);

#endif
