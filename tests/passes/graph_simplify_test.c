/* Rewrites: random graphs mean the same before and after, each rule does what it says, and nothing is
 * rewritten through a supplied value. */
#include <string.h>

#include "passes/rewrite/simplify.h"
#include "tests/ir/grown_graph.h"
#include "tests/suite.h"

enum { GRAPHS = 300, REPORTED = 4 };

static void give_states(GraphRun *run, const Graph *g, double *const *x) {
  for (int i = 0; i < 2; i++)
    case_copy(graph_run_state(run, g->state[i]), x[i], shape_count(&g->state[i]->shape));
}

/* The reported values, end to end. */
static double *run_all(const Graph *g, double *const *states, const double *given, int64_t *n) {
  GraphRun *run = graph_run_new(g, true);
  const Entry *e = &g->entry[EN_EVAL];
  give_states(run, g, states);
  graph_run_supply(run, "given", given);
  ck_assert(graph_run_entry(run, EN_EVAL, &case_env));
  *n = 0;
  for (int i = 0; i < e->nvalue; i++) *n += shape_count(&e->value[i].node->shape);
  double *all = calloc((size_t)*n + 1, sizeof *all), *to = all;
  for (int i = 0; i < e->nvalue; i++) {
    int64_t count = shape_count(&e->value[i].node->shape);
    memcpy(to, graph_run_value(run, e->value[i].name), sizeof *all * (size_t)count);
    to += count;
  }
  graph_run_free(run);
  return all;
}

static void report_last(GrownGraph *r) {
  for (int i = 0; i < REPORTED && i < r->n; i++) {
    char name[16];
    snprintf(name, sizeof name, "y%d", i);
    Node *n = r->pool[r->n - 1 - i];
    bool may_be_given = i == 1 && n->op != O_STATE && n != r->pool[2];
    graph_value(r->g, EN_EVAL, name, n, V_REPORT | (may_be_given ? V_SUPPLY : 0));
  }
}

/* In f64, 1.5e-14 apart at most in those of 30,000 drawn graphs that are steady. */
static void check_same(const double *was, const double *is, int64_t n, const char *what) {
  for (int64_t i = 0; i < n; i++) {
    bool same = (isnan(was[i]) && isnan(is[i])) || fabs(was[i] - is[i]) <= 2e-13 * fmax(1, fabs(was[i]));
    ck_assert_msg(same, "%s: element %lld was %.17g, is %.17g", what, (long long)i, was[i], is[i]);
  }
}

/* Floor, comparisons and truncation magnify rounding at their corners: graphs whose values move a
 * thousand times as far as their parameters, which are moved by 1e-11, say nothing. */
static bool steady(const Graph *g, double *const *states, const double *given, const double *was, int64_t n) {
  double *moved[2], *now;
  for (int i = 0; i < 2; i++) {
    int64_t count = shape_count(&g->state[i]->shape);
    moved[i] = calloc((size_t)count, sizeof(double));
    for (int64_t k = 0; k < count; k++) moved[i][k] = states[i][k] + draw_real(-1e-11, 1e-11);
  }
  now = run_all(g, moved, given, &n);
  bool ok = true;
  for (int64_t i = 0; i < n; i++) ok = ok && fabs(was[i] - now[i]) <= 1e-8 * fmax(1, fabs(was[i]));
  free(now);
  free(moved[0]);
  free(moved[1]);
  return ok;
}

static int check_one(unsigned licences) {
  GrownGraph r = grown_graph(60);
  report_last(&r);
  double *states[2], *given = grown_doubles(shape_count(&r.pool[2]->shape));
  for (int i = 0; i < 2; i++) states[i] = grown_doubles(shape_count(&r.g->state[i]->shape));
  int64_t n;
  double *was = run_all(r.g, states, given, &n);
  bool checked = steady(r.g, states, given, was, n);
  ck_assert(graph_verify(r.g));
  char *before = graph_print(r.arena, r.g);
  simplify(r.g, licences);
  ck_assert(graph_verify(r.g));
  double *is = run_all(r.g, states, given, &n);
  if (checked) check_same(was, is, n, before);
  char *after = graph_print(r.arena, r.g);
  simplify(r.g, licences);
  ck_assert_str_eq(after, graph_print(r.arena, r.g));
  free(was);
  free(is);
  free(given);
  free(states[0]);
  free(states[1]);
  arena_free(r.arena);
  return checked;
}

START_TEST(random_graphs_mean_the_same) {
  int checked = 0;
  for (int i = 0; i < GRAPHS; i++) checked += check_one(i % 3 ? SL_ALL : 0);
  ck_assert_int_gt(checked, GRAPHS / 2);
}
END_TEST

