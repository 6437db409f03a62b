/* Index expressions: simplified forms against a naive evaluator at every point, and compositions of reshapes
 * that must come out affine. */
#include "ir/kernel/ix.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ir/type.h"
#include "tests/suite.h"

enum { AXES = 4 };

static Arena *arena;
static int64_t extent[AXES];
static uint64_t drawn_from; /* the case's seed */
static const char *letter(void *ctx, int i) {
  static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g", "h"};
  (void)ctx;
  return names[i];
}

static const IxNames names = {letter, letter, NULL};

static const char *text(const Ix *x) {
  return ix_text(arena, x, &names);
}

/* A random tree, evaluated as written. */
typedef struct Tree Tree;
struct Tree {
  char op; /* 'x' axis, 'n' number, '+', '*', '/', '%', 'r' read */
  int64_t v;
  Tree *l, *r;
};

static Tree *random_tree(int depth) {
  static const int divisors[] = {1, 2, 3, 4, 5, 6, 8, 12, 16, 24};
  static const char ops[] = "xn++**//%%r";
  Tree *t = ARENA_NEW(arena, Tree);
  t->op = depth ? ops[draw_below(11)] : ops[draw_below(2)];
  t->v = t->op == 'x'   ? draw_below(AXES)
         : t->op == 'n' ? (int64_t)draw_below(30) - 8
         : t->op == '*' ? (int64_t)draw_below(26) - 6
                        : divisors[draw_below(10)];
  if (t->op == 'x' || t->op == 'n') return t;
  t->l = random_tree(depth - 1);
  if (t->op == '+') t->r = random_tree(depth - 1);
  return t;
}

static int64_t floor_div(int64_t x, int64_t n) {
  int64_t q = x / n;
  return q * n > x ? q - 1 : q;
}

/* The buffer that is read: a hash below t->v. */
static int64_t table(int64_t index, int64_t below) {
  int64_t v = index * 7 + 3;
  return v - below * floor_div(v, below);
}

static int64_t tree_eval(const Tree *t, const int64_t *at) {
  if (t->op == 'x') return at[t->v];
  if (t->op == 'n') return t->v;
  int64_t l = tree_eval(t->l, at);
  switch (t->op) {
  case '+': return l + tree_eval(t->r, at);
  case '*': return l * t->v;
  case '/': return floor_div(l, t->v);
  case '%': return l - t->v * floor_div(l, t->v);
  default: return table(l, t->v);
  }
}

static const Ix *tree_build(const Tree *t) {
  if (t->op == 'x') return ix_axis(arena, (int)t->v, extent[t->v]);
  if (t->op == 'n') return ix_const(arena, t->v);
  const Ix *l = tree_build(t->l);
  switch (t->op) {
  case '+': return ix_add(arena, l, tree_build(t->r));
  case '*': return ix_scale(arena, l, t->v);
  case '/': return ix_div(arena, l, t->v);
  case '%': return ix_mod(arena, l, t->v);
  default: return ix_read(arena, (int)t->v, t->v, 1, &l);
  }
}

static int64_t read_table(void *ctx, int buf, const int64_t *idx, int nidx) {
  (void)ctx;
  ck_assert_int_eq(nidx, 1);
  return table(idx[0], buf);
}

static bool next_point(int64_t *at) {
  for (int i = 0; i < AXES; i++) {
    if (++at[i] < extent[i]) return true;
    at[i] = 0;
  }
  return false;
}

static void check_everywhere(const Tree *t, const Ix *x) {
  int64_t at[AXES] = {0}, lo, hi;
  ix_range(x, &lo, &hi);
  do {
    int64_t want = tree_eval(t, at), found = ix_eval(x, at, read_table, NULL);
    if (want != found || want < lo || want > hi)
      ck_abort_msg("seed %" PRIu64
                   ": %s is %lld at (%lld, %lld, %lld, %lld), expected %lld; range %lld .. %lld",
                   drawn_from, text(x), (long long)found, (long long)at[0], (long long)at[1],
                   (long long)at[2], (long long)at[3], (long long)want, (long long)lo, (long long)hi);
  } while (next_point(at));
}

static void fresh(uint32_t number) {
  arena_free(arena);
  arena = arena_new();
  drawn_from = suite_seed() + number;
  draw_from(drawn_from);
  for (int i = 0; i < AXES; i++) extent[i] = 1 + draw_below(6);
}

START_TEST(simplified_expressions_keep_their_values) {
  for (uint32_t i = 0; i < 30000; i++) {
    fresh(i);
    const Tree *t = random_tree(5);
    check_everywhere(t, tree_build(t));
  }
}
END_TEST

