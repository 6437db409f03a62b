/* Builders: what they refuse and how they say it, sharing of equal nodes, broadcasting, states and entries.
 */
#include <string.h>

#include "tests/ir/graph_case.h"
#include "tests/suite.h"

typedef struct Bench {
  Arena *a;
  Graph *g;
  FILE *f;
  char *text;
  size_t size;
} Bench;

static void bench_open(Bench *b) {
  *b = (Bench){.a = arena_new()};
  b->g = graph_new(b->a);
  b->g->loc = (Loc){diag_source(b->a, "m.tess", "let y = x\n", 10), 1, 5};
  b->f = open_memstream(&b->text, &b->size);
  diag_to(b->f);
}

static void bench_close(Bench *b) {
  diag_to(NULL);
  if (b->f) fclose(b->f);
  free(b->text);
  arena_free(b->a);
}

static Node *f32(Bench *b, const char *name, Shape s) {
  return graph_read(b->g, graph_state(b->g, ST_PARAM, name, DT_F32, s, NULL));
}

/* x [2, 3, 4], y [4, 3], i: i32 [2, 5], t: bool [2, 3, 4] */
typedef Node *Wrong(Graph *g, Node *x, Node *y, Node *i, Node *t);
#define WRONG(NAME, expr)                                                                                    \
  static Node *wrong_##NAME(Graph *g, Node *x, Node *y, Node *i, Node *t) {                                  \
    (void)x, (void)y, (void)i, (void)t;                                                                      \
    return expr;                                                                                             \
  }
static const int64_t zeros[MAX_RANK];
WRONG(const, graph_const(g, DT_U8, SHAPE(2), 256))
WRONG(empty, graph_const(g, DT_F32, SHAPE(2, 0), 1))
WRONG(huge, graph_const(g, DT_F32, SHAPE(1 << 30, 1 << 30), 1))
WRONG(iota, graph_iota(g, DT_I32, SHAPE(2), 1))
WRONG(iota_type, graph_iota(g, DT_BF16, SHAPE(2), 0))
WRONG(step, graph_step(g, ""))
WRONG(random, graph_random(g, 1, SHAPE(1 << 20, 1 << 20)))
WRONG(elt, graph_elt(g, E_ADD, x, y, NULL))
WRONG(elt_type, graph_elt(g, E_ADD, x, t, NULL))
WRONG(map, graph_map2(g, E_MUL, x, y))
WRONG(cast, graph_cast(g, DT_U64, x))
WRONG(labels, graph_contract(g, "abc;cd->abd", x, y))
WRONG(ranks, graph_contract(g, "abc,c->ab", x, y))
WRONG(twice, graph_contract(g, "aac,cb->ab", x, y))
WRONG(alone, graph_contract(g, "abc,cd->ab", x, y))
WRONG(extent, graph_contract(g, "abc,db->acd", x, graph_const(g, DT_F32, SHAPE(5, 4), 1)))
WRONG(result, graph_contract(g, "abc,cb->az", x, y))
WRONG(reduce, graph_reduce(g, GR_SUM, x, 1u << 3))
WRONG(reduce_type, graph_reduce(g, GR_SUM, t, 1))
WRONG(broadcast, graph_broadcast(g, y, SHAPE(3, 4), ((const int[]){1, 0})))
WRONG(expand, graph_expand(g, y, SHAPE(4, 4)))
WRONG(reshape, graph_reshape(g, x, SHAPE(5, 5)))
WRONG(permute, graph_permute(g, x, ((const int[]){0, 2, 2})))
WRONG(slice, graph_slice(g, y, ((const int64_t[]){2, 0}), SHAPE(3, 3)))
WRONG(pad, graph_pad(g, y, ((const int64_t[]){-1, 0}), zeros, zeros))
WRONG(concat, graph_concat(g, 2, ((Node *const[]){x, y}), 0))
WRONG(window, graph_window(g, y, 1, 4, 1))
WRONG(gather, graph_gather(g, y, i))
WRONG(scatter, graph_scatter(g, x, i, 4))

