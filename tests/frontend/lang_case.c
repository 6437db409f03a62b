/* Building and running descriptions for the language's tests. */
#include "tests/frontend/lang_case.h"

#include <math.h>
#include <string.h>

#include "tests/suite.h"

static double scalar(void *ctx, const char *field) {
  const LangCase *c = ctx;
  if (!strcmp(field, "lr")) return c->lr;
  if (!strcmp(field, "step")) return (double)c->env.step;
  if (!strcmp(field, "micro")) return (double)c->env.micro;
  return !strcmp(field, "constant") ? 0 : 100;
}

static LangCase *start(Arena *a, Graph *g) {
  ck_assert_ptr_nonnull(g);
  ck_assert(graph_verify(g));
  LangCase *c = ARENA_NEW(a, LangCase);
  c->arena = a;
  c->graph = g;
  c->run = graph_run_new(g, true);
  c->lr = 0.1;
  c->env = (GraphEnv){.seed = draw_below(UINT32_MAX), .scalar = scalar, .ctx = c};
  lang_enter(c, EN_INIT);
  return c;
}

LangCase *lang_open(const char *text, int ndefine, const char *const *define) {
  Arena *a = arena_new();
  FrontArgs args = {.ndefine = ndefine, .define = define, .library = SOURCE_DIR "/models"};
  return start(a, front_build_source(a, diag_source(a, "case.tess", text, strlen(text)), &args, NULL));
}

LangCase *lang_open_model(const char *model, int ndefine, const char *const *define) {
  Arena *a = arena_new();
  FrontArgs args = {.ndefine = ndefine, .define = define};
  return start(a, front_build(a, arena_printf(a, "%s/models/%s.tess", SOURCE_DIR, model), &args, NULL));
}

void lang_close(LangCase *c) {
  graph_run_free(c->run);
  arena_free(c->arena);
}

static const Value *find_value(const LangCase *c, const char *name) {
  for (int e = 0; e < EN_COUNT; e++)
    for (int i = 0; i < c->graph->entry[e].nvalue; i++)
      if (!strcmp(c->graph->entry[e].value[i].name, name)) return &c->graph->entry[e].value[i];
  ck_abort_msg("no value %s", name);
  return NULL;
}

const double *lang_draw(LangCase *c, const char *name, int below) {
  const Value *v = find_value(c, name);
  int64_t n = shape_count(&v->node->shape);
  double *x = ARENA_ARRAY(c->arena, n, double);
  for (int64_t i = 0; i < n; i++) x[i] = below ? draw_below((uint32_t)below) : draw_normal();
  graph_run_supply(c->run, name, x);
  return x;
}

void lang_enter(LangCase *c, EntryKind e) {
  ck_assert(graph_run_entry(c->run, e, &c->env));
}

const double *lang_value(LangCase *c, const char *name) {
  return graph_run_value(c->run, name);
}

const State *lang_state(const LangCase *c, const char *name) {
  for (int i = 0; i < c->graph->nstate; i++)
    if (!strcmp(c->graph->state[i]->name, name)) return c->graph->state[i];
  ck_abort_msg("no state %s", name);
  return NULL;
}

double *lang_memory(LangCase *c, const char *name) {
  return graph_run_state(c->run, lang_state(c, name));
}

void lang_near(double found, double wanted, double bound, const char *what) {
  ck_assert_msg(fabs(found - wanted) <= bound * fmax(1, fabs(wanted)), "%s: found %.12g, expected %.12g",
                what, found, wanted);
}

void lang_gradient(LangCase *c, const char *param, double step, double bound) {
  const char *grad = arena_printf(c->arena, "grad.%s", param);
  double *p = lang_memory(c, param);
  int64_t n = shape_count(&lang_state(c, param)->shape);
  double *wanted = ARENA_ARRAY(c->arena, n, double);
  for (int64_t i = 0; i < n; i++) {
    double loss[2], old = p[i];
    for (int k = 0; k < 2; k++) {
      p[i] = old + (k ? step : -step);
      lang_enter(c, EN_MICRO);
      loss[k] = *lang_value(c, "loss");
    }
    p[i] = old;
    wanted[i] = (loss[1] - loss[0]) / (2 * step);
  }
  lang_enter(c, EN_MICRO);
  for (int64_t i = 0; i < n; i++) lang_near(lang_memory(c, grad)[i], wanted[i], bound, grad);
}
