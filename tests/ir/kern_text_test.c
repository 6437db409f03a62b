/* Kernel text: printing what was built, parsing it back, and errors with their places. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/ir/kern_reader.h"
#include "tests/suite.h"

static Loc place(const char *path, int line, int col) {
  return (Loc){diag_source(arena, path, "", 0), line, col};
}

/* fc1 as lowering would build it. */
static Kernel *build(void) {
  static const char *const origin[] = {"blocks.*.mlp.fc1", "a \"quoted\\\" name", NULL};
  Kernel *k = kern_new(arena, "fc1", place("models/digpt.tess", 41, 9));
  k->origin = origin;
  int m = kern_axis(k, "m", 8), n = kern_axis(k, "n", 6), d = kern_axis(k, "k", 4);
  int x = kern_buf(k, "blocks.3.x", KB_IN, DT_F32, 2, (int64_t[]){8, 4}, NULL);
  int w = kern_buf(k, "w", KB_IN, DT_BF16, 2, (int64_t[]){6, 4}, (int64_t[]){1, 6});
  int y = kern_buf(k, "y", KB_OUT, DT_F32, 2, (int64_t[]){8, 6}, NULL);
  const Ix *im = ix_axis(arena, m, 8), *in = ix_axis(arena, n, 6), *ik = ix_axis(arena, d, 4);
  const KExpr *product = kexpr_elt(arena, E_MUL, kexpr_read(k, x, (const Ix *[]){im, ik}),
                                   kexpr_cast(arena, DT_F32, kexpr_read(k, w, (const Ix *[]){in, ik})), NULL);
  KRed red = {.axis = d, .hi = ix_add(arena, ix_div(arena, im, 2), ix_const(arena, 1))};
  int s = kern_val(k, "s", DT_F32, 2, (int[]){m, n}, KR_SUM, 1, &red, product);
  const KExpr *sum = kexpr_value(k, s, (const Ix *[]){im, in});
  const KExpr *less =
      kexpr_elt(arena, E_LT, kexpr_index(arena, DT_I32, in), kexpr_const(arena, DT_I32, 5), NULL);
  int stream = kern_stream(k, "w", 0x9e3779b97f4a7c15u);
  const KExpr *draw = kexpr_random(k, stream, ix_add(arena, ix_scale(arena, im, 6), in));
  const KExpr *tail = kexpr_elt(arena, E_ADD, kexpr_step(arena, "lr"), draw, NULL);
  int v = kern_val(k, "s", DT_F32, 2, (int[]){m, n}, KR_NONE, 0, NULL,
                   kexpr_elt(arena, E_SELECT, less, sum, tail));
  k->val[v].loc = place("lib/nn.tess", 12, 3);
  kern_store(k, v, y, (const Ix *[]){im, in});
  KPlan *p = kern_plan(k, &reader_cpu, SK_DOT);
  kplan_role(p, ROLE_M, 1, &m);
  kplan_role(p, ROLE_BATCH, 0, NULL);
  kplan_role(p, ROLE_K, 1, &d);
  kplan_num(p, READER_MR, 14);
  p->place[s] = READER_ACC;
  return k;
}

static const char built[] =
    "compute fc1 \"models/digpt.tess\":41:9 {\n"
    "  origin \"blocks.*.mlp.fc1\", \"a \\\"quoted\\\\\\\" name\"\n"
    "  axis m:8 n:6 k:4\n"
    "  in blocks_3_x[8, 4] : f32\n"
    "  in w[6, 4] : bf16 strides [1, 6]\n"
    "  out y[8, 6] : f32\n"
    "  stream w_2 = 0x9e3779b97f4a7c15\n"
    "  s[m, n] = sum(k:  .. (m/2) + 1) blocks_3_x[m, k] * cast(f32, w[n, k]) @ \"models/digpt.tess\":41:9\n"
    "  s_2[m, n] = select(index(i32, n) < i32(5), s[m, n], step(lr) + random(w_2, 6*m + n))"
    " @ \"lib/nn.tess\":12:3\n"
    "  store s_2[m, n] -> y[m, n]\n"
    "}\n"
    "plan fc1 cpu dot {\n"
    "  role m: m;\n"
    "  role k: k;\n"
    "  num mr 14;\n"
    "  place s acc;\n"
    "}\n";

