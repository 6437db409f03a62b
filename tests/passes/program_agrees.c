/* A program beside its graph; see program_agrees.h. */
#include "tests/passes/program_agrees.h"

#include <check.h>
#include <math.h>

#include "tests/codegen/prog_native.h"
#include "tests/passes/random_graph.h"

enum { SEED = 7, STEP = 3, MICRO = 1 };

static double no_scalar(void *ctx, const char *name) {
  (void)ctx, (void)name;
  return 0.25;
}

void execute_interpreted(Arena *a, const Prog *p, char *arena) {
  KStepEnv env = {.seed = SEED, .step = STEP, .micro = MICRO, .scalar = no_scalar};
  (void)a;
  prog_interp(p, arena, EN_EVAL, &env, 0);
}

void execute_native(Arena *a, const Prog *p, char *arena) {
  Native n = native_open(a, p);
  native_entry(&n, arena, EN_EVAL, &(TessStep){.seed = SEED, .step = STEP, .micro = MICRO});
  native_close(&n);
}

static bool near(double a, double b, double within) {
  return fabs(a - b) <= within * (1 + fabs(b)) || (isnan(a) && isnan(b));
}

static void compare(const Prog *p, const char *arena, GraphRun *run, const char *name, double within) {
  const PValue *v = prog_value(p, EN_EVAL, name);
  const double *want = graph_run_value(run, name);
  const float *got = (const float *)(const void *)(arena + v->buf->offset + v->at);
  for (int64_t i = 0; i < shape_count(&v->value->node->shape); i++)
    ck_assert_msg(near(got[i], want[i], within), "%s[%lld]: %.9g, expected %.9g", name, (long long)i, got[i],
                  want[i]);
}

void program_agrees(Arena *a, const Prog *p, const Graph *g, Execute *execute, double within) {
  GraphEnv env = {.seed = SEED, .step = STEP, .micro = MICRO, .scalar = no_scalar};
  GraphRun *run = graph_run_new(g, false);
  ck_assert(graph_run_entry(run, EN_EVAL, &env));
  char *arena = aligned_alloc(64, (size_t)(p->arena_bytes + 63) / 64 * 64);
  memset(arena, 0, (size_t)p->arena_bytes);
  execute(a, p, arena);
  for (int i = 0; i < RANDOM_OUTS; i++) compare(p, arena, run, arena_printf(a, "out%d", i), within);
  graph_run_free(run);
  free(arena);
}
