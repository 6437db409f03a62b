/* Messages: place, line, caret; several a run, counted; advice on misspelt names. */
#include "base/diag.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/nearest.h"
#include "tests/suite.h"

static char *text;
static size_t size;
static FILE *stream;
static Arena *arena;

static void setup(void) {
  arena = arena_new();
  stream = open_memstream(&text, &size);
  ck_assert_ptr_nonnull(stream);
  diag_to(stream);
  diag_reset();
}

static void teardown(void) {
  diag_to(NULL);
  fclose(stream);
  free(text);
  arena_free(arena);
}

static const char *said(void) {
  fflush(stream);
  return text;
}

static Source *source(const char *s) {
  return diag_source(arena, "models/a.tess", s, strlen(s));
}

START_TEST(the_caret_stands_under_the_place) {
  Source *s = source("module a {\n\tlet x = quv(y)\n}\n");
  diag_error((Loc){s, 2, 10}, "unknown name \"%s\"", "quv");
  ck_assert_str_eq(said(), "models/a.tess:2:10: error: unknown name \"quv\"\n"
                           "    2 | \tlet x = quv(y)\n"
                           "      | \t        ^\n");
}
END_TEST

START_TEST(the_last_line_may_lack_its_end) {
  diag_error((Loc){source("one\ntwo"), 2, 4}, "unexpected end");
  ck_assert_str_eq(said(), "models/a.tess:2:4: error: unexpected end\n    2 | two\n      |    ^\n");
}
END_TEST

START_TEST(places_outside_the_text_are_harmless) {
  Source *s = source("one\n");
  diag_error((Loc){s, 1, 1000}, "far right");
  diag_error((Loc){s, 1000, 1}, "far down");
  diag_error((Loc){s, 0, 0}, "whole file");
  diag_error((Loc){NULL, 0, 0}, "nowhere");
  ck_assert_int_eq(diag_count(), 4);
  ck_assert_ptr_nonnull(strstr(said(), "models/a.tess:1000:1: error: far down\n"));
  ck_assert_ptr_nonnull(strstr(said(), "models/a.tess: error: whole file\n"));
  ck_assert_ptr_nonnull(strstr(said(), "\nerror: nowhere\n"));
}
END_TEST

START_TEST(several_errors_are_counted_and_notes_are_not) {
  Source *s = source("a\nb\n");
  diag_error((Loc){s, 1, 1}, "first");
  diag_note((Loc){s, 2, 1}, "see here");
  diag_error((Loc){s, 2, 1}, "second");
  ck_assert_int_eq(diag_count(), 2);
  const char *first = strstr(said(), "error: first"), *note = strstr(said(), "note: see here");
  ck_assert_ptr_nonnull(first);
  ck_assert_ptr_nonnull(note);
  ck_assert(first < note && note < strstr(said(), "error: second"));
  diag_reset();
  ck_assert_int_eq(diag_count(), 0);
}
END_TEST

START_TEST(a_flood_is_cut_but_counted) {
  Source *s = source("a\n");
  for (int i = 0; i < 1000; i++) diag_error((Loc){s, 1, 1}, "number %d", i);
  ck_assert_int_eq(diag_count(), 1000);
  ck_assert_ptr_nonnull(strstr(said(), "further errors are not shown\n"));
  ck_assert_ptr_null(strstr(said(), "number 999"));
}
END_TEST

/* With its notes; the many do not hide what stands elsewhere. */
START_TEST(an_error_is_said_once_at_a_place) {
  Source *s = source("a\nb\n");
  for (int i = 0; i < 1000; i++) {
    diag_error_once((Loc){s, 1, 1}, "number %d", i);
    diag_note((Loc){s, 2, 1}, "note %d", i);
  }
  diag_error_once((Loc){s, 2, 1}, "elsewhere");
  ck_assert_int_eq(diag_count(), 1001);
  ck_assert_str_eq(said(), "models/a.tess:1:1: error: number 0\n    1 | a\n      | ^\n"
                           "models/a.tess:2:1: note: note 0\n    2 | b\n      | ^\n"
                           "models/a.tess:2:1: error: elsewhere\n    2 | b\n      | ^\n");
}
END_TEST

START_TEST(a_remark_is_said_once_in_a_row) {
  Source *s = source("a\nb\n");
  diag_remark((Loc){s, 1, 1}, "unused: %d", 3);
  diag_remark((Loc){s, 1, 1}, "unused: %d", 3);
  diag_remark((Loc){s, 1, 1}, "unused: %d", 4);
  diag_remark((Loc){s, 2, 1}, "unused: %d", 4);
  ck_assert_int_eq(diag_count(), 0);
  ck_assert_str_eq(said(), "models/a.tess:1:1: note: unused: 3\n    1 | a\n      | ^\n"
                           "models/a.tess:1:1: note: unused: 4\n    1 | a\n      | ^\n"
                           "models/a.tess:2:1: note: unused: 4\n    2 | b\n      | ^\n");
}
END_TEST

