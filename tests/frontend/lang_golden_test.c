/* The models against the reference data: losses, gradients, features and weights after the last step, in the
 * interpreter. Skipped, with a message, where the data is not there. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "frontend/frontend.h"
#include "tests/frontend/lang_file.h"
#include "tests/suite.h"

/* Bounds of ../shared/golden/README.md. */
static const double most_loss = 2e-6, most_grad = 2e-5, most_out = 5e-6, most_final = 1e-3;

typedef struct Replay {
  Arena *arena;
  RefFile *file;
  Graph *graph;
  GraphRun *run;
  GraphEnv env;
  double lr;
} Replay;

static double scalar(void *ctx, const char *field) {
  const Replay *r = ctx;
  if (!strcmp(field, "constant")) return 1;
  if (!strcmp(field, "lr")) return r->lr;
  if (!strcmp(field, "step")) return (double)r->env.step;
  return !strcmp(field, "micro") ? 0 : 1000;
}

static bool replay_open(Replay *r, const char *model, const char *name, bool f64) {
  char path[512], define[520], description[512], lr[64];
  snprintf(path, sizeof path, "%s/../shared/golden/%s.safetensors", SOURCE_DIR, name);
  memset(r, 0, sizeof *r);
  r->file = ref_open(path);
  if (!r->file) {
    printf("%s is not there: skipped\n", path);
    return false;
  }
  snprintf(define, sizeof define, "@%s", path);
  snprintf(description, sizeof description, "%s/models/%s.tess", SOURCE_DIR, model);
  const char *defines[1] = {define};
  FrontArgs args = {.ndefine = 1, .define = defines};
  r->arena = arena_new();
  r->graph = front_build(r->arena, description, &args, NULL);
  ck_assert_ptr_nonnull(r->graph);
  ck_assert(graph_verify(r->graph));
  r->run = graph_run_new(r->graph, f64);
  r->lr = ref_meta(r->file, "lr", lr, sizeof lr) ? strtod(lr, NULL) : 0;
  r->env = (GraphEnv){.seed = 1, .scalar = scalar, .ctx = r};
  return true;
}

static void replay_close(Replay *r) {
  if (r->run) graph_run_free(r->run);
  if (r->arena) arena_free(r->arena);
  ref_close(r->file);
}

/* The file's tensor PREFIX.NAME of a state, under any of its names. */
static const double *state_tensor(Replay *r, const char *prefix, const State *s) {
  char key[256];
  int64_t n;
  snprintf(key, sizeof key, "%s.%s", prefix, s->name);
  const double *v = ref_tensor(r->file, key, &n);
  for (int i = 0; !v && s->alias && s->alias[i]; i++) {
    snprintf(key, sizeof key, "%s.%s", prefix, s->alias[i]);
    v = ref_tensor(r->file, key, &n);
  }
  if (v) ck_assert_int_eq(n, shape_count(&s->shape));
  return v;
}

static void load_params(Replay *r) {
  for (int i = 0; i < r->graph->nstate; i++) {
    const State *s = r->graph->state[i];
    if (s->kind != ST_PARAM && s->kind != ST_FROZEN) continue;
    const double *v = state_tensor(r, "param", s);
    ck_assert_msg(v, "the file has no parameter %s", s->name);
    memcpy(graph_run_state(r->run, s), v, sizeof(double) * (size_t)shape_count(&s->shape));
  }
}

/* Gives what the file has for this step, and zeros for raw data that is then not looked at. */
static void supply_step(Replay *r, EntryKind e, int step) {
  const Entry *entry = &r->graph->entry[e];
  for (int i = 0; i < entry->nvalue; i++) {
    const Value *v = &entry->value[i];
    char key[128];
    int64_t n, count = shape_count(&v->node->shape);
    if (!(v->flags & V_SUPPLY)) continue;
    snprintf(key, sizeof key, "step%d.%s", step, v->name);
    const double *x = ref_tensor(r->file, key, &n);
    if (x) {
      ck_assert_int_eq(n, count);
      graph_run_supply(r->run, v->name, x);
    } else if (v->flags & V_DATA) {
      double *zero = calloc((size_t)count, sizeof(double));
      graph_run_supply(r->run, v->name, zero);
      free(zero);
    }
  }
}

static double distance(const double *a, const double *b, int64_t n, double *norm) {
  double d = 0, s = 0;
  for (int64_t i = 0; i < n; i++) {
    d += (a[i] - b[i]) * (a[i] - b[i]);
    s += b[i] * b[i];
  }
  *norm = sqrt(s);
  return sqrt(d);
}

/* Every reported tensor that the file has for this step, in relative distance. */
static double worst_output(Replay *r, EntryKind e, int step) {
  const Entry *entry = &r->graph->entry[e];
  double worst = 0;
  for (int i = 0; i < entry->nvalue; i++) {
    char key[128];
    int64_t n;
    double norm;
    if (!(entry->value[i].flags & V_REPORT)) continue;
    snprintf(key, sizeof key, "step%d.%s", step, entry->value[i].name);
    const double *x = ref_tensor(r->file, key, &n);
    if (!x) continue;
    double d = distance(graph_run_value(r->run, entry->value[i].name), x, n, &norm) / norm;
    ck_assert(!isnan(d));
    if (d > worst) worst = d;
  }
  return worst;
}

