/* Gradients of compositions against differences, and what differentiation must not build. */
#include <string.h>

#include "tests/ir/grown_graph.h"
#include "tests/suite.h"

static Node *constant_times(Graph *g, Node *x, double c) {
  return graph_map2(g, E_MUL, x, graph_scalar(g, c));
}

/* Mean over the last axis, kept with extent 1. */
static Node *mean_last(Graph *g, Node *x) {
  int last = x->shape.rank - 1;
  Shape kept = x->shape;
  kept.dim[last] = 1;
  Node *sum = graph_reduce(g, GR_SUM, x, 1u << last);
  return graph_reshape(g, constant_times(g, sum, 1.0 / (double)x->shape.dim[last]), kept);
}

static Node *layer_norm(Graph *g, Node *x, Node *weight, Node *bias) {
  Node *centred = graph_map2(g, E_SUB, x, mean_last(g, x));
  Node *variance = mean_last(g, graph_elt(g, E_MUL, centred, centred, NULL));
  Node *steady = graph_map2(g, E_ADD, variance, graph_scalar(g, 1e-3));
  Node *scaled = graph_map2(g, E_MUL, centred, graph_elt(g, E_RSQRT, steady, NULL, NULL));
  return graph_map2(g, E_ADD, graph_map2(g, E_MUL, scaled, weight), bias);
}

static Node *softmax_last(Graph *g, Node *x) {
  int last = x->shape.rank - 1;
  Shape kept = x->shape;
  kept.dim[last] = 1;
  Node *top = graph_stop_gradient(g, graph_reshape(g, graph_reduce(g, GR_MAX, x, 1u << last), kept));
  Node *e = graph_elt(g, E_EXP, graph_map2(g, E_SUB, x, top), NULL, NULL);
  Node *sum = graph_reshape(g, graph_reduce(g, GR_SUM, e, 1u << last), kept);
  return graph_map2(g, E_DIV, e, sum);
}

static Node *gelu(Graph *g, Node *x) {
  Node *bell = graph_elt(g, E_ERF, constant_times(g, x, 0.70710678118654752), NULL, NULL);
  return graph_elt(g, E_MUL, constant_times(g, x, 0.5), graph_map2(g, E_ADD, bell, graph_scalar(g, 1)), NULL);
}

static Node *build_norm(Graph *g, Node *const *x) {
  return layer_norm(g, x[0], x[1], x[2]);
}

/* x [b, n, c], packed weights [3c, c]: heads of an attention with a causal mask. */
static Node *qkv_part(Graph *g, Node *packed, int which) {
  Shape s = packed->shape;
  const int64_t start[] = {which, 0, 0, 0, 0};
  s.dim[0] = 1;
  Node *part = graph_slice(g, packed, start, s);
  return graph_reshape(g, part, SHAPE(s.dim[1], s.dim[2], s.dim[3], s.dim[4]));
}

static Node *build_attention(Graph *g, Node *const *x) {
  int64_t b = x[0]->shape.dim[0], n = x[0]->shape.dim[1], c = x[0]->shape.dim[2], h = 2, d = c / h;
  Node *packed = graph_reshape(g, graph_contract(g, "bnc,oc->bno", x[0], x[1]), SHAPE(b, n, 3, h, d));
  packed = graph_permute(g, packed, (int[]){2, 0, 3, 1, 4});
  Node *q = qkv_part(g, packed, 0), *k = qkv_part(g, packed, 1), *v = qkv_part(g, packed, 2);
  Node *row = graph_iota(g, DT_I32, SHAPE(n, n), 0), *column = graph_iota(g, DT_I32, SHAPE(n, n), 1);
  Node *hidden = graph_elt(g, E_LT, row, column, NULL);
  Node *mask = graph_elt(g, E_SELECT, hidden, graph_const(g, DT_F32, SHAPE(n, n), -1e30),
                         graph_const(g, DT_F32, SHAPE(n, n), 0));
  Node *scores = constant_times(g, graph_contract(g, "bhid,bhjd->bhij", q, k), 1 / sqrt((double)d));
  Node *p = softmax_last(g, graph_map2(g, E_ADD, scores, mask));
  Node *out = graph_permute(g, graph_contract(g, "bhij,bhjd->bhid", p, v), (int[]){0, 2, 1, 3});
  return graph_contract(g, "bnc,oc->bno", graph_reshape(g, out, SHAPE(b, n, c)), x[2]);
}

static Node *build_mlp(Graph *g, Node *const *x) {
  Node *t = graph_map2(g, E_ADD, graph_contract(g, "nk,ok->no", x[0], x[1]), x[2]);
  return graph_elt(g, E_ADD, x[0], graph_contract(g, "no,ko->nk", gelu(g, t), x[3]), NULL);
}