/* One rule: text before, text after. */
static const struct {
  const char *before, *after;
} rules[] = {
#define P "%0 = state s0 : f32[2, 3, 4]\n"
    {P "%1 = const 1 : f32[2, 3, 4]\n%2 = elt * %1, %0 : f32[2, 3, 4]\n", P},
    {P "%1 = const 0 : f32[2, 3, 4]\n%2 = elt + %0, %1 : f32[2, 3, 4]\n", P},
    {P "%1 = const 0 : f32[2, 3, 4]\n%2 = elt * %0, %1 : f32[2, 3, 4]\n", "%0 = const 0 : f32[2, 3, 4]\n"},
    {P "%1 = elt neg %0 : f32[2, 3, 4]\n%2 = elt exp %0 : f32[2, 3, 4]\n%3 = elt + %2, %1 : f32[2, 3, 4]\n",
     P "%1 = elt exp %0 : f32[2, 3, 4]\n%2 = elt - %1, %0 : f32[2, 3, 4]\n"},
    {P "%1 = const 2 : f32[2, 3, 4]\n%2 = elt * %0, %1 : f32[2, 3, 4]\n%3 = const 0.25 : f32[2, 3, 4]\n"
       "%4 = elt * %2, %3 : f32[2, 3, 4]\n",
     P "%1 = const 0.5 : f32[2, 3, 4]\n%2 = elt * %0, %1 : f32[2, 3, 4]\n"},
    {P "%1 = permute %0 perm 2 0 1 : f32[4, 2, 3]\n%2 = permute %1 perm 1 2 0 : f32[2, 3, 4]\n", P},
    {P "%1 = reshape %0 : f32[6, 4]\n%2 = reshape %1 : f32[24]\n", P "%1 = reshape %0 : f32[24]\n"},
    {P "%1 = slice %0 start 0 1 0 : f32[2, 2, 4]\n%2 = slice %1 start 1 1 0 : f32[1, 1, 4]\n",
     P "%1 = slice %0 start 1 2 0 : f32[1, 1, 4]\n"},
    {P "%1 = broadcast %0 map 0 2 3 : f32[2, 5, 3, 4]\n%2 = reduce %1 sum 1 3 : f32[2, 3]\n",
     P "%1 = reduce %0 sum 2 : f32[2, 3]\n%2 = const 5 : f32[2, 3]\n%3 = elt * %1, %2 : f32[2, 3]\n"},
    {P "%1 = broadcast %0 map 0 2 3 : f32[2, 5, 3, 4]\n%2 = elt exp %1 : f32[2, 5, 3, 4]\n",
     P "%1 = elt exp %0 : f32[2, 3, 4]\n%2 = broadcast %1 map 0 2 3 : f32[2, 5, 3, 4]\n"},
    {P
     "%1 = permute %0 perm 2 1 0 : f32[4, 3, 2]\n%2 = contract %0, %1 \"abc,dbe->acde\" : f32[2, 4, 4, 2]\n",
     P "%1 = contract %0, %0 \"abc,dbe->aced\" : f32[2, 4, 4, 2]\n"},
    {P "%1 = window %0 axis 2 size 2 stride 2 : f32[2, 3, 2, 2]\n", P "%1 = reshape %0 : f32[2, 3, 2, 2]\n"},
    {P "%1 = concat %0, %0 axis 1 : f32[2, 6, 4]\n%2 = slice %1 start 0 3 0 : f32[2, 2, 4]\n",
     P "%1 = slice %0 start 0 0 0 : f32[2, 2, 4]\n"},
    {P "%1 = reshape %0 : f32[6, 4]\n%2 = elt exp %1 : f32[6, 4]\n%3 = reshape %2 : f32[2, 3, 4]\n",
     P "%1 = elt exp %0 : f32[2, 3, 4]\n"},
    {P "%1 = reduce %0 sum 2 : f32[2, 3]\n%2 = broadcast %1 map 0 1 : f32[2, 3, 4]\n"
       "%3 = elt / %0, %2 : f32[2, 3, 4]\n",
     P "%1 = reduce %0 sum 2 : f32[2, 3]\n%2 = const 1 : f32[2, 3]\n%3 = elt / %2, %1 : f32[2, 3]\n"
       "%4 = broadcast %3 map 0 1 : f32[2, 3, 4]\n%5 = elt * %0, %4 : f32[2, 3, 4]\n"},
    {P "%1 = elt neg %0 : f32[2, 3, 4]\n%2 = reduce %1 sum 1 : f32[2, 4]\n",
     P "%1 = reduce %0 sum 1 : f32[2, 4]\n%2 = elt neg %1 : f32[2, 4]\n"},
    {P "%1 = reduce %0 sum 0 2 : f32[3]\n%2 = broadcast %1 map 0 : f32[3, 3]\n"
       "%3 = broadcast %1 map 1 : f32[3, 3]\n%4 = elt - %2, %3 : f32[3, 3]\n",
     P "%1 = reduce %0 sum 0 2 : f32[3]\n%2 = broadcast %1 map 0 : f32[3, 3]\n"
       "%3 = broadcast %1 map 1 : f32[3, 3]\n%4 = elt - %2, %3 : f32[3, 3]\n"},
    {P "%1 = stop_gradient %0 : f32[2, 3, 4]\n", P},
#undef P
};

