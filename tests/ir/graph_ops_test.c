/* Every op against loops in plain C, and its gradient against differences. Extents are odd and unequal, so
 * that a stride or an axis that is mixed up shows. */
#include <string.h>

#include "base/random.h"
#include "tests/ir/graph_case.h"

#define BUILD(NAME) static Node *build_##NAME(Graph *g, Node *const *x)
#define REF(NAME) static void ref_##NAME(const double *const *x, double *y)
#define FOR(i, n) for (int i = 0; i < (n); i++)

BUILD(const) {
  (void)x;
  return graph_const(g, DT_F32, SHAPE(3, 5), 1.25);
}
REF(const) {
  (void)x;
  FOR(i, 15) y[i] = 1.25;
}

BUILD(iota) {
  (void)x;
  return graph_iota(g, DT_I32, SHAPE(3, 5, 2), 1);
}
REF(iota) {
  (void)x;
  FOR(i, 3) FOR(j, 5) FOR(k, 2) y[(i * 5 + j) * 2 + k] = j;
}

BUILD(step) {
  (void)x;
  graph_setting(g, "lr", 0.375, "the learning rate");
  return graph_elt(g, E_ADD, graph_step(g, "step"), graph_step(g, "lr"), NULL);
}
REF(step) {
  (void)x;
  *y = (double)case_env.step + 0.375;
}

BUILD(random) {
  (void)x;
  return graph_random(g, 0xfeedface12345678u, SHAPE(7, 9));
}
REF(random) {
  (void)x;
  uint64_t key = random_key(case_env.seed, 0xfeedface12345678u, case_env.step, case_env.micro);
  FOR(i, 63) y[i] = (double)random_uniform(key, (uint32_t)i);
}

BUILD(same) {
  (void)g;
  return x[0];
}
REF(same) {
  FOR(i, 15) y[i] = x[0][i];
}

BUILD(to_i32) {
  return graph_cast(g, DT_I32, x[0]);
}
REF(to_i32) {
  FOR(i, 15) y[i] = x[0][i] < 0 ? ceil(x[0][i]) : floor(x[0][i]);
}
BUILD(to_bool) {
  return graph_cast(g, DT_BOOL, graph_cast(g, DT_I32, x[0]));
}
REF(to_bool) {
  FOR(i, 15) y[i] = fabs(x[0][i]) >= 1;
}
BUILD(through_bf16) {
  return graph_cast(g, DT_F32, graph_cast(g, DT_BF16, x[0]));
}

BUILD(contract_rows) {
  return graph_contract(g, "bik,bjk->bij", x[0], x[1]);
}
REF(contract_rows) {
  FOR(b, 2)
  FOR(i, 3)
  FOR(j, 5) FOR(k, 7) y[(b * 3 + i) * 5 + j] += x[0][(b * 3 + i) * 7 + k] * x[1][(b * 5 + j) * 7 + k];
}
BUILD(contract_turned) {
  return graph_contract(g, "bkhi,hkj->jbih", x[0], x[1]);
}
REF(contract_turned) {
  FOR(b, 2)
  FOR(k, 3)
  FOR(h, 2)
  FOR(i, 5)
  FOR(j, 3)
  y[((j * 2 + b) * 5 + i) * 2 + h] += x[0][((b * 3 + k) * 2 + h) * 5 + i] * x[1][(h * 3 + k) * 3 + j];
}
BUILD(contract_two) {
  return graph_contract(g, "iab,abj->ij", x[0], x[1]);
}
REF(contract_two) {
  FOR(i, 3)
  FOR(a, 2) FOR(b, 5) FOR(j, 3) y[i * 3 + j] += x[0][(i * 2 + a) * 5 + b] * x[1][(a * 5 + b) * 3 + j];
}
BUILD(contract_outer) {
  return graph_contract(g, "i,j->ji", x[0], x[1]);
}
REF(contract_outer) {
  FOR(i, 3) FOR(j, 5) y[j * 3 + i] = x[0][i] * x[1][j];
}
BUILD(contract_dot) {
  return graph_contract(g, "ij,ji->", x[0], x[1]);
}
REF(contract_dot) {
  FOR(i, 3) FOR(j, 5) *y += x[0][i * 5 + j] * x[1][j * 3 + i];
}
BUILD(contract_matvec) {
  return graph_contract(g, "bik,k->bi", x[0], x[1]);
}
REF(contract_matvec) {
  FOR(i, 6) FOR(k, 5) y[i] += x[0][i * 5 + k] * x[1][k];
}

