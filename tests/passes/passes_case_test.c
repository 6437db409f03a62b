/* Small graphs that once lowered wrongly, or nearly: each entry runs as kernels in the planned arena and must
 * leave every state and every named value as the graph interpreter does. */
#include <math.h>
#include <stdio.h>

#include "codegen/cpu/cpu.h"
#include "passes/passes.h"
#include "tests/codegen/prog_interp.h"
#include "tests/suite.h"

enum { SEED = 7, STEP = 3, MICRO = 1 };

static double no_scalar(void *ctx, const char *name) {
  (void)ctx, (void)name;
  return 0.25;
}

/* What a state holds before, or a supplied value. */
static double element(int which, int64_t i) {
  return (double)((i * 37 + which * 11) % 17) / 8 - 1;
}

static double load(const char *at, DType t, int64_t i) {
  switch (t) {
  case DT_F32: return ((const float *)(const void *)at)[i];
  case DT_I32: return ((const int32_t *)(const void *)at)[i];
  default: ck_abort_msg("values of type %s are not looked at", dtype_name(t));
  }
}

typedef struct Case {
  Arena *arena;
  Graph *graph;
  GraphRun *run;
  Prog *prog;
  char *memory;
  EntryKind entry;
} Case;

static char *state_memory(const Case *c, const State *s) {
  for (int i = 0; i < c->prog->nstate; i++)
    if (c->prog->state[i].state == s) return c->memory + c->prog->state[i].buf->offset + c->prog->state[i].at;
  return NULL; /* a group: its members are looked at */
}

static void fill_states(const Case *c) {
  for (int i = 0; i < c->graph->nstate; i++) {
    const State *s = c->graph->state[i];
    float *to = (float *)(void *)state_memory(c, s);
    for (int64_t k = 0; to && k < shape_count(&s->shape); k++) to[k] = (float)element(i, k);
  }
}

static void fill_run(const Case *c) {
  for (int i = 0; i < c->graph->nstate; i++) {
    const State *s = c->graph->state[i];
    double *to = graph_run_state(c->run, s);
    for (int64_t k = 0; s->kind != ST_GROUP && k < shape_count(&s->shape); k++) to[k] = element(i, k);
  }
}

/* The data is fixed, and f32 sums are 1.4e-5 off at most. */
static void same(const char *name, const char *got, DType t, const double *want, int64_t n) {
  for (int64_t i = 0; i < n; i++) {
    double x = load(got, t, i);
    bool near = fabs(x - want[i]) <= 3e-5 * (1 + fabs(want[i]));
    ck_assert_msg(near, "%s[%lld]: %.9g, expected %.9g", name, (long long)i, x, want[i]);
  }
}

static void compare(const Case *c) {
  for (int i = 0; i < c->prog->nvalue; i++) {
    const PValue *v = &c->prog->value[i];
    const Node *n = v->value->node;
    if (v->entry == c->entry)
      same(v->value->name, c->memory + v->buf->offset + v->at, n->dtype,
           graph_run_value(c->run, v->value->name), shape_count(&n->shape));
  }
  for (int i = 0; i < c->graph->nstate; i++) {
    const State *s = c->graph->state[i];
    char *got = state_memory(c, s);
    if (got) same(s->name, got, s->dtype, graph_run_state(c->run, s), shape_count(&s->shape));
  }
}

static const Value *value_named(const Case *c, const char *name) {
  const Entry *e = &c->graph->entry[c->entry];
  for (int i = 0; i < e->nvalue; i++)
    if (!strcmp(e->value[i].name, name)) return &e->value[i];
  return NULL;
}

static void supply_run(const Case *c, const char *name) {
  int64_t n = shape_count(&value_named(c, name)->node->shape);
  double *data = ARENA_ARRAY(c->arena, n, double);
  for (int64_t i = 0; i < n; i++) data[i] = element(5, i);
  graph_run_supply(c->run, name, data);
}

