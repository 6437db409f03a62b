/* A training program without the language: builders make the graph of a small MLP with all that a training
 * step may need (dropout by a random stream, a stopped gradient, gradients accumulated over micro-batches,
 * clipping by the global norm, momentum, averaged weights, an update that is refused when a number is not
 * finite), and it runs for many steps three times: by the graph interpreter in f64, as kernels by the kernel
 * interpreter, and as machine code. All states and reported values must agree after every entry. */
#include <stdio.h>

#include "passes/grad/autodiff.h"
#include "tests/passes/trial.h"
#include "tests/suite.h"

enum {
  BATCH = 6,
  INPUTS = 11,
  HIDDEN = 19,
  OUTPUTS = 5,
  MICROS = 3,
  STEPS = 60,
  BAD_STEP = 5,
  GIVEN_STEP = 8
};

#define SHAPE(...)                                                                                           \
  shape_of((int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), (int64_t[]){__VA_ARGS__})

/* The parameters, one after the other in a flat group. */
enum { FC1_WEIGHT, FC1_BIAS, FC2_WEIGHT, FC2_BIAS, PARAMS };
static const struct {
  const char *name;
  Shape shape;
  int64_t at;
} row[PARAMS] = {{"fc1.weight", {2, {HIDDEN, INPUTS}}, 0},
                 {"fc1.bias", {1, {HIDDEN}}, 224},
                 {"fc2.weight", {2, {OUTPUTS, HIDDEN}}, 256},
                 {"fc2.bias", {1, {OUTPUTS}}, 352}};
enum { FLAT = 368 };

typedef struct Mlp {
  Graph *g;
  State *flat, *grads, *momentum, *average, *updates, *loss, *finite, *param[PARAMS], *grad[PARAMS];
} Mlp;

/* A state that begins as `first` (NULL: zeros). */
static State *state(Mlp *m, StateKind kind, const char *name, DType t, Shape s, Node *first) {
  State *made = graph_state(m->g, kind, name, t, s, first);
  if (first) graph_assign(m->g, EN_INIT, made, first);
  return made;
}

static void add_states(Mlp *m) {
  Graph *g = m->g;
  m->flat = state(m, ST_GROUP, "all", DT_F32, SHAPE(FLAT), NULL);
  m->grads = state(m, ST_GROUP, "all.grad", DT_F32, SHAPE(FLAT), NULL);
  for (int i = 0; i < PARAMS; i++) {
    double bound = sqrt(3.0 / INPUTS);
    Node *draw = graph_map2(g, E_SUB, graph_random(g, 100 + (uint64_t)i, row[i].shape), graph_scalar(g, 0.5));
    Node *first = graph_map2(g, E_MUL, draw, graph_scalar(g, 2 * bound));
    m->param[i] = state(m, ST_PARAM, row[i].name, DT_F32, row[i].shape, first);
    m->grad[i] =
        state(m, ST_GRAD, arena_printf(g->arena, "grad.%s", row[i].name), DT_F32, row[i].shape, NULL);
    m->param[i]->group = m->flat;
    m->grad[i]->group = m->grads;
    m->param[i]->offset = m->grad[i]->offset = row[i].at;
    m->grad[i]->of = m->param[i];
  }
  m->momentum = state(m, ST_SLOT, "all.m", DT_F32, SHAPE(FLAT), NULL);
  m->average = state(m, ST_SLOT, "all.average", DT_F32, SHAPE(FLAT), NULL);
  m->updates = state(m, ST_SLOT, "all.updates", DT_F32, (Shape){0}, NULL);
  m->grads->of = m->momentum->of = m->average->of = m->updates->of = m->flat;
  m->loss = state(m, ST_TEMP, "loss", DT_F32, (Shape){0}, NULL);
  m->finite = state(m, ST_TEMP, "finite", DT_BOOL, (Shape){0}, graph_const(g, DT_BOOL, (Shape){0}, 1));
  g->finite = m->finite;
}