static char *as_graph(Arena *a, const char *nodes) {
  int last = 0;
  for (const char *p = nodes; (p = strchr(p, '\n')); p++) last++;
  return arena_printf(a,
                      "graph \"\" batch 1 accumulate 1\nstate s0 param \"a\" : f32[2, 3, 4]\n%sentry eval\n"
                      "value \"y\" = %%%d report\n",
                      nodes, last - 1);
}

START_TEST(each_rule_does_what_it_says) {
  Arena *a = arena_new();
  const char *before = as_graph(a, rules[_i].before);
  Graph *g = graph_parse(a, diag_source(a, "before", before, strlen(before)));
  ck_assert_ptr_nonnull(g);
  simplify(g, SL_ALL);
  ck_assert_str_eq(graph_print(a, g), as_graph(a, rules[_i].after));
  arena_free(a);
}
END_TEST

/* What each licence, and no other rule, rewrites. */
static const struct {
  const char *name, *text;
} licensed[] = {
#define P "%0 = state s0 : f32[2, 3, 4]\n"
    {"stop", P "%1 = stop_gradient %0 : f32[2, 3, 4]\n"},
    {"zero", P "%1 = const 0 : f32[2, 3, 4]\n%2 = elt * %0, %1 : f32[2, 3, 4]\n"},
    {"broadcast", P "%1 = broadcast %0 map 0 2 3 : f32[2, 5, 3, 4]\n%2 = reduce %1 sum 1 3 : f32[2, 3]\n"},
    {"const", P "%1 = const 2 : f32[2, 3, 4]\n%2 = elt * %0, %1 : f32[2, 3, 4]\n"
                "%3 = const 0.25 : f32[2, 3, 4]\n%4 = elt * %2, %3 : f32[2, 3, 4]\n"},
    {"reciprocal", P "%1 = reduce %0 sum 2 : f32[2, 3]\n%2 = broadcast %1 map 0 1 : f32[2, 3, 4]\n"
                     "%3 = elt / %0, %2 : f32[2, 3, 4]\n"},
#undef P
};

static char *simplified(Arena *a, const char *text, unsigned refused) {
  Graph *g = graph_parse(a, diag_source(a, "before", text, strlen(text)));
  ck_assert_ptr_nonnull(g);
  g->refused = refused;
  simplify(g, SL_ALL);
  return graph_print(a, g);
}

START_TEST(a_refused_licence_is_not_used) {
  Arena *a = arena_new();
  const SimplifyLicenceRow *row = &simplify_licences[_i];
  const char *text = as_graph(a, licensed[_i].text);
  ck_assert_str_eq(row->name, licensed[_i].name);
  ck_assert_str_eq(simplified(a, text, row->bit), text);
  ck_assert_str_ne(simplified(a, text, SL_ALL & ~row->bit), text);
  ck_assert_ptr_null(simplify_licences[sizeof licensed / sizeof *licensed].name);
  arena_free(a);
}
END_TEST

START_TEST(nothing_is_rewritten_through_a_supplied_value) {
  Arena *a = arena_new();
  Graph *g = graph_new(a);
  Node *draw = graph_random(g, 1, SHAPE(2, 3));
  Node *turned = graph_permute(g, draw, (int[]){1, 0}), *back = graph_permute(g, turned, (int[]){1, 0});
  graph_value(g, EN_EVAL, "turned", turned, V_SUPPLY);
  graph_value(g, EN_EVAL, "y", back, V_REPORT);
  simplify(g, SL_ALL);
  GraphRun *r = graph_run_new(g, true);
  graph_run_supply(r, "turned", (double[]){1, 2, 3, 4, 5, 6});
  ck_assert(graph_run_entry(r, EN_EVAL, &case_env));
  static const double want[] = {1, 3, 5, 2, 4, 6};
  for (int i = 0; i < 6; i++) ck_assert(graph_run_value(r, "y")[i] == want[i]);
  graph_run_free(r);
  arena_free(a);
}
END_TEST

SUITE("graph_simplify") {
  tcase_add_test(t, random_graphs_mean_the_same);
  tcase_add_loop_test(t, each_rule_does_what_it_says, 0, sizeof rules / sizeof *rules);
  tcase_add_loop_test(t, a_refused_licence_is_not_used, 0, sizeof licensed / sizeof *licensed);
  tcase_add_test(t, nothing_is_rewritten_through_a_supplied_value);
}