/* Returns the value's bit. */
static uint64_t supply_program(const Case *c, const char *name) {
  for (int i = 0; i < c->prog->nvalue; i++) {
    const PValue *v = &c->prog->value[i];
    if (v->entry != c->entry || strcmp(v->value->name, name) != 0) continue;
    float *to = (float *)(void *)(c->memory + v->buf->offset + v->at);
    for (int64_t k = 0; k < shape_count(&v->value->node->shape); k++) to[k] = (float)element(5, k);
    return (uint64_t)1 << i;
  }
  ck_abort_msg("no value is named %s", name);
}

/* Emitters need not hold a constant to its type's range. */
static void constants_fit(const KExpr *e) {
  if (e->kind == KE_CONST && e->dtype == DT_I32) ck_assert(e->value >= INT32_MIN && e->value <= INT32_MAX);
  for (int i = 0; i < 3 && e->arg[i]; i++) constants_fit(e->arg[i]);
}

static void check_constants(const Prog *p) {
  for (int k = 0; k < p->nkernel; k++)
    for (int i = 0; i < p->kernel[k]->nval; i++) constants_fit(p->kernel[k]->val[i].expr);
}

/* Runs one entry of the graph both ways, with the value `supplied` given from outside (NULL: none). */
static void check_supplied(const char *text, EntryKind entry, const char *supplied) {
  Case c = {.arena = arena_new(), .entry = entry};
  c.graph = graph_parse(c.arena, diag_source(c.arena, "case", text, strlen(text)));
  ck_assert_ptr_nonnull(c.graph);
  ck_assert(graph_verify(c.graph));
  GraphEnv genv = {.seed = SEED, .step = STEP, .micro = MICRO, .scalar = no_scalar};
  KStepEnv kenv = {.seed = SEED, .step = STEP, .micro = MICRO, .scalar = no_scalar};
  PassOptions o = {.target = cpu_target("x86-64-v3")};
  c.run = graph_run_new(c.graph, false);
  fill_run(&c);
  if (supplied) supply_run(&c, supplied);
  ck_assert(graph_run_entry(c.run, entry, &genv));
  c.prog = passes_run(c.arena, c.graph, &o);
  check_constants(c.prog);
  size_t size = (size_t)(c.prog->arena_bytes + 63) / 64 * 64;
  c.memory = aligned_alloc(64, size);
  memset(c.memory, 0, size);
  fill_states(&c);
  prog_interp(c.prog, c.memory, entry, &kenv, supplied ? supply_program(&c, supplied) : 0);
  compare(&c);
  graph_run_free(c.run);
  free(c.memory);
  arena_free(c.arena);
}

static void check(const char *text) {
  check_supplied(text, EN_EVAL, NULL);
}

/* Assignments take effect together: exchanged states, and old values that are named. */

START_TEST(states_are_exchanged) {
  check("graph \"t\"\n"
        "state s0 temp \"a\" : f32[5]\n"
        "state s1 temp \"b\" : f32[5]\n"
        "%0 = state s0 : f32[5]\n"
        "%1 = state s1 : f32[5]\n"
        "entry eval\n"
        "assign s0 = %1\n"
        "assign s1 = %0\n");
}
END_TEST

START_TEST(named_value_is_the_old_state) {
  check("graph \"t\"\n"
        "state s0 temp \"a\" : f32[5]\n"
        "%0 = state s0 : f32[5]\n"
        "%1 = elt + %0, %0 : f32[5]\n"
        "entry eval\n"
        "assign s0 = %1\n"
        "value \"old\" = %0 report\n");
}
END_TEST

/* What is read by values inside the writer's kernel, or inside another's, is read from the old state. */

