/* Lowering against the graph interpreter, on random graphs: as kernels run by the kernel interpreter in the
 * planned arena, and as machine code with red zones around every buffer. */
#include <stdio.h>
#include <stdlib.h>

#include "codegen/cpu/cpu.h"
#include "passes/passes.h"
#include "passes/place/decisions.h"
#include "passes/place/group.h"
#include "tests/codegen/prog_interp.h"
#include "tests/passes/program_agrees.h"
#include "tests/passes/random_graph.h"
#include "tests/suite.h"

/* Of 1 plus the element. f32 sums in another order, and fused multiplications: 3e-6 apart at most in 1,000
 * graphs. Wild ones round to bf16's 8 bits on the way, here and there to the other side, which is 2^-8 of a
 * number about 1, and go on from that: 1.2e-3 apart at most in some 500 graphs. */
static const double plain = 1.5e-5, wild = 6e-3;

typedef Graph *Draw(Arena *a, uint64_t seed);

static int kernels_of(const Prog *p, KSkeleton s) {
  int n = 0;
  for (int i = 0; i < p->nkernel; i++) n += kern_plan_for(p->kernel[i], &cpu_plans)->skeleton == s;
  return n;
}

static void check_graph(uint64_t seed, Draw *draw, Execute *execute) {
  Arena *a = arena_new();
  PassOptions o = {.target = cpu_target("x86-64-v3")};
  Prog *p = passes_run(a, draw(a, seed), &o);
  ck_assert_msg(draw != chain_graph || kernels_of(p, SK_CHAIN) > 0, "no chain was made");
  program_agrees(a, p, draw(a, seed), execute, draw == wild_chain_graph ? wild : plain);
  arena_free(a);
}

static void check_many(int usual, Draw *draw, Execute *execute) {
  uint64_t seed = suite_seed();
  for (int i = suite_rounds(usual); i > 0; i--, seed++) {
    printf("seed %llu\n", (unsigned long long)seed);
    fflush(stdout);
    check_graph(seed, draw, execute);
  }
}

/* A concatenation whose part is one too, of which another part reads a part: it may lie in the memory that
 * it reads, or beside. */
static Graph *nested_graph(Arena *a, uint64_t seed) {
  Graph *g = graph_new(a);
  g->name_of_block = "test";
  Node *x = graph_random(g, seed, shape_of(2, (int64_t[]){8, 16})),
       *w = graph_random(g, 2, shape_of(2, (int64_t[]){12, 16})),
       *v = graph_random(g, 3, shape_of(2, (int64_t[]){16, 12}));
  Node *first = graph_contract(g, "ij,kj->ik", x, w);
  Node *second = graph_contract(g, "ij,kj->ik", graph_elt(g, E_TANH, x, NULL, NULL), w);
  Node *inner = graph_concat(g, 2, (Node *[]){first, second}, 0);
  Node *reads = graph_contract(g, "ij,kj->ki", first, v);
  Node *outer = graph_concat(g, 2, (Node *[]){inner, reads}, 1);
  Node *out[RANDOM_OUTS] = {outer, first, reads, second};
  for (int i = 0; i < RANDOM_OUTS; i++)
    graph_value(g, EN_EVAL, arena_printf(a, "out%d", i), i ? graph_elt(g, E_NEG, out[i], NULL, NULL) : outer,
                V_REPORT);
  g->entry[EN_EVAL].present = true;
  return g;
}

START_TEST(parts_that_read_parts_of_one_memory) {
  check_graph(1, nested_graph, execute_interpreted);
  check_graph(1, nested_graph, execute_native);
}
END_TEST

START_TEST(kernels_mean_what_the_graph_does) {
  check_many(200, random_graph, execute_interpreted);
}
END_TEST

START_TEST(machine_code_means_what_the_graph_does) {
  check_many(60, random_graph, execute_native);
}
END_TEST

START_TEST(chains_mean_what_the_graph_does) {
  check_many(40, chain_graph, execute_interpreted);
  check_many(30, chain_graph, execute_native);
}
END_TEST

/* How many whole numbers from 0 on are below 7, and the largest of their negatives: of more than an i32
 * counts, which leave a short last piece. */
static Graph *endless(Arena *a) {
  Graph *g = graph_new(a);
  g->name_of_block = "test";
  const int64_t n = ((int64_t)1 << 31) + 11;
  Node *i = graph_iota(g, DT_F32, shape_of(1, &n), 0);
  Node *low = graph_map2(g, E_LT, i, graph_const(g, DT_F32, i->shape, 7));
  Node *one = graph_const(g, DT_F32, i->shape, 1), *none = graph_const(g, DT_F32, i->shape, 0);
  Node *sum = graph_reduce(g, GR_SUM, graph_elt(g, E_SELECT, low, one, none), 1);
  graph_value(g, EN_EVAL, "count", sum, V_REPORT);
  Node *most = graph_reduce(g, GR_MAX, graph_elt(g, E_NEG, i, NULL, NULL), 1);
  graph_value(g, EN_EVAL, "most", most, V_REPORT);
  g->entry[EN_EVAL].present = true;
  return g;
}

