/* What a launch is predicted to take: operations counted by hand, and the longest of its three times. */
#include <math.h>
#include <string.h>

#include "codegen/cpu/cpu.h"
#include "codegen/cuda/cuda.h"
#include "passes/explain/roofline.h"
#include "tests/suite.h"

/* The operations of the text's kernel. */
static double operations(const char *text) {
  Arena *a = arena_new();
  KernList *list = kern_parse(a, diag_source(a, "k", text, strlen(text)), KPLAN_RULES(NULL));
  ck_assert(list && list->n == 1 && kern_verify(list->k[0]));
  double n = kern_operations(list->k[0]);
  arena_free(a);
  return n;
}

/* An exponential counts as 10 additions, a division as 6. */
START_TEST(maps_count_each_operation_once_a_point) {
  ck_assert_double_eq(operations("compute f { axis i:8 j:5\n in x[8, 5] : f32\n out y[8, 5] : f32\n"
                                 " v[i, j] = exp(x[i, j]) / (x[i, j] + 1)\n store v[i, j] -> y[i, j] }"),
                      8 * 5 * (10 + 6 + 1));
}
END_TEST

START_TEST(rows_count_their_sums) {
  ck_assert_double_eq(operations("compute f { axis i:8 j:5\n in x[8, 5] : f32\n out y[8] : f32\n"
                                 " s[i] = sum(j) x[i, j]\n m[i] = s[i] * 0.2\n store m[i] -> y[i] }"),
                      8 * 5 + 8);
}
END_TEST

/* The multiplies and adds are the contraction's; its left side is computed in the pack, once an element. */
START_TEST(contractions_count_what_is_written_into_them) {
  ck_assert_double_eq(
      operations("compute f { axis m:4 n:6 k:3\n in x[4, 3] : f32\n in c[4] : f32\n in w[6, 3] : f32\n"
                 " out y[4, 6] : f32\n s[m, n] = sum(k) (x[m, k] - c[m]) * w[n, k]\n b[m, n] = s[m, n] + 1\n"
                 " store b[m, n] -> y[m, n] }"),
      4 * 3 + 4 * 6);
}
END_TEST

START_TEST(the_longest_of_three_bounds_a_launch) {
  Roofline r = {.flop = 1e9, .operations = 1e8, .bytes = 1e7, .launch = 1e-3};
  Bound b;
  ck_assert_double_eq_tol(roofline_seconds(&r, 5e8, 1e7, 1e6, &b), 0.501, 1e-12);
  ck_assert_int_eq(b, RB_FLOP);
  ck_assert_double_eq_tol(roofline_seconds(&r, 5e8, 6e7, 1e6, &b), 0.601, 1e-12);
  ck_assert_int_eq(b, RB_OPERATIONS);
  ck_assert_double_eq_tol(roofline_seconds(&r, 0, 6e7, 7e6, &b), 0.701, 1e-12);
  ck_assert_int_eq(b, RB_BYTES);
  ck_assert_double_eq_tol(roofline_seconds(&r, 0, 0, 10, &b), 1.001e-3, 1e-12);
  ck_assert_int_eq(b, RB_LAUNCH);
}
END_TEST

/* What kernels are cut by is Zen 5's speed, a cycle, of each of 7 busy cores: ir/target.h has the formula. */
START_TEST(costs_follow_from_speeds) {
  enum { CORES = 7 };
  const Target *t = cpu_target("znver5");
  double cycles = t->speed.flop / t->cost.flop;
  ck_assert_double_eq_tol(t->cost.far * cycles * CORES / t->speed.most_bytes, 1, 0.1);
  ck_assert_double_eq_tol(t->cost.launch / cycles / t->speed.launch, 1, 0.15);
  ck_assert_double_eq_tol(t->cost.operations * cycles / t->speed.operations, 0.5, 0.01);
  ck_assert_double_gt(t->cost.near, t->cost.far);
}
END_TEST

/* Cores add up until memory is full; a GPU is one. */
START_TEST(every_target_has_a_roof) {
  Roofline one = roofline_of(cpu_target("znver4"), 1), two = roofline_of(cpu_target("znver4"), 2),
           many = roofline_of(cpu_target("znver4"), 64);
  ck_assert(two.flop == 2 * one.flop && two.bytes == 2 * one.bytes && two.threads == 2);
  ck_assert(many.flop == 64 * one.flop && many.bytes < 64 * one.bytes && many.launch == one.launch);
  Arena *arena = arena_new();
  Roofline h = roofline_of(cuda_target(arena, "sm_90a,sm_80"), 64),
           a = roofline_of(cuda_target(arena, "sm_80"), 64);
  ck_assert(h.threads == 1 && h.flop > a.flop && a.flop > one.flop);
  const Target *others[] = {cuda_target(arena, "sm_120"), cpu_target("native"), cpu_target("x86-64-v3")};
  for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
    Roofline r = roofline_of(others[i], 1);
    ck_assert(r.flop > 0 && r.operations > 0 && r.bytes > 0 && r.launch > 0 && r.machine);
  }
  arena_free(arena);
}
END_TEST

SUITE("explain") {
  tcase_add_test(t, maps_count_each_operation_once_a_point);
  tcase_add_test(t, rows_count_their_sums);
  tcase_add_test(t, contractions_count_what_is_written_into_them);
  tcase_add_test(t, the_longest_of_three_bounds_a_launch);
  tcase_add_test(t, costs_follow_from_speeds);
  tcase_add_test(t, every_target_has_a_roof);
}