START_TEST(held_value_reads_state_elsewhere) {
  check("graph \"t\"\n"
        "state s0 temp \"a\" : f32[4, 4]\n"
        "%0 = random 0x1 : f32[4, 4]\n"
        "%1 = random 0x2 : f32[4, 4]\n"
        "%2 = contract %0, %1 \"ab,cb->ac\" : f32[4, 4]\n"
        "%3 = state s0 : f32[4, 4]\n"
        "%4 = permute %3 perm 1 0 : f32[4, 4]\n"
        "%5 = elt + %2, %4 : f32[4, 4]\n"
        "%6 = elt tanh %5 : f32[4, 4]\n"
        "%7 = elt * %6, %5 : f32[4, 4]\n"
        "entry eval\n"
        "assign s0 = %7\n");
}
END_TEST

START_TEST(held_value_of_another_kernel_reads_state) {
  check("graph \"t\"\n"
        "state s0 temp \"a\" : f32[4, 4]\n"
        "%0 = random 0x1 : f32[4, 4]\n"
        "%1 = random 0x2 : f32[4, 4]\n"
        "%2 = state s0 : f32[4, 4]\n"
        "%3 = contract %1, %0 \"ab,cb->ac\" : f32[4, 4]\n"
        "%4 = elt tanh %3 : f32[4, 4]\n"
        "%5 = contract %0, %1 \"ab,cb->ac\" : f32[4, 4]\n"
        "%6 = elt + %5, %2 : f32[4, 4]\n"
        "%7 = elt tanh %6 : f32[4, 4]\n"
        "%8 = elt * %7, %6 : f32[4, 4]\n"
        "entry eval\n"
        "assign s0 = %4\n"
        "value \"y\" = %8 report\n");
}
END_TEST

START_TEST(new_state_is_reduced_in_its_kernel) {
  check("graph \"t\"\n"
        "state s0 temp \"a\" : f32[8, 16]\n"
        "%0 = random 0x1 : f32[8, 16]\n"
        "%1 = elt tanh %0 : f32[8, 16]\n"
        "%2 = reduce %1 sum 1 : f32[8]\n"
        "%3 = broadcast %2 map 0 : f32[8, 16]\n"
        "%4 = state s0 : f32[8, 16]\n"
        "%5 = elt * %4, %3 : f32[8, 16]\n"
        "%6 = elt * %5, %5 : f32[8, 16]\n"
        "%7 = reduce %6 sum 1 : f32[8]\n"
        "entry eval\n"
        "assign s0 = %5\n"
        "value \"y\" = %7 report\n");
}
END_TEST

START_TEST(old_state_is_read_beside_its_new_value) {
  check("graph \"t\"\n"
        "state s0 temp \"a\" : f32[64]\n"
        "%0 = random 0x1 : f32[64]\n"
        "%1 = elt tanh %0 : f32[64]\n"
        "%2 = state s0 : f32[64]\n"
        "%3 = elt * %1, %2 : f32[64]\n"
        "entry eval\n"
        "assign s0 = %1\n"
        "value \"y\" = %3 report\n");
}
END_TEST

/* A supplied value is not computed; what else its kernel would have made still is. */

static const char beside_supplied[] = "graph \"t\"\n"
                                      "%0 = random 0x1 : f32[4, 6]\n"
                                      "%1 = reduce %0 sum 1 : f32[4]\n"
                                      "%2 = elt tanh %1 : f32[4]\n"
                                      "%3 = broadcast %1 map 0 : f32[4, 6]\n"
                                      "%4 = elt * %3, %0 : f32[4, 6]\n"
                                      "entry eval\n"
                                      "value \"x\" = %2 supply\n"
                                      "value \"y\" = %4 report\n";

START_TEST(supplied_value_beside_a_needed_sum) {
  check_supplied(beside_supplied, EN_EVAL, NULL);
  check_supplied(beside_supplied, EN_EVAL, "x");
}
END_TEST

static const char supplied_sum[] = "graph \"t\"\n"
                                   "%0 = random 0x1 : f32[4, 6]\n"
                                   "%1 = random 0x2 : f32[5, 6]\n"
                                   "%2 = contract %0, %1 \"ab,cb->ac\" : f32[4, 5]\n"
                                   "%3 = reduce %0 sum 1 : f32[4]\n"
                                   "%4 = elt tanh %3 : f32[4]\n"
                                   "entry eval\n"
                                   "value \"x\" = %3 supply\n"
                                   "value \"y\" = %2 report\n"
                                   "value \"z\" = %4 report\n";

