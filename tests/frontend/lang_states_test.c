/* States: what each read of a step sees, micro-batches, refused updates, evaluation, frozen modules; models
 * that follow others, and two of one module. */
#include <math.h>
#include <string.h>

#include "tests/frontend/lang_case.h"
#include "tests/suite.h"

/* In f64: 4e-16 off at most, over 30 seeds. */
static const double tight = 1e-13;

enum { BATCH = 2, DIM = 3, ROWS = 5 };

/* A tracker that is called twice in a step, a queue of the block, and a loss that sees old values alone. */
static const char tracked[] =
    "import \"lib/optim.tess\"\n"
    "import \"lib/init.tess\"\n"
    "module tracker(dim) {\n"
    "  param gain [dim] = ones\n"
    "  state average [dim] = 2\n"
    "  state seen i32 [] = 7\n"
    "  fn (x [B, dim]) {\n"
    "    let before = average\n"
    "    average = 0.75 * average + 0.25 * reduce(x * gain, \"b d -> d\", \"mean\")\n"
    "    seen = seen + 1\n"
    "    return before, average\n"
    "  }\n"
    "}\n"
    "train t(batch = 2, accumulate = 1) {\n"
    "  data x f32 [batch, 3] = given()\n"
    "  data only f32 [batch, 3] = given()\n"
    "  model m = tracker(3)\n"
    "  state queue [5, 3] = 1\n"
    "  state rate [] = 1000\n"
    "  let before, now = m(x)\n"
    "  let second, last = m(2 * x)\n"
    "  minimise sum(m.gain * before) + sum(now ^ 2) + sum(queue[0] * m.gain)\n"
    "  report before, now, second, last, first = queue[0], kept = m.average\n"
    "  queue = concat((only, queue[0:3]), axis = 0)\n"
    "  rate = 0.125 + 0 * sum(x)\n"
    "  optimizer sgd(lr = rate, momentum = 0)\n"
    "  evaluate {\n"
    "    let before, now = m(x)\n"
    "    report before, now\n"
    "  }\n"
    "}\n";

typedef struct Tracked {
  double gain[DIM], average[DIM], queue[ROWS * DIM], seen;
} Tracked;

/* average as a call with `scale` times x makes it */
static void track(Tracked *w, const double *x, double scale) {
  for (int d = 0; d < DIM; d++) {
    double mean = 0;
    for (int b = 0; b < BATCH; b++) mean += scale * x[b * DIM + d] * w->gain[d] / BATCH;
    w->average[d] = 0.75 * w->average[d] + 0.25 * mean;
  }
  w->seen++;
}

static void push(Tracked *w, const double *only) {
  memmove(w->queue + BATCH * DIM, w->queue, sizeof *w->queue * (ROWS - BATCH) * DIM);
  memcpy(w->queue, only, sizeof *w->queue * BATCH * DIM);
}

static void same(LangCase *c, const char *value, const double *want, int n) {
  for (int i = 0; i < n; i++) lang_near(lang_value(c, value)[i], want[i], tight, value);
}

static void holds(LangCase *c, const Tracked *w) {
  for (int d = 0; d < DIM; d++) {
    lang_near(lang_memory(c, "average")[d], w->average[d], tight, "average");
    lang_near(lang_memory(c, "gain")[d], w->gain[d], tight, "gain");
  }
  for (int i = 0; i < ROWS * DIM; i++) lang_near(lang_memory(c, "queue")[i], w->queue[i], tight, "queue");
  ck_assert_double_eq(*lang_memory(c, "seen"), w->seen);
}

/* One micro-batch in the program and by hand. A state that was assigned carries no gradient: now ^ 2 adds
 * nothing to gain's. */
