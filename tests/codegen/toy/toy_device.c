/* Runs a toy program in this process, in place of rt_device_cpu.c: a kernel's text is parsed when it is first
 * launched and given to the reference interpreter. */
#include <stdlib.h>
#include <string.h>

#include "ir/kernel/kern.h"
#include "runtime/rt_base.h"
#include "runtime/rt_session.h"
#include "tests/codegen/toy/toy.h"

/* Kernels that have been launched, by the address of their text's pointer. */
typedef struct Known {
  const void *key;
  const Kernel *kernel;
} Known;

static struct {
  Arena *arena;
  int n, cap;
  Known *known;
} toy;

bool rt_device_open(RtSession *s) {
  (void)s;
  toy.arena = arena_new();
  return true;
}

void rt_device_close(RtSession *s) {
  (void)s;
  arena_free(toy.arena);
  memset(&toy, 0, sizeof toy);
}

void rt_device_run(RtSession *s, TessEntryFn *entry) {
  entry(&s->run, s->arena, &s->step);
}

const void *rt_fetch(const RtSession *s, const TessTensor *t) {
  return rt_at(s, t);
}

void rt_send(const RtSession *s, const TessTensor *t) {
  (void)s, (void)t;
}

static const Kernel *kernel_of(const void *key) {
  for (int i = 0; i < toy.n; i++)
    if (toy.known[i].key == key) return toy.known[i].kernel;
  const char *text = *(const char *const *)key;
  KernList *list =
      kern_parse(toy.arena, diag_source(toy.arena, "kernel", text, strlen(text)), KPLAN_RULES(&toy_plans));
  if (!list || list->n != 1) ice("a kernel's text does not parse");
  ARENA_GROW(toy.arena, toy.known, toy.n, toy.cap);
  toy.known[toy.n++] = (Known){key, list->k[0]};
  return list->k[0];
}

static double scalar(void *ctx, const char *name) {
  const TessStep *step = ctx;
  const struct {
    const char *name;
    float value;
  } own[] = {{"step", step->step_f},
             {"micro", step->micro_f},
             {"total", step->total},
             {"epoch_steps", step->epoch_steps},
             {"constant", step->constant}};
  for (size_t i = 0; i < sizeof own / sizeof *own; i++)
    if (strcmp(own[i].name, name) == 0) return (double)own[i].value;
  for (uint32_t i = 0; i < tess_program.nsetting; i++)
    if (strcmp(tess_program.setting[i].name, name) == 0) return (double)step->setting[i];
  ice("the step block has no \"%s\"", name);
}

void tess_launch(TessRun *run, uint32_t id, TessKernel *kernel, void *const *arg, const TessStep *step,
                 int64_t tasks, uint64_t guard) {
  if (run->stop || tasks <= 0 || (guard && (step->supplied & guard) == guard)) return;
  double from = run->hook ? rt_now() : 0;
  const Kernel *k = kernel_of((const void *)(uintptr_t)kernel);
  TessStep copy = *step;
  uint64_t word[TESS_MAX_RANK];
  if (k->nword > TESS_MAX_RANK) ice("kernel %s takes %d words", k->name, k->nword);
  for (int i = 0; i < k->nword; i++) memcpy(&word[i], &arg[k->nbuf + i], sizeof *word);
  const KPlan *plan = kern_plan_for(k, &toy_plans);
  if (!plan || kplan_get(plan, TOY_TURNS, 0) != tasks) ice("kernel %s is launched against its plan", k->name);
  KStepEnv env = {.seed = step->seed,
                  .step = step->step,
                  .micro = step->micro,
                  .scalar = scalar,
                  .ctx = &copy,
                  .word = word};
  kern_interp(k, arg, &env, false);
  if (run->hook) run->hook->after(run->hook->ctx, run, id, rt_now() - from);
}
