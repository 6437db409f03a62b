/* Launch order: with two losses, what the first one's backward pass kept is gone before the second one's
 * forward pass begins, however the description interleaves them. */

#include "codegen/cpu/cpu.h"
#include "passes/grad/autodiff.h"
#include "passes/passes.h"
#include "tests/suite.h"

enum { ROWS = 64, WIDTH = 96, LAYERS = 6 };

#define SHAPE(...)                                                                                           \
  shape_of((int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), (int64_t[]){__VA_ARGS__})

static State *state(Graph *g, StateKind kind, const char *tower, int i) {
  const char *name = arena_printf(g->arena, "%s.%d%s", tower, i, kind == ST_GRAD ? ".grad" : "");
  return graph_state(g, kind, name, DT_F32, SHAPE(WIDTH, WIDTH), NULL);
}

/* The tower's output; its weights become parameters from `first` on. */
static Node *tower(Graph *g, const char *name, Node *x, Node **weight) {
  for (int i = 0; i < LAYERS; i++) {
    weight[i] = graph_read(g, state(g, ST_PARAM, name, i));
    x = graph_elt(g, E_TANH, graph_contract(g, "bi,oi->bo", x, weight[i]), NULL, NULL);
  }
  return x;
}

static Node *loss_of(Graph *g, const char *name, Node *y) {
  Node *loss = graph_reduce(g, GR_SUM, graph_elt(g, E_MUL, y, y, NULL), 3);
  graph_value(g, EN_MICRO, name, loss, V_LOSS | V_REPORT);
  return loss;
}

static Prog *build(Arena *a, int towers) {
  static const char *const name[] = {"a", "b"};
  Graph *g = graph_new(a);
  g->name_of_block = "test";
  Node *x = graph_random(g, 1, SHAPE(ROWS, WIDTH)), *weight[2 * LAYERS], *grad[2 * LAYERS], *y[2],
       *loss = NULL;
  for (int t = 0; t < towers; t++) y[t] = tower(g, name[t], x, weight + t * LAYERS);
  for (int t = 0; t < towers; t++) {
    Node *own = loss_of(g, name[t], y[t]);
    loss = loss ? graph_elt(g, E_ADD, loss, own, NULL) : own;
  }
  ck_assert(autodiff(g, loss, weight, towers * LAYERS, grad));
  for (int i = 0; i < towers * LAYERS; i++)
    graph_assign(g, EN_MICRO, state(g, ST_GRAD, name[i / LAYERS], i % LAYERS), grad[i]);
  g->entry[EN_MICRO].present = true;
  PassOptions o = {.target = cpu_target("x86-64-v3")};
  Prog *p = passes_run(a, g, &o);
  ck_assert_ptr_nonnull(p);
  return p;
}

/* Live bytes beside the states. */
static int64_t at_work(const Prog *p) {
  int64_t states = 0;
  for (int i = 0; i < p->nbuf; i++) states += p->buf[i]->persistent ? p->buf[i]->bytes : 0;
  return p->live_bytes - states;
}

START_TEST(one_loss_frees_what_it_kept) {
  Arena *a = arena_new();
  int64_t one = at_work(build(a, 1)), two = at_work(build(a, 2));
  ck_assert_int_gt(one, 3 * ROWS * WIDTH * 4);
  ck_assert_msg(two < one + 2 * ROWS * WIDTH * 4, "two towers need %lld bytes, one %lld", (long long)two,
                (long long)one);
  arena_free(a);
}
END_TEST

SUITE("order") {
  tcase_add_test(t, one_loss_frees_what_it_kept);
}
