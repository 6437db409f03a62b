/* Descriptions that are long or deep. Statements, terms, iterations and names are not limited: 100,000 of
 * them evaluate, in time that grows with their number. What nests has a limit, which the error at the line
 * says. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "frontend/frontend.h"
#include "tests/suite.h"

enum { MANY = 100000, DEEP = 10000 };

/* "%d" in `part` is the number of the copy. */
static char *repeat(const char *part, int n) {
  char *text = NULL;
  size_t size = 0;
  FILE *f = open_memstream(&text, &size);
  for (int i = 0; i < n; i++)
    for (const char *c = part; *c; c++) {
      bool number = c[0] == '%' && c[1] == 'd';
      if (number)
        fprintf(f, "%d", i), c++;
      else
        fputc(*c, f);
    }
  fclose(f);
  return text;
}

/* A program that reports f(x), whose body is `before`, copies of `open`, `inside`, copies of `close`,
 * `after`. */
static char *describe(const char *before, const char *open, int n, const char *inside, const char *close,
                      const char *after) {
  char *left = repeat(open, n), *right = repeat(close, n), *text = NULL;
  size_t size = 0;
  FILE *f = open_memstream(&text, &size);
  fprintf(f,
          "module id() {\n  fn (x) = x\n}\nmodule around(a) {\n  a: a\n  fn (x) = x\n}\n"
          "train t(batch = 2) {\n  data x f32 [batch, 4] = given()\n  report y = f(x)\n}\n"
          "fn f(x) {\n%s%s%s%s%s\n}\n",
          before, left, inside, right, after);
  fclose(f);
  free(left);
  free(right);
  return text;
}

/* The nodes of the graph, or -1 with the messages in *said, to be freed. */
static int build(const char *text, char **said) {
  size_t size = 0;
  FILE *out = open_memstream(said, &size);
  Arena *a = arena_new();
  diag_reset();
  diag_to(out);
  Graph *g = front_build_source(a, diag_source(a, "case.tess", text, strlen(text)), &(FrontArgs){0}, NULL);
  diag_to(stderr);
  fclose(out);
  int nodes = g ? g->nnode : -1;
  arena_free(a);
  return nodes;
}

static void works(char *text, int least, const char *what) {
  char *said;
  int nodes = build(text, &said);
  ck_assert_msg(nodes >= least, "%s: %d nodes, expected %d at least; %.500s", what, nodes, least, said);
  free(said);
  free(text);
}

static void is_refused(char *text, const char *limit, const char *what) {
  char *said;
  int nodes = build(text, &said);
  ck_assert_msg(nodes < 0, "%s: built, expected an error", what);
  ck_assert_msg(strstr(said, limit) && !strncmp(said, "case.tess:", 10), "%s: expected \"%s\", found %.500s",
                what, limit, said);
  free(said);
  free(text);
}

static const struct {
  const char *what, *before, *part, *after;
  int least; /* nodes a copy */
} many[] = {
    {"terms", "  return x", " + x", "", 1},
    {"factors of numbers", "  let n = 1", " * 1", "\n  return x * n", 0},
    {"conditions", "  let b = true", " and true", "\n  return if b then x else -x", 0},
    {"spans", "  return x", "[0:2]", "", 0},
    {"items", "  let l = [x", ", x", "]\n  return l[7]", 0},
    {"statements", "  let y = x\n", "  y = tanh(y)\n", "  return y", 1},
    {"names", "  let y = x\n", "  let y%d = y\n", "  return y99999", 0},
    {"names in a block", "  if true {\n", "    let y%d = x\n", "  }\n  return x", 0},
    {"a name again", "  if true {\n    let y = x\n", "    let y = tanh(y)\n", "    return y\n  }\n  return x",
     1},
    {"names at once", "  let a", ", a%d", " = [i for i in 0..100001]\n  return x * a", 0},
    {"texts", "", "  let s = \"a text that is as long as texts are\"\n", "  return x", 0},
    {"declarations", "  return f99999(x)\n}\n", "fn f%d(x) = x\n", "fn g(x) {\n  return x", 0},
    {"members", "  return x\n}\nmodule m() {\n", "  a%d: id()\n",
     "  fn (x) = x\n}\nfn g(x) {\n  let a = m()\n  return x", 0},
};
enum { MANIES = sizeof many / sizeof *many };

START_TEST(long_ones_evaluate) {
  const char *before = many[_i].before, *after = many[_i].after;
  works(describe(before, many[_i].part, MANY, "", "", after), many[_i].least * MANY, many[_i].what);
}
END_TEST