START_TEST(built_kernel_prints_and_parses_back) {
  Kernel *k = build();
  ck_assert_str_eq(kern_print(arena, k), built);
  Kernel *again = reader_kernel(built);
  ck_assert_str_eq(kern_print(arena, again), built);
  ck_assert_int_eq(again->val[1].loc.line, 12);
  ck_assert_str_eq(again->origin[1], "a \"quoted\\\" name");
  ck_assert_int_eq(again->val[0].red[0].lo == NULL, 1);
  ck_assert(kern_verify(again));
}
END_TEST

START_TEST(constants_keep_their_bits) {
  static const double values[] = {
      0.0, -0.0, 1,      0.1,      (double)0.1f, 1e300,        5e-324,
      3,   -7.5, 1e-6,   INFINITY, -INFINITY,    1.0 / 3,      0x1.fffffffffffffp+1023,
      6e5, NAN,  123456, 1 << 30,  -1e-300,      0.70710678118};
  for (size_t i = 0; i < sizeof values / sizeof *values; i++)
    for (DType t = DT_F32; t <= DT_F16; t++) {
      Kernel *k = kern_new(arena, "f", (Loc){0});
      int axis = kern_axis(k, "i", 2), out = kern_buf(k, "y", KB_OUT, t, 1, (int64_t[]){2}, NULL);
      const Ix *at = ix_axis(arena, axis, 2);
      const KExpr *e =
          kexpr_elt(arena, E_SUB, kexpr_const(arena, t, 1), kexpr_const(arena, t, values[i]), NULL);
      kern_store(k, kern_val(k, "v", t, 1, &axis, KR_NONE, 0, NULL, e), out, &at);
      const KExpr *c = reader_kernel(kern_print(arena, k))->val[0].expr->arg[1];
      ck_assert_int_eq(c->dtype, t);
      if (isnan(values[i]))
        ck_assert(isnan(c->value));
      else
        ck_assert_msg(c->value == values[i] && !signbit(c->value) == !signbit(values[i]),
                      "%.17g became %.17g", values[i], c->value);
    }
}
END_TEST

/* Printed with as few parentheses as the precedence needs. */
static const char *const expressions[] = {
    "a[i] + b[i] * a[i]",
    "(a[i] + b[i]) * a[i]",
    "a[i] - (b[i] - a[i])",
    "a[i] - b[i] - a[i]",
    "a[i] / (b[i] / a[i])",
    "select(a[i] < b[i] and b[i] < 1 or not(a[i] == 2), a[i], 0)",
    "select((a[i] < 1 or b[i] < 1) and a[i] <= 3, a[i], -inf)",
    "max(a[i], min(b[i], 0))",
    "max(inf, a[i])",
    "neg(exp(log(sqrt(rsqrt(erf(tanh(sin(cos(abs(floor(a[i])))))))))))",
    "select(isfinite(a[i]) == true, a[i] * -1, nan)",
    "cast(f32, cast(u8, cast(i32, a[i])))",
    "index(f32, i + 3)",
    "a[(i/2)]",
    "a[-i + 3]",
    "a[((2*i + 1)/3)]",
};

START_TEST(expressions_print_as_written) {
  const char *line = arena_printf(arena, "v[i] = %s\n", expressions[_i]);
  const char *text = arena_printf(arena,
                                  "compute f {\n  axis i:4\n  in a[4] : f32\n  in b[4] : f32\n  out y[4] : "
                                  "f32\n  %s  store v[i] -> y[i]\n}\n",
                                  line);
  ck_assert_str_eq(kern_print(arena, reader_kernel(text)), text);
}
END_TEST