static Node *linear(Graph *g, Node *x, Node *weight, Node *bias) {
  return graph_map2(g, E_ADD, graph_contract(g, "bi,oi->bo", x, weight), bias);
}

/* x (1 + erf(x)): smooth, so that rounding never turns a corner. */
static Node *activation(Graph *g, Node *x) {
  return graph_elt(g, E_MUL, x, graph_map2(g, E_ADD, graph_elt(g, E_ERF, x, NULL, NULL), graph_scalar(g, 1)),
                   NULL);
}

static Node *mean_square(Graph *g, Node *x) {
  Node *sum = graph_reduce(g, GR_SUM, graph_elt(g, E_MUL, x, x, NULL), (1u << x->shape.rank) - 1);
  return graph_map2(g, E_MUL, sum, graph_scalar(g, 1.0 / (double)shape_count(&x->shape)));
}

/* The prediction; `kept` NULL: nothing is dropped. */
static Node *predict(Graph *g, Node *x, Node *const *p, Node *kept) {
  Node *h = activation(g, linear(g, x, p[FC1_WEIGHT], p[FC1_BIAS]));
  if (kept) h = graph_elt(g, E_MUL, h, kept, NULL);
  return linear(g, h, p[FC2_WEIGHT], p[FC2_BIAS]);
}

/* 0 with probability 1/5, else 5/4: by the micro-batch's own draws. */
static Node *dropout(Graph *g) {
  Shape s = SHAPE(BATCH, HIDDEN);
  Node *drop = graph_map2(g, E_LT, graph_random(g, 7, s), graph_scalar(g, 0.2));
  return graph_elt(g, E_SELECT, drop, graph_const(g, DT_F32, s, 0), graph_const(g, DT_F32, s, 1.25));
}

/* v in a step's first micro-batch, added to what is there in the others. */
static void accumulate(Graph *g, const State *to, Node *v) {
  Node *first = graph_map2(g, E_EQ, graph_step(g, "micro"), graph_scalar(g, 0));
  Node *sum = graph_elt(g, E_ADD, graph_read(g, to), v, NULL);
  graph_assign(g, EN_MICRO, to, graph_elt(g, E_SELECT, graph_expand(g, first, v->shape), v, sum));
}

static void add_micro(Mlp *m, Node *x, Node *y) {
  Graph *g = m->g;
  Node *p[PARAMS], *grad[PARAMS], *kept = dropout(g);
  for (int i = 0; i < PARAMS; i++) p[i] = graph_read(g, m->param[i]);
  Node *z = predict(g, x, p, kept), *error = mean_square(g, graph_elt(g, E_SUB, z, y, NULL));
  /* Its gradient is half of that of the mean square. */
  Node *penalty = graph_reduce(g, GR_SUM, graph_elt(g, E_MUL, z, graph_stop_gradient(g, z), NULL), 3);
  Node *loss = graph_map2(g, E_ADD, error, graph_map2(g, E_MUL, penalty, graph_scalar(g, 1e-4)));
  loss = graph_map2(g, E_MUL, loss, graph_scalar(g, 1.0 / MICROS));
  ck_assert(autodiff(g, loss, p, PARAMS, grad));
  for (int i = 0; i < PARAMS; i++) accumulate(g, m->grad[i], grad[i]);
  accumulate(g, m->loss, loss);
  graph_value(g, EN_MICRO, "x", x, V_DATA | V_SUPPLY)->source = "given";
  graph_value(g, EN_MICRO, "y", y, V_DATA | V_SUPPLY)->source = "given";
  graph_value(g, EN_MICRO, "kept", kept, V_SUPPLY);
  graph_value(g, EN_MICRO, "error", error, V_REPORT);
  graph_value(g, EN_MICRO, "z", z, V_REPORT);
}

/* The state takes the new value if the gradient is finite. */
static void update(Mlp *m, const State *s, Node *value, Node *ok) {
  Graph *g = m->g;
  graph_assign(g, EN_UPDATE, s,
               graph_elt(g, E_SELECT, graph_expand(g, ok, s->shape), value, graph_read(g, s)));
}