static const struct {
  Wrong *build;
  const char *message;
} wrongs[] = {
    {wrong_const, "const: found 256, expected a value of type u8"},
    {wrong_empty, "const: found shape [2, 0], expected positive dimensions and at most 2^40 elements"},
    {wrong_huge, "const: found shape [1073741824, 1073741824], expected positive dimensions and at most 2^40 "
                 "elements"},
    {wrong_iota, "iota: found axis 1, expected one of a tensor of rank 1"},
    {wrong_iota_type, "iota: found type bf16, expected i32 or f32"},
    {wrong_step, "step: expected the name of a field"},
    {wrong_random, "random: found shape [1048576, 1048576], expected fewer than 2^32 elements"},
    {wrong_elt, "+: found shapes [2, 3, 4] and [4, 3], expected one shape"},
    {wrong_elt_type, "+: found types f32, bool, expected types that it takes, equal ones where values meet"},
    {wrong_map, "*: found shapes [2, 3, 4] and [4, 3], expected shapes that broadcast to one"},
    {wrong_cast, "cast: found u64, which only counts: expected another type"},
    {wrong_labels, "contract: found labels \"abc;cd->abd\", expected a letter a dimension as in "
                   "\"bik,bjk->bij\""},
    {wrong_ranks, "contract: found 3 and 1 labels in \"abc,c->ab\", expected 3 and 2, the operands' ranks"},
    {wrong_twice, "contract: found label 'a' twice in the left operand, expected once"},
    {wrong_alone, "contract: found label 'd' in one operand alone, expected it in the other or in the result "
                  "(sum over it first)"},
    {wrong_extent,
     "contract: found extents 3 and 4 of label 'b' in [2, 3, 4] and [5, 4], expected one extent"},
    {wrong_result, "contract: found label 'd' in the result alone, expected it in an operand"},
    {wrong_reduce, "reduce: found axes 0x8, expected some of a tensor of shape [2, 3, 4]"},
    {wrong_reduce_type, "reduce: found type bool, expected i32 or a floating-point type"},
    {wrong_broadcast, "broadcast: found shape [3, 4] for [4, 3], expected each dimension in it, in order"},
    {wrong_expand, "found shape [4, 3], expected one that broadcasts to [4, 4]"},
    {wrong_reshape, "reshape: found 25 elements for shape [5, 5], expected the 24 of [2, 3, 4]"},
    {wrong_permute, "permute: found dimension 2 at place 2, expected each of the 3 once"},
    {wrong_slice, "slice: found 3 elements from 2 on along axis 0, expected them within 0..4"},
    {wrong_pad, "pad: found -1 before, 0 after and 0 between along axis 0, expected counts of zeros"},
    {wrong_concat,
     "concat: found f32 [4, 3] beside f32 [2, 3, 4], expected them to differ along axis 0 alone"},
    {wrong_window, "window: found size 4 and stride 1, expected a size of 1..3 and a stride of at least 1"},
    {wrong_gather,
     "gather: found index i32 [2, 5] for [4, 3], expected i32 with the same leading dimensions"},
    {wrong_scatter,
     "scatter: found index i32 [2, 5] for [2, 3, 4], expected i32 with the same leading dimensions"},
};

START_TEST(misuse_is_reported_at_the_users_line) {
  Bench b;
  bench_open(&b);
  Node *x = f32(&b, "x", SHAPE(2, 3, 4)), *y = f32(&b, "y", SHAPE(4, 3));
  Node *i = graph_input(b.g, "i", DT_I32, SHAPE(2, 5)), *t = graph_cast(b.g, DT_BOOL, x);
  ck_assert_ptr_null(wrongs[_i].build(b.g, x, y, i, t));
  fflush(b.f);
  const char *wanted =
      arena_printf(b.a, "m.tess:1:5: error: %s\n    1 | let y = x\n      |     ^\n", wrongs[_i].message);
  ck_assert_str_eq(b.text, wanted);
  bench_close(&b);
}
END_TEST

START_TEST(a_missing_operand_is_passed_on_in_silence) {
  Bench b;
  bench_open(&b);
  Node *x = f32(&b, "x", SHAPE(2, 3));
  ck_assert_ptr_null(graph_map2(b.g, E_ADD, x, NULL));
  ck_assert_ptr_null(graph_elt(b.g, E_ADD, NULL, x, NULL));
  ck_assert_ptr_null(graph_contract(b.g, "ab,bc->ac", x, NULL));
  ck_assert_ptr_null(graph_concat(b.g, 2, (Node *[]){x, NULL}, 0));
  ck_assert_ptr_null(graph_expand(b.g, NULL, SHAPE(2)));
  ck_assert_ptr_null(graph_read(b.g, NULL));
  fflush(b.f);
  ck_assert_uint_eq(b.size, 0);
  bench_close(&b);
}
END_TEST

