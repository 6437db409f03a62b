/* The text form: what is printed reads back to the same bytes and meaning, and what is wrong is reported,
 * several mistakes in a run. */
#include <string.h>

#include "tests/ir/grown_graph.h"
#include "tests/suite.h"

static Graph *parse(Arena *a, const char *text) {
  return graph_parse(a, diag_source(a, "t.graph", text, strlen(text)));
}

/* Everything around the nodes, each field of each kind at least once. */
static const char whole[] =
    "graph \"pre \\\"train\\\"\" batch 64 accumulate 2 finite s4\n"
    "setting \"lr\" 0.00015 help \"learning rate\"\n"
    "setting \"decay\" -1e-30\n"
    "state s0 param \"blocks.0.w\" : f32[2, 3] module \"student\" alias \"b.w\" alias \"c.w\" group s2 at 0 "
    "init %0 "
    "@\"m.tess\":3:7\n"
    "state s1 frozen \"pos\" : bf16[6]\n"
    "state s2 group \"all\" : f32[10]\n"
    "state s3 grad \"d\" : f32[10] of s2\n"
    "state s4 temp \"finite\" : bool[] @\"m.tess\"\n"
    "state s5 slot \"count\" : u64[] of s0\n"
    "%0 = random 0xfeedface00000001 : f32[2, 3] @\"m.tess\":3:9 name \"w\" path \"blocks.0\"\n"
    "%1 = state s0 : f32[2, 3]\n"
    "%2 = input \"images\" : f32[4, 3] @\"lib/data.tess\":1:1 path \"a \\x07 b\"\n"
    "%3 = contract %2, %1 \"ab,cb->ac\" : f32[4, 2]\n"
    "%4 = reduce %3 sum 0 1 : f32[]\n"
    "%5 = step \"lr\" : f32[]\n"
    "%6 = elt * %4, %5 : f32[]\n"
    "%7 = const inf : f32[10]\n"
    "%8 = elt isfinite %6 : bool[]\n"
    "%9 = const -0 : f32[]\n"
    "%10 = elt < %6, %9 : bool[]\n"
    "%11 = elt and %8, %10 : bool[]\n"
    "entry micro\n"
    "assign s3 = %7 @\"m.tess\":8:1\n"
    "assign s4 = %11\n"
    "value \"images\" = %2 supply data source \"image\" shift 2 flip 0.5 classes 10\n"
    "value \"ar\" = %6 report loss @\"m.tess\":9:2\n"
    "entry eval\n";

START_TEST(a_whole_text_comes_back) {
  Arena *a = arena_new();
  Graph *g = parse(a, whole);
  ck_assert_ptr_nonnull(g);
  ck_assert(graph_verify(g));
  ck_assert_str_eq(graph_print(a, g), whole);
  ck_assert_str_eq(g->name_of_block, "pre \"train\"");
  ck_assert(g->batch == 64 && g->accumulate == 2 && g->finite == g->state[4]);
  ck_assert(g->state[0]->group == g->state[2] && g->state[0]->init == g->node[0]);
  ck_assert(g->entry[EN_EVAL].present && !g->entry[EN_INIT].present && signbit(g->node[9]->at.value));
  ck_assert(g->node[2]->loc.line == 1 && !strcmp(g->node[2]->loc.src->path, "lib/data.tess"));
  ck_assert(g->entry[EN_MICRO].value[0].shift == 2 && g->entry[EN_MICRO].value[0].classes == 10);
  arena_free(a);
}
END_TEST

START_TEST(blanks_and_comments_do_not_matter) {
  Arena *a = arena_new();
  Graph *g = parse(
      a,
      "# a graph\n\n  graph \"x\"   # its name\r\n\t%0 = const 1:f32[ 2,3 ]# one\n%1=elt neg %0 : f32[2,3]");
  ck_assert_ptr_nonnull(g);
  ck_assert_str_eq(graph_print(a, g), "graph \"x\" batch 1 accumulate 1\n%0 = const 1 : f32[2, 3]\n"
                                      "%1 = elt neg %0 : f32[2, 3]\n");
  arena_free(a);
}
END_TEST

