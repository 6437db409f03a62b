/* Optimizers: random updates over groups of any size, placed as the compiler, the shipped strategies or
 * chance will have it, as kernels that are interpreted and as machine code. What they do to parameters and
 * slots is what the text says of the parameters' elements and of nothing else. */
#include <stdio.h>

#include "frontend/frontend.h"
#include "passes/place/strategy.h"
#include "tests/passes/random_placement.h"
#include "tests/passes/random_update.h"
#include "tests/passes/trial.h"
#include "tests/suite.h"

enum { MEMBERS = 5, MOST_GROUPS = 3, MOST_GROUP = MEMBERS * 48, UPDATES = 3 };

/* Of 1 plus the number: f32, sums of up to 240 terms. Never 1e-5 in 600 runs. */
static const double close_enough = 3e-5;

/* One drawn case: a rule, and parameters, each of a group. */
typedef struct Case {
  UpdateRule rule;
  int group[MEMBERS], rows[MEMBERS], columns[MEMBERS]; /* of rank 1 with 1 row */
  char *text;
} Case;

/* What the rule makes of it: by group, the names' numbers; a parameter's begin at `at` of its group. */
typedef struct Meaning {
  int64_t count[MOST_GROUPS], at[MEMBERS];
  double number[MOST_GROUPS][UN_COUNT][MOST_GROUP];
} Meaning;

static char *member_text(Arena *a, const Case *c, int i) {
  char *dims = c->rows[i] > 1 ? arena_printf(a, "%d, %d", c->rows[i], c->columns[i])
                              : arena_printf(a, "%d", c->columns[i]);
  return arena_printf(a, "  param in%d_%d [%s] = 1\n", c->group[i], i, dims);
}

static char *slots_text(Arena *a) {
  char *s = "";
  for (int i = UN_S; i < UN_COUNT; i++)
    s = arena_printf(a, "%s  slot %s%s = %g\n", s, update_names[i], i < UN_N ? "" : " []", update_first[i]);
  return s;
}

static char *case_text(Arena *a, const Case *c) {
  char *params = "", *sum = "0";
  for (int i = 0; i < MEMBERS; i++) {
    params = arena_printf(a, "%s%s", params, member_text(a, c, i));
    sum = arena_printf(a, "%s + sum(in%d_%d)", sum, c->group[i], i);
  }
  return arena_printf(a,
                      "optimizer drawn(key) {\n%s  update (p, g) {\n%s  }\n}\n"
                      "module net() {\n%s  fn (x [B]) = (%s) * mean(x)\n}\n"
                      "train t(batch = 4) {\n  data x f32 [batch] = given()\n  model m = net()\n"
                      "  let loss = m(x)\n  minimise loss\n  report loss\n"
                      "  optimizer drawn(key = split(name, \"_\")[0])\n}\n",
                      slots_text(a), update_text(a, &c->rule), params, sum);
}

static Case draw_case(Arena *a, uint64_t seed) {
  Case c = {0};
  draw_from(seed);
  c.rule = draw_update(a);
  int groups = 1 + (int)draw_below(MOST_GROUPS);
  for (int i = 0; i < MEMBERS; i++) {
    c.group[i] = i < groups ? i : (int)draw_below((uint32_t)groups);
    c.rows[i] = 1 + (int)draw_below(3);
    c.columns[i] = draw_below(4) ? 1 + (int)draw_below(16) : 16;
  }
  c.text = case_text(a, &c);
  return c;
}

static Graph *make(Arena *a, const void *ctx) {
  const Case *c = ctx;
  return front_build_source(a, diag_source(a, "case.tess", c->text, strlen(c->text)), &(FrontArgs){0}, NULL);
}

static void begin(const Case *c, Meaning *m) {
  for (int i = 0; i < MEMBERS; i++) {
    int64_t *n = &m->count[c->group[i]];
    m->at[i] = *n;
    *n += (int64_t)c->rows[i] * c->columns[i];
  }
  for (int g = 0; g < MOST_GROUPS; g++)
    for (int k = 0; k < UN_COUNT; k++)
      for (int64_t i = 0; i < m->count[g]; i++) m->number[g][k][i] = k == UN_P ? 1 : update_first[k];
}

static void apply(const Case *c, Meaning *m) {
  for (int g = 0; g < MOST_GROUPS; g++) {
    double *v[UN_COUNT];
    for (int k = 0; k < UN_COUNT; k++) v[k] = m->number[g][k];
    if (m->count[g]) update_apply(&c->rule, m->count[g], v);
  }
}