static double seconds_of_loop(int n) {
  char loop[100];
  snprintf(loop, sizeof loop, "  for i in 0..%d {\n    x = tanh(x)\n  }\n", n);
  clock_t start = clock();
  works(describe(loop, "", 0, "  return x", "", ""), n, "a loop");
  return (double)(clock() - start) / CLOCKS_PER_SEC;
}

/* Ten times the iterations take a hundred times as long where something is quadratic. */
START_TEST(loops_take_linear_time) {
  double few = seconds_of_loop(MANY / 10), all = seconds_of_loop(MANY);
  ck_assert_msg(all < 40 * few + 0.2, "%d iterations take %.3f s, a tenth of them %.3f s", MANY, all, few);
}
END_TEST

static const struct {
  const char *what, *before, *open, *inside, *close, *after;
} deep[] = {
    {"parentheses", "  return ", "(", "x", ")", ""},
    {"calls", "  return ", "tanh(", "x", ")", ""},
    {"signs", "  return ", "-", "x", "", ""},
    {"powers", "  return x", "^1", "", "", ""},
    {"negations", "  let b = ", "not ", "true", "", "\n  return x"},
    {"lists", "  let l = ", "[", "x", "]", "\n  return x"},
    {"indices", "  let l = [0]\n  return x * ", "l[", "0", "]", ""},
    {"choices", "  return ", "if true then ", "x", " else x", ""},
    {"alternatives", "  return ", "if false then x else ", "x", "", ""},
    {"blocks", "  ", "if true { ", "x = x", " }", "\n  return x"},
    {"else after else", "  ", "if false { x = x } else ", "if true { x = x }", "", "\n  return x"},
    {"loops", "  ", "for i in 0..1 { ", "x = x", " }", "\n  return x"},
    {"comprehensions", "  let l = ", "[i for i in ", "0..1", "]", "\n  return x"},
    {"clauses", "  let l = [0", " for i in 0..1", "]", "", "\n  return x"},
};
enum { DEEPS = sizeof deep / sizeof *deep };

static char *nested(int i, int n) {
  return describe(deep[i].before, deep[i].open, n, deep[i].inside, deep[i].close, deep[i].after);
}

START_TEST(deep_ones_say_the_limit) {
  works(nested(_i, 190), 0, deep[_i].what);
  is_refused(nested(_i, 210), "error: nested more than 200 deep", deep[_i].what);
  is_refused(nested(_i, DEEP), "error: nested more than 200 deep", deep[_i].what);
  is_refused(nested(_i, MANY), "error: nested more than 200 deep", deep[_i].what);
}
END_TEST

/* What nests while it is evaluated, wherever it is written. */
START_TEST(evaluation_says_its_limit) {
  static const char limit[] = "error: nested more than 600 deep";
  is_refused(describe("  return f(x)", "", 0, "", "", ""), limit, "recursion");
  is_refused(describe("", "if true {\n", 190, "return f(x)\n", "}\n", "  return x"), limit,
             "recursion in blocks");
  is_refused(describe("  return [f(x)", " for i in 0..1", 190, "]", "", ""), limit, "recursion in clauses");
  is_refused(
      describe("  let a = r(x)\n  return x\n}\nmodule r(x) {\n", "if true {\n", 190, "a: r(x)\n", "}\n", ""),
      limit, "a module within itself");
  is_refused(describe("  let l = 0\n  for i in 0..100000 {\n    l = [l]\n  }\n  return x", "", 0, "", "", ""),
             "error: lists within lists, more than 200 deep", "lists");
}
END_TEST

START_TEST(modules_say_their_limit) {
  is_refused(
      strdup("module id() {\n  fn (x) = x\n}\nmodule around(a) {\n  a: a\n  fn (x) = x\n}\n"
             "fn deep() {\n  let a = id()\n  for i in 0..100000 {\n    a = around(a)\n  }\n  return a\n}\n"
             "train t(batch = 2) {\n  data x f32 [batch, 4] = given()\n  model m = deep()\n"
             "  report y = m(x)\n}\n"),
      "error: nested more than 600 deep", "modules");
}
END_TEST

SUITE("lang_long") {
  tcase_set_timeout(t, 120);
  tcase_add_loop_test(t, long_ones_evaluate, 0, MANIES);
  tcase_add_test(t, loops_take_linear_time);
  tcase_add_loop_test(t, deep_ones_say_the_limit, 0, DEEPS);
  tcase_add_test(t, evaluation_says_its_limit);
  tcase_add_test(t, modules_say_their_limit);
}