static Node *blend(Graph *g, double keep, Node *old, Node *now) {
  return graph_elt(g, E_ADD, graph_map2(g, E_MUL, old, graph_scalar(g, keep)),
                   graph_map2(g, E_MUL, now, graph_scalar(g, 1 - keep)), NULL);
}

static void add_update(Mlp *m) {
  Graph *g = m->g;
  Node *p = graph_read(g, m->flat), *grad = graph_read(g, m->grads);
  Node *norm =
      graph_elt(g, E_SQRT, graph_reduce(g, GR_SUM, graph_elt(g, E_MUL, grad, grad, NULL), 1), NULL, NULL);
  Node *ok = graph_elt(g, E_ISFINITE, graph_elt(g, E_ADD, norm, graph_read(g, m->loss), NULL), NULL, NULL);
  Node *share =
      graph_elt(g, E_DIV, graph_scalar(g, 0.5), graph_map2(g, E_ADD, norm, graph_scalar(g, 1e-6)), NULL);
  Node *clipped = graph_map2(g, E_MUL, grad, graph_map2(g, E_MIN, share, graph_scalar(g, 1)));
  Node *momentum = graph_elt(g, E_ADD, graph_map2(g, E_MUL, graph_read(g, m->momentum), graph_scalar(g, 0.8)),
                             clipped, NULL);
  Node *moved = graph_elt(g, E_SUB, p, graph_map2(g, E_MUL, momentum, graph_step(g, "lr")), NULL);
  Node *begun = graph_map2(g, E_LT, graph_scalar(g, 0), graph_read(g, m->updates));
  Node *average = graph_elt(g, E_SELECT, graph_expand(g, begun, moved->shape),
                            blend(g, 0.7, graph_read(g, m->average), moved), moved);
  update(m, m->flat, moved, ok);
  update(m, m->momentum, momentum, ok);
  update(m, m->average, average, ok);
  update(m, m->updates, graph_map2(g, E_ADD, graph_read(g, m->updates), graph_scalar(g, 1)), ok);
  graph_assign(g, EN_UPDATE, m->finite, ok);
  graph_value(g, EN_UPDATE, "norm", norm, V_REPORT);
}

/* The averaged weights on the same data, nothing dropped. */
static void add_eval(Mlp *m, Node *x, Node *y) {
  Graph *g = m->g;
  Node *p[PARAMS];
  for (int i = 0; i < PARAMS; i++) {
    Node *part = graph_slice(g, graph_read(g, m->average), &row[i].at, SHAPE(shape_count(&row[i].shape)));
    p[i] = graph_reshape(g, part, row[i].shape);
  }
  Node *error = mean_square(g, graph_elt(g, E_SUB, predict(g, x, p, NULL), y, NULL));
  graph_value(g, EN_EVAL, "x", x, V_DATA | V_SUPPLY)->source = "given";
  graph_value(g, EN_EVAL, "y", y, V_DATA | V_SUPPLY)->source = "given";
  graph_value(g, EN_EVAL, "averaged", error, V_REPORT);
}

static Graph *build(Arena *a) {
  Mlp m = {.g = graph_new(a)};
  m.g->name_of_block = "mlp";
  m.g->batch = BATCH;
  m.g->accumulate = MICROS;
  graph_setting(m.g, "lr", 0.1, "learning rate");
  Node *x = graph_input(m.g, "x", DT_F32, SHAPE(BATCH, INPUTS));
  Node *y = graph_input(m.g, "y", DT_F32, SHAPE(BATCH, OUTPUTS));
  add_states(&m);
  add_micro(&m, x, y);
  add_update(&m);
  add_eval(&m, x, y);
  ck_assert(graph_verify(m.g));
  return m.g;
}

static Trial open_trial(void) {
  Arena *a = arena_new();
  Graph *reference = build(a), *lowered = build(a);
  Trial t = trial_open(a, reference, lowered);
  t.step.seed = draw_below(UINT32_MAX);
  trial_enter(&t, EN_INIT);
  return t;
}