static double worst_loss(Replay *r, int step) {
  const Entry *entry = &r->graph->entry[EN_MICRO];
  double worst = 0;
  int64_t n, terms = 0, k = 0;
  char steps[32];
  ck_assert(ref_meta(r->file, "steps", steps, sizeof steps));
  const double *x = ref_tensor(r->file, "losses", &n);
  for (int i = 0; i < entry->nvalue; i++) terms += (entry->value[i].flags & V_LOSS) != 0;
  ck_assert_int_eq(terms * strtol(steps, NULL, 10), n);
  for (int i = 0; i < entry->nvalue; i++) {
    if (!(entry->value[i].flags & V_LOSS)) continue;
    double wanted = x[step * terms + k++];
    double d = fabs(*graph_run_value(r->run, entry->value[i].name) - wanted) / fabs(wanted);
    ck_assert(!isnan(d));
    if (d > worst) worst = d;
  }
  return worst;
}

static double worst_grad(Replay *r) {
  double worst = 0, norm;
  int seen = 0;
  for (int i = 0; i < r->graph->nstate; i++) {
    const State *s = r->graph->state[i];
    if (s->kind != ST_GRAD || !s->of || s->of->kind != ST_PARAM) continue;
    const double *x = state_tensor(r, "grad", s->of);
    ck_assert_msg(x, "the file has no gradient of %s", s->of->name);
    double d = distance(graph_run_state(r->run, s), x, shape_count(&s->shape), &norm) / norm;
    ck_assert(!isnan(d));
    if (d > worst) worst = d;
    seen++;
  }
  ck_assert_int_gt(seen, 0);
  return worst;
}

/* Distance over the distance moved, without the elements whose gradient is rounding noise. */
static double final_distance(Replay *r, const State *s) {
  const double *first = state_tensor(r, "param", s), *last = state_tensor(r, "final", s);
  const double *grad = state_tensor(r, "grad", s), *now = graph_run_state(r->run, s);
  int64_t n = shape_count(&s->shape);
  double square = 0, off = 0, moved = 0;
  ck_assert(first && last && grad);
  for (int64_t i = 0; i < n; i++) square += grad[i] * grad[i];
  double least = 1e-6 * sqrt(square / (double)n);
  for (int64_t i = 0; i < n; i++) {
    if (fabs(grad[i]) < least) continue;
    off += (now[i] - last[i]) * (now[i] - last[i]);
    moved += (last[i] - first[i]) * (last[i] - first[i]);
  }
  return sqrt(off / moved);
}

static double worst_final(Replay *r) {
  double worst = 0;
  for (int i = 0; i < r->graph->nstate; i++) {
    if (r->graph->state[i]->kind != ST_PARAM) continue;
    double d = final_distance(r, r->graph->state[i]);
    ck_assert(!isnan(d));
    if (d > worst) worst = d;
  }
  return worst;
}

static void train_and_compare(const char *model, const char *name, bool f64, int steps) {
  Replay r;
  double loss = 0, out = 0, grad = 0, worst;
  char all[32];
  if (!replay_open(&r, model, name, f64)) return;
  ref_meta(r.file, "steps", all, sizeof all);
  if (steps == 0) steps = (int)strtol(all, NULL, 10);
  ck_assert(graph_run_entry(r.run, EN_INIT, &r.env));
  load_params(&r);
  for (int k = 0; k < steps; k++) {
    r.env.step = (uint64_t)k;
    supply_step(&r, EN_MICRO, k);
    ck_assert(graph_run_entry(r.run, EN_MICRO, &r.env));
    loss = fmax(loss, worst_loss(&r, k));
    out = fmax(out, worst_output(&r, EN_MICRO, k));
    if (k == 0) grad = worst_grad(&r);
    ck_assert(graph_run_entry(r.run, EN_UPDATE, &r.env));
  }
  worst = steps == strtol(all, NULL, 10) ? worst_final(&r) : 0;
  printf("%s %s: losses %.1e, outputs %.1e, gradients %.1e, weights %.1e\n", name, f64 ? "f64" : "f32", loss,
         out, grad, worst);
  ck_assert_double_lt(loss, most_loss);
  ck_assert_double_lt(out, most_out);
  ck_assert_double_lt(grad, most_grad);
  ck_assert_double_lt(worst, most_final);
  replay_close(&r);
}

START_TEST(clip_features) {
  for (int f64 = 0; f64 < 2; f64++) {
    Replay r;
    if (!replay_open(&r, "clip_visual", "clip_visual_tiny_a", f64)) return;
    ck_assert(graph_run_entry(r.run, EN_INIT, &r.env));
    load_params(&r);
    supply_step(&r, EN_EVAL, 0);
    ck_assert(graph_run_entry(r.run, EN_EVAL, &r.env));
    double worst = worst_output(&r, EN_EVAL, 0);
    printf("clip_visual_tiny_a %s: features %.1e\n", f64 ? "f64" : "f32", worst);
    ck_assert_double_gt(worst, 0);
    ck_assert_double_lt(worst, most_out);
    replay_close(&r);
  }
}
END_TEST

START_TEST(fine_tuning_f64) {
  train_and_compare("vit_classify", "finetune_tiny_a", true, 0);
}
END_TEST

START_TEST(fine_tuning_f32) {
  train_and_compare("vit_classify", "finetune_tiny_a", false, 0);
}
END_TEST

START_TEST(pretraining_f64) {
  train_and_compare("digpt", "digpt_tiny_a", true, 0);
}
END_TEST

START_TEST(pretraining_f32) {
  train_and_compare("digpt", "digpt_tiny_a", false, 0);
}
END_TEST

SUITE("lang_golden") {
  tcase_add_test(t, clip_features);
  tcase_add_test(t, fine_tuning_f64);
  tcase_add_test(t, fine_tuning_f32);
  tcase_add_test(t, pretraining_f64);
  tcase_add_test(t, pretraining_f32);
}
