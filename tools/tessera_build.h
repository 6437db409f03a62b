/* What `tessera build` is told. */
#ifndef TOOLS_TESSERA_BUILD_H
#define TOOLS_TESSERA_BUILD_H

#include "tools/tessera.h"
#include "tools/tessera_emit.h"

typedef struct BuildOptions {
  const char *description, *out;
  const char *block;  /* NULL: the only one */
  const char *target; /* "cpu:native", "cuda:sm_80,sm_90a" */
  const char *dump_after;
  const char *fusion; /* a strategy file, or NULL */
  bool poison;
  int threads;
  int ndefine;
  const char **define; /* as typed: "batch=32", "@FILE" */
  Emit emit;
} BuildOptions;

/* False after reporting a wrong command line. Texts are the command line's; the rest is the arena's. */
bool build_options(Arena *a, Args *args, BuildOptions *o);

#endif
