/* Which values of the forward pass are made again: one attention with dropout, built by hand and
 * differentiated, runs as kernels beside the graph interpreter, which runs the graph as it was before. */
#include <math.h>
#include <stdio.h>

#include "codegen/cpu/cpu.h"
#include "passes/grad/autodiff.h"
#include "passes/passes.h"
#include "passes/save/save.h"
#include "tests/codegen/prog_interp.h"
#include "tests/suite.h"

enum { B = 2, N = 24, D = 16, WIDE = 48, SEED = 7 };

#define SHAPE(...)                                                                                           \
  shape_of((int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), (int64_t[]){__VA_ARGS__})

typedef struct Layer {
  Graph *g;
  Node *x, *weight, *score, *e, *p;
  State *grad;
} Layer;

/* exp(scores - their row's maximum), over its sum. */
static void attend(Layer *l) {
  Graph *g = l->g;
  Node *q = graph_contract(g, "bnw,dw->bnd", l->x, l->weight);
  l->score = graph_contract(g, "bid,bjd->bij", q, q);
  Node *top =
      graph_reshape(g, graph_stop_gradient(g, graph_reduce(g, GR_MAX, l->score, 1u << 2)), SHAPE(B, N, 1));
  l->e = graph_elt(g, E_EXP, graph_map2(g, E_SUB, l->score, top), NULL, NULL);
  Node *sum = graph_reshape(g, graph_reduce(g, GR_SUM, l->e, 1u << 2), SHAPE(B, N, 1));
  l->p = graph_map2(g, E_DIV, l->e, sum);
  Node *drop = graph_map2(g, E_LT, graph_random(g, 9, SHAPE(B, N, N)), graph_scalar(g, 0.2));
  Node *zero = graph_const(g, DT_F32, SHAPE(B, N, N), 0);
  Node *kept = graph_elt(g, E_SELECT, drop, zero, l->p);
  Node *y = graph_contract(g, "bij,bjd->bid", kept, q);
  Node *weighed = graph_elt(g, E_MUL, y, graph_random(g, 11, y->shape), NULL);
  graph_value(g, EN_MICRO, "loss", graph_reduce(g, GR_SUM, weighed, 7), V_LOSS | V_REPORT);
}

static Layer layer(Arena *a, bool report) {
  Layer l = {.g = graph_new(a)};
  Graph *g = l.g;
  const State *w = graph_state(g, ST_PARAM, "w", DT_F32, SHAPE(D, WIDE), NULL);
  l.grad = graph_state(g, ST_GRAD, "dw", DT_F32, SHAPE(D, WIDE), NULL);
  l.weight = graph_read(g, w);
  Node *draw = graph_random(g, 5, SHAPE(B, N, WIDE));
  l.x = graph_map2(g, E_SUB, draw, graph_scalar(g, 0.5));
  attend(&l);
  if (report) graph_value(g, EN_MICRO, "e", l.e, V_REPORT);
  Node *gradient, *wrt = l.weight;
  ck_assert(autodiff(g, g->entry[EN_MICRO].value[0].node, &wrt, 1, &gradient));
  graph_assign(g, EN_MICRO, l.grad, gradient);
  return l;
}

static int count_again(const Graph *g, Op op, int elt) {
  int n = 0;
  for (int i = 0; i < g->nnode; i++) {
    const Node *x = g->node[i];
    n += x->at.again && x->op == op && (op != O_ELT || x->at.elt == (EltOp)elt);
  }
  return n;
}

static double no_scalar(void *ctx, const char *name) {
  (void)ctx, (void)name;
  return 0;
}

static float weight(int64_t i) {
  return (float)((i * 37 + 11) % 101) / 100 - 0.5F;
}

static const PState *state_named(const Prog *p, const State *s) {
  for (int i = 0; i < p->nstate; i++)
    if (p->state[i].state == s) return &p->state[i];
  ck_abort_msg("no state %s", s->name);
}

/* The gradient by the program against the interpreter's, run in f64 on the graph as it was built: f32 is 1e-6
 * off. */
static void check_gradient(const Layer *l, const Prog *p, const double *wanted) {
  KStepEnv env = {.seed = SEED, .scalar = no_scalar};
  char *memory = aligned_alloc(64, (size_t)(p->arena_bytes + 63) / 64 * 64);
  memset(memory, 0, (size_t)p->arena_bytes);
  const PState *w = state_named(p, l->weight->at.state), *dw = state_named(p, l->grad);
  float *to = (float *)(void *)(memory + w->buf->offset + w->at);
  for (int64_t i = 0; i < D * WIDE; i++) to[i] = weight(i);
  prog_interp(p, memory, EN_MICRO, &env, 0);
  const float *got = (const float *)(const void *)(memory + dw->buf->offset + dw->at);
  for (int64_t i = 0; i < D * WIDE; i++)
    ck_assert_msg(fabs((double)got[i] - wanted[i]) <= 1e-5 * (1 + fabs(wanted[i])),
                  "dw[%lld]: %g, expected %g", (long long)i, (double)got[i], wanted[i]);
  free(memory);
}

static Prog *compile(Arena *a, const Layer *l) {
  GraphEnv env = {.seed = SEED, .scalar = no_scalar};
  GraphRun *run = graph_run_new(l->g, true);
  double *w = graph_run_state(run, l->weight->at.state);
  for (int64_t i = 0; i < D * WIDE; i++) w[i] = (double)weight(i);
  ck_assert(graph_run_entry(run, EN_MICRO, &env));
  PassOptions o = {.target = cpu_target("x86-64-v3")};
  Prog *p = passes_run(a, l->g, &o);
  ck_assert_ptr_nonnull(p);
  check_gradient(l, p, graph_run_state(run, l->grad));
  graph_run_free(run);
  return p;
}