static void compare_runs(const Graph *g, const Graph *h, int64_t given) {
  double *x = grown_doubles(given);
  const double *y[2];
  GraphRun *run[2] = {graph_run_new(g, false), graph_run_new(h, false)};
  for (int i = 0; i < 2; i++) {
    graph_run_supply(run[i], "given", x);
    ck_assert(graph_run_entry(run[i], EN_EVAL, &case_env));
    y[i] = graph_run_value(run[i], "y");
  }
  int64_t n = shape_count(&g->entry[EN_EVAL].value[1].node->shape);
  ck_assert(memcmp(y[0], y[1], sizeof **y * (size_t)n) == 0);
  graph_run_free(run[0]);
  graph_run_free(run[1]);
  free(x);
}

START_TEST(random_graphs_come_back) {
  for (int i = 0; i < 200; i++) {
    GrownGraph r = grown_graph(60);
    graph_value(r.g, EN_EVAL, "y", r.pool[r.n - 1], V_REPORT);
    char *text = graph_print(r.arena, r.g);
    Graph *again = parse(r.arena, text);
    ck_assert_ptr_nonnull(again);
    ck_assert_str_eq(graph_print(r.arena, again), text);
    compare_runs(r.g, again, shape_count(&r.pool[2]->shape));
    arena_free(r.arena);
  }
}
END_TEST

/* Doubles of any bits but NaNs'. */
START_TEST(any_number_comes_back) {
  for (int i = 0; i < 5000; i++) {
    uint64_t bits =
        (uint64_t)draw_below(1u << 31) << 33 ^ (uint64_t)draw_below(1u << 31) << 12 ^ draw_below(1u << 31);
    double v;
    memcpy(&v, &bits, sizeof v);
    if (isnan(v)) continue;
    Arena *a = arena_new();
    Graph *g = graph_new(a);
    graph_scalar(g, v);
    Graph *again = parse(a, graph_print(a, g));
    ck_assert_ptr_nonnull(again);
    double back = again->node[0]->at.value;
    ck_assert(back == v && signbit(back) == signbit(v));
    arena_free(a);
  }
}
END_TEST