START_TEST(reductions_and_declarations_print_as_written) {
  static const char text[] = "compute f {\n"
                             "  axis i:4 j:6 one:1\n"
                             "  in x[4, 6] : f32 strides [0, 1]\n"
                             "  in t[4, 2] : i32 below 4\n"
                             "  in n[4, 6] : i32\n"
                             "  inout z[] : f32\n"
                             "  out y[4, 1] : f32\n"
                             "  s[i] = sum(j: (i/2) .. i + 2) x[t[i, 1], j]\n"
                             "  m[i] = max(j) s[i] * x[i, j]\n"
                             "  b[i] = sum(j) acc bf16 cast(bf16, x[i, j])\n"
                             "  c[i] = max(j: 1 .. ) n[i, j]\n"
                             "  a[] = sum(i, j: 2 .. 6) x[i, j]\n"
                             "  q[] = z[] + a[]\n"
                             "  r[i, one] = m[i] + cast(f32, b[i]) + cast(f32, c[i])\n"
                             "  store r[i, one] -> y[i, 0]\n"
                             "  store q[] -> z[]\n"
                             "}\n";
  Kernel *k = reader_kernel(text);
  ck_assert_str_eq(kern_print(arena, k), text);
  ck_assert_msg(kern_verify(k), "%s", reader_said());
}
END_TEST

START_TEST(equal_kernels_have_one_canonical_text) {
  static const char a[] =
      "compute f \"a.tess\":1:1 { origin \"p\"\n axis i:4\n in x[4] : f32\n out y[4] : f32\n"
      " v[i] = x[i] + step(lr)\n store v[i] -> y[i] } plan f cpu flat { role lane: i }";
  static const char b[] = "compute g { axis k:4\n in p[4] : f32\n out q[4] : f32\n"
                          " w[k] = p[k] + step(lr)\n store w[k] -> q[k] } plan g cpu flat { role lane: k }";
  static const char c[] = "compute g { axis k:4\n in p[4] : f32\n out q[4] : f32\n"
                          " w[k] = p[k] + step(wd)\n store w[k] -> q[k] } plan g cpu flat { role lane: k }";
  const char *text = kern_canonical(arena, reader_kernel(a));
  ck_assert_str_eq(text, kern_canonical(arena, reader_kernel(b)));
  ck_assert_str_ne(text, kern_canonical(arena, reader_kernel(c)));
  ck_assert_str_ne(text, kern_canonical(arena, build()));
}
END_TEST

/* Which streams a kernel draws from is the launch's affair; whether two draws are of one stream is not. */
START_TEST(kernels_of_other_streams_have_one_canonical_text) {
#define DRAWS(streams, second)                                                                               \
  "compute f { axis i:4\n out y[4] : f32\n" streams " v[i] = random(a, i) + random(" second ", i)\n"         \
  " store v[i] -> y[i] }"
  const char *text = kern_canonical(arena, reader_kernel(DRAWS("stream a = 1\n stream b = 2\n", "b")));
  ck_assert_str_eq(text, kern_canonical(arena, reader_kernel(DRAWS("stream a = 7\n stream b = 0xf\n", "b"))));
  ck_assert_str_ne(text, kern_canonical(arena, reader_kernel(DRAWS("stream a = 1\n stream b = 2\n", "a"))));
#undef DRAWS
}
END_TEST

/* A number prints with the digits that bring it back, and is a launch's affair as well. */
START_TEST(numbers_print_as_written) {
#define SCALED(number)                                                                                       \
  "compute f {\n  axis i:4\n  out y[4] : f32\n  number n = " number                                          \
  "\n  v[i] = n * 2\n  store v[i] -> y[i]\n}\n"
  ck_assert_str_eq(kern_print(arena, reader_kernel(SCALED("-0.375"))), SCALED("-0.375"));
  ck_assert_str_eq(kern_canonical(arena, reader_kernel(SCALED("-0.375"))),
                   kern_canonical(arena, reader_kernel(SCALED("inf"))));
#undef SCALED
}
END_TEST

typedef struct Wrong {
  const char *text;
  const char *want; /* how the messages begin */
} Wrong;

#define BODY(line) "compute f {\n  axis i:4\n  in x[4] : f32\n  in t[4] : i32\n  " line "\n}\n"