static bool outlives_steps(StateKind kind) {
  return kind == ST_PARAM || kind == ST_SLOT;
}

/* In the bad step gradients and losses are whatever they are. */
static void enter(Trial *t, EntryKind e) {
  trial_run(t, e);
  trial_states(t, t->step.step == BAD_STEP ? outlives_steps : NULL);
  if (t->step.step != BAD_STEP) trial_reports(t, e);
}

/* Something to learn: y depends on x by a fixed smooth function. */
static void supply_data(Trial *t, EntryKind e) {
  double x[BATCH * INPUTS], y[BATCH * OUTPUTS];
  for (int b = 0; b < BATCH; b++) {
    for (int i = 0; i < INPUTS; i++) x[b * INPUTS + i] = draw_real(-1, 1);
    for (int o = 0; o < OUTPUTS; o++)
      y[b * OUTPUTS + o] = (double)(float)sin(x[b * INPUTS + o] + 0.5 * x[b * INPUTS + o + 1] + o);
  }
  if (t->step.step == BAD_STEP && t->step.micro == 1) x[3] = INFINITY;
  t->step.supplied = 0;
  trial_supply(t, e, "x", x);
  trial_supply(t, e, "y", y);
}

/* In one step the test says what is dropped. */
static void supply_kept(Trial *t) {
  double kept[BATCH * HIDDEN];
  for (int i = 0; i < BATCH * HIDDEN; i++) kept[i] = draw_real(-1, 1);
  graph_run_supply(t->run, "kept", NULL);
  if (t->step.step == GIVEN_STEP) trial_supply(t, EN_MICRO, "kept", kept);
}

/* The native program's number. */
static double reported(const Trial *t, EntryKind e, const char *name) {
  return (double)*trial_native(t, e, name);
}

/* The mean of the micro-batches' errors. */
static double run_step(Trial *t) {
  double error = 0;
  for (t->step.micro = 0; t->step.micro < MICROS; t->step.micro++) {
    supply_data(t, EN_MICRO);
    supply_kept(t);
    enter(t, EN_MICRO);
    error += reported(t, EN_MICRO, "error") / MICROS;
  }
  t->step.micro = MICROS - 1;
  t->step.supplied = 0;
  enter(t, EN_UPDATE);
  ck_assert_int_eq(t->memory[TRIAL_NATIVE][t->prog->finite->offset], t->step.step != BAD_STEP);
  return error;
}

START_TEST(trains_natively) {
  Trial t = open_trial();
  double first = 0, last = 0, averaged = 0, clipped = 0;
  for (t.step.step = 0; t.step.step < STEPS; t.step.step++) {
    double error = run_step(&t);
    if (t.step.step < BAD_STEP) first += error / BAD_STEP;
    if (t.step.step >= STEPS - BAD_STEP) last += error / BAD_STEP;
    if (t.step.step != BAD_STEP) clipped += reported(&t, EN_UPDATE, "norm") > 0.5;
    t.step.micro = 0;
    if (t.step.step == BAD_STEP) continue;
    supply_data(&t, EN_EVAL);
    enter(&t, EN_EVAL);
    averaged = reported(&t, EN_EVAL, "averaged");
  }
  printf("error %.3g to %.3g, with averaged weights %.3g; %g of %d updates clipped\n", first, last, averaged,
         clipped, STEPS);
  ck_assert_msg(last < first / 2 && averaged < first / 2, "%g, then %g; averaged %g", first, last, averaged);
  ck_assert(clipped > 0 && clipped < STEPS - 1);
  trial_close(&t);
}
END_TEST

/* The native program's memory of a flat state, by its name; a group's is its first member's. */
static float *flat(const Trial *t, const char *name, const char *slot) {
  for (int i = 0; i < t->prog->nstate; i++) {
    const PState *s = &t->prog->state[i];
    StateKind kind = s->state->kind;
    if (strcmp(slot, kind == ST_GRAD ? "grad" : s->slot) != 0) continue;
    if (!strcmp(s->name, name)) return (float *)(void *)(t->memory[TRIAL_NATIVE] + s->buf->offset + s->at);
  }
  ck_abort_msg("no state %s %s", name, slot);
  return NULL;
}

