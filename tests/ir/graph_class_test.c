/* Classes: what repeated blocks make alike has one class, what differs in op, shape or operand does not. */
#include <stdlib.h>

#include "ir/graph/graph.h"
#include "tests/suite.h"

/* A chain of blocks, each a linear map of its input and the input added: the number of its classes. */
static int chain(Graph *g, int blocks, EltOp op) {
  int64_t wide[] = {4, 6}, square[] = {6, 6};
  Node *x = graph_random(g, 1, shape_of(2, wide));
  for (int i = 0; i < blocks; i++) {
    g->path = arena_printf(g->arena, "blocks.%d", i);
    Node *w = graph_random(g, 10 + (uint64_t)i, shape_of(2, square));
    Node *y = graph_contract(g, "ni,oi->no", x, w);
    x = graph_elt(g, op, x, y, NULL);
  }
  int *first = malloc((size_t)g->nnode * sizeof *first);
  ck_assert_ptr_nonnull(first);
  int classes = graph_classes(g, first);
  for (int i = 0; i < g->nnode; i++) ck_assert_int_le(first[i], i);
  free(first);
  return classes;
}

START_TEST(depth_does_not_add_classes) {
  Arena *a = arena_new();
  int four = chain(graph_new(a), 4, E_ADD), twelve = chain(graph_new(a), 12, E_ADD);
  ck_assert_int_eq(four, twelve);
  ck_assert_int_lt(twelve, 12);
  arena_free(a);
}
END_TEST

START_TEST(another_op_is_another_class) {
  Arena *a = arena_new();
  Graph *g = graph_new(a);
  int one = chain(g, 3, E_ADD);
  ck_assert_int_gt(chain(g, 3, E_MUL), one);
  arena_free(a);
}
END_TEST

START_TEST(only_whole_numbers_between_dots_are_indices) {
  Arena *a = arena_new();
  ck_assert_str_eq(graph_starred(a, "blocks.12.norm2_1.w3"), "blocks.*.norm2_1.w3");
  ck_assert_str_eq(graph_starred(a, "3.fc1"), "*.fc1");
  ck_assert_str_eq(graph_starred(a, ""), "");
  arena_free(a);
}
END_TEST

SUITE("graph_class") {
  tcase_add_test(t, depth_does_not_add_classes);
  tcase_add_test(t, another_op_is_another_class);
  tcase_add_test(t, only_whole_numbers_between_dots_are_indices);
}