/* Many nodes, so that the table grows several times: each built again is the same node. */
START_TEST(equal_nodes_are_one) {
  enum { N = 3000 };
  Bench b;
  bench_open(&b);
  Node *x = f32(&b, "x", SHAPE(2, 3)), *first[N];
  for (int i = 0; i < N; i++) first[i] = graph_map2(b.g, E_ADD, x, graph_scalar(b.g, i * 0.5));
  int n = b.g->nnode;
  for (int i = 0; i < N; i++)
    ck_assert_ptr_eq(first[i], graph_map2(b.g, E_ADD, x, graph_scalar(b.g, i * 0.5)));
  ck_assert_int_eq(b.g->nnode, n);
  for (int i = 0; i < n; i++) ck_assert_int_eq(b.g->node[i]->id, i);
  ck_assert_ptr_eq(graph_contract(b.g, "ik,jk->ij", x, x), graph_contract(b.g, "xy,zy->xz", x, x));
  char name[] = "given";
  Node *input = graph_input(b.g, name, DT_F32, SHAPE(2));
  memset(name, 'z', 5);
  ck_assert_ptr_eq(input, graph_input(b.g, "given", DT_F32, SHAPE(2)));
  bench_close(&b);
}
END_TEST

START_TEST(different_nodes_stay_apart) {
  Bench b;
  bench_open(&b);
  ck_assert_ptr_ne(graph_random(b.g, 1, SHAPE(3)), graph_random(b.g, 2, SHAPE(3)));
  ck_assert_ptr_ne(graph_const(b.g, DT_F32, SHAPE(3), 0.0), graph_const(b.g, DT_F32, SHAPE(3), -0.0));
  ck_assert_ptr_ne(graph_const(b.g, DT_F32, SHAPE(3), 1), graph_const(b.g, DT_I32, SHAPE(3), 1));
  ck_assert_ptr_ne(graph_const(b.g, DT_F32, SHAPE(3), 1), graph_const(b.g, DT_F32, SHAPE(3, 1), 1));
  Node *x = f32(&b, "x", SHAPE(3, 3));
  ck_assert_ptr_ne(graph_reduce(b.g, GR_SUM, x, 1), graph_reduce(b.g, GR_MAX, x, 1));
  ck_assert_ptr_ne(graph_contract(b.g, "ik,jk->ij", x, x), graph_contract(b.g, "ik,kj->ij", x, x));
  bench_close(&b);
}
END_TEST

START_TEST(what_changes_nothing_is_the_operand) {
  Bench b;
  bench_open(&b);
  Node *x = f32(&b, "x", SHAPE(2, 3));
  ck_assert_ptr_eq(x, graph_cast(b.g, DT_F32, x));
  ck_assert_ptr_eq(x, graph_reshape(b.g, x, SHAPE(2, 3)));
  ck_assert_ptr_eq(x, graph_permute(b.g, x, (int[]){0, 1}));
  ck_assert_ptr_eq(x, graph_slice(b.g, x, zeros, SHAPE(2, 3)));
  ck_assert_ptr_eq(x, graph_pad(b.g, x, zeros, zeros, NULL));
  ck_assert_ptr_eq(x, graph_concat(b.g, 1, &x, 0));
  ck_assert_ptr_eq(x, graph_reduce(b.g, GR_SUM, x, 0));
  ck_assert_ptr_eq(x, graph_expand(b.g, x, SHAPE(2, 3)));
  bench_close(&b);
}
END_TEST

START_TEST(shapes_broadcast_as_in_numpy) {
  Shape a = SHAPE(3, 1, 5), b = SHAPE(4, 1), both = SHAPE(3, 4, 5), scalar = {0}, c = SHAPE(3, 2), s;
  ck_assert(graph_broadcast_shape(&a, &b, &s) && shape_same(&s, &both));
  ck_assert(graph_broadcast_shape(&a, &scalar, &s) && shape_same(&s, &a));
  ck_assert(!graph_broadcast_shape(&c, &b, &s));
}
END_TEST

