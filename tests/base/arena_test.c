/* Arenas: what is allocated is zeroed, aligned, apart from everything else, and survives growth. */
#include "base/arena.h"

#include <stdlib.h>
#include <string.h>

#include "tests/suite.h"

static int all_are(const unsigned char *p, size_t n, int v) {
  for (size_t i = 0; i < n; i++)
    if (p[i] != v) return 0;
  return 1;
}

/* Blocks of random sizes, each filled with its own byte: none may touch another. */
START_TEST(blocks_are_zeroed_aligned_and_apart) {
  enum { N = 2000 };
  Arena *a = arena_new();
  unsigned char *p[N];
  size_t size[N];
  for (int i = 0; i < N; i++) {
    size[i] = draw_below(draw_below(100) ? 300 : 100000);
    p[i] = arena_alloc(a, size[i]);
    ck_assert_uint_eq((uintptr_t)p[i] % 16, 0);
    ck_assert(all_are(p[i], size[i], 0));
    if (size[i]) memset(p[i], i % 251 + 1, size[i]);
  }
  for (int i = 0; i < N; i++) ck_assert(all_are(p[i], size[i], i % 251 + 1));
  arena_free(a);
}
END_TEST

START_TEST(strings_are_copied_and_ended) {
  Arena *a = arena_new();
  char text[] = "fc1.weight";
  char *head = arena_strndup(a, text, 3), *whole = arena_strdup(a, text);
  char *made = arena_printf(a, "%s has %d rows", whole, 3072);
  memset(text, 'x', sizeof text - 1);
  ck_assert_str_eq(head, "fc1");
  ck_assert_str_eq(whole, "fc1.weight");
  ck_assert_str_eq(made, "fc1.weight has 3072 rows");
  arena_free(a);
}
END_TEST

START_TEST(a_long_printf_is_whole) {
  Arena *a = arena_new();
  enum { N = 300000 };
  char *spaces = arena_printf(a, "%*d", N, 7);
  ck_assert_uint_eq(strlen(spaces), N);
  ck_assert_int_eq(spaces[N - 1], '7');
  arena_free(a);
}
END_TEST

START_TEST(grown_arrays_keep_their_elements) {
  Arena *a = arena_new();
  int *v = NULL, cap = 0;
  for (int i = 0; i < 10000; i++) {
    ARENA_GROW(a, v, i, cap);
    ck_assert_int_gt(cap, i);
    v[i] = i * 3;
  }
  for (int i = 0; i < 10000; i++) ck_assert_int_eq(v[i], i * 3);
  arena_free(a);
}
END_TEST

START_TEST(an_array_grows_to_any_element) {
  Arena *a = arena_new();
  char *v = NULL;
  int cap = 0;
  ARENA_GROW(a, v, 0, cap);
  v[0] = 'x';
  ARENA_GROW(a, v, 1000, cap);
  ck_assert_int_gt(cap, 1000);
  v[1000] = 'y';
  ck_assert_int_eq(v[0], 'x');
  ck_assert(all_are((unsigned char *)v + 1, 999, 0));
  arena_free(a);
}
END_TEST

START_TEST(a_stream_becomes_a_text) {
  Arena *a = arena_new();
  TextStream text;
  arena_text_open(&text);
  ck_assert_str_eq(arena_text_close(a, &text), "");
  arena_text_open(&text);
  fprintf(text.f, "%d rows", 3072);
  fputc('.', text.f);
  ck_assert_str_eq(arena_text_close(a, &text), "3072 rows.");
  arena_free(a);
}
END_TEST

START_TEST(an_overflowing_product_ends_the_compiler) {
  arena_array(arena_new(), SIZE_MAX / 4, 8);
}
END_TEST

START_TEST(freeing_nothing_is_allowed) {
  arena_free(NULL);
}
END_TEST

SUITE("arena") {
  tcase_add_test(t, blocks_are_zeroed_aligned_and_apart);
  tcase_add_test(t, strings_are_copied_and_ended);
  tcase_add_test(t, a_long_printf_is_whole);
  tcase_add_test(t, grown_arrays_keep_their_elements);
  tcase_add_test(t, an_array_grows_to_any_element);
  tcase_add_test(t, a_stream_becomes_a_text);
  tcase_add_exit_test(t, an_overflowing_product_ends_the_compiler, 1);
  tcase_add_test(t, freeing_nothing_is_allowed);
}