START_TEST(supplied_sum_beside_a_contraction) {
  check_supplied(supplied_sum, EN_EVAL, NULL);
  check_supplied(supplied_sum, EN_EVAL, "x");
}
END_TEST

static const char supplied_contraction[] = "graph \"t\"\n"
                                           "%0 = random 0x1 : f32[4, 6]\n"
                                           "%1 = random 0x2 : f32[5, 6]\n"
                                           "%2 = reduce %0 sum 1 : f32[4]\n"
                                           "%3 = contract %0, %1 \"ab,cb->ac\" : f32[4, 5]\n"
                                           "entry eval\n"
                                           "value \"x\" = %3 supply\n"
                                           "value \"y\" = %2 report\n";

START_TEST(supplied_contraction_beside_a_sum) {
  check_supplied(supplied_contraction, EN_EVAL, NULL);
  check_supplied(supplied_contraction, EN_EVAL, "x");
}
END_TEST

START_TEST(first_value_is_assigned) {
  check_supplied("graph \"t\"\n"
                 "state s0 param \"a\" : f32[8] init %0\n"
                 "state s1 group \"g\" : f32[16]\n"
                 "state s2 param \"b\" : f32[8] group s1 at 0 init %0\n"
                 "state s3 param \"c\" : f32[8] group s1 at 8\n"
                 "%0 = random 0x1 : f32[8]\n"
                 "entry init\n"
                 "assign s3 = %0\n",
                 EN_INIT, NULL);
}
END_TEST

START_TEST(flag_of_a_refused_update_is_a_member) {
  static const char text[] = "graph \"t\" finite s1\n"
                             "state s0 group \"g\" : bool[7]\n"
                             "state s1 temp \"ok\" : bool[] group s0 at 5 init %0\n"
                             "%0 = const 1 : bool[]\n"
                             "entry init\n";
  Arena *a = arena_new();
  Graph *g = graph_parse(a, diag_source(a, "case", text, strlen(text)));
  const Prog *p = passes_run(a, g, &(PassOptions){.target = cpu_target("x86-64-v3")});
  ck_assert_ptr_eq(p->finite, p->state[0].buf);
  ck_assert_int_eq(p->finite_at, 5);
  ck_assert_int_eq(p->state[0].at, 5);
  arena_free(a);
}
END_TEST

START_TEST(integers_are_held_to_the_range_they_are_cast_to) {
  check("graph \"t\"\n"
        "%0 = random 0x1 : f32[200]\n"
        "%1 = const 2000 : f32[200]\n"
        "%2 = elt * %0, %1 : f32[200]\n"
        "%3 = const 800 : f32[200]\n"
        "%4 = elt - %2, %3 : f32[200]\n"
        "%5 = cast %4 : i32[200]\n"
        "%6 = cast %5 : u8[200]\n"
        "%7 = cast %6 : i32[200]\n"
        "entry eval\n"
        "value \"y\" = %7 report\n");
}
END_TEST

static const char two_draws[] = "graph \"t\"\n"
                                "state s0 param \"a\" : f32[40] init %0\n"
                                "state s1 param \"b\" : f32[40] init %1\n"
                                "%0 = random 0x1 : f32[40]\n"
                                "%1 = random 0x8000000000000002 : f32[40]\n"
                                "entry init\n";

