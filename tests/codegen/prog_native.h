/* Runs a lowered program as machine code in this process, with red zones around every buffer: each launch in
 * two pieces, the later tasks first, as threads might. */
#ifndef TESTS_PROG_NATIVE_H
#define TESTS_PROG_NATIVE_H

#include <stdlib.h>
#include <string.h>

#include "abi/program.h"
#include "codegen/cpu/cpu.h"
#include "tests/codegen/prog_interp.h"

typedef struct Native {
  const Prog *prog;
  const Processor *target;
  HostModule *module;
} Native;

static inline Native native_open(Arena *a, const Prog *p) {
  Native n = {.prog = p, .target = processor_named("native")};
  const char **setting = ARENA_ARRAY(a, p->graph->nsetting + 1, const char *);
  for (int i = 0; i < p->graph->nsetting; i++) setting[i] = p->graph->setting[i].name;
  n.module = host_module_new(a, n.target, "native");
  host_module_settings(n.module, setting, p->graph->nsetting);
  for (int i = 0; i < p->nkernel; i++) cpu_add_kernel(n.module, p->kernel[i], p->kernel[i]->name, true);
  return n;
}

static inline void native_close(Native *n) {
  host_module_free(n->module);
}

static inline void native_launch(const Native *n, const PLaunch *l, char *arena, const TessStep *step) {
  void *buf[256], *f = host_module_jit(n->module, l->kernel->name);
  Arena *a = arena_new();
  const KPlan *plan = kern_plan_for(l->kernel, &cpu_plans);
  int64_t tasks = cpu_tasks(l->kernel, plan), bytes = cpu_scratch(l->kernel, plan, n->target) + 64;
  TessKernel *run;
  if (!f) ice("no function %s", l->kernel->name);
  memcpy(&run, &f, sizeof run);
  char *scratch = aligned_alloc(64, (size_t)bytes / 64 * 64);
  for (int b = 0; b < l->kernel->nbuf; b++) buf[b] = arena + l->buf[b]->offset + l->at[b];
  void **arg = cpu_arguments(a, l->kernel, buf, l->word);
  run(arg, step, scratch, tasks / 2, tasks);
  run(arg, step, scratch, 0, tasks / 2);
  free(scratch);
  arena_free(a);
}

static inline void native_entry(const Native *n, char *arena, EntryKind e, const TessStep *step) {
  prog_interp_poison(n->prog, arena, e);
  for (int i = 0; i < n->prog->entry[e].nlaunch; i++) {
    const PLaunch *l = &n->prog->entry[e].launch[i];
    if (!l->guard || (l->guard & step->supplied) != l->guard) native_launch(n, l, arena, step);
  }
}

#endif
