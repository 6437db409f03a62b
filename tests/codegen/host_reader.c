/* Stands where the runtime archive would: prints the tables of the object it is linked to, then runs its
 * entry `micro` on numbers of its own. What host_test reads back was laid out by another compiler. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "abi/program.h"

struct TessRun {
  char *scratch;
};

static void show_tensor(const TessTensor *t) {
  printf(" type %u [", t->dtype);
  for (uint32_t i = 0; i < t->rank; i++) printf("%s%" PRIu64, i ? " " : "", t->dim[i]);
  printf("] at %" PRIu64 " count %" PRIu64 "\n", t->offset, t->count);
}

static void show_head(const TessProgram *p) {
  printf("abi %u %s %s %s %s %s\n", p->abi, p->name, p->description, p->source_hash, p->build, p->cpu_needs);
  printf("batch %" PRIu64 " accumulate %" PRIu64 " arena %" PRIu64 " live %" PRIu64 " scratch %" PRIu64
         " threads %u finite %" PRId64 " manifest %" PRIu64 "\n",
         p->batch, p->accumulate, p->arena_bytes, p->live_bytes, p->scratch_bytes, p->max_threads, p->finite,
         p->manifest_bytes);
}

static void show_states(const TessProgram *p) {
  for (uint32_t i = 0; i < p->nstate; i++) {
    const TessState *s = &p->state[i];
    printf("state %s module %s slot \"%s\" kind %u from %d alias", s->name, s->module, s->slot, s->kind,
           (int)s->from);
    for (const char *const *a = s->alias; a && *a; a++) printf(" %s", *a);
    show_tensor(&s->t);
  }
}

static void show_values(const TessProgram *p) {
  for (uint32_t i = 0; i < p->nvalue; i++) {
    const TessValue *v = &p->value[i];
    printf("value %s flags %u entry %u data \"%s\" shift %g flip %g classes %" PRId64, v->name, v->flags,
           v->entry, v->data, (double)v->shift, (double)v->flip, v->classes);
    show_tensor(&v->t);
  }
  for (uint32_t i = 0; i < p->nsetting; i++)
    printf("setting %s %g %s\n", p->setting[i].name, (double)p->setting[i].value, p->setting[i].help);
}

static void show_facts(const TessProgram *p) {
  for (uint32_t i = 0; i < p->nfact; i++) printf("fact %s=%s\n", p->fact[i].key, p->fact[i].value);
}

static void show_entries(const TessProgram *p) {
  for (int e = 0; e < TESS_ENTRIES; e++)
    for (uint32_t i = 0; i < p->entry[e].nlaunch; i++) {
      const TessLaunch *l = &p->entry[e].launch[i];
      printf("launch %d.%u %s \"%s\" %s flop %g bytes %g\n", e, i, l->kernel, l->origin, l->source, l->flop,
             l->bytes);
      for (uint32_t o = 0; o < l->nout; o++) show_tensor(&l->out[o]);
    }
}

void tess_launch(TessRun *run, uint32_t id, TessKernel *kernel, void *const *arg, const TessStep *step,
                 int64_t tasks, uint64_t guard) {
  int skipped = guard && (step->supplied & guard) == guard;
  printf("run %u tasks %" PRId64 " guard %" PRIu64 "%s\n", id, tasks, guard, skipped ? " skipped" : "");
  if (!skipped) kernel(arg, step, run->scratch, 0, tasks);
}

static char *zeroed(uint64_t size) {
  char *p = aligned_alloc(64, (size + 127) / 64 * 64);
  if (!p) abort();
  for (uint64_t i = 0; i < size; i++) p[i] = 0;
  return p;
}

/* Tensor 0 of the last launch after a run in which value 0 is 1, 2, 3, ... */
static void run_micro(const TessProgram *p, TessStep *step) {
  TessRun run = {.scratch = zeroed(p->scratch_bytes)};
  char *arena = zeroed(p->arena_bytes);
  const TessTensor *in = &p->value[0].t, *out;
  const TessEntry *micro = &p->entry[TESS_MICRO];
  for (uint64_t i = 0; i < in->count; i++) ((float *)(arena + in->offset))[i] = (float)(i + 1);
  micro->fn(&run, arena, step);
  out = &micro->launch[micro->nlaunch - 1].out[0];
  printf("result");
  for (uint64_t i = 0; i < out->count; i++) printf(" %g", (double)((float *)(arena + out->offset))[i]);
  printf("\n");
  free(arena);
  free(run.scratch);
}

int main(void) {
  TessStep step = {.setting = {0.25f, 10.0f}};
  show_head(&tess_program);
  show_states(&tess_program);
  show_values(&tess_program);
  show_facts(&tess_program);
  show_entries(&tess_program);
  run_micro(&tess_program, &step);
  step.supplied = 1;
  run_micro(&tess_program, &step);
  return 0;
}
