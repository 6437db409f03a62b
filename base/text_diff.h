/* What differs between two texts, line by line. */
#ifndef BASE_TEXT_DIFF_H
#define BASE_TEXT_DIFF_H

#include "base/arena.h"

/* A text's lines, without their ends; arena-owned. A last line without an end counts as one. */
typedef struct DiffLines {
  int n;
  char **line;
} DiffLines;
DiffLines diff_lines(Arena *a, const char *text);

/* A longest common subsequence: pair[i], with room for before->n, becomes the number of the line of `after`
 * that line i of `before` stays as, or -1. By Myers, An O(ND) difference algorithm and its variations, 1986,
 * in linear space. */
void diff_match(const DiffLines *before, const DiffLines *after, int *pair);

/* The difference as hunks, "@@ -1,7 +1,8 @@" and lines after ' ', '-' and '+', with up to `context` equal
 * lines around each change; "" for equal texts. Arena-owned. */
char *diff_unified(Arena *a, const DiffLines *before, const DiffLines *after, int context);

#endif