/* The library's place is a note; a second error of the call is counted only, and its notes go with it. */
START_TEST(errors_of_the_library_are_put_at_the_call) {
  Source *user = source("one\n"), *library = source("two\n");
  diag_rename(library, "lib.tess");
  library->library = true;
  DiagCall before = diag_within((DiagCall){.loc = {user, 1, 2}, .callee = "f"});
  ck_assert_ptr_null(before.loc.src);
  diag_error((Loc){library, 1, 1}, "found %d", 3);
  diag_error((Loc){library, 1, 3}, "again");
  diag_note((Loc){library, 1, 3}, "more");
  ck_assert(diag_within(before).told);
  diag_error((Loc){library, 1, 2}, "outside");
  ck_assert_int_eq(diag_count(), 3);
  ck_assert_str_eq(said(), "models/a.tess:1:2: error: in this call of f: found 3\n    1 | one\n      |  ^\n"
                           "lib.tess:1:1: note: found here\n    1 | two\n      | ^\n"
                           "lib.tess:1:2: error: outside\n    1 | two\n      |  ^\n");
}
END_TEST

START_TEST(a_renamed_text_is_named_anew) {
  Source *s = source("one\n");
  diag_rename(s, "b.tess");
  diag_error((Loc){s, 1, 1}, "first");
  ck_assert_str_eq(said(), "b.tess:1:1: error: first\n    1 | one\n      | ^\n");
}
END_TEST

START_TEST(files_are_read_whole) {
  char path[] = "/tmp/diag_test_XXXXXX";
  int fd = mkstemp(path);
  enum { N = 200001 };
  char *bytes = malloc(N);
  for (int i = 0; i < N; i++) bytes[i] = (char)draw_below(256);
  ck_assert_int_eq(write(fd, bytes, N), N);
  close(fd);
  Source *s = diag_read(arena, path);
  ck_assert_ptr_nonnull(s);
  ck_assert_uint_eq(s->len, N);
  ck_assert_mem_eq(s->text, bytes, N);
  ck_assert_int_eq(s->text[N], 0);
  free(bytes);
  unlink(path);
}
END_TEST

START_TEST(a_missing_file_or_a_folder_is_an_error) {
  ck_assert_ptr_null(diag_read(arena, "/nowhere/a.tess"));
  ck_assert_ptr_null(diag_read(arena, "/tmp"));
  ck_assert_int_eq(diag_count(), 2);
  ck_assert_ptr_nonnull(strstr(said(), "/nowhere/a.tess: error: cannot read the file: No such file"));
}
END_TEST

START_TEST(the_nearest_name_is_advised) {
  static const char *const names[] = {"layer_norm", "linear", "attention", "x"};
  ck_assert_str_eq(nearest_name("layernorm", names, 4), "layer_norm");
  ck_assert_str_eq(nearest_name("linaer", names, 4), "linear");
  ck_assert_ptr_null(nearest_name("convolution", names, 4));
  static const char *const sizes[] = {"img", "embed_dim", "decoder_dim", "taps"};
  ck_assert_str_eq(nearest_name("dim", sizes, 4), "embed_dim");
  ck_assert_str_eq(nearest_name("tap", sizes, 4), "taps");
  ck_assert_ptr_null(nearest_name("linear", names, 0));
}
END_TEST

START_TEST(a_broken_invariant_aborts) {
  ice("edge %d has no node", 3);
}
END_TEST

SUITE("diag") {
  tcase_add_checked_fixture(t, setup, teardown);
  tcase_add_test(t, the_caret_stands_under_the_place);
  tcase_add_test(t, the_last_line_may_lack_its_end);
  tcase_add_test(t, places_outside_the_text_are_harmless);
  tcase_add_test(t, several_errors_are_counted_and_notes_are_not);
  tcase_add_test(t, a_flood_is_cut_but_counted);
  tcase_add_test(t, an_error_is_said_once_at_a_place);
  tcase_add_test(t, a_remark_is_said_once_in_a_row);
  tcase_add_test(t, errors_of_the_library_are_put_at_the_call);
  tcase_add_test(t, a_renamed_text_is_named_anew);
  tcase_add_test(t, files_are_read_whole);
  tcase_add_test(t, a_missing_file_or_a_folder_is_an_error);
  tcase_add_test(t, the_nearest_name_is_advised);
  tcase_add_test_raise_signal(t, a_broken_invariant_aborts, 6);
}