/* Segments of a sequence chosen by a drawn permutation, then 2 - 2 cos to fixed targets. */
static Node *build_segments(Graph *g, Node *const *x) {
  Node *chosen = graph_gather(g, x[0], x[1]);
  Node *y = graph_reshape(g, chosen, SHAPE(2, 6, 3));
  Node *dot = graph_contract(g, "bnk,bnk->bn", y, x[2]);
  Node *a = graph_contract(g, "bnk,bnk->bn", y, y), *b = graph_contract(g, "bnk,bnk->bn", x[2], x[2]);
  Node *scale =
      graph_elt(g, E_MUL, graph_elt(g, E_RSQRT, a, NULL, NULL), graph_elt(g, E_RSQRT, b, NULL, NULL), NULL);
  Node *cosine = graph_elt(g, E_MUL, dot, scale, NULL);
  return graph_map2(g, E_SUB, graph_scalar(g, 2), constant_times(g, cosine, 2));
}

static Node *build_convolution(Graph *g, Node *const *x) {
  const int64_t one[] = {0, 0, 1, 1};
  Node *padded = graph_pad(g, x[0], one, one, NULL);
  Node *patches = graph_window(g, graph_window(g, padded, 3, 3, 2), 2, 3, 1);
  return graph_contract(g, "bcikjl,ockl->boij", patches, x[1]);
}

START_TEST(compositions_differentiate) {
  Case norm = {.what = "norm", .nin = 3, .build = build_norm};
  norm.in[0] = (CaseIn)F32(-2, 2, 3, 7);
  norm.in[1] = norm.in[2] = (CaseIn)F32(-2, 2, 7);
  Case attention = {.what = "attention", .nin = 3, .build = build_attention};
  attention.in[0] = (CaseIn)F32(-1, 1, 2, 5, 6);
  attention.in[1] = (CaseIn)F32(-1, 1, 18, 6);
  attention.in[2] = (CaseIn)F32(-1, 1, 6, 6);
  Case mlp = {.what = "mlp", .nin = 4, .build = build_mlp};
  mlp.in[0] = (CaseIn)F32(-1, 1, 5, 3);
  mlp.in[1] = (CaseIn)F32(-1, 1, 7, 3);
  mlp.in[2] = (CaseIn)F32(-1, 1, 7);
  mlp.in[3] = (CaseIn)F32(-1, 1, 3, 7);
  Case segments = {.what = "segments", .nin = 3, .build = build_segments};
  segments.in[0] = (CaseIn)F32(0.5, 2, 2, 4, 2, 3);
  segments.in[1] = (CaseIn){DT_I32, SHAPE(2, 3), 0, 4};
  segments.in[2] = (CaseIn)F32(0.5, 2, 2, 6, 3);
  Case convolution = {.what = "convolution", .nin = 2, .build = build_convolution};
  convolution.in[0] = (CaseIn)F32(-1, 1, 2, 3, 5, 7);
  convolution.in[1] = (CaseIn)F32(-1, 1, 2, 3, 3, 3);
  const Case *all[] = {&norm, &attention, &mlp, &segments, &convolution};
  case_check(all[_i]);
}
END_TEST

/* A chain of drawn ops over both operands; sums at the end keep every node of the chain in play. */
static Node *build_random(Graph *g, Node *const *x) {
  GrownGraph r = {.arena = g->arena, .g = g, .n = 2, .pool = {x[0], x[1]}};
  grown_add(&r, 25);
  Node *total = graph_scalar(g, 0);
  for (int i = 2; i < r.n; i++) {
    Node *bounded = graph_elt(g, E_TANH, constant_times(g, r.pool[i], 0.1), NULL, NULL);
    Node *sum = graph_reduce(g, GR_SUM, bounded, (1u << bounded->shape.rank) - 1);
    total = graph_elt(g, E_ADD, total, sum, NULL);
  }
  return total;
}

/* stop_gradient is left out of these: differences do not stop. */
static bool has_stop(uint64_t seed, const Case *c) {
  draw_from(seed);
  CaseRun r = case_build(c);
  bool found = false;
  for (int i = 0; i < r.g->nnode; i++) found = found || r.g->node[i]->op == O_STOP_GRADIENT;
  arena_free(r.arena);
  draw_from(seed);
  return found;
}

START_TEST(random_graphs_differentiate) {
  int checked = 0;
  Case c = {.what = "random graph", .nin = 2, .build = build_random, .rough = true};
  for (int i = 0; i < 60; i++) {
    c.in[0] = (CaseIn){DT_F32, grown_shape(1), -1, 1};
    c.in[1] = (CaseIn){DT_F32, grown_shape(1), -1, 1};
    uint64_t seed = draw_below(UINT32_MAX);
    if (!has_stop(seed, &c)) case_check(&c), checked++;
  }
  ck_assert_int_gt(checked, 10);
}
END_TEST

static int count_op(const Graph *g, Op op) {
  int n = 0;
  for (int i = 0; i < g->nnode; i++) n += g->node[i]->op == op;
  return n;
}

/* Data needs no gradient: a layer over it has the contraction forward, the one towards its weight, no third.
 */