START_TEST(a_rebuilt_node_keeps_its_place) {
  Bench b;
  bench_open(&b);
  Node *x = f32(&b, "x", SHAPE(2, 3)), *y = f32(&b, "y", SHAPE(2, 3));
  b.g->name = "t";
  b.g->path = "blocks.3";
  Node *n = graph_reduce(b.g, GR_SUM, x, 2);
  b.g->loc.line = 9;
  b.g->name = NULL;
  Node *m = graph_rebuild(b.g, n, &y);
  ck_assert(m != n && m->in[0] == y && m->at.axes == 2);
  ck_assert(m->loc.line == 1 && !strcmp(m->name, "t") && !strcmp(m->path, "blocks.3"));
  ck_assert(b.g->loc.line == 9 && !b.g->name);
  bench_close(&b);
}
END_TEST

START_TEST(states_and_entries_refuse_what_does_not_fit) {
  Bench b;
  bench_open(&b);
  State *s = graph_state(b.g, ST_PARAM, "w", DT_F32, SHAPE(2, 3), NULL);
  Node *x = graph_read(b.g, s), *sum = graph_reduce(b.g, GR_SUM, x, 1);
  ck_assert_ptr_null(graph_state(b.g, ST_SLOT, "w", DT_F32, SHAPE(2), NULL));
  ck_assert_ptr_null(graph_state(b.g, ST_SLOT, "v", DT_F32, SHAPE(2), sum));
  graph_assign(b.g, EN_UPDATE, s, sum);
  graph_assign(b.g, EN_UPDATE, s, x);
  graph_assign(b.g, EN_UPDATE, s, x);
  graph_value(b.g, EN_EVAL, "y", x, V_REPORT);
  ck_assert_ptr_null(graph_value(b.g, EN_EVAL, "y", sum, V_REPORT));
  fflush(b.f);
  static const char *const wanted[] = {
      "state \"w\": found twice, expected unique names",
      "state \"v\": found a first value of type f32[3], expected f32[2]",
      "assignment to \"w\": found f32[3], expected f32[2, 3]",
      "assignment to \"w\": found a second one in an entry, expected one",
      "value \"y\": found twice in an entry, expected unique names",
  };
  for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
    ck_assert_msg(strstr(b.text, wanted[i]) != NULL, "missing: %s\nin:\n%s", wanted[i], b.text);
  ck_assert_int_eq(b.g->entry[EN_UPDATE].nassign, 1);
  bench_close(&b);
}
END_TEST

/* State a := b and b := a in one entry: both read the values from before it. */
START_TEST(assignments_take_effect_together) {
  Bench b;
  bench_open(&b);
  State *p = graph_state(b.g, ST_SLOT, "p", DT_F32, SHAPE(2), graph_iota(b.g, DT_F32, SHAPE(2), 0));
  State *q = graph_state(b.g, ST_SLOT, "q", DT_F32, SHAPE(2), NULL);
  State *all = graph_state(b.g, ST_GROUP, "all", DT_F32, SHAPE(4), NULL);
  p->group = q->group = all;
  q->offset = 2;
  graph_assign(b.g, EN_UPDATE, p, graph_read(b.g, q));
  graph_assign(b.g, EN_UPDATE, q, graph_map2(b.g, E_ADD, graph_read(b.g, p), graph_scalar(b.g, 10)));
  ck_assert(graph_verify(b.g));
  GraphRun *r = graph_run_new(b.g, false);
  ck_assert(graph_run_entry(r, EN_INIT, &case_env));
  ck_assert(graph_run_entry(r, EN_UPDATE, &case_env));
  const double *now = graph_run_state(r, all);
  ck_assert(now[0] == 0 && now[1] == 0 && now[2] == 10 && now[3] == 11);
  ck_assert_ptr_eq(graph_run_state(r, q), now + 2);
  graph_run_free(r);
  bench_close(&b);
}
END_TEST

SUITE("graph_build") {
  tcase_add_loop_test(t, misuse_is_reported_at_the_users_line, 0, sizeof wrongs / sizeof *wrongs);
  tcase_add_test(t, a_missing_operand_is_passed_on_in_silence);
  tcase_add_test(t, equal_nodes_are_one);
  tcase_add_test(t, different_nodes_stay_apart);
  tcase_add_test(t, what_changes_nothing_is_the_operand);
  tcase_add_test(t, shapes_broadcast_as_in_numpy);
  tcase_add_test(t, a_rebuilt_node_keeps_its_place);
  tcase_add_test(t, states_and_entries_refuse_what_does_not_fit);
  tcase_add_test(t, assignments_take_effect_together);
}
