/* Texts written as streams: what was written is there, and a text that memory does not hold is none. */
#include "base/text_stream.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "tests/suite.h"

START_TEST(what_is_written_is_there) {
  for (int i = 0; i < suite_rounds(100); i++) {
    draw_from(suite_seed() + (uint64_t)i);
    TextStream t;
    char *copy = malloc(300000);
    size_t n = 0;
    ck_assert(text_stream_open(&t));
    for (uint32_t parts = draw_below(30); parts; parts--) {
      size_t len = draw_below(draw_below(2) ? 10 : 10000);
      for (size_t k = 0; k < len; k++) copy[n + k] = (char)draw_below(256);
      ck_assert_uint_eq(fwrite(copy + n, 1, len, t.f), len);
      n += len;
    }
    ck_assert(text_stream_close(&t));
    ck_assert_uint_eq(t.size, n);
    ck_assert(memcmp(t.text, copy, n) == 0 && t.text[n] == '\0');
    free(t.text);
    free(copy);
  }
}
END_TEST

/* Whatever prints, and however often: the last part would fit again. */
START_TEST(a_cut_text_is_none) {
  struct rlimit limit = {64 << 20, 64 << 20};
  static char piece[1 << 20];
  TextStream t;
  memset(piece, 'x', sizeof piece - 1);
  ck_assert(text_stream_open(&t));
  ck_assert_int_eq(setrlimit(RLIMIT_AS, &limit), 0);
  for (int i = 0; i < 100; i++) fprintf(t.f, "%s", piece);
  fputs("the end", t.f);
  ck_assert(!text_stream_close(&t));
  ck_assert_ptr_null(t.text);
}
END_TEST

SUITE("text_stream") {
  tcase_add_test(t, what_is_written_is_there);
  if (!SANITIZED) tcase_add_test(t, a_cut_text_is_none); /* a sanitizer needs more memory than the limit */
}
