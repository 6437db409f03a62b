/* Names: a number for each text, and names that are taken once. */
#include "ir/names.h"

#include "tests/suite.h"

START_TEST(each_text_has_a_number) {
  enum { N = 3000 };
  Arena *a = arena_new();
  Names names = {.arena = a};
  for (int round = 1; round <= 2; round++)
    for (int i = 0; i < N; i++) {
      int *number = names_at(&names, arena_printf(a, "v%d", i));
      ck_assert_int_eq(*number, round == 1 ? 0 : i + 1);
      *number = i + 1;
    }
  ck_assert_uint_eq(names.used, N);
  arena_free(a);
}
END_TEST

START_TEST(names_are_taken_once) {
  Arena *a = arena_new();
  Names names = {.arena = a};
  static const char *const asked[] = {"v", "v_3", "v", "v", "v_3", "v", "v_3_2"}, *const given[] = {
                                                                                      "v",      "v_3",
                                                                                      "v_2",    "v_4",
                                                                                      "v_3_2",  "v_5",
                                                                                      "v_3_2_2"};
  for (size_t i = 0; i < sizeof asked / sizeof *asked; i++)
    ck_assert_str_eq(names_take(&names, asked[i]), given[i]);
  arena_free(a);
}
END_TEST

SUITE("names") {
  tcase_add_test(t, each_text_has_a_number);
  tcase_add_test(t, names_are_taken_once);
}