static const Wrong wrong[] = {
    {"computer f {}", "k.kern:1:1: error: found 'computer', expected compute or plan\n"
                      "    1 | computer f {}\n"
                      "      | ^\n"},
    {"compute {", "k.kern:1:9: error: found '{', expected the kernel's name"},
    {"compute f {", "k.kern:1:12: error: found the end of the text, expected '}'"},
    {"compute f \"a.tess\" {}", "k.kern:1:20: error: found '{', expected ':'"},
    {"compute f {}\ncompute f {}", "k.kern:2:9: error: kernel 'f' is defined twice"},
    {BODY("axis j:0"), "k.kern:5:10: error: found 0, expected an extent in 1 .. 1099511627776"},
    {BODY("axis i:4"), "k.kern:5:8: error: 'i' is declared twice"},
    {BODY("axis inf:4"), "k.kern:5:8: error: 'inf' has a meaning of its own, expected another name"},
    {BODY("in z[4] : f23"), "k.kern:5:13: error: found 'f23', expected a type"},
    {BODY("in z[1099511627776, 1024] : f32"), "k.kern:5:6: error: 'z' has more than 2^40 elements"},
    {BODY("in z[1,1,1,1,1,1,1,1,1] : f32"), "k.kern:5:24: error: more than 8 dimensions"},
    {BODY("in z[4, 4] : f32 strides [1]"),
     "k.kern:5:28: error: 'z' has 2 dimensions, expected as many strides"},
    {BODY("in z[9999999999999999999] : f32"),
     "k.kern:5:8: error: found '9999999999999999999', expected an extent"},
    {BODY("v[k] = x[i]"), "k.kern:5:5: error: no axis is named 'k'; expected i"},
    {BODY("v[i] = y[i]"), "k.kern:5:10: error: no buffer or value is named 'y'; expected x, t"},
    {BODY("v[i] = x[i, i]"), "k.kern:5:11: error: 'x' has 2 indices here, expected 1"},
    {BODY("v[i] = x[i*i]"), "k.kern:5:13: error: a product of two index expressions, expected a constant"},
    {BODY("v[i] = x[i/0]"), "k.kern:5:14: error: found 0, expected a divisor in 1"},
    {BODY("v[i] = x[i/i]"), "k.kern:5:14: error: found 'i', expected a divisor, an integer"},
    {BODY("v[i] = x[281474976710655*i]"), "k.kern:5:27: error: the product is too large for an index"},
    {BODY("v[i] = x[281474976710655 + 1]"),
     "k.kern:5:30: error: the index expression reaches 281474976710656"},
    {BODY("v[i] = x[t[i]]"),
     "k.kern:5:12: error: 't' is read in an index, expected 'below N' in its declaration"},
    {BODY("v[i] = x[i] + t[i]"),
     "k.kern:5:15: error: '+' of f32, i32, expected operands of one numeric type"},
    {BODY("v[i] = select(x[i], 1, 2)"),
     "k.kern:5:10: error: 'select' of f32, f32, f32, expected bool and two"},
    {BODY("v[i] = x[i] and true"), "k.kern:5:15: error: 'and' of f32, bool, expected bool operands"},
    {BODY("v[i] = expp(x[i])"), "k.kern:5:10: error: no function is named 'expp'; did you mean 'exp'?"},
    {BODY("v[i] = exp(x[i], 1)"), "k.kern:5:10: error: 'exp' has 2 operands, expected 1"},
    {BODY("number n = x"), "k.kern:5:14: error: found 'x', expected a number"},
    {BODY("number n = 1\n v[i] = random(n, i)"), "k.kern:6:16: error: no stream is named 'n'"},
    {BODY("v[i] = 1 +"), "k.kern:6:1: error: found '}', expected an expression"},
    {BODY("v[i] = x"), "k.kern:6:1: error: found '}', expected '['"},
    {BODY("v[i] = sum(i x[i]"), "k.kern:5:16: error: found 'x', expected ')'"},
    {BODY("v[i] = random(1.5, i)"), "k.kern:5:17: error: found '1.5', expected a random stream"},
    {BODY("v[i] = random(d, i)"), "k.kern:5:17: error: no stream is named 'd'"},
    {BODY("stream x = 1"), "k.kern:5:10: error: 'x' is declared twice"},
    {BODY("stream d = 1.5"),
     "k.kern:5:14: error: found '1.5', expected the number of a random stream, below 2^64"},
    {BODY("stream d = 18446744073709551616"),
     "k.kern:5:14: error: found '18446744073709551616', expected the number of a random stream"},
    {BODY("store v[i] -> x[i]"), "k.kern:5:9: error: no value is named 'v'"},
    {BODY("outt y[4] : f32"),
     "k.kern:5:3: error: found 'outt', expected axis, in, out, inout, stream, number, store, origin"},
    {BODY("v[i] = x[i] $"), "k.kern:5:15: error: found '$', expected a declaration"},
    {BODY("origin \"a"), "k.kern:5:10: error: found '\"a', expected a string"},
    {"compute f { axis i:2 }\nplan g cpu flat {}", "k.kern:2:6: error: no kernel is named 'g'; expected f"},
    {"compute f { axis i:2 }\nplan f cpu dott {}",
     "k.kern:2:12: error: no skeleton is named 'dott'; did you mean 'dot'?"},
    {"compute f { axis i:2 }\nplan f cpu dot { role m: i; role m: i }",
     "k.kern:2:34: error: role 'm' is given twice"},
    {"compute f { axis i:2 }\nplan f cpu rows { role outerr: i }",
     "k.kern:2:24: error: no role is named 'outerr'; did you mean 'outer'?"},
    {"compute f { axis i:2 }\nplan f cpu dot { role m: }", "k.kern:2:26: error: found '}', expected an axis"},
    {"compute f { axis i:2 }\nplan f cpu dot { num mr 1; num mr 2 }",
     "k.kern:2:32: error: number 'mr' is given twice"},
    {"compute f { axis i:2 }\nplan f cpu dot { num mrr 1 }",
     "k.kern:2:22: error: no number is named 'mrr'; did you mean 'mr'?"},
    {"compute f { axis i:2 }\nplan f tpu dot {}",
     "k.kern:2:8: error: no target is named 'tpu'; did you mean 'cpu'?"},
    {"compute f { axis i:2 }\nplan f gpu dot { num mr 1 }",
     "k.kern:2:22: error: no number is named 'mr'; expected ring, warps"},
    {"compute f { axis i:2 }\nplan f cpu dot { num mr 0 }", "k.kern:2:25: error: found 0, expected a number"},
    {"compute f { axis i:2 }\nplan f cpu dot { place v acc }", "k.kern:2:24: error: no value is named 'v'"},
};

