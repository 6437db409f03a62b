/* A graph as deep as it is long: everything that is done to graphs goes through 100,000 nodes in a chain
 * without recursion over the depth, and in time that grows with the length alone. */
#include <math.h>
#include <string.h>
#include <time.h>

#include "ir/graph/graph.h"
#include "tests/suite.h"

enum { DEPTH = 100000 };

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* x = tanh(x), again and again. */
static Node *tanh_of(Graph *g, Node *x, int i) {
  (void)i;
  return graph_elt(g, E_TANH, x, NULL, NULL);
}

/* A view of a view of .., so that what is seen through views is as deep. */
static Node *turned(Graph *g, Node *x, int i) {
  int64_t flat[] = {4}, square[] = {2, 2};
  return graph_reshape(g, x, i % 2 ? shape_of(1, flat) : shape_of(2, square));
}

/* Both operands are the last node: paths through the graph double at each. */
static Node *doubled(Graph *g, Node *x, int i) {
  return graph_elt(g, i % 2 ? E_MUL : E_ADD, x, x, NULL);
}

static Node *(*const links[])(Graph *, Node *, int) = {tanh_of, turned, doubled};

static Graph *chain(Arena *a, int kind) {
  Graph *g = graph_new(a);
  int64_t dim[] = {4};
  const State *s = graph_state(g, ST_TEMP, "s", DT_F32, shape_of(1, dim), NULL);
  Node *x = graph_read(g, s);
  for (int i = 0; i < DEPTH; i++) {
    if (kind != 1) g->path = i % 2 ? "net.1" : "net.2";
    x = links[kind](g, x, i);
  }
  if (x->shape.rank == 2) x = graph_reshape(g, x, shape_of(1, dim));
  graph_assign(g, EN_MICRO, s, x);
  graph_value(g, EN_MICRO, "x", x, V_REPORT);
  graph_mark_supplied(g);
  return g;
}

static double no_scalar(void *ctx, const char *field) {
  (void)ctx;
  ice("no step field %s", field);
}

static void check_run(const Graph *g, int kind) {
  GraphRun *r = graph_run_new(g, true);
  double want = 0.25, *state = graph_run_state(r, g->state[0]);
  for (int i = 0; i < 4; i++) state[i] = want;
  ck_assert(graph_run_entry(r, EN_MICRO, &(GraphEnv){.scalar = no_scalar}));
  for (int i = 0; i < DEPTH && kind != 1; i++)
    want = kind == 0 ? tanh(want) : i % 2 ? want * want : want + want;
  for (int i = 0; i < 4; i++) ck_assert(state[i] == want || (isnan(want) && isnan(state[i])));
  graph_run_free(r);
}

static void check_text(Arena *a, Graph *g) {
  const char *text = graph_print(a, g);
  Graph *again = graph_parse(a, diag_source(a, "chain.graph", text, strlen(text)));
  ck_assert_ptr_nonnull(again);
  ck_assert(graph_verify(again));
  ck_assert_str_eq(graph_print(a, again), text);
}

START_TEST(a_deep_chain_takes_time_by_its_length) {
  Arena *a = arena_new();
  double start = now();
  Graph *g = chain(a, _i);
  int nodes = g->nnode;
  ck_assert_int_ge(nodes, DEPTH);
  ck_assert(graph_verify(g));
  int *first = ARENA_ARRAY(a, nodes, int);
  ck_assert_int_ge(graph_classes(g, first), 2);
  check_text(a, g);
  check_run(g, _i);
  GraphShot *shot = graph_shot(a, g);
  graph_prune(g);
  graph_restore(g, shot);
  ck_assert_int_eq(g->nnode, nodes);
  ck_assert(graph_verify(g));
  ck_assert_double_lt(now() - start, 8);
  arena_free(a);
}
END_TEST

SUITE("graph_depth") {
  tcase_set_timeout(t, 60);
  tcase_add_loop_test(t, a_deep_chain_takes_time_by_its_length, 0, sizeof links / sizeof *links);
}