static void track_micro(LangCase *c, Tracked *w, double *grad) {
  const double *x = lang_draw(c, "x", 0), *only = lang_draw(c, "only", 0);
  lang_enter(c, EN_MICRO);
  same(c, "before", w->average, DIM);
  same(c, "first", w->queue, DIM);
  for (int d = 0; d < DIM; d++) grad[d] += w->average[d] + w->queue[d];
  track(w, x, 1);
  same(c, "now", w->average, DIM);
  same(c, "second", w->average, DIM);
  track(w, x, 2);
  same(c, "last", w->average, DIM);
  same(c, "kept", w->average, DIM);
  push(w, only);
}

static void track_step(LangCase *c, Tracked *w, int micros) {
  double grad[DIM] = {0};
  for (int k = 0; k < micros; k++) {
    c->env.micro = (uint64_t)k;
    track_micro(c, w, grad);
  }
  lang_enter(c, EN_UPDATE);
  for (int d = 0; d < DIM; d++) w->gain[d] -= 0.125 * grad[d] / micros;
}

static LangCase *tracked_open(int micros, Tracked *w) {
  char text[32];
  const char *define = text;
  snprintf(text, sizeof text, "accumulate=%d", micros);
  LangCase *c = lang_open(tracked, 1, &define);
  *w = (Tracked){.gain = {1, 1, 1}, .average = {2, 2, 2}, .seen = 7};
  for (int i = 0; i < ROWS * DIM; i++) w->queue[i] = 1;
  holds(c, w);
  return c;
}

START_TEST(reads_follow_assignments) {
  int micros = _i;
  Tracked w;
  LangCase *c = tracked_open(micros, &w);
  for (int step = 0; step < 4; step++) {
    c->env.step = (uint64_t)step;
    track_step(c, &w, micros);
    holds(c, &w);
  }
  lang_close(c);
}
END_TEST

/* What is no number in any micro-batch refuses the whole step, and the next begins from what was. */
START_TEST(refused_updates_change_no_state) {
  Tracked w;
  LangCase *c = tracked_open(3, &w);
  track_step(c, &w, 3);
  double nan_x[BATCH * DIM] = {NAN};
  for (int k = 0; k < 3; k++) {
    c->env.micro = (uint64_t)k;
    lang_draw(c, "only", 0);
    lang_draw(c, "x", 0);
    if (k == 1) graph_run_supply(c->run, "x", nan_x);
    lang_enter(c, EN_MICRO);
  }
  lang_enter(c, EN_UPDATE);
  ck_assert_double_eq(*graph_run_state(c->run, c->graph->finite), 0);
  holds(c, &w);
  track_step(c, &w, 3);
  holds(c, &w);
  lang_close(c);
}
END_TEST

/* Evaluation, also between micro-batches, sees what the last update left, and changes nothing. */
START_TEST(evaluation_assigns_nothing) {
  Tracked w;
  LangCase *c = tracked_open(2, &w);
  track_step(c, &w, 2);
  double grad[DIM] = {0};
  Tracked later = w;
  c->env.micro = 0;
  track_micro(c, &later, grad);
  lang_draw(c, "x", 0);
  lang_enter(c, EN_EVAL);
  same(c, "before", w.average, DIM);
  same(c, "now", w.average, DIM);
  holds(c, &w);
  c->env.micro = 1;
  track_micro(c, &later, grad);
  lang_enter(c, EN_UPDATE);
  for (int d = 0; d < DIM; d++) later.gain[d] -= 0.125 * grad[d] / 2;
  holds(c, &later);
  lang_close(c);
}
END_TEST