/* Substituting expressions for axes is evaluating at their values. */
START_TEST(substitution_is_evaluation_at_the_replacement) {
  for (uint32_t i = 0; i < 3000; i++) {
    fresh(i);
    int64_t inner[AXES], at[AXES] = {0}, there[AXES];
    memcpy(inner, extent, sizeof inner);
    const Tree *t[AXES];
    const Ix *to[AXES];
    for (int a = 0; a < AXES; a++) {
      t[a] = random_tree(2);
      to[a] = ix_mod(arena, tree_build(t[a]), extent[a]); /* stays within the axis */
    }
    const Tree *e = random_tree(4);
    const Ix *x = ix_subst(arena, tree_build(e), to, AXES);
    do {
      for (int a = 0; a < AXES; a++) {
        int64_t v = tree_eval(t[a], at);
        there[a] = v - inner[a] * floor_div(v, inner[a]);
      }
      ck_assert_int_eq(ix_eval(x, at, read_table, NULL), tree_eval(e, there));
    } while (next_point(at));
  }
}
END_TEST

START_TEST(reads_are_renamed) {
  fresh(0);
  const Ix *at = ix_axis(arena, 0, 4), *x = ix_add(arena, ix_read(arena, 1, 5, 1, &at), at);
  ck_assert_str_eq(text(ix_rename_reads(arena, x, (int[]){7, 3})), "a + d[a]");
}
END_TEST

typedef struct Form {
  const char *want;
  const Ix *(*make)(const Ix *const *x); /* axes a:4 b:6 c:8 d:5, then e:720 f:64 */
} Form;

static const Ix *sum(const Ix *x, int64_t by, const Ix *y) {
  return ix_add(arena, ix_scale(arena, x, by), y);
}

#define FORM(name, expr)                                                                                     \
  static const Ix *name(const Ix *const *x) {                                                                \
    return expr;                                                                                             \
  }
#define DIV(x, n) ix_div(arena, x, n)
#define MOD(x, n) ix_mod(arena, x, n)
#define MUL(x, n) ix_scale(arena, x, n)
#define ADD(x, y) ix_add(arena, x, y)
#define NUM(n) ix_const(arena, n)

FORM(quotient_takes_high, DIV(sum(x[0], 8, x[2]), 8))
FORM(remainder_takes_low, MOD(sum(x[0], 8, x[2]), 8))
FORM(head_dim, MOD(sum(x[1], 64, x[5]), 64))
FORM(rejoined, ADD(MUL(DIV(x[4], 12), 12), MOD(x[4], 12)))
FORM(nested_quotient, DIV(DIV(x[4], 4), 3))
FORM(nested_remainder, MOD(MOD(x[4], 24), 8))
FORM(quotient_of_remainder, DIV(MOD(x[4], 24), 8))
FORM(three_scales, DIV(sum(sum(x[0], 6, x[1]), 8, x[2]), 8))
FORM(small_remainder, MOD(x[2], 8))
FORM(small_quotient, DIV(x[2], 8))
FORM(three_part_join, ADD(ADD(MUL(DIV(x[4], 12), 12), MUL(MOD(DIV(x[4], 4), 3), 4)), MOD(x[4], 4)))
FORM(join_inside_larger_sum, ADD(sum(x[0], 4608, MUL(DIV(x[4], 64), 64 * 3)), MUL(MOD(x[4], 64), 3)))
FORM(remainder_by_subtraction, ADD(x[4], MUL(DIV(x[4], 8), -8)))
FORM(two_remainders, ADD(MUL(MOD(DIV(x[4], 4), 3), 4), MOD(x[4], 4)))
FORM(dropped_multiple, MOD(sum(sum(x[0], 6, x[1]), 8, x[2]), 48))
FORM(constant_split, DIV(ADD(sum(x[0], 8, x[2]), NUM(16)), 8))
FORM(negative_offset, DIV(ADD(sum(x[0], 8, x[2]), NUM(-8)), 8))
FORM(coarser_factor, DIV(sum(sum(x[0], 6, x[1]), 8, x[2]), 16))
FORM(uneven, DIV(MUL(x[2], 65), 64))

