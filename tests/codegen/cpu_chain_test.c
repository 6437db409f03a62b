/* Attention-like kernels through LLVM against the interpreter: sizes that divide nothing, bounds of all
 * kinds, whole blocks stored, left factors that are expressions. */
#include <stdio.h>
#include <string.h>

#include "tests/codegen/cpu_case.h"
#include "tests/suite.h"

typedef struct Sizes {
  int b, h, i, j, d, e;
} Sizes;

static Sizes draw_sizes(int test) {
  static const int tokens[] = {1, 5, 13, 14, 16, 29, 33, 49, 148}, width[] = {1, 4, 8, 16, 17, 32, 40};
  draw_from(suite_seed() + (uint64_t)test);
  Sizes s = {1 + (int)draw_below(3), 1 + (int)draw_below(3), tokens[draw_below(9)],
             tokens[draw_below(9)],  width[draw_below(7)],   width[draw_below(7)]};
  return s;
}

static const char *head(Arena *a, const Sizes *s) {
  return arena_printf(a, "compute chain {\n axis b:%d h:%d i:%d j:%d d:%d e:%d\n", s->b, s->h, s->i, s->j,
                      s->d, s->e);
}

static const char plan[] =
    "plan chain cpu chain {\n role batch: b, h; role m: i; role n: j; role k: d; role d: e;\n"
    " place s row; place p row;";

/* The bounds of a sum over j for row i: by number from all to one read from a buffer. */
static const char *bounds(Arena *a, int kind, int n) {
  switch (kind) {
  case 0: return "j";
  case 1: return "j: 0 .. hi[i]";
  case 2: return arena_printf(a, "j: %d .. %d", n / 3, n);
  default: return "j: low[i] .. hi[i]";
  }
}

static const char *bound_buffers(Arena *a, const Sizes *s, int kind) {
  const char *hi = arena_printf(a, " in hi[%d] : i32 below %d\n", s->i, s->j + 1);
  const char *low = arena_printf(a, " in low[%d] : i32 below %d\n", s->i, s->j + 1);
  return kind == 1 ? hi : kind == 3 ? arena_printf(a, "%s%s", hi, low) : "";
}

/* Sums in another order: 1.7e-6 of 1 or the element apart at most in some 200 kernels; backward, where dp -
 * delta nearly cancels, 1.7e-5. */
static const double forwards = 1e-5, backwards = 1.5e-4;

START_TEST(forward) {
  Arena *a = arena_new();
  Sizes s = draw_sizes(_i);
  int kind = _i % 4;
  bool whole = draw_below(3) == 0, factor = draw_below(3) == 0;
  const char *j = bounds(a, kind, s.j);
  const char *text = arena_printf(
      a,
      "%s in q[%d, %d, %d, %d] : f32\n in k[%d, %d, %d, %d] : f32\n in v[%d, %d, %d, %d] : f32\n%s"
      " out o[%d, %d, %d, %d] : f32\n out most[%d, %d, %d] : f32\n%s"
      " s[b, h, i, j] = sum(d) q[b, i, h, d] * k[b, %s]\n z[b, h, i, j] = s[b, h, i, j] * 0.05\n"
      " mx[b, h, i] = max(%s) z[b, h, i, j]\n p[b, h, i, j] = exp(z[b, h, i, j] - mx[b, h, i])\n"
      " l[b, h, i] = sum(%s) p[b, h, i, j]\n u[b, h, i, e] = sum(%s) %s * v[b, %s]\n"
      " r[b, h, i, e] = u[b, h, i, e] / l[b, h, i]\n store r[b, h, i, e] -> o[b, i, h, e]\n"
      " store mx[b, h, i] -> most[b, h, i]\n%s}\n%s place mx row; place l row }\n",
      head(a, &s), s.b, s.i, s.h, s.d, s.b, _i % 2 ? s.j : s.h, _i % 2 ? s.h : s.d, _i % 2 ? s.d : s.j, s.b,
      _i % 3 ? s.j : s.h, _i % 3 ? s.h : s.e, _i % 3 ? s.e : s.j, bound_buffers(a, &s, kind), s.b, s.i, s.h,
      s.e, s.b, s.h, s.i,
      whole ? arena_printf(a, " out all[%d, %d, %d, %d] : f32\n", s.b, s.h, s.i, s.j) : "",
      _i % 2 ? "j, h, d" : "h, d, j", j, j, j, factor ? "(2 * p[b, h, i, j])" : "p[b, h, i, j]",
      _i % 3 ? "j, h, e" : "h, e, j", whole ? " store z[b, h, i, j] -> all[b, h, i, j]\n" : "", plan);
  cpu_case_check(text, forwards);
  arena_free(a);
}
END_TEST