static double reported(const Prog *p, const char *arena, const char *name) {
  const PValue *v = prog_value(p, EN_EVAL, name);
  return (double)*(const float *)(const void *)(arena + v->buf->offset + v->at);
}

START_TEST(reductions_pass_what_an_i32_counts) {
  Arena *a = arena_new();
  PassOptions o = {.target = cpu_target("x86-64-v3")};
  const Prog *p = passes_run(a, endless(a), &o);
  ck_assert_ptr_nonnull(p);
  char *arena = aligned_alloc(64, (size_t)(p->arena_bytes + 63) / 64 * 64);
  execute_native(a, p, arena);
  ck_assert_double_eq(reported(p, arena, "count"), 7);
  ck_assert_double_eq(reported(p, arena, "most"), 0);
  free(arena);
  arena_free(a);
}
END_TEST

/* Attention of heads 64 wide, and its gradients. */
static Graph *attention(Arena *a, int64_t tokens) {
  Graph *g = graph_new(a);
  g->name_of_block = "test";
  Node *x[4];
  for (int i = 0; i < 4; i++) x[i] = graph_random(g, (uint64_t)i, shape_of(3, (int64_t[]){8, tokens, 64}));
  Node *e = graph_elt(g, E_EXP, graph_contract(g, "amk,ank->amn", x[0], x[1]), NULL, NULL);
  Shape rows = shape_of(3, (int64_t[]){8, tokens, 1});
  Node *p = graph_map2(g, E_DIV, e, graph_reshape(g, graph_reduce(g, GR_SUM, e, 1u << 2), rows));
  Node *dp = graph_contract(g, "amd,and->amn", x[3], x[2]);
  Node *sum = graph_reduce(g, GR_SUM, graph_map2(g, E_MUL, dp, p), 1u << 2);
  Node *ds = graph_map2(g, E_MUL, p, graph_map2(g, E_SUB, dp, graph_reshape(g, sum, rows)));
  Node *out[] = {graph_contract(g, "amn,and->amd", p, x[2]), graph_contract(g, "amn,ank->amk", ds, x[1]),
                 graph_contract(g, "amn,amk->ank", ds, x[0]), graph_contract(g, "amn,amd->and", p, x[3])};
  for (int i = 0; i < 4; i++) graph_value(g, EN_EVAL, arena_printf(a, "out%d", i), out[i], V_REPORT);
  g->entry[EN_EVAL].present = true;
  return g;
}

START_TEST(long_rows_chain) {
  static const int64_t tokens[] = {577, 1025};
  Arena *a = arena_new();
  PassOptions o = {.target = cpu_target("x86-64-v3")};
  Prog *p = passes_run(a, attention(a, tokens[_i]), &o);
  ck_assert_int_eq(kernels_of(p, SK_CHAIN), 1);
  ck_assert_int_eq(kernels_of(p, SK_DOT), 0);
  arena_free(a);
}
END_TEST

/* How many chains become of rows [8, m, n] that are contracted over k features, and, if `again`, once more.
 */
static int chains_of(const Target *t, int64_t m, int64_t k, bool again) {
  Arena *a = arena_new();
  Graph *g = graph_new(a);
  g->name_of_block = "test";
  Node *x[4];
  for (int i = 0; i < 4; i++) x[i] = graph_random(g, (uint64_t)i, shape_of(3, (int64_t[]){8, m, k}));
  Node *s = graph_elt(g, E_EXP, graph_contract(g, "bik,bjk->bij", x[0], x[1]), NULL, NULL);
  Node *next =
      again ? graph_contract(g, "bij,bjk->bik", s, x[2]) : graph_contract(g, "bik,bjk->bij", x[2], x[3]);
  Node *out = again ? next : graph_reduce(g, GR_SUM, graph_elt(g, E_MUL, s, next, NULL), 4);
  graph_value(g, EN_EVAL, "out", out, V_REPORT);
  g->entry[EN_EVAL].present = true;
  PassOptions o = {.target = t};
  const Prog *p = passes_run(a, g, &o);
  ck_assert_ptr_nonnull(p);
  int n = kernels_of(p, SK_CHAIN);
  arena_free(a);
  return n;
}

START_TEST(only_rows_that_are_contracted_again_chain) {
  const Target *t = cpu_target("x86-64-v3");
  ck_assert_int_eq(chains_of(t, 64, 32, true), 1);
  ck_assert_int_eq(chains_of(t, 64, 32, false), 0);
}
END_TEST

/* What a chain would keep is counted though it is no 64-bit number. */
START_TEST(endless_scratch_does_not_chain) {
  Target t = *cpu_target("x86-64-v3");
  t.chain.element_bytes = (int64_t)1 << 62;
  ck_assert_int_eq(chains_of(&t, 64, 32, true), 0);
}
END_TEST