START_TEST(kernels_of_other_streams_are_one) {
  Arena *a = arena_new();
  Graph *g = graph_parse(a, diag_source(a, "case", two_draws, strlen(two_draws)));
  const Prog *p = passes_run(a, g, &(PassOptions){.target = cpu_target("x86-64-v3")});
  const PEntry *e = &p->entry[EN_INIT];
  ck_assert_int_eq(p->nkernel, 1);
  ck_assert_int_eq(e->nlaunch, 2);
  for (int i = 0; i < 2; i++) {
    bool first = p->state[0].buf == e->launch[i].buf[0];
    ck_assert_uint_eq(e->launch[i].word[0], first ? 1 : 0x8000000000000002u);
  }
  arena_free(a);
  check_supplied(two_draws, EN_INIT, NULL);
}
END_TEST

/* Sums. */

START_TEST(sum_beside_a_contraction_that_permutes_its_rows) {
  check("graph \"t\"\n"
        "%0 = random 0x1 : f32[3, 5, 7]\n"
        "%1 = random 0x2 : f32[4, 7]\n"
        "%2 = contract %0, %1 \"abc,dc->bad\" : f32[5, 3, 4]\n"
        "%3 = reduce %0 sum 2 : f32[3, 5]\n"
        "entry eval\n"
        "value \"y\" = %2 report\n"
        "value \"z\" = %3 report\n");
}
END_TEST

START_TEST(scatter_in_partials) {
  check("graph \"t\"\n"
        "%0 = random 0x1 : f32[512]\n"
        "%1 = const 256 : f32[512]\n"
        "%2 = elt * %0, %1 : f32[512]\n"
        "%3 = elt floor %2 : f32[512]\n"
        "%4 = cast %3 : i32[512]\n"
        "%5 = random 0x2 : f32[512]\n"
        "%6 = scatter %5, %4 extent 256 : f32[256]\n"
        "entry eval\n"
        "value \"y\" = %6 report\n");
}
END_TEST

START_TEST(gather_summed_in_uneven_partials) {
  check("graph \"t\"\n"
        "%0 = random 0x1 : f32[4099]\n"
        "%1 = const 16 : f32[4099]\n"
        "%2 = elt * %0, %1 : f32[4099]\n"
        "%3 = elt floor %2 : f32[4099]\n"
        "%4 = cast %3 : i32[4099]\n"
        "%5 = random 0x2 : f32[16, 20]\n"
        "%6 = gather %5, %4 : f32[4099, 20]\n"
        "%7 = reduce %6 sum 0 : f32[20]\n"
        "entry eval\n"
        "value \"y\" = %7 report\n");
}
END_TEST

/* 11 partials of 32868 ones, of which bf16 would drop 100 each: 361548 ones are 362496 in bf16, not 360448.
 */
START_TEST(partials_keep_what_bf16_can_not) {
  check("graph \"t\"\n"
        "%0 = random 0x1 : f32[361548]\n"
        "%1 = elt floor %0 : f32[361548]\n"
        "%2 = const 1 : f32[361548]\n"
        "%3 = elt + %1, %2 : f32[361548]\n"
        "%4 = cast %3 : bf16[361548]\n"
        "%5 = reduce %4 sum 0 : bf16[]\n"
        "%6 = cast %5 : f32[]\n"
        "entry eval\n"
        "value \"y\" = %6 report\n");
}
END_TEST

START_TEST(greatest_integer_in_uneven_partials) {
  check("graph \"t\"\n"
        "%0 = random 0x1 : f32[65539]\n"
        "%1 = const -1000 : f32[65539]\n"
        "%2 = elt * %0, %1 : f32[65539]\n"
        "%3 = elt + %2, %1 : f32[65539]\n"
        "%4 = cast %3 : i32[65539]\n"
        "%5 = reduce %4 max 0 : i32[]\n"
        "entry eval\n"
        "value \"y\" = %5 report\n");
}
END_TEST

/* A value has a dozen axes at most; what would cut them further is left as quotients and remainders. */