/* A follower with a tracker of its own, whose average its calls assign; another that is never called. */
static const char following[] = "import \"lib/optim.tess\"\n"
                                "import \"lib/init.tess\"\n"
                                "module net(dim) {\n"
                                "  param weight [dim, dim] = xavier_uniform\n"
                                "  param table [dim] fixed = 3\n"
                                "  state average [dim] = 0.5\n"
                                "  fn (x [B, dim]) {\n"
                                "    let y = einsum(x, weight, \"b i, o i -> b o\")\n"
                                "    average = 0.75 * average + 0.25 * reduce(y, \"b d -> d\", \"mean\")\n"
                                "    return y + table\n"
                                "  }\n"
                                "}\n"
                                "train t(batch = 2, keep = 0.75) {\n"
                                "  data x f32 [batch, 3] = given()\n"
                                "  model a = net(3)\n"
                                "  model b = net(3)\n"
                                "  state teacher = net(3) from a\n"
                                "  state mean = net(3) from teacher\n"
                                "  minimise sum(a(x) * stop_gradient(b(x))) + sum(a(x) * teacher(x))\n"
                                "  optimizer sgd(lr = 0.125, momentum = 0)\n"
                                "  update teacher = keep * teacher + (1 - keep) * a\n"
                                "  update mean = if rank == 2 then teacher + mean else 2 * a\n"
                                "}\n";

static void take(LangCase *c, const char *name, double *to, int n) {
  memcpy(to, lang_memory(c, name), sizeof *to * (size_t)n);
}

START_TEST(models_that_follow) {
  enum { W = DIM * DIM };
  LangCase *c = lang_open(following, 0, NULL);
  double teacher[W], mean[W], a[W], b[W];
  take(c, "weight", a, W);
  take(c, "b/weight", b, W);
  ck_assert_int_eq(lang_state(c, "b/weight")->kind, ST_PARAM);
  ck_assert_int_eq(lang_state(c, "teacher/weight")->kind, ST_CARRIED);
  ck_assert_int_eq(lang_state(c, "teacher/table")->kind, ST_FROZEN);
  ck_assert_double_ne(a[0], b[0]); /* drawn apart */
  take(c, "teacher/weight", teacher, W);
  take(c, "mean/weight", mean, W);
  ck_assert_mem_eq(teacher, a, sizeof a);
  ck_assert_mem_eq(mean, a, sizeof a);
  for (int step = 0; step < 3; step++) {
    double own[DIM], average[DIM];
    take(c, "teacher/average", own, DIM);
    const double *x = lang_draw(c, "x", 0);
    for (int d = 0; d < DIM; d++) {
      double y = 0;
      for (int r = 0; r < BATCH; r++)
        for (int i = 0; i < DIM; i++) y += x[r * DIM + i] * teacher[d * DIM + i] / BATCH;
      own[d] = 0.75 * own[d] + 0.25 * y; /* called once a step: left to itself */
    }
    lang_enter(c, EN_MICRO);
    lang_enter(c, EN_UPDATE);
    take(c, "weight", a, W);
    take(c, "average", average, DIM);
    for (int i = 0; i < W; i++) {
      teacher[i] = 0.75 * teacher[i] + 0.25 * a[i];
      mean[i] += teacher[i];
      lang_near(lang_memory(c, "teacher/weight")[i], teacher[i], tight, "teacher/weight");
      lang_near(lang_memory(c, "mean/weight")[i], mean[i], tight, "mean/weight");
    }
    for (int d = 0; d < DIM; d++) {
      lang_near(lang_memory(c, "teacher/average")[d], own[d], tight, "teacher/average");
      lang_near(lang_memory(c, "mean/average")[d], 2 * average[d], tight, "mean/average");
      ck_assert_double_eq(lang_memory(c, "mean/table")[d], 3);
    }
  }
  ck_assert_mem_eq(lang_memory(c, "b/weight"), b, sizeof b); /* no gradient reached it */
  lang_close(c);
}
END_TEST