typedef struct Numbers {
  float p[FLAT], m[FLAT], average[FLAT], updates;
} Numbers;

static Numbers numbers_of(const Trial *t) {
  Numbers n;
  memcpy(n.p, flat(t, "fc1.weight", ""), sizeof n.p);
  memcpy(n.m, flat(t, "fc1.weight", "m"), sizeof n.m);
  memcpy(n.average, flat(t, "fc1.weight", "average"), sizeof n.average);
  n.updates = *flat(t, "all.updates", "updates");
  return n;
}

static bool unchanged(const Numbers *a, const Numbers *b) {
  bool same = a->updates == b->updates;
  for (int i = 0; i < FLAT; i++)
    same = same && a->p[i] == b->p[i] && a->m[i] == b->m[i] && a->average[i] == b->average[i];
  return same;
}

/* Clipping, momentum and averages by plain C from the native program's own gradients. f32 arithmetic and sums
 * in another order: in 100 runs the norm was 1.1e-7 of itself off at most, an element 5.7e-8. */
static void check_formula(const Trial *t, const Numbers *old, const float *grad) {
  double norm = 0;
  for (int i = 0; i < FLAT; i++) norm += (double)grad[i] * (double)grad[i];
  norm = sqrt(norm);
  double factor = fmin(1, 0.5 / (norm + 1e-6));
  ck_assert(fabs(reported(t, EN_UPDATE, "norm") - norm) < 5e-7 * norm);
  Numbers now = numbers_of(t);
  for (int i = 0; i < FLAT; i++) {
    double m = 0.8 * (double)old->m[i] + factor * (double)grad[i], p = (double)old->p[i] - 0.1 * m;
    double average = old->updates > 0 ? 0.7 * (double)old->average[i] + 0.3 * p : p;
    ck_assert_msg(fabs((double)now.m[i] - m) < 3e-7 && fabs((double)now.p[i] - p) < 3e-7 &&
                      fabs((double)now.average[i] - average) < 3e-7,
                  "step %d, [%d]: %g %g %g, expected %g %g %g", (int)t->step.step, i, (double)now.m[i],
                  (double)now.p[i], (double)now.average[i], m, p, average);
  }
  ck_assert(now.updates == old->updates + 1);
}

/* The loss of a micro-batch by its formula, from what it reports: 1.5e-7 of itself off at most in 100 runs.
 */
static double loss_of(const Trial *t) {
  const float *z = trial_native(t, EN_MICRO, "z");
  double square = 0;
  for (int i = 0; i < BATCH * OUTPUTS; i++) square += (double)z[i] * (double)z[i];
  return (reported(t, EN_MICRO, "error") + 1e-4 * square) / MICROS;
}

START_TEST(updates_follow_their_formulas) {
  Trial t = open_trial();
  for (t.step.step = 0; t.step.step <= BAD_STEP + 1; t.step.step++) {
    Numbers old = numbers_of(&t);
    double loss = 0;
    for (t.step.micro = 0; t.step.micro < MICROS; t.step.micro++) {
      supply_data(&t, EN_MICRO);
      enter(&t, EN_MICRO);
      loss += loss_of(&t);
    }
    float grad[FLAT];
    memcpy(grad, flat(&t, "fc1.weight", "grad"), sizeof grad);
    t.step.micro = MICROS - 1;
    enter(&t, EN_UPDATE);
    Numbers now = numbers_of(&t);
    if (t.step.step == BAD_STEP) {
      ck_assert(unchanged(&old, &now));
    } else {
      ck_assert(fabs((double)*flat(&t, "loss", "") - loss) < 7e-7 * loss);
      check_formula(&t, &old, grad);
    }
  }
  trial_close(&t);
}
END_TEST

SUITE("mlp") {
  tcase_add_test(t, trains_natively);
  tcase_add_test(t, updates_follow_their_formulas);
}