START_TEST(two_orders_of_many_dimensions_meet_in_a_contraction) {
  check("graph \"t\"\n"
        "state s0 temp \"a\" : f32[2, 2, 2, 2, 2, 2, 2, 128]\n"
        "state s1 temp \"b\" : f32[128, 2, 2, 2, 2, 2, 2, 2]\n"
        "%0 = random 0x1 : f32[128, 8]\n"
        "%1 = random 0x2 : f32[128, 8]\n"
        "%2 = contract %0, %1 \"ab,cb->ac\" : f32[128, 128]\n"
        "%3 = state s0 : f32[2, 2, 2, 2, 2, 2, 2, 128]\n"
        "%4 = permute %3 perm 6 5 4 3 2 1 0 7 : f32[2, 2, 2, 2, 2, 2, 2, 128]\n"
        "%5 = reshape %4 : f32[128, 128]\n"
        "%6 = state s1 : f32[128, 2, 2, 2, 2, 2, 2, 2]\n"
        "%7 = permute %6 perm 0 7 6 5 4 3 2 1 : f32[128, 2, 2, 2, 2, 2, 2, 2]\n"
        "%8 = reshape %7 : f32[128, 128]\n"
        "%9 = elt + %2, %5 : f32[128, 128]\n"
        "%10 = elt + %9, %8 : f32[128, 128]\n"
        "%11 = elt tanh %10 : f32[128, 128]\n"
        "entry eval\n"
        "value \"y\" = %11 report\n");
}
END_TEST

/* The index of a gather is part of an address. */

START_TEST(index_is_a_view_that_another_kernel_stores) {
  check("graph \"t\"\n"
        "%0 = random 0x1 : f32[4]\n"
        "%1 = const 3 : f32[4]\n"
        "%2 = elt * %0, %1 : f32[4]\n"
        "%3 = elt floor %2 : f32[4]\n"
        "%4 = cast %3 : i32[4]\n"
        "%5 = reshape %4 : i32[2, 2]\n"
        "%6 = random 0x2 : f32[2, 3]\n"
        "%7 = gather %6, %5 : f32[2, 2]\n"
        "%8 = elt tanh %7 : f32[2, 2]\n"
        "entry eval\n"
        "value \"i\" = %5 report\n"
        "value \"j\" = %4 report\n"
        "value \"y\" = %8 report\n");
}
END_TEST

/* Many steps of a sequence are read by one kernel. */

START_TEST(steps_are_read_by_one_kernel) {
  enum { STEPS = 20 };
  Arena *a = arena_new();
  const char *text = "graph \"t\"\n"
                     "state s0 temp \"x\" : f32[4, 40, 8]\n"
                     "state s1 temp \"w\" : f32[8, 8]\n"
                     "%0 = state s0 : f32[4, 40, 8]\n"
                     "%1 = state s1 : f32[8, 8]\n",
             *values = "entry eval\n";
  for (int i = 0; i < STEPS; i++) {
    int n = 2 + 3 * i;
    text = arena_printf(a,
                        "%s%%%d = slice %%0 start 0 %d 0 : f32[4, 1, 8]\n"
                        "%%%d = reshape %%%d : f32[4, 8]\n"
                        "%%%d = contract %%%d, %%1 \"ab,cb->ac\" : f32[4, 8]\n",
                        text, n, 39 - 2 * i, n + 1, n, n + 2, n + 1);
    values = arena_printf(a, "%svalue \"v%d\" = %%%d report\n", values, i, n + 2);
  }
  text = arena_printf(a, "%s%s", text, values);
  check(text);
  Graph *g = graph_parse(a, diag_source(a, "case", text, strlen(text)));
  const Prog *p = passes_run(a, g, &(PassOptions){.target = cpu_target("x86-64-v3")});
  ck_assert_int_eq(p->entry[EN_EVAL].nlaunch, STEPS);
  ck_assert_int_eq(p->nkernel, 1);
  arena_free(a);
}
END_TEST

/* So are many that differ in constants; few are kernels of their own. */