START_TEST(errors_have_a_place_and_an_expectation) {
  ck_assert(reader_parse(wrong[_i].text) == NULL);
  ck_assert_msg(!strncmp(reader_said(), wrong[_i].want, strlen(wrong[_i].want)), "found %s\nexpected %s",
                reader_said(), wrong[_i].want);
}
END_TEST

START_TEST(several_errors_in_one_run) {
  ck_assert(
      reader_parse("compute f {\n  axis i:4 j:0\n  in x[4] : f33\n  in z[4] : f32\n  v[i] = z[i] + i32(1)\n"
                   "  w[i] = z[i] * (1 + z[i]\n  u[i] = q[i]\n}\nplan h cpu flat {}\n") == NULL);
  ck_assert_int_eq(diag_count(), 6);
  ck_assert(strstr(reader_said(), "k.kern:2:14") && strstr(reader_said(), "k.kern:3:13") &&
            strstr(reader_said(), "k.kern:5:15"));
  ck_assert(strstr(reader_said(), "k.kern:7:3") && strstr(reader_said(), "k.kern:7:10") &&
            strstr(reader_said(), "k.kern:9:6"));
}
END_TEST

static char *random_index(int depth) {
  static const char *const leaves[] = {"i", "j", "k", "t[i]", "3", "12"};
  static const int by[] = {2, 3, 4, 6, 8, 12};
  if (!depth) return arena_strdup(arena, leaves[draw_below(6)]);
  char *x = random_index(depth - 1);
  switch (draw_below(5)) {
  case 0: return arena_printf(arena, "(%s)/%d", x, by[draw_below(6)]);
  case 1: return arena_printf(arena, "(%s)%%%d", x, by[draw_below(6)]);
  case 2: return arena_printf(arena, "%d*(%s)", by[draw_below(6)], x);
  case 3: return arena_printf(arena, "%s - (%s)", random_index(depth - 1), x);
  default: return arena_printf(arena, "%s + %s", random_index(depth - 1), x);
  }
}