/* A frozen module computes as in evaluation, also within a step. */
START_TEST(frozen_modules_do_not_train) {
  LangCase *c = lang_open("import \"lib/optim.tess\"\n"
                          "module net(dim) {\n"
                          "  param weight [dim] = 2\n"
                          "  state seen [] = 3\n"
                          "  fn (x [B, dim]) {\n"
                          "    seen = seen + 1\n"
                          "    return (if training then weight else -weight) * seen + 0 * x\n"
                          "  }\n"
                          "}\n"
                          "train t(batch = 2) {\n"
                          "  data x f32 [batch, 3] = given()\n"
                          "  model m = net(3)\n"
                          "  frozen f = net(3)\n"
                          "  let y, z = m(x), f(x)\n"
                          "  minimise sum(y + z)\n"
                          "  report y, z\n"
                          "  optimizer sgd(lr = 0)\n"
                          "}\n",
                          0, NULL);
  for (int step = 1; step < 3; step++) {
    lang_draw(c, "x", 0);
    lang_enter(c, EN_MICRO);
    for (int i = 0; i < BATCH * DIM; i++) {
      lang_near(lang_value(c, "y")[i], 2 * (3 + step), tight, "y");
      lang_near(lang_value(c, "z")[i], -6, tight, "z");
    }
    lang_enter(c, EN_UPDATE);
  }
  ck_assert_int_eq(lang_state(c, "f/seen")->kind, ST_FROZEN);
  lang_close(c);
}
END_TEST

/* Batch norm over [batch, channels, positions]: the batch's statistics in training, the running ones in
 * evaluation. */
enum { SAMPLES = 3, CHANNELS = 2, POSITIONS = 4, EACH = SAMPLES * POSITIONS };

static double at(const double *x, int channel, int i) {
  return x[(i / POSITIONS * CHANNELS + channel) * POSITIONS + i % POSITIONS];
}

static void normalised(LangCase *c, const double *x, int channel, double mean, double variance) {
  double scale = lang_memory(c, "weight")[channel] / sqrt(variance + 1e-3);
  for (int i = 0; i < EACH; i++)
    lang_near(at(lang_value(c, "y"), channel, i),
              (at(x, channel, i) - mean) * scale + lang_memory(c, "bias")[channel], tight, "y");
}

START_TEST(batch_norm) {
  LangCase *c = lang_open("import \"lib/nn.tess\"\n"
                          "import \"lib/optim.tess\"\n"
                          "train t(batch = 3) {\n"
                          "  data x f32 [batch, 2, 4] = given()\n"
                          "  model m = batch_norm(2, eps = 1e-3, momentum = 0.3)\n"
                          "  let y = m(x)\n"
                          "  minimise sum(y)\n"
                          "  report y\n"
                          "  optimizer sgd(lr = 0.1)\n"
                          "  evaluate { report y }\n"
                          "}\n",
                          0, NULL);
  double running[2][CHANNELS] = {{0, 0}, {1, 1}};
  for (int step = 0; step < 3; step++) {
    const double *x = lang_draw(c, "x", 0);
    lang_enter(c, EN_MICRO);
    for (int k = 0; k < CHANNELS; k++) {
      double mean = 0, variance = 0;
      for (int i = 0; i < EACH; i++) mean += at(x, k, i) / EACH;
      for (int i = 0; i < EACH; i++) variance += pow(at(x, k, i) - mean, 2) / EACH;
      normalised(c, x, k, mean, variance);
      running[0][k] = 0.7 * running[0][k] + 0.3 * mean;
      running[1][k] = 0.7 * running[1][k] + 0.3 * variance * EACH / (EACH - 1);
    }
    lang_enter(c, EN_UPDATE);
    lang_enter(c, EN_EVAL);
    for (int k = 0; k < CHANNELS; k++) {
      lang_near(lang_memory(c, "running_mean")[k], running[0][k], tight, "running_mean");
      lang_near(lang_memory(c, "running_var")[k], running[1][k], tight, "running_var");
      normalised(c, x, k, running[0][k], running[1][k]);
    }
  }
  lang_close(c);
}
END_TEST

SUITE("lang_states") {
  tcase_add_loop_test(t, reads_follow_assignments, 1, 4);
  tcase_add_test(t, refused_updates_change_no_state);
  tcase_add_test(t, evaluation_assigns_nothing);
  tcase_add_test(t, models_that_follow);
  tcase_add_test(t, frozen_modules_do_not_train);
  tcase_add_test(t, batch_norm);
}
