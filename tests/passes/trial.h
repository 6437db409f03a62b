/* A program three times beside each other: its graph by the graph interpreter in f64, what lowering made of
 * it by the kernel interpreter, and as machine code. After every entry all states and reported values must
 * agree. */
#ifndef TESTS_TRIAL_H
#define TESTS_TRIAL_H

#include <check.h>
#include <math.h>

#include "codegen/cpu/cpu.h"
#include "passes/passes.h"
#include "tests/codegen/prog_native.h"

enum { TRIAL_INTERPRETED, TRIAL_NATIVE, TRIAL_SIDES };

typedef struct Trial {
  Arena *arena;
  const Prog *prog;
  Native native;
  GraphRun *run;
  char *memory[TRIAL_SIDES]; /* arenas of the two programs */
  TessStep step;             /* the same for all: set before each entry */
  double bound;              /* against a tensor's largest element: of mlp_test 4.1e-6 in 100 runs */
  bool slow;                 /* leave the kernel interpreter out */
} Trial;

/* A program beside the graph that it was made of, or an equal one. Everything lives in the arena, which
 * trial_close frees. */
static inline Trial trial_of(Arena *a, const Graph *reference, const Prog *p) {
  Trial t = {.arena = a, .prog = p, .bound = 2e-5};
  t.run = graph_run_new(reference, true);
  t.native = native_open(a, t.prog);
  size_t bytes = (size_t)(t.prog->arena_bytes + 63) / 64 * 64;
  for (int i = 0; i < TRIAL_SIDES; i++) {
    t.memory[i] = aligned_alloc(64, bytes);
    memset(t.memory[i], 0, bytes);
  }
  for (int i = 0; i < p->graph->nsetting; i++) t.step.setting[i] = (float)p->graph->setting[i].value;
  return t;
}

/* Two equal graphs, of which one is lowered. */
static inline Trial trial_open(Arena *a, const Graph *reference, Graph *lowered) {
  PassOptions o = {.target = cpu_target("x86-64-v3")};
  const Prog *p = passes_run(a, lowered, &o);
  ck_assert_ptr_nonnull(p);
  return trial_of(a, reference, p);
}

static inline void trial_close(Trial *t) {
  native_close(&t->native);
  graph_run_free(t->run);
  for (int i = 0; i < TRIAL_SIDES; i++) free(t->memory[i]);
  arena_free(t->arena);
}

/* A tensor in both arenas against the interpreter's. */
static inline void trial_compare(const Trial *t, const char *what, DType type, int64_t at,
                                 const double *wanted, int64_t n) {
  static const char *const side[TRIAL_SIDES] = {"interpreted", "native"};
  double scale = 1e-6;
  for (int64_t i = 0; i < n; i++) scale = fmax(scale, fabs(wanted[i]));
  for (int k = t->slow ? TRIAL_NATIVE : 0; k < TRIAL_SIDES; k++)
    for (int64_t i = 0; i < n; i++) {
      double found = dtype_get(type, t->memory[k] + at, i);
      ck_assert_msg(fabs(found - wanted[i]) <= t->bound * scale,
                    "step %d, micro %d, %s, %s[%lld]: %.9g, expected %.9g of at most %.3g", (int)t->step.step,
                    (int)t->step.micro, side[k], what, (long long)i, found, wanted[i], scale);
    }
}

/* All states for which `wanted` holds (NULL: all). */
static inline void trial_states(const Trial *t, bool (*wanted)(StateKind)) {
  for (int i = 0; i < t->prog->nstate; i++) {
    const PState *s = &t->prog->state[i];
    const State *own = s->state;
    if (wanted && !wanted(own->kind)) continue;
    const double *now = graph_run_state(t->run, own) + (own->group ? 0 : s->at / dtype_size(own->dtype));
    trial_compare(t, arena_printf(t->arena, "%s %s", s->name, s->slot), own->dtype, s->buf->offset + s->at,
                  now, shape_count(&s->shape));
  }
}

/* What the entry that ran last reports. */
static inline void trial_reports(const Trial *t, EntryKind e) {
  for (int i = 0; i < t->prog->nvalue; i++) {
    const PValue *v = &t->prog->value[i];
    const Node *n = v->value->node;
    if (v->entry == e && v->value->flags & V_REPORT)
      trial_compare(t, v->value->name, n->dtype, v->buf->offset + v->at,
                    graph_run_value(t->run, v->value->name), shape_count(&n->shape));
  }
}

/* The step block's scalars, for the interpreters. */
static inline double trial_scalar(void *ctx, const char *field) {
  const Trial *t = ctx;
  const Graph *g = t->prog->graph;
  if (!strcmp(field, "step")) return (double)t->step.step_f;
  if (!strcmp(field, "micro")) return (double)t->step.micro_f;
  if (!strcmp(field, "total")) return (double)t->step.total;
  if (!strcmp(field, "epoch_steps")) return (double)t->step.epoch_steps;
  if (!strcmp(field, "constant")) return (double)t->step.constant;
  for (int i = 0; i < g->nsetting; i++)
    if (!strcmp(g->setting[i].name, field)) return (double)t->step.setting[i];
  ice("no field %s", field);
}

/* Runs an entry on all sides, and compares nothing. */
static inline void trial_run(Trial *t, EntryKind e) {
  TessStep *s = &t->step;
  s->step_f = (float)s->step;
  s->micro_f = (float)s->micro;
  GraphEnv graph = {.seed = s->seed, .step = s->step, .micro = s->micro, .scalar = trial_scalar, .ctx = t};
  KStepEnv kernel = {.seed = s->seed, .step = s->step, .micro = s->micro, .scalar = trial_scalar, .ctx = t};
  ck_assert(graph_run_entry(t->run, e, &graph));
  if (!t->slow) prog_interp(t->prog, t->memory[TRIAL_INTERPRETED], e, &kernel, s->supplied);
  native_entry(&t->native, t->memory[TRIAL_NATIVE], e, s);
}

static inline void trial_enter(Trial *t, EntryKind e) {
  trial_run(t, e);
  trial_states(t, NULL);
  trial_reports(t, e);
}

/* Gives a value to all sides: what only makes it is then skipped. Its bit stays in step.supplied. */
static inline void trial_supply(Trial *t, EntryKind e, const char *name, const double *x) {
  const PValue *v = prog_value(t->prog, e, name);
  ck_assert_msg(v != NULL, "no value %s", name);
  const Node *n = v->value->node;
  graph_run_supply(t->run, name, x);
  for (int k = 0; k < TRIAL_SIDES; k++)
    for (int64_t i = 0; i < shape_count(&n->shape); i++)
      dtype_set(n->dtype, t->memory[k] + v->buf->offset + v->at, i, x[i]);
  t->step.supplied |= 1ull << (v - t->prog->value);
}

/* The native program's number, and where it has the tensor. */
static inline const float *trial_native(const Trial *t, EntryKind e, const char *name) {
  const PValue *v = prog_value(t->prog, e, name);
  ck_assert_msg(v != NULL, "no value %s", name);
  return (const float *)(const void *)(t->memory[TRIAL_NATIVE] + v->buf->offset + v->at);
}

#endif
