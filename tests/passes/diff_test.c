/* Line differences: as short as a table of longest common subsequences says, and they lead from one text to
 * the other; and the difference of two dumps whose nodes have other numbers. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text_diff.h"
#include "passes/dump_diff.h"
#include "tests/suite.h"

enum { MOST = 40, TRIALS = 4000 };

/* A text of up to MOST lines out of a few. */
static char *random_text(Arena *a, int kinds) {
  char *text = "";
  for (int n = draw_below(MOST), i = 0; i < n; i++)
    text = arena_printf(a, "%sline %d\n", text, draw_below(kinds));
  return text;
}

/* By the textbook's table. */
static int longest(const DiffLines *a, const DiffLines *b) {
  static int best[MOST + 1][MOST + 1];
  for (int i = 1; i <= a->n; i++)
    for (int j = 1; j <= b->n; j++) {
      int up = best[i - 1][j], left = best[i][j - 1];
      best[i][j] = strcmp(a->line[i - 1], b->line[j - 1]) ? (up > left ? up : left) : best[i - 1][j - 1] + 1;
    }
  return best[a->n][b->n];
}

static void check_match(const DiffLines *a, const DiffLines *b) {
  int pair[MOST + 1], last = -1, matched = 0;
  diff_match(a, b, pair);
  for (int i = 0; i < a->n; i++) {
    if (pair[i] < 0) continue;
    ck_assert_int_gt(pair[i], last);
    last = pair[i];
    ck_assert_str_eq(a->line[i], b->line[last]);
    matched++;
  }
  ck_assert_int_eq(matched, longest(a, b));
}

START_TEST(matches_are_longest) {
  Arena *a = arena_new();
  for (int t = 0; t < TRIALS; t++) {
    int kinds = 1 + draw_below(12);
    DiffLines x = diff_lines(a, random_text(a, kinds)), y = diff_lines(a, random_text(a, kinds));
    check_match(&x, &y);
  }
  arena_free(a);
}
END_TEST

/* What a reader of the hunks does to the text before. */
static char *apply(Arena *a, const DiffLines *before, const char *hunks) {
  DiffLines h = diff_lines(a, hunks);
  char *out = "";
  int at = 0, start, count, to, ncount, old = 0, new = 0;
  for (int i = 0; i < h.n; i++) {
    if (sscanf(h.line[i], "@@ -%d,%d +%d,%d @@", &start, &count, &to, &ncount) == 4) {
      ck_assert_int_eq(old, 0);
      ck_assert_int_eq(new, 0);
      old = count, new = ncount;
      for (int until = start - (count > 0); at < until; at++)
        out = arena_printf(a, "%s%s\n", out, before->line[at]);
      continue;
    }
    old -= h.line[i][0] != '+', new -= h.line[i][0] != '-';
    if (h.line[i][0] != '+') ck_assert_str_eq(h.line[i] + 1, before->line[at++]);
    if (h.line[i][0] != '-') out = arena_printf(a, "%s%s\n", out, h.line[i] + 1);
  }
  ck_assert(!old && !new);
  for (; at < before->n; at++) out = arena_printf(a, "%s%s\n", out, before->line[at]);
  return out;
}

START_TEST(hunks_lead_from_one_text_to_the_other) {
  Arena *a = arena_new();
  for (int t = 0; t < TRIALS / 4; t++) {
    int kinds = 1 + draw_below(30);
    char *before = random_text(a, kinds), *after = random_text(a, kinds);
    DiffLines x = diff_lines(a, before), y = diff_lines(a, after);
    char *hunks = diff_unified(a, &x, &y, draw_below(4));
    ck_assert_str_eq(apply(a, &x, hunks), after);
    ck_assert_int_eq(!*hunks, !strcmp(before, after));
  }
  arena_free(a);
}
END_TEST

START_TEST(hunks_look_as_people_know_them) {
  Arena *a = arena_new();
  DiffLines x = diff_lines(a, "1\n2\n3\n4\n5\n6\n7\n8\n9\n"),
            y = diff_lines(a, "1\n2\n3\nfour\n5\n6\n7\n8\n9\n10\n");
  ck_assert_str_eq(diff_unified(a, &x, &y, 1),
                   "@@ -3,3 +3,3 @@\n 3\n-4\n+four\n 5\n@@ -9,1 +9,2 @@\n 9\n+10\n");
  ck_assert_str_eq(diff_unified(a, &x, &x, 3), "");
  x = diff_lines(a, "");
  ck_assert_str_eq(diff_unified(a, &x, &y, 0), diff_unified(a, &x, &y, 3));
  ck_assert_int_eq(strncmp(diff_unified(a, &x, &y, 3), "@@ -0,0 +1,10 @@\n+1\n", 20), 0);
  arena_free(a);
}
END_TEST

/* All nodes behind the one that went have other numbers. */
START_TEST(new_numbers_alone_are_no_change) {
  Arena *a = arena_new();
  const char *before = "%0 = a\n%1 = b %0\n%2 = c %1\n%3 = d %2\n%4 = e %3\nvalue \"%4\" = %4\n";
  const char *after = "%0 = a\n%1 = c %0\n%2 = new\n%3 = d %1\n%4 = e %3\nvalue \"%4\" = %4\n";
  const char *text = dump_diff(a, "pass", before, after);
  ck_assert_str_eq(text, "--- before pass\n+++ after pass\n@@ -1,6 +1,6 @@\n %0 = a\n-%1 = b %0\n-%2 = c %1\n"
                         "+%2 = c %0\n+%5 = new\n %3 = d %2\n %4 = e %3\n value \"%4\" = %4\n");
  ck_assert_str_eq(dump_diff(a, "pass", "%7 = x\nuse %7\n", "%8 = x\nuse %8\n"), "# pass changed nothing\n");
  text = dump_diff(a, "pass", "%0 = old\n%1 = b %0\n%2 = c %0\n%3 = d %1\n",
                   "%0 = x\n%1 = new %0\n%2 = c %1\n%3 = b %1\n%4 = d %3\n");
  ck_assert_str_eq(text,
                   "--- before pass\n+++ after pass\n@@ -1,4 +1,5 @@\n-%0 = old\n+%4 = x\n+%0 = new %4\n"
                   " %1 = b %0\n %2 = c %0\n %3 = d %1\n");
  arena_free(a);
}
END_TEST

SUITE("diff") {
  tcase_add_test(t, matches_are_longest);
  tcase_add_test(t, hunks_lead_from_one_text_to_the_other);
  tcase_add_test(t, hunks_look_as_people_know_them);
  tcase_add_test(t, new_numbers_alone_are_no_change);
}
