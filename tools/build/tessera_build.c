/* tessera build: from a description to a program. */
#include <stdio.h>

#include "tools/build/tessera_build.h"
#include "tools/tessera_output.h"

static void announce(const Build *b) {
  const Prog *p = b->prog;
  int launches = 0;
  for (int e = 0; e < EN_COUNT; e++) launches += p->entry[e].nlaunch;
  printf("%s: %s of %s for %s; %d nodes, %d kernels, %d launches\n", b->o->out, p->graph->name_of_block,
         b->front.source[0].relative, b->target, p->graph->nnode, p->nkernel, launches);
  printf("%s: memory %.1f MiB, and %.2f MiB more for each thread; at least %.1f MiB are live at once\n",
         b->o->out, (double)p->arena_bytes / (1 << 20), (double)build_scratch(b) / (1 << 20),
         (double)p->live_bytes / (1 << 20));
  printf("%s: %.1f MiB (%lld bytes) in all", b->o->out, (double)build_memory(b) / (1 << 20),
         (long long)build_memory(b));
  if (!b->narch) printf(" with %d threads, the most it may use (--threads N)", b->o->threads);
  printf("\n");
}

/* Known before the work of building is done. */
static bool can_write(const BuildOptions *o) {
  return output_possible(o->out, o->description) && output_replaces_file(o->out) &&
         (!o->fusion || output_possible(o->out, o->fusion));
}

int verb_build(int argc, char **argv) {
  Arena *a = arena_new();
  Args args = args_start("build", argc, argv);
  BuildOptions o;
  bool understood = build_options(a, &args, &o), ok = false;
  if (understood) {
    Build b = {.arena = a, .o = &o};
    ok = can_write(&o) && build_target(&b) && build_describe(&b) && build_plan(&b) && build_program(&b);
    if (ok) announce(&b);
  }
  arena_free(a);
  return understood ? !ok : 2;
}