/* The text, and all that is said about it. */
static const struct {
  const char *text, *errors;
} wrongs[] = {
    {"node\n",
     "t.graph:1:1: error: found \"node\", expected graph, setting, state, a node such as %7, entry, "
     "assign or value\n    1 | node\n      | ^\n"},
    {"%0 = konst 1 : f32[]\n%1 = elt plus %0 : f32[]\n%2 = const 1 : f33[]\n%3 = const x : f32[]\n",
     "t.graph:1:6: error: found \"konst\", expected the name of an op\n    1 | %0 = konst 1 : f32[]\n"
     "      |      ^\n"
     "t.graph:2:10: error: found \"plus\", expected the name of an elementwise operation\n"
     "    2 | %1 = elt plus %0 : f32[]\n      |          ^\n"
     "t.graph:3:16: error: found \"f33[]\", expected an element type such as f32\n"
     "    3 | %2 = const 1 : f33[]\n      |                ^\n"
     "t.graph:4:12: error: found \"x\", expected a number\n    4 | %3 = const x : f32[]\n"
     "      |            ^\n"},
    {"%0 = const 1 : f32[2]\n%1 = elt neg %5 : f32[2]\n%2 = elt + %0 : f32[2]\n",
     "t.graph:2:16: error: found node %5, expected one of an earlier line\n"
     "    2 | %1 = elt neg %5 : f32[2]\n      |                ^\n"
     "t.graph:3:15: error: found \":\", expected the op's number of operands before this\n"
     "    3 | %2 = elt + %0 : f32[2]\n      |               ^\n"},
    {"%0 = const 1 : f32[2]\n%1 = reshape %0 : f32[3]\n%2 = reduce %0 sum 0 : f32[2]\n%3 = elt neg %1 : "
     "f32[3]\n",
     "t.graph:2:1: error: reshape: found 3 elements for shape [3], expected the 2 of [2]\n"
     "    2 | %1 = reshape %0 : f32[3]\n      | ^\n"
     "t.graph:3:1: error: found type f32[2], expected f32[]\n    3 | %2 = reduce %0 sum 0 : f32[2]\n"
     "      | ^\n"},
    {"%0 = const 1 : f32[]\n%1 = const 1 : f32[]\n",
     "t.graph:2:1: error: found a node equal to an earlier one, expected equal nodes once\n"
     "    2 | %1 = const 1 : f32[]\n      | ^\n"},
    {"%0 = const 1 : f32[]\n%2 = const 2 : f32[]\n%3 = elt neg %2 : f32[]\n",
     "t.graph:2:1: error: found node %2, expected %1: nodes are numbered in order\n"
     "    2 | %2 = const 2 : f32[]\n      | ^\n"},
    {"state s0 param \"a : f32[]\nstate s1 parm \"b\" : f32[]\n%0 = state s1 : f32[]\n%1 = state s7 : "
     "f32[]\n",
     "t.graph:1:16: error: found \"\"a\", expected a string that ends in its line, with \\\", \\\\ and \\xNN "
     "as "
     "escapes\n    1 | state s0 param \"a : f32[]\n      |                ^\n"
     "t.graph:2:10: error: found \"parm\", expected param, frozen, grad, slot, temp or group\n"
     "    2 | state s1 parm \"b\" : f32[]\n      |          ^\n"
     "t.graph:4:14: error: found state s7, expected one of an earlier line\n"
     "    4 | %1 = state s7 : f32[]\n      |              ^\n"},
    {"state s0 param \"a\" : f32[2] group s4 at 0 init %3\nassign s0 = %0\nentry micra\n",
     "t.graph:2:8: error: found \"s0\", expected an \"entry\" line before this one\n"
     "    2 | assign s0 = %0\n      |        ^\n"
     "t.graph:3:7: error: found \"micra\", expected init, prepare, micro, update or eval\n"
     "    3 | entry micra\n      |       ^\n"
     "t.graph:1:34: error: found s4, expected a state of this graph\n"
     "    1 | state s0 param \"a\" : f32[2] group s4 at 0 init %3\n      |                                  "
     "^\n"
     "t.graph:1:47: error: found %3, expected a node of this graph\n"
     "    1 | state s0 param \"a\" : f32[2] group s4 at 0 init %3\n"
     "      |                                               ^\n"},
    {"%0 = const 1 : f32[99999999999999999999]\n%1 = const 1 : f32[1,1,1,1,1,1,1,1,1]\n",
     "t.graph:1:20: error: found \"99999999999999999999]\", expected a whole number of 64 bits\n"
     "    1 | %0 = const 1 : f32[99999999999999999999]\n      |                    ^\n"
     "t.graph:2:36: error: found \"1]\", expected at most 8 dimensions\n"
     "    2 | %1 = const 1 : f32[1,1,1,1,1,1,1,1,1]\n      |                                    ^\n"},
};

START_TEST(mistakes_are_told_apart) {
  Arena *a = arena_new();
  char *text = NULL;
  size_t size;
  FILE *f = open_memstream(&text, &size);
  diag_to(f);
  ck_assert_ptr_null(parse(a, wrongs[_i].text));
  fclose(f);
  diag_to(NULL);
  ck_assert_str_eq(text, wrongs[_i].errors);
  free(text);
  arena_free(a);
}
END_TEST

/* Texts with bytes changed, lines cut: read or refused, never worse; what is read and right prints again. */
START_TEST(garbage_is_survived) {
  diag_to(NULL);
  for (int i = 0; i < 3000; i++) {
    Arena *a = arena_new();
    size_t len = sizeof whole - 1;
    char *text = arena_strndup(a, whole, len);
    for (uint32_t k = draw_below(4); k-- > 0;)
      text[draw_below((uint32_t)len)] = "%s0 9\"\n[,-:@x\\"[draw_below(15)];
    if (draw_below(3) == 0) len = draw_below((uint32_t)len);
    Graph *g = graph_parse(a, diag_source(a, "t.graph", text, len));
    if (g && graph_verify(g)) {
      char *printed = graph_print(a, g);
      Graph *again = parse(a, printed);
      ck_assert_ptr_nonnull(again);
      ck_assert_str_eq(graph_print(a, again), printed);
    }
    arena_free(a);
  }
}
END_TEST

SUITE("graph_text") {
  tcase_add_test(t, a_whole_text_comes_back);
  tcase_add_test(t, blanks_and_comments_do_not_matter);
  tcase_add_test(t, random_graphs_come_back);
  tcase_add_test(t, any_number_comes_back);
  tcase_add_loop_test(t, mistakes_are_told_apart, 0, sizeof wrongs / sizeof *wrongs);
  tcase_add_test(t, garbage_is_survived);
}