/* What reads the rows of a contraction that is too large to begin a chain is told so. */
START_TEST(chains_that_cannot_begin_say_why) {
  Arena *a = arena_new();
  const Decisions *of[EN_COUNT] = {0};
  PassOptions o = {.target = cpu_target("x86-64-v3"), .decisions = of};
  ck_assert_ptr_nonnull(passes_run(a, attention(a, 1 << 14), &o));
  int told = 0;
  for (int i = 0; i < of[EN_EVAL]->npair; i++) told += of[EN_EVAL]->pair[i].joining == DR_SCRATCH;
  ck_assert_int_gt(told, 0);
  arena_free(a);
}
END_TEST

/* x under so many tanh, 25 operations each, and others of 2, as kernels' work is counted. */
static Node *worked(Graph *g, Node *x, int tanhs, int others) {
  for (int i = 0; i < others; i++) x = graph_elt(g, i % 2 ? E_FLOOR : E_ABS, x, NULL, NULL);
  for (int i = 0; i < tanhs; i++) x = graph_elt(g, E_TANH, x, NULL, NULL);
  return x;
}

/* Where a kernel's limit of work lies: these tanh and others in all, beside `own` operations. */
enum { TANHS = 245 };
static int others_at_limit(int own) {
  ck_assert(elt_rows[E_TANH].work == 24 && elt_rows[E_ABS].work == 1 && elt_rows[E_FLOOR].work == 1);
  return (MOST_KERNEL_WORK - 1 - own - TANHS * 25) / 2;
}

typedef Node *Outs(Graph *g, Node *const *x, int others);

/* Kernels of that skeleton for the sum of what `outs` gives; x are random, [8, 64, 64]. */
static int kernels_for(Outs *outs, int others, KSkeleton s) {
  Arena *a = arena_new();
  Graph *g = graph_new(a);
  g->name_of_block = "test";
  Node *x[4];
  for (int i = 0; i < 4; i++) x[i] = graph_random(g, (uint64_t)i, shape_of(3, (int64_t[]){8, 64, 64}));
  graph_value(g, EN_EVAL, "out", outs(g, x, others), V_REPORT);
  for (int i = 0; i < 4; i++) graph_value(g, EN_EVAL, arena_printf(a, "x%d", i), x[i], V_REPORT);
  g->entry[EN_EVAL].present = true;
  PassOptions o = {.target = cpu_target("x86-64-v3")};
  int n = kernels_of(passes_run(a, g, &o), s);
  arena_free(a);
  return n;
}

static Node *two_sums(Graph *g, Node *const *x, int others) {
  Node *y[] = {worked(g, x[0], TANHS / 2, 0), worked(g, x[0], TANHS - TANHS / 2, others)};
  for (int i = 0; i < 2; i++) y[i] = graph_reduce(g, GR_SUM, y[i], 1u << 2);
  return graph_concat(g, 2, y, 0);
}

static Node *two_uses_of_rows(Graph *g, Node *const *x, int others) {
  Node *s = graph_contract(g, "bik,bjk->bij", x[0], x[1]);
  Node *y[] = {worked(g, s, TANHS / 2, 0), worked(g, s, TANHS - TANHS / 2, others)};
  for (int i = 0; i < 2; i++) y[i] = graph_contract(g, "bij,bjk->bik", y[i], x[2 + i]);
  return graph_concat(g, 2, y, 0);
}

/* One kernel up to the limit of work, each value counted once, and two beyond it. */
START_TEST(kernels_stay_small) {
  int sums = others_at_limit(4), rows = others_at_limit(3);
  ck_assert_int_eq(kernels_for(two_sums, sums, SK_ROWS), 1);
  ck_assert_int_eq(kernels_for(two_sums, sums + 1, SK_ROWS), 2);
  ck_assert_int_eq(kernels_for(two_uses_of_rows, rows, SK_CHAIN), 1);
  ck_assert_int_eq(kernels_for(two_uses_of_rows, rows, SK_DOT), 0);
  ck_assert_int_eq(kernels_for(two_uses_of_rows, rows + 1, SK_CHAIN), 1);
  ck_assert_int_eq(kernels_for(two_uses_of_rows, rows + 1, SK_DOT), 1);
}
END_TEST

START_TEST(wild_chains_mean_what_the_graph_does) {
  check_many(40, wild_chain_graph, execute_interpreted);
  check_many(30, wild_chain_graph, execute_native);
}
END_TEST

SUITE("lower") {
  tcase_add_test(t, parts_that_read_parts_of_one_memory);
  tcase_add_test(t, reductions_pass_what_an_i32_counts);
  tcase_add_test(t, kernels_mean_what_the_graph_does);
  tcase_add_test(t, machine_code_means_what_the_graph_does);
  tcase_add_test(t, chains_mean_what_the_graph_does);
  tcase_add_loop_test(t, long_rows_chain, 0, 2);
  tcase_add_test(t, only_rows_that_are_contracted_again_chain);
  tcase_add_test(t, endless_scratch_does_not_chain);
  tcase_add_test(t, chains_that_cannot_begin_say_why);
  tcase_add_test(t, kernels_stay_small);
  tcase_add_test(t, wild_chains_mean_what_the_graph_does);
}