/* What an index was simplified to is not simplified further when it is read again. */
START_TEST(simplified_indices_parse_back_unchanged) {
  for (uint32_t n = 0; n < 5000; n++) {
    const char *text = arena_printf(arena,
                                    "compute f {\n axis i:4 j:6 k:24\n in t[4] : i32 below 5\n"
                                    " v[i, j, k] = index(f32, %s)\n}\n",
                                    random_index(1 + (int)draw_below(5)));
    const char *first = kern_print(arena, reader_kernel(text));
    ck_assert_str_eq(kern_print(arena, reader_kernel(first)), first);
    arena_free(arena);
    arena = arena_new();
  }
}
END_TEST

static char *repeated(const char *before, const char *middle, int n, const char *after) {
  size_t len = strlen(middle);
  char *s = arena_alloc(arena, strlen(before) + len * (size_t)n + strlen(after) + 1), *p = s;
  p = stpcpy(p, before);
  for (int i = 0; i < n; i++) p = stpcpy(p, middle);
  stpcpy(p, after);
  return s;
}

/* Neither depth nor length of the text may overflow the stack. */
START_TEST(endless_expressions_are_refused) {
  static const char head[] = "compute f {\n axis i:4\n in x[4] : f32\n v[i] = ";
  ck_assert(reader_parse(repeated(head, "(", 100000, "")) == NULL);
  ck_assert(reader_parse(repeated(head, "exp(", 100000, "")) == NULL);
  ck_assert(reader_parse(repeated(head, "x[i] + ", 100000, "1")) == NULL);
  ck_assert(reader_parse(repeated(head, "x[(", 100000, "")) == NULL);
  ck_assert(reader_parse(repeated(head, "x[i+", 100000, "")) == NULL);
  ck_assert(strstr(reader_said(), "nested more than") && strstr(reader_said(), "more than 3000 parts"));
}
END_TEST

/* Any damage to a text gives errors or another kernel, never a crash. */
START_TEST(damaged_texts_never_crash) {
  diag_to(NULL);
  for (int i = 0; i < 20000; i++) {
    char *text = arena_strdup(arena, built);
    for (int j = 0; j < 3; j++) {
      static const char bytes[] = "[]{}(),:;=+-*/%<@.\"0919ijkmn s\n\\\x80";
      text[draw_below(sizeof built - 1)] = bytes[draw_below(sizeof bytes - 1)];
    }
    KernList *list = reader_parse(text);
    for (int k = 0; list && k < list->n; k++) kern_verify(list->k[k]);
    arena_free(arena);
    arena = arena_new();
  }
}
END_TEST

#define COUNT(t) ((int)(sizeof(t) / sizeof *(t)))

SUITE("kern_text") {
  tcase_add_checked_fixture(t, reader_open, reader_close);
  tcase_add_test(t, built_kernel_prints_and_parses_back);
  tcase_add_test(t, constants_keep_their_bits);
  tcase_add_loop_test(t, expressions_print_as_written, 0, COUNT(expressions));
  tcase_add_test(t, reductions_and_declarations_print_as_written);
  tcase_add_test(t, equal_kernels_have_one_canonical_text);
  tcase_add_test(t, numbers_print_as_written);
  tcase_add_test(t, kernels_of_other_streams_have_one_canonical_text);
  tcase_add_loop_test(t, errors_have_a_place_and_an_expectation, 0, COUNT(wrong));
  tcase_add_test(t, several_errors_in_one_run);
  tcase_add_test(t, simplified_indices_parse_back_unchanged);
  tcase_add_test(t, endless_expressions_are_refused);
  tcase_add_test(t, damaged_texts_never_crash);
}