static const Form forms[] = {
    {"a", quotient_takes_high},
    {"c", remainder_takes_low},
    {"f", head_dim},
    {"e", rejoined},
    {"(e/12)", nested_quotient},
    {"(e%8)", nested_remainder},
    {"((e/8)%3)", quotient_of_remainder},
    {"6*a + b", three_scales},
    {"c", small_remainder},
    {"0", small_quotient},
    {"e", three_part_join},
    {"4608*a + 3*e", join_inside_larger_sum},
    {"(e%8)", remainder_by_subtraction},
    {"(e%12)", two_remainders},
    {"8*b + c", dropped_multiple},
    {"a + 2", constant_split},
    {"a - 1", negative_offset},
    {"3*a + (b/2)", coarser_factor},
    {"c", uneven},
};

START_TEST(simplifies_to) {
  fresh(0);
  static const int64_t extents[] = {4, 6, 8, 5, 720, 64};
  const Ix *x[6];
  for (int i = 0; i < 6; i++) x[i] = ix_axis(arena, i, extents[i]);
  ck_assert_str_eq(text(forms[_i].make(x)), forms[_i].want);
}
END_TEST

/* Axes of a tensor's atoms, merged and split in ways that refine each other: whatever the way there and back,
 * every index must be affine. */

static bool affine(const Ix *x) {
  for (int i = 0; i < x->nterm; i++)
    if (x->term[i].atom->kind != IX_AXIS) return false;
  return true;
}

/* Merges neighbouring atoms into dimensions of the given groups, flattens those, and splits the flat index
 * into atoms again. */
static void merge_and_split(int n, const int64_t *dim, const int *group, const Ix **x) {
  int64_t merged[AXES];
  const Ix *part[AXES] = {0};
  int ndims = 0;
  for (int i = 0, g = 0; i < n; g++) {
    merged[ndims] = 1;
    for (int j = i; j < i + group[g]; j++) merged[ndims] *= dim[j];
    part[ndims++] = ix_flatten(arena, group[g], dim + i, x + i);
    i += group[g];
  }
  const Ix *flat = ix_flatten(arena, ndims, merged, part);
  ix_unflatten(arena, flat, ndims, merged, part);
  for (int i = 0, g = 0; i < n; g++) {
    ix_unflatten(arena, part[g], group[g], dim + i, x + i);
    i += group[g];
  }
}

static void permute(int n, int64_t *dim, const Ix **x) {
  for (int i = n - 1; i > 0; i--) {
    int j = (int)draw_below((uint32_t)i + 1);
    int64_t d = dim[i];
    const Ix *t = x[i];
    dim[i] = dim[j], x[i] = x[j];
    dim[j] = d, x[j] = t;
  }
}

START_TEST(reshapes_that_refine_each_other_stay_affine) {
  for (uint32_t i = 0; i < 2000; i++) {
    fresh(i);
    int n = 2 + (int)draw_below(3);
    int64_t dim[AXES] = {0};
    const Ix *x[AXES];
    for (int a = 0; a < n; a++) {
      dim[a] = 1 + draw_below(12);
      x[a] = ix_axis(arena, a, dim[a]);
    }
    for (int moves = 0; moves < 4; moves++) {
      int group[AXES] = {0}, left = n, g = 0;
      while (left > 0) {
        group[g] = 1 + (int)draw_below((uint32_t)left);
        left -= group[g++];
      }
      merge_and_split(n, dim, group, x);
      permute(n, dim, x);
      for (int a = 0; a < n; a++) ck_assert_msg(affine(x[a]), "seed %" PRIu64 ": %s", drawn_from, text(x[a]));
    }
  }
}
END_TEST

/* The same from the other end: a kernel over the merged axes of a result reads an operand with these atoms as
 * strides of a row-major buffer, and finds the row-major order again. */
START_TEST(split_and_merged_linear_index_is_the_identity) {
  for (uint32_t i = 0; i < 2000; i++) {
    fresh(i);
    int n = 2 + (int)draw_below(3);
    int64_t dim[AXES], total = 1;
    const Ix *part[AXES];
    for (int a = 0; a < n; a++) total *= dim[a] = 1 + draw_below(9);
    const Ix *flat = ix_axis(arena, 0, total), *x = flat;
    for (int moves = 0; moves < 3; moves++) {
      ix_unflatten(arena, x, n, dim, part);
      x = ix_flatten(arena, n, dim, part);
    }
    ck_assert_msg(ix_same(x, flat), "seed %" PRIu64 ": %s", drawn_from, text(x));
  }
}
END_TEST