BUILD(sum_middle) {
  return graph_reduce(g, GR_SUM, x[0], 1u << 1);
}
REF(sum_middle) {
  FOR(i, 3) FOR(j, 5) FOR(k, 2) y[i * 2 + k] += x[0][(i * 5 + j) * 2 + k];
}
BUILD(sum_ends) {
  return graph_reduce(g, GR_SUM, x[0], 1u << 0 | 1u << 2);
}
REF(sum_ends) {
  FOR(i, 3) FOR(j, 5) FOR(k, 2) y[j] += x[0][(i * 5 + j) * 2 + k];
}
BUILD(max_last) {
  return graph_reduce(g, GR_MAX, x[0], 1u << 2 | 1u << 1);
}
REF(max_last) {
  FOR(i, 3) {
    y[i] = -100;
    FOR(j, 10) y[i] = fmax(y[i], x[0][i * 10 + j]);
  }
}

BUILD(broadcast) {
  return graph_broadcast(g, x[0], SHAPE(2, 3, 4, 5), (int[]){1, 3});
}
REF(broadcast) {
  FOR(a, 2) FOR(i, 3) FOR(b, 4) FOR(j, 5) y[((a * 3 + i) * 4 + b) * 5 + j] = x[0][i * 5 + j];
}
BUILD(expand) {
  return graph_expand(g, x[0], SHAPE(2, 3, 5, 4));
}
REF(expand) {
  FOR(a, 2) FOR(i, 3) FOR(j, 5) FOR(k, 4) y[((a * 3 + i) * 5 + j) * 4 + k] = x[0][i * 4 + k];
}

BUILD(reshape) {
  return graph_reshape(g, x[0], SHAPE(5, 3));
}
BUILD(permute) {
  return graph_permute(g, x[0], (int[]){2, 0, 3, 1});
}
REF(permute) {
  FOR(a, 2)
  FOR(b, 3) FOR(c, 4) FOR(d, 5) y[((c * 2 + a) * 5 + d) * 3 + b] = x[0][((a * 3 + b) * 4 + c) * 5 + d];
}

BUILD(slice) {
  return graph_slice(g, x[0], (int64_t[]){1, 2}, SHAPE(2, 3));
}
REF(slice) {
  FOR(i, 2) FOR(j, 3) y[i * 3 + j] = x[0][(i + 1) * 7 + j + 2];
}
BUILD(pad) {
  return graph_pad(g, x[0], (int64_t[]){1, 0}, (int64_t[]){0, 2}, (int64_t[]){2, 1});
}
REF(pad) {
  FOR(i, 3) FOR(j, 5) y[(1 + i * 3) * 11 + j * 2] = x[0][i * 5 + j];
}
BUILD(concat) {
  return graph_concat(g, 3, x, 1);
}
REF(concat) {
  FOR(i, 3) FOR(k, 2) {
    FOR(j, 2) y[(i * 6 + j) * 2 + k] = x[0][(i * 2 + j) * 2 + k];
    FOR(j, 3) y[(i * 6 + 2 + j) * 2 + k] = x[1][(i * 3 + j) * 2 + k];
    y[(i * 6 + 5) * 2 + k] = x[2][i * 2 + k];
  }
}

static int window_size, window_stride, window_extent;
BUILD(window) {
  return graph_window(g, x[0], 1, window_size, window_stride);
}
REF(window) {
  int m = (window_extent - window_size) / window_stride + 1;
  FOR(a, 2)
  FOR(i, m)
  FOR(k, window_size)
  FOR(b, 3)
  y[((a * m + i) * window_size + k) * 3 + b] = x[0][(a * window_extent + i * window_stride + k) * 3 + b];
}

BUILD(gather) {
  return graph_gather(g, x[0], x[1]);
}
REF(gather_batch) {
  FOR(b, 2) FOR(j, 3) FOR(k, 4) y[(b * 3 + j) * 4 + k] = x[0][(b * 5 + (int)x[1][b * 3 + j]) * 4 + k];
}
REF(gather_rows) {
  FOR(j, 7) FOR(k, 3) y[j * 3 + k] = x[0][(int)x[1][j] * 3 + k];
}
BUILD(scatter) {
  return graph_scatter(g, x[0], x[1], 4);
}
REF(scatter_batch) {
  FOR(b, 2) FOR(j, 5) FOR(k, 3) y[(b * 4 + (int)x[1][b * 5 + j]) * 3 + k] += x[0][(b * 5 + j) * 3 + k];
}
REF(scatter_flat) {
  FOR(j, 7) y[(int)x[1][j]] += x[0][j];
}