START_TEST(nothing_is_built_towards_data) {
  Arena *a = arena_new();
  Graph *g = graph_new(a);
  Node *w = graph_read(g, graph_state(g, ST_PARAM, "w", DT_F32, SHAPE(5, 3), NULL));
  Node *x = graph_input(g, "x", DT_F32, SHAPE(4, 3)), *grad;
  Node *y = graph_contract(g, "nk,ok->no", x, w);
  Node *loss = graph_reduce(g, GR_SUM, graph_elt(g, E_MUL, y, y, NULL), 3);
  ck_assert(autodiff(g, loss, &w, 1, &grad));
  ck_assert_int_eq(count_op(g, O_CONTRACT), 2);
  ck_assert_int_eq(count_op(g, O_PERMUTE), 0);
  arena_free(a);
}
END_TEST

START_TEST(what_the_loss_lacks_has_zero_gradient) {
  Arena *a = arena_new();
  Graph *g = graph_new(a);
  Node *w[3], *grad[3];
  for (int i = 0; i < 3; i++)
    w[i] =
        graph_read(g, graph_state(g, ST_PARAM, (const char *[]){"a", "b", "c"}[i], DT_F32, SHAPE(3), NULL));
  Node *loss = graph_reduce(g, GR_SUM, graph_elt(g, E_ADD, w[0], graph_stop_gradient(g, w[1]), NULL), 1);
  ck_assert(autodiff(g, loss, w, 3, grad));
  ck_assert(grad[0]->op == O_CONST || grad[0]->op == O_BROADCAST);
  for (int i = 1; i < 3; i++) ck_assert(grad[i]->op == O_CONST && grad[i]->at.value == 0);
  arena_free(a);
}
END_TEST

/* The gradient of a packed projection's three parts is one concatenation, with no padding and no sum. */
START_TEST(slices_come_back_as_a_concatenation) {
  Arena *a = arena_new();
  Graph *g = graph_new(a);
  Node *x = graph_read(g, graph_state(g, ST_PARAM, "x", DT_F32, SHAPE(3, 4), NULL)), *part[3], *grad;
  for (int i = 0; i < 3; i++) part[i] = graph_slice(g, x, (int64_t[]){i, 0}, SHAPE(1, 4));
  Node *product = graph_elt(g, E_MUL, part[2], graph_elt(g, E_MUL, part[0], part[1], NULL), NULL);
  ck_assert(autodiff(g, graph_reduce(g, GR_SUM, product, 3), &x, 1, &grad));
  ck_assert_int_eq(grad->op, O_CONCAT);
  ck_assert_int_eq(grad->nin, 3);
  arena_free(a);
}
END_TEST

START_TEST(a_loss_that_is_no_scalar_is_refused) {
  Arena *a = arena_new();
  Graph *g = graph_new(a);
  char *text = NULL;
  size_t size;
  FILE *f = open_memstream(&text, &size);
  diag_to(f);
  Node *x = graph_read(g, graph_state(g, ST_PARAM, "x", DT_F32, SHAPE(3, 4), NULL)), *grad;
  ck_assert(!autodiff(g, x, &x, 1, &grad));
  fclose(f);
  diag_to(NULL);
  ck_assert_str_eq(text,
                   "error: gradient: found a loss of type f32[3, 4], expected a floating-point scalar\n");
  free(text);
  arena_free(a);
}
END_TEST

/* Nodes of the backward pass keep the place and path of the node that they come from, and their names. */
START_TEST(gradients_know_where_they_come_from) {
  Arena *a = arena_new();
  Graph *g = graph_new(a);
  Node *x = graph_read(g, graph_state(g, ST_PARAM, "x", DT_F32, SHAPE(3), NULL)), *grad;
  g->loc = (Loc){diag_source(a, "m.tess", "", 0), 7, 3};
  g->path = "blocks.1";
  g->name = "wave";
  Node *wave = graph_elt(g, E_SIN, x, NULL, NULL);
  g->name = NULL;
  g->loc = (Loc){0};
  g->path = "";
  Node *loss = graph_reduce(g, GR_SUM, graph_elt(g, E_MUL, wave, wave, NULL), 1);
  ck_assert(autodiff(g, loss, &x, 1, &grad));
  ck_assert_int_eq(grad->loc.line, 7);
  ck_assert_str_eq(grad->path, "blocks.1");
  bool named = false;
  for (int i = 0; i < g->nnode; i++)
    named = named || (g->node[i]->name && !strcmp(g->node[i]->name, "d_wave"));
  ck_assert(named);
  arena_free(a);
}
END_TEST

SUITE("autodiff") {
  tcase_add_loop_test(t, compositions_differentiate, 0, 5);
  tcase_add_test(t, random_graphs_differentiate);
  tcase_add_test(t, nothing_is_built_towards_data);
  tcase_add_test(t, what_the_loss_lacks_has_zero_gradient);
  tcase_add_test(t, slices_come_back_as_a_concatenation);
  tcase_add_test(t, a_loss_that_is_no_scalar_is_refused);
  tcase_add_test(t, gradients_know_where_they_come_from);
}