static int kernels_of_rates(int rates) {
  Arena *a = arena_new();
  const char *text = "graph \"t\"\n%0 = const 0 : f32[5, 1]\n", *values = "entry eval\n";
  for (int i = 0; i < rates; i++) {
    int n = 1 + 5 * i;
    text = arena_printf(a,
                        "%s%%%d = random 0x%x : f32[5, 1]\n"
                        "%%%d = const 0.%d : f32[5, 1]\n"
                        "%%%d = elt < %%%d, %%%d : bool[5, 1]\n"
                        "%%%d = const %d.5 : f32[5, 1]\n"
                        "%%%d = elt select %%%d, %%%d, %%0 : f32[5, 1]\n",
                        text, n, i + 1, n + 1, i + 1, n + 2, n, n + 1, n + 3, i + 1, n + 4, n + 2, n + 3);
    values = arena_printf(a, "%svalue \"v%d\" = %%%d report\n", values, i, n + 4);
  }
  text = arena_printf(a, "%s%s", text, values);
  check(text);
  Graph *g = graph_parse(a, diag_source(a, "case", text, strlen(text)));
  const Prog *p = passes_run(a, g, &(PassOptions){.target = cpu_target("x86-64-v3")});
  int n = p->nkernel;
  for (int i = 0; i < rates; i++) ck_assert_int_eq(p->kernel[0]->nword, n == 1 ? 3 : 1);
  arena_free(a);
  return n;
}

START_TEST(many_kernels_that_differ_in_constants_are_one) {
  ck_assert_int_eq(kernels_of_rates(9), 1);
  ck_assert_int_eq(kernels_of_rates(3), 3);
}
END_TEST

/* What the backward pass makes again: values of both passes in one kernel. */

START_TEST(backward_concatenation_of_a_forward_value) {
  check("graph \"t\"\n"
        "%0 = random 0x1 : f32[4, 4]\n"
        "%1 = random 0x2 : f32[4, 4]\n"
        "%2 = contract %0, %1 \"ab,cb->ac\" : f32[4, 4]\n"
        "%3 = elt tanh %2 : f32[4, 4]\n"
        "%4 = elt * %3, %3 : f32[4, 4]\n"
        "%5 = reduce %4 sum 0 1 : f32[]\n"
        "%6 = concat %3, %2 axis 0 : f32[8, 4]\n"
        "entry eval\n"
        "value \"loss\" = %5 report loss\n"
        "value \"y\" = %4 report\n"
        "value \"d\" = %6 report\n");
}
END_TEST

SUITE("passes_case") {
  tcase_add_test(t, states_are_exchanged);
  tcase_add_test(t, named_value_is_the_old_state);
  tcase_add_test(t, held_value_reads_state_elsewhere);
  tcase_add_test(t, held_value_of_another_kernel_reads_state);
  tcase_add_test(t, new_state_is_reduced_in_its_kernel);
  tcase_add_test(t, old_state_is_read_beside_its_new_value);
  tcase_add_test(t, supplied_value_beside_a_needed_sum);
  tcase_add_test(t, supplied_sum_beside_a_contraction);
  tcase_add_test(t, supplied_contraction_beside_a_sum);
  tcase_add_test(t, first_value_is_assigned);
  tcase_add_test(t, integers_are_held_to_the_range_they_are_cast_to);
  tcase_add_test(t, flag_of_a_refused_update_is_a_member);
  tcase_add_test(t, kernels_of_other_streams_are_one);
  tcase_add_test(t, sum_beside_a_contraction_that_permutes_its_rows);
  tcase_add_test(t, scatter_in_partials);
  tcase_add_test(t, gather_summed_in_uneven_partials);
  tcase_add_test(t, partials_keep_what_bf16_can_not);
  tcase_add_test(t, greatest_integer_in_uneven_partials);
  tcase_add_test(t, two_orders_of_many_dimensions_meet_in_a_contraction);
  tcase_add_test(t, index_is_a_view_that_another_kernel_stores);
  tcase_add_test(t, steps_are_read_by_one_kernel);
  tcase_add_test(t, many_kernels_that_differ_in_constants_are_one);
  tcase_add_test(t, backward_concatenation_of_a_forward_value);
}