/* Reshapes whose factors do not refine each other: the way back must still be the identity. */
START_TEST(any_reshape_there_and_back_is_the_identity) {
  static const int64_t shapes[][4] = {{4, 6}, {2, 3, 4}, {12, 2}, {3, 8}, {24}, {6, 2, 2}, {8, 3}};
  static const int ranks[] = {2, 3, 2, 2, 1, 3, 2};
  for (int s = 0; s < 7; s++)
    for (int t = 0; t < 7; t++) {
      fresh(0);
      const Ix *x[4], *y[4], *z[4];
      for (int i = 0; i < ranks[s]; i++) x[i] = ix_axis(arena, i, shapes[s][i]);
      ix_unflatten(arena, ix_flatten(arena, ranks[s], shapes[s], x), ranks[t], shapes[t], y);
      ix_unflatten(arena, ix_flatten(arena, ranks[t], shapes[t], y), ranks[s], shapes[s], z);
      for (int i = 0; i < ranks[s]; i++) ck_assert_msg(ix_same(x[i], z[i]), "%s", text(z[i]));
    }
}
END_TEST

START_TEST(equal_expressions_have_equal_structure) {
  fresh(0);
  const Ix *a = ix_axis(arena, 0, 4), *b = ix_axis(arena, 1, 6), *e = ix_axis(arena, 4, 720);
  const Ix *x = ADD(ADD(MUL(a, 3), DIV(e, 5)), MUL(b, 2)), *y = ADD(MUL(b, 2), ADD(DIV(e, 5), MUL(a, 3)));
  ck_assert(ix_same(x, y));
  ck_assert_int_eq(ix_compare(x, y), 0);
  ck_assert(!ix_same(x, ADD(x, NUM(1))));
  ck_assert_int_eq(ix_compare(a, b), -ix_compare(b, a));
}
END_TEST

START_TEST(questions_about_axes) {
  fresh(0);
  const Ix *a = ix_axis(arena, 0, 4), *e = ix_axis(arena, 4, 720);
  int64_t coef, v;
  ck_assert(ix_coef(ADD(MUL(a, 3), DIV(e, 5)), 0, &coef) && coef == 3);
  ck_assert(ix_coef(ADD(MUL(a, 3), DIV(e, 5)), 1, &coef) && coef == 0);
  ck_assert(!ix_coef(ADD(MUL(a, 3), DIV(e, 5)), 4, &coef));
  ck_assert(ix_uses_axis(DIV(e, 5), 4) && !ix_uses_axis(DIV(e, 5), 0));
  ck_assert(ix_is_const(ADD(a, MUL(a, -1)), &v) && v == 0);
  ck_assert(ix_is_const(ix_axis(arena, 3, 1), &v) && v == 0);
}
END_TEST

/* Every half and bfloat16 value, and what lies between neighbours: against a search over all of them. */
static float half_value(unsigned bits) {
  int exponent = (int)(bits >> 10 & 31), mantissa = (int)(bits & 1023);
  float scale = 1;
  for (int i = 25; i < exponent; i++) scale *= 2;
  for (int i = exponent ? exponent : 1; i < 25; i++) scale /= 2;
  return scale * (float)(exponent ? mantissa + 1024 : mantissa);
}

START_TEST(rounds_to_half_precision) {
  for (unsigned bits = 0; bits < 0x7c00; bits++) {
    float v = half_value(bits), next = bits + 1 == 0x7c00 ? 65536 : half_value(bits + 1);
    float middle = (v + next) / 2, even = bits & 1 ? next : v, inf = (float)(1e300 * 1e10);
    if (even == 65536) even = inf;
    if (next == 65536) next = inf;
    ck_assert(dtype_round(DT_F16, v) == v && dtype_round(DT_F16, -v) == -v);
    ck_assert(dtype_round(DT_F16, middle) == even);
    ck_assert(dtype_round(DT_F16, middle - (middle - v) / 64) == v);
    ck_assert(dtype_round(DT_F16, middle + (middle - v) / 64) == next);
  }
}
END_TEST

static void setup(void) {
  arena = arena_new();
}

static void teardown(void) {
  arena_free(arena);
  arena = NULL;
}

SUITE("ix") {
  tcase_add_checked_fixture(t, setup, teardown);
  tcase_add_test(t, simplified_expressions_keep_their_values);
  tcase_add_test(t, substitution_is_evaluation_at_the_replacement);
  tcase_add_test(t, reads_are_renamed);
  tcase_add_loop_test(t, simplifies_to, 0, (int)(sizeof forms / sizeof *forms));
  tcase_add_test(t, reshapes_that_refine_each_other_stay_affine);
  tcase_add_test(t, split_and_merged_linear_index_is_the_identity);
  tcase_add_test(t, any_reshape_there_and_back_is_the_identity);
  tcase_add_test(t, equal_expressions_have_equal_structure);
  tcase_add_test(t, questions_about_axes);
  tcase_add_test(t, rounds_to_half_precision);
}
