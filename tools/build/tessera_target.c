/* The machine that a program is built for. */
#include <string.h>

#include "tools/build/tessera_build.h"
#include "tools/build/tessera_target.h"

static bool find_cuda_target(Build *b, const char *archs) {
  b->cpu = cuda_host_cpu();
  b->target = b->o->target;
  if (b->o->poison) diag_error((Loc){0}, "--debug-poison is for programs that run on a CPU");
  return cuda_archs(b->arena, archs, &b->arch, &b->narch) && !b->o->poison;
}

const CpuTarget *target_cpu(Arena *a, const char *text, const char *others) {
  const CpuTarget *t = strncmp(text, "cpu:", 4) == 0 ? cpu_target(text + 4) : NULL;
  if (t) return t;
  const char *list = "native";
  for (const char *const *name = cpu_target_names(a); *name; name++)
    list = arena_printf(a, "%s, %s", list, *name);
  diag_error((Loc){0}, "unknown target \"%s\"; expected cpu:NAME (%s)%s", text, list, others);
  return NULL;
}

bool build_target(Build *b) {
  const char *t = b->o->target;
  if (strncmp(t, "cuda:", 5) == 0) return find_cuda_target(b, t + 5);
  if (b->o->emit.folder[EMIT_CUDA]) {
    diag_error((Loc){0}, "--emit=cuda wants --target cuda:ARCH,..; found \"%s\"", t);
    return false;
  }
  b->cpu = target_cpu(b->arena, t, " or cuda:sm_80,sm_90a and the like");
  if (!b->cpu) return false;
  b->target = arena_printf(b->arena, "cpu:%s", b->cpu->name);
  return true;
}