/* A function of x and of a stopped x: the gradient is that of the first alone. */
BUILD(stop) {
  Node *held = graph_stop_gradient(g, graph_elt(g, E_MUL, x[1], x[1], NULL));
  return graph_elt(g, E_ADD, x[0], held, NULL);
}
REF(stop) {
  FOR(i, 15) y[i] = x[0][i] + x[1][i] * x[1][i];
}

#define I32(low, high, ...) {DT_I32, SHAPE(__VA_ARGS__), low, high}

static void check(const char *what, Node *(*build)(Graph *, Node *const *),
                  void (*ref)(const double *const *, double *), int nin, CaseIn a, CaseIn b) {
  Case c = {.what = what, .nin = nin, .in = {a, b}, .build = build, .ref = ref};
  case_check(&c);
}

static const CaseIn none;
#define ONE(...) (CaseIn) F32(-2, 2, __VA_ARGS__)

static void cases_CONST(void) {
  check("const", build_const, ref_const, 0, none, none);
}
static void cases_IOTA(void) {
  check("iota", build_iota, ref_iota, 0, none, none);
}
static void cases_STEP(void) {
  check("step", build_step, ref_step, 0, none, none);
}
static void cases_RANDOM(void) {
  check("random", build_random, ref_random, 0, none, none);
}

static void cases_INPUT(void) {
  Arena *a = arena_new();
  Graph *g = graph_new(a);
  graph_value(g, EN_EVAL, "y", graph_input(g, "images", DT_F32, SHAPE(3)), V_REPORT);
  GraphRun *r = graph_run_new(g, false);
  diag_to(NULL);
  ck_assert(!graph_run_entry(r, EN_EVAL, &case_env));
  graph_run_supply(r, "images", (double[]){1, 0.1, 3});
  ck_assert(graph_run_entry(r, EN_EVAL, &case_env));
  ck_assert(graph_run_value(r, "y")[1] == (double)0.1f && graph_run_value(r, "y")[2] == 3);
  graph_run_supply(r, "images", NULL);
  ck_assert(!graph_run_entry(r, EN_EVAL, &case_env));
  graph_run_free(r);
  arena_free(a);
}

static void cases_STATE(void) {
  check("state", build_same, ref_same, 1, ONE(3, 5), none);
}
static void cases_ELT(void) { /* tests/ir/graph_elt_test.c: a case a row */
}

static void cases_CAST(void) {
  check("cast to i32", build_to_i32, ref_to_i32, 1, ONE(3, 5), none);
  check("cast to bool", build_to_bool, ref_to_bool, 1, ONE(3, 5), none);
  Case c = {.what = "bf16", .nin = 1, .in = {F32(-2, 2, 3, 5)}, .build = build_through_bf16, .ref = ref_same};
  c.tol32 = 1.0 / 256; /* half a unit in the last of bf16's 8 bits, of a number from 1 to 2 */
  case_check(&c);
}

static void cases_CONTRACT(void) {
  check("bik,bjk->bij", build_contract_rows, ref_contract_rows, 2, ONE(2, 3, 7), ONE(2, 5, 7));
  check("bkhi,hkj->jbih", build_contract_turned, ref_contract_turned, 2, ONE(2, 3, 2, 5), ONE(2, 3, 3));
  check("iab,abj->ij", build_contract_two, ref_contract_two, 2, ONE(3, 2, 5), ONE(2, 5, 3));
  check("i,j->ji", build_contract_outer, ref_contract_outer, 2, ONE(3), ONE(5));
  check("ij,ji->", build_contract_dot, ref_contract_dot, 2, ONE(3, 5), ONE(5, 3));
  check("bik,k->bi", build_contract_matvec, ref_contract_matvec, 2, ONE(2, 3, 5), ONE(5));
}

static void cases_REDUCE(void) {
  check("sum of the middle", build_sum_middle, ref_sum_middle, 1, ONE(3, 5, 2), none);
  check("sum of the ends", build_sum_ends, ref_sum_ends, 1, ONE(3, 5, 2), none);
  check("maximum", build_max_last, ref_max_last, 1, ONE(3, 5, 2), none);
}