/* The meaning's numbers of a state: of a parameter or its gradient, of a slot of it, or of a group's slot. */
static double *meant(Meaning *m, const PState *s) {
  int group, member, name = UN_P;
  if (sscanf(s->name, "in%d_%d", &group, &member) == 2) {
    if (s->state->kind == ST_GRAD) name = UN_G;
    while (*s->slot && strcmp(update_names[name], s->slot) != 0) name++;
    return &m->number[group][name][m->at[member]];
  }
  if (s->state->kind != ST_SLOT || sscanf(s->name, "group%d", &group) != 1) return NULL;
  while (strcmp(update_names[name], s->slot) != 0) name++;
  return m->number[group][name];
}

/* Numbers of a state for all sides, as f32 has them. */
static void put(const Trial *t, const PState *s, double *x) {
  double *reference = graph_run_state(t->run, s->state);
  for (int64_t i = 0; i < shape_count(&s->shape); i++) {
    x[i] = reference[i] = (double)(float)draw_real(-1.5, 1.5);
    for (int k = 0; k < TRIAL_SIDES; k++) dtype_set(DT_F32, t->memory[k] + s->buf->offset + s->at, i, x[i]);
  }
}

static void put_all(const Trial *t, Meaning *m, StateKind kind) {
  for (int i = 0; i < t->prog->nstate; i++)
    if (t->prog->state[i].state->kind == kind) put(t, &t->prog->state[i], meant(m, &t->prog->state[i]));
}

static void compare(const Trial *t, Meaning *m) {
  for (int i = 0; i < t->prog->nstate; i++) {
    const PState *s = &t->prog->state[i];
    const double *want = meant(m, s);
    for (int k = 0; want && k < TRIAL_SIDES; k++)
      for (int64_t e = 0; e < shape_count(&s->shape); e++) {
        double found = dtype_get(DT_F32, t->memory[k] + s->buf->offset + s->at, e);
        ck_assert_msg(fabs(found - want[e]) <= close_enough * (1 + fabs(want[e])),
                      "update %d, %s: %s %s[%lld] is %.9g, expected %.9g", (int)t->step.step,
                      k == TRIAL_NATIVE ? "native" : "interpreted", s->name, s->slot, (long long)e, found,
                      want[e]);
      }
  }
}

static void run(const Case *c, Arena *a, const Prog *p) {
  Meaning *m = ARENA_NEW(a, Meaning);
  Trial t = trial_of(arena_new(), make(a, c), p);
  begin(c, m);
  trial_run(&t, EN_INIT);
  compare(&t, m);
  put_all(&t, m, ST_PARAM);
  for (t.step.step = 0; t.step.step < UPDATES; t.step.step++) {
    put_all(&t, m, ST_GRAD);
    trial_run(&t, EN_UPDATE);
    apply(c, m);
    compare(&t, m);
  }
  trial_close(&t);
}

typedef Prog *Place(Arena *a, const Case *c);

static Prog *by_strategy(Arena *a, const Case *c, const char *name) {
  PassOptions o = {.target = cpu_target("x86-64-v3")};
  if (name) {
    const Source *src = diag_read(a, arena_printf(a, "%s/models/fusion/%s.fuse", SOURCE_DIR, name));
    ck_assert_ptr_nonnull(src);
    o.strategy = strategy_parse(a, src);
  }
  return passes_run(a, make(a, c), &o);
}

static Prog *freely(Arena *a, const Case *c) {
  return by_strategy(a, c, NULL);
}

static Prog *apart(Arena *a, const Case *c) {
  return by_strategy(a, c, "none");
}

static Prog *all_together(Arena *a, const Case *c) {
  return by_strategy(a, c, "all");
}

static Prog *by_chance(Arena *a, const Case *c) {
  return random_placement(a, make, c, EN_UPDATE);
}

static Place *const places[] = {freely, apart, all_together, by_chance};

START_TEST(updates_do_what_they_say) {
  uint64_t seed = suite_seed();
  int built = 0, many = suite_rounds(25);
  for (int i = 0; i < many; i++, seed++) {
    Arena *a = arena_new();
    Case c = draw_case(a, seed);
    printf("seed %llu\n%s", (unsigned long long)seed, c.text);
    fflush(stdout);
    const Prog *p = places[_i](a, &c);
    if (p) run(&c, a, p);
    built += p != NULL;
    arena_free(a);
  }
  ck_assert_int_ge(built, places[_i] == by_chance ? many * 9 / 10 : many);
}
END_TEST

SUITE("update") {
  tcase_add_loop_test(t, updates_do_what_they_say, 0, sizeof places / sizeof *places);
}