START_TEST(backward) {
  Arena *a = arena_new();
  Sizes s = draw_sizes(_i);
  bool masked = _i % 2;
  const char *row = bounds(a, masked, s.j);
  const char *col = masked ? arena_printf(a, "i: lo[j] .. %d", s.i) : "i";
  const char *ints =
      masked ? arena_printf(a, "%s in lo[%d] : i32 below %d\n", bound_buffers(a, &s, 1), s.j, s.i + 1) : "";
  const char *text = arena_printf(
      a,
      "%s in q[%d, %d, %d, %d] : f32\n in k[%d, %d, %d, %d] : f32\n in v[%d, %d, %d, %d] : f32\n"
      " in do[%d, %d, %d, %d] : f32\n in most[%d, %d, %d] : f32\n%s"
      " out gq[%d, %d, %d, %d] : f32\n inout gk[%d, %d, %d, %d] : f32\n out gv[%d, %d, %d, %d] : f32\n"
      " out more[%d, %d, %d, %d] : f32\n"
      " s[b, h, i, j] = sum(d) k[b, j, h, d] * q[b, i, h, d]\n"
      " p[b, h, i, j] = exp(s[b, h, i, j] * 0.05 - most[b, h, i])\n"
      " dp[b, h, i, j] = sum(e) do[b, i, h, e] * v[b, j, h, e]\n"
      " delta[b, h, i] = sum(e) do[b, i, h, e] * do[b, i, h, e]\n"
      " ds[b, h, i, j] = p[b, h, i, j] * (dp[b, h, i, j] - delta[b, h, i]) * 0.05\n"
      " dq[b, h, i, d] = sum(%s) ds[b, h, i, j] * k[b, j, h, d]\n"
      " dk[b, h, j, d] = sum(%s) ds[b, h, i, j] * q[b, i, h, d]\n"
      " dv[b, h, j, e] = sum(%s) p[b, h, i, j] * do[b, i, h, e]\n"
      " nk[b, h, j, d] = gk[b, j, h, d] + dk[b, h, j, d]\n mk[b, h, j, d] = gk[b, j, h, d] - dk[b, h, j, "
      "d]\n store dq[b, h, i, d] -> gq[b, i, h, d]\n"
      " store nk[b, h, j, d] -> gk[b, j, h, d]\n store mk[b, h, j, d] -> more[b, j, h, d]\n store dv[b, h, "
      "j, e] -> gv[b, j, h, e]\n}\n"
      "%s place dp row; place ds row; place delta row }\n",
      head(a, &s), s.b, s.i, s.h, s.d, s.b, s.j, s.h, s.d, s.b, s.j, s.h, s.e, s.b, s.i, s.h, s.e, s.b, s.h,
      s.i, ints, s.b, s.i, s.h, s.d, s.b, s.j, s.h, s.d, s.b, s.j, s.h, s.e, s.b, s.j, s.h, s.d, row, col,
      col, plan);
  cpu_case_check(text, backwards);
  arena_free(a);
}
END_TEST

/* Reductions over the rows, of elements and of results, stored and read by what is stored after the last
 * block. */
START_TEST(sums_over_rows) {
  Arena *a = arena_new();
  Sizes s = draw_sizes(_i);
  const char *col = _i % 2 ? arena_printf(a, "i: lo[j] .. %d", s.i) : "i";
  const char *ints = _i % 2 ? arena_printf(a, " in lo[%d] : i32 below %d\n", s.j, s.i + 1) : "";
  const char *text = arena_printf(
      a,
      "%s in q[%d, %d, %d, %d] : f32\n in k[%d, %d, %d, %d] : f32\n in do[%d, %d, %d, %d] : f32\n%s"
      " out gv[%d, %d, %d, %d] : f32\n out all[%d, %d, %d] : f32\n out most[%d, %d, %d] : f32\n"
      " out count[%d, %d, %d] : i32\n"
      " s[b, h, i, j] = sum(d) q[b, i, h, d] * k[b, j, h, d]\n p[b, h, i, j] = exp(s[b, h, i, j] * 0.05)\n"
      " l[b, h, i] = sum(j) p[b, h, i, j]\n"
      " z[b, h, j] = sum(%s) p[b, h, i, j] / l[b, h, i]\n"
      " u[b, h, i, d] = sum(j) p[b, h, i, j] * k[b, j, h, d]\n mx[b, h, d] = max(i) u[b, h, i, d]\n"
      " n[b, h, j] = sum(%s) cast(i32, 1 <= p[b, h, i, j])\n"
      " dv[b, h, j, e] = sum(%s) p[b, h, i, j] * do[b, i, h, e]\n"
      " nv[b, h, j, e] = dv[b, h, j, e] / (1 + z[b, h, j])\n"
      " store nv[b, h, j, e] -> gv[b, j, h, e]\n store z[b, h, j] -> all[b, h, j]\n"
      " store mx[b, h, d] -> most[b, h, d]\n store n[b, h, j] -> count[b, h, j]\n}\n%s place l row }\n",
      head(a, &s), s.b, s.i, s.h, s.d, s.b, s.j, s.h, s.d, s.b, s.i, s.h, s.e, ints, s.b, s.j, s.h, s.e, s.b,
      s.h, s.j, s.b, s.h, s.d, s.b, s.h, s.j, col, col, col, plan);
  cpu_case_check(text, forwards);
  arena_free(a);
}
END_TEST

/* The text of kernel `name` and of its plan in the file of hard kernels; the plan is the next after it. */
static char *hard_kernel(Arena *a, const char *name) {
  Source *src = diag_read(a, TESTS_DIR "/ir/kern/hard/attention.kern");
  ck_assert_ptr_nonnull(src);
  const char *from = strstr(src->text, arena_printf(a, "compute %s {", name));
  const char *p = from ? strstr(from, arena_printf(a, "plan %s cpu", name)) : NULL;
  const char *end = p ? strstr(p, "\n}") : NULL;
  ck_assert_msg(end != NULL, "no kernel %s with a plan", name);
  return arena_strndup(a, from, (size_t)(end + 3 - from));
}

START_TEST(hard_kernels) {
  static const char *const name[] = {"attention_148", "attention_257"};
  Arena *a = arena_new();
  cpu_case_check(hard_kernel(a, name[_i]), forwards);
  arena_free(a);
}
END_TEST

SUITE("cpu_chain") {
  tcase_add_loop_test(t, forward, 0, 24);
  tcase_add_loop_test(t, backward, 0, 16);
  tcase_add_loop_test(t, sums_over_rows, 0, 16);
  tcase_add_loop_test(t, hard_kernels, 0, 2);
}