static void cases_BROADCAST(void) {
  check("broadcast", build_broadcast, ref_broadcast, 1, ONE(3, 5), none);
  check("expand", build_expand, ref_expand, 1, ONE(3, 1, 4), none);
}
static void cases_RESHAPE(void) {
  check("reshape", build_reshape, ref_same, 1, ONE(3, 5), none);
}
static void cases_PERMUTE(void) {
  check("permute", build_permute, ref_permute, 1, ONE(2, 3, 4, 5), none);
}
static void cases_SLICE(void) {
  check("slice", build_slice, ref_slice, 1, ONE(3, 7), none);
}
static void cases_PAD(void) {
  check("pad", build_pad, ref_pad, 1, ONE(3, 5), none);
}

static void cases_CONCAT(void) {
  Case c = {.what = "concat", .nin = 3, .build = build_concat, .ref = ref_concat};
  c.in[0] = ONE(3, 2, 2);
  c.in[1] = ONE(3, 3, 2);
  c.in[2] = ONE(3, 1, 2);
  case_check(&c);
}

/* Overlapping, side by side, with gaps; with and without a rest at the end. */
static void cases_WINDOW(void) {
  static const int tried[][3] = {{3, 1, 7}, {3, 2, 8}, {2, 2, 7}, {2, 2, 8},
                                 {2, 3, 7}, {2, 3, 8}, {1, 3, 8}, {4, 3, 8}};
  for (size_t i = 0; i < sizeof tried / sizeof *tried; i++) {
    window_size = tried[i][0];
    window_stride = tried[i][1];
    window_extent = tried[i][2];
    check("window", build_window, ref_window, 1, ONE(2, window_extent, 3), none);
  }
}

static void cases_GATHER(void) {
  check("gather by batch", build_gather, ref_gather_batch, 2, ONE(2, 5, 4), (CaseIn)I32(0, 5, 2, 3));
  check("gather of rows", build_gather, ref_gather_rows, 2, ONE(4, 3), (CaseIn)I32(0, 4, 7));
}
static void cases_SCATTER(void) {
  check("scatter by batch", build_scatter, ref_scatter_batch, 2, ONE(2, 5, 3), (CaseIn)I32(0, 4, 2, 5));
  check("scatter of numbers", build_scatter, ref_scatter_flat, 2, ONE(7), (CaseIn)I32(0, 4, 7));
}

static void cases_STOP_GRADIENT(void) {
  Case c = {.what = "stop_gradient", .nin = 2, .in = {F32(-2, 2, 3, 5), F32(-2, 2, 3, 5)}};
  double *x[CASE_INPUTS] = {0};
  c.build = build_stop;
  c.ref = ref_stop;
  CaseRun r = case_build(&c);
  case_draw_all(&c, x);
  case_forward(&r, x, true);
  GraphRun *run = graph_run_new(r.g, true);
  case_fill(&r, run, x);
  FOR(k, 15) graph_run_state(run, r.state[2])[k] = k + 1;
  ck_assert(graph_run_entry(run, EN_UPDATE, &case_env));
  FOR(k, 15) ck_assert(graph_run_value(run, "g0")[k] == k + 1);
  FOR(k, 15) ck_assert(graph_run_value(run, "g1")[k] == 0);
  graph_run_free(run);
  FOR(i, 2) free(x[i]);
  arena_free(r.arena);
}

START_TEST(every_op_means_and_differentiates_as_plain_c) {
  static void (*const cases[OP_COUNT])(void) = {
#define OP(N, ...) [O_##N] = cases_##N,
#include "ir/graph/graph_ops.def"
#include "tests/suite.h"
#undef OP
  };
  cases[_i]();
}
END_TEST

START_TEST(an_index_out_of_range_is_an_error) {
  Arena *a = arena_new();
  Graph *g = graph_new(a);
  Node *index = graph_input(g, "index", DT_I32, SHAPE(2)), *x = graph_iota(g, DT_F32, SHAPE(3), 0);
  graph_value(g, EN_EVAL, "y", graph_gather(g, x, index), V_REPORT);
  GraphRun *r = graph_run_new(g, true);
  char *text = NULL;
  size_t size;
  FILE *f = open_memstream(&text, &size);
  diag_to(f);
  graph_run_supply(r, "index", (double[]){2, 3});
  ck_assert(!graph_run_entry(r, EN_EVAL, &case_env));
  fclose(f);
  diag_to(NULL);
  ck_assert_str_eq(text, "error: gather: found index 3, expected 0..2\n");
  free(text);
  graph_run_free(r);
  arena_free(a);
}
END_TEST

SUITE("graph_ops") {
  tcase_add_loop_test(t, every_op_means_and_differentiates_as_plain_c, 0, OP_COUNT);
  tcase_add_test(t, an_index_out_of_range_is_an_error);
}