/* The scores are a contraction over 16 elements, cheaper than their traffic; q is one over 48, whose result
 * would be stored again. A row's maximum and sum are kept. The three draws are made again, with equal bits.
 */
START_TEST(scores_are_made_again) {
  Arena *a = arena_new();
  Layer l = layer(a, false);
  compile(a, &l);
  ck_assert_int_eq(count_again(l.g, O_CONTRACT, 0), 1);
  ck_assert_int_eq(count_again(l.g, O_ELT, E_EXP), 1);
  ck_assert_int_eq(count_again(l.g, O_RANDOM, 0), 3);
  ck_assert_int_eq(count_again(l.g, O_REDUCE, 0), 0);
  arena_free(a);
}
END_TEST

/* What is made again lies behind the loss, and before its first reader in the backward pass. */
START_TEST(it_is_made_in_the_backward_pass) {
  Arena *a = arena_new();
  Layer l = layer(a, false);
  compile(a, &l);
  const Node *loss = l.g->entry[EN_MICRO].value[0].node;
  for (int i = 0; i <= loss->id; i++) ck_assert(!l.g->node[i]->at.again);
  arena_free(a);
}
END_TEST

START_TEST(what_has_memory_anyway_is_kept) {
  Arena *a = arena_new();
  Layer l = layer(a, true);
  compile(a, &l);
  ck_assert_int_eq(count_again(l.g, O_ELT, E_EXP), 0);
  ck_assert_int_eq(count_again(l.g, O_CONTRACT, 0), 0);
  arena_free(a);
}
END_TEST

START_TEST(the_table_says_what_was_chosen) {
  Arena *a = arena_new();
  Layer l = layer(a, false);
  const Prog *p = compile(a, &l);
  int kept = 0, again = 0, scores = 0;
  for (int i = 0; i < p->nsaved; i++) {
    const PSaved *s = &p->saved[i];
    bool is_score = s->first->op == O_CONTRACT && s->first->shape.dim[2] == N;
    if (is_score) ck_assert(!s->kept && s->again < s->keep && s->bytes == (int64_t)4 * B * N * N);
    scores += is_score;
    kept += s->kept;
    again += !s->kept;
  }
  ck_assert_int_eq(scores, 1);
  ck_assert_int_gt(kept, 0);
  ck_assert_int_gt(again, 0);
  arena_free(a);
}
END_TEST

/* The text of a graph whose values are made again reads back to the byte, and the passes leave them apart. */
START_TEST(it_stays_apart) {
  Arena *a = arena_new();
  Layer l = layer(a, false);
  compile(a, &l);
  const char *text = graph_print(a, l.g);
  Graph *g = graph_parse(a, diag_source(a, "again", text, strlen(text)));
  ck_assert_ptr_nonnull(g);
  ck_assert_str_eq(graph_print(a, g), text);
  PassOptions o = {.target = cpu_target("x86-64-v3")};
  ck_assert_ptr_nonnull(passes_run(a, g, &o));
  ck_assert_int_eq(count_again(g, O_CONTRACT, 0), 1);
  ck_assert_int_eq(count_again(g, O_ELT, E_EXP), 1);
  arena_free(a);
}
END_TEST

/* Rows of strategy files decide by class, whatever it costs. */
static int again_under(const char *rows, Op op) {
  Arena *a = arena_new();
  Layer l = layer(a, false);
  const Strategy *s = strategy_parse(a, diag_source(a, "rows", rows, strlen(rows)));
  ck_assert_ptr_nonnull(s);
  PassOptions o = {.target = cpu_target("x86-64-v3"), .strategy = s};
  ck_assert_ptr_nonnull(passes_run(a, l.g, &o));
  int n = count_again(l.g, op, 0);
  arena_free(a);
  return n;
}

START_TEST(rows_decide) {
  ck_assert_int_eq(again_under("tessera fusion 1\ncontract#2 keep\n", O_CONTRACT), 0);
  ck_assert_int_eq(again_under("tessera fusion 1\n** keep auto\n", O_CONTRACT), 0);
  ck_assert_int_eq(again_under("tessera fusion 1\ncontract recompute join\n", O_CONTRACT), 2);
  ck_assert_int_eq(again_under("tessera fusion 1\n** reductions recompute\n", O_REDUCE), 1);
}
END_TEST

/* Of a value that nothing may keep, at a cost that no value of this world has. */
static bool is_made_again(bool keepable, StrategySave asked) {
  Arena *a = arena_new();
  SaveClass c = {.keepable = keepable, .required = true, .asked = asked, .keep = 16, .bytes = 1};
  c.again = (int64_t)1 << 60;
  Save s = {.arena = a, .nclass = 1, .class = &c};
  save_cut(&s, save_price(SAVE_PRICES - 1));
  arena_free(a);
  return c.need && c.recompute;
}

START_TEST(no_cost_makes_it_kept_where_it_may_not_be) {
  ck_assert(is_made_again(false, SS_CHEAPEST));
  ck_assert(is_made_again(true, SS_RECOMPUTE));
  ck_assert(!is_made_again(true, SS_CHEAPEST));
}
END_TEST

SUITE("save") {
  tcase_add_test(t, no_cost_makes_it_kept_where_it_may_not_be);
  tcase_add_test(t, scores_are_made_again);
  tcase_add_test(t, it_is_made_in_the_backward_pass);
  tcase_add_test(t, what_has_memory_anyway_is_kept);
  tcase_add_test(t, the_table_says_what_was_chosen);
  tcase_add_test(t, it_stays_apart);
  tcase_add_test(t, rows_decide);
}
