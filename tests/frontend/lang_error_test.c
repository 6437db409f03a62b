/* What descriptions with errors say, byte for byte: tests/frontend/lang/NAME.tess against NAME.err. Leading
 * lines
 * "# -D VALUE" are its arguments. With UPDATE_GOLDEN set in the environment the files are written anew. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "frontend/frontend.h"
#include "tests/suite.h"

enum { MOST_DEFINES = 8 };

static char *read_text(const char *path) {
  FILE *f = fopen(path, "rb");
  char *text = calloc(1, 1 << 16);
  if (f && !fread(text, 1, (1 << 16) - 1, f)) text[0] = '\0';
  if (f) fclose(f);
  return text;
}

/* The "# -D" lines of a description; `text` is cut into them. */
static int defines_of(char *text, const char **define) {
  int n = 0;
  for (char *line = strtok(text, "\n"); line && n < MOST_DEFINES; line = strtok(NULL, "\n")) {
    if (strncmp(line, "# -D ", 5) != 0) break;
    define[n++] = line + 5;
  }
  return n;
}

/* The messages of building the description; the caller frees them. */
static char *messages(const char *name) {
  char *said = NULL, *text = read_text(name);
  size_t size = 0;
  const char *define[MOST_DEFINES];
  FILE *out = open_memstream(&said, &size);
  FrontArgs args = {.ndefine = defines_of(text, define), .define = define, .library = "../../../models"};
  Arena *a = arena_new();
  diag_reset();
  diag_to(out);
  Graph *g = front_build(a, name, &args, NULL);
  diag_to(stderr);
  fclose(out);
  ck_assert_msg(!g, "%s: built, expected errors", name);
  ck_assert_int_gt(diag_count(), 0);
  arena_free(a);
  free(text);
  return said;
}

static void compare(const char *name) {
  char path[300];
  snprintf(path, sizeof path, "%.*s.err", (int)(strlen(name) - 5), name);
  char *said = messages(name), *wanted = read_text(path);
  if (getenv("UPDATE_GOLDEN")) {
    FILE *f = fopen(path, "wb");
    ck_assert_ptr_nonnull(f);
    fputs(said, f);
    fclose(f);
  } else {
    ck_assert_msg(!strcmp(said, wanted), "%s says\n%s\nexpected\n%s", name, said, wanted);
  }
  free(said);
  free(wanted);
}

START_TEST(golden_messages) {
  ck_assert_int_eq(chdir(TESTS_DIR "/frontend/lang"), 0);
  DIR *d = opendir(".");
  ck_assert_ptr_nonnull(d);
  int n = 0;
  for (struct dirent *e; (e = readdir(d));) {
    size_t len = strlen(e->d_name);
    if (len < 6 || strcmp(e->d_name + len - 5, ".tess") != 0) continue;
    compare(e->d_name);
    n++;
  }
  closedir(d);
  ck_assert_int_gt(n, 8);
}
END_TEST

START_TEST(missing_description) {
  char *said = NULL;
  size_t size = 0;
  FILE *out = open_memstream(&said, &size);
  Arena *a = arena_new();
  diag_to(out);
  ck_assert_ptr_null(front_build(a, "no_such.tess", &(FrontArgs){0}, NULL));
  diag_to(stderr);
  fclose(out);
  ck_assert_ptr_nonnull(strstr(said, "no_such.tess: error: cannot read the file"));
  free(said);
  arena_free(a);
}
END_TEST

SUITE("lang_error") {
  tcase_add_test(t, golden_messages);
  tcase_add_test(t, missing_description);
}
