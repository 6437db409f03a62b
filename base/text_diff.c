/* Line differences: Myers' algorithm in linear space, and hunks made of what it found. */
#include "base/text_diff.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/diag.h"

DiffLines diff_lines(Arena *a, const char *text) {
  DiffLines d = {0};
  int cap = 0;
  while (*text) {
    size_t len = strcspn(text, "\n");
    ARENA_GROW(a, d.line, d.n, cap);
    d.line[d.n++] = arena_strndup(a, text, len);
    text += len + (text[len] == '\n');
  }
  return d;
}

typedef struct Match {
  const int *a, *b; /* lines as numbers, equal exactly for equal lines */
  int *pair;
  int *down, *up; /* Search.furthest of the searches from the start and from the end */
} Match;

/* What is being compared: a[a0..a1) with b[b0..b1). */
typedef struct Box {
  int a0, a1, b0, b1;
} Box;

/* The search from one end: on each diagonal k, how many lines of a the furthest path has passed, k of them
 * more than lines of b. Diagonals on which it left the box are given up. */
typedef struct Search {
  int *furthest; /* index 0 is in the middle */
  int low, high; /* given up below and above */
} Search;

static bool same_lines(const Match *m, const Box *x, bool up, int i, int j) {
  if (x->a0 + i >= x->a1 || x->b0 + j >= x->b1) return false;
  return up ? m->a[x->a1 - 1 - i] == m->b[x->b1 - 1 - j] : m->a[x->a0 + i] == m->b[x->b0 + j];
}

/* The d-th edit on diagonal k, and the equal lines behind it. Whether that is inside the box. */
static bool advance(const Match *m, const Box *x, bool up, Search *s, int d, int k) {
  int *f = s->furthest, i = k == -d || (k != d && f[k - 1] < f[k + 1]) ? f[k + 1] : f[k - 1] + 1;
  while (same_lines(m, x, up, i, i - k)) i++;
  f[k] = i;
  bool right = i > x->a1 - x->a0, below = i - k > x->b1 - x->b0;
  if (right)
    s->high += 2;
  else if (below)
    s->low += 2;
  return !right && !below;
}

/* Whether the other search, coming from the opposite end, has been as far on this diagonal. */
static bool meets(const Box *x, const Search *s, const Search *other, int k) {
  int n = x->a1 - x->a0, opposite = n - (x->b1 - x->b0) - k;
  return other->furthest[opposite] >= 0 && s->furthest[k] + other->furthest[opposite] >= n;
}

/* A point half-way along a shortest path through the box, which has neither a common start nor a common end:
 * where the searches from both ends first meet. */
static void middle(const Match *m, const Box *x, int *ai, int *bi) {
  int size = x->a1 - x->a0 + x->b1 - x->b0, odd = size % 2;
  Search down = {m->down, 0, 0}, up = {m->up, 0, 0};
  for (int k = -size - 1; k <= size + 1; k++) down.furthest[k] = up.furthest[k] = -1;
  down.furthest[1] = up.furthest[1] = 0;
  for (int d = 0;; d++) {
    for (int k = -d + down.low; k <= d - down.high; k += 2) {
      if (!advance(m, x, false, &down, d, k) || !odd || !meets(x, &down, &up, k)) continue;
      *ai = x->a0 + down.furthest[k], *bi = x->b0 + down.furthest[k] - k;
      return;
    }
    for (int k = -d + up.low; k <= d - up.high; k += 2) {
      if (!advance(m, x, true, &up, d, k) || odd || !meets(x, &up, &down, k)) continue;
      *ai = x->a1 - up.furthest[k], *bi = x->b1 - up.furthest[k] + k;
      return;
    }
  }
}

static void match(const Match *m, Box x) {
  int ai, bi;
  while (x.a0 < x.a1 && x.b0 < x.b1 && m->a[x.a0] == m->b[x.b0]) m->pair[x.a0++] = x.b0++;
  while (x.a0 < x.a1 && x.b0 < x.b1 && m->a[x.a1 - 1] == m->b[x.b1 - 1]) m->pair[--x.a1] = --x.b1;
  if (x.a0 == x.a1 || x.b0 == x.b1) return;
  middle(m, &x, &ai, &bi);
  match(m, (Box){x.a0, ai, x.b0, bi});
  match(m, (Box){ai, x.a1, bi, x.b1});
}

typedef struct Line {
  const char *text;
  int *number;
} Line;

static int by_text(const void *x, const void *y) {
  return strcmp(((const Line *)x)->text, ((const Line *)y)->text);
}

static void number_lines(const DiffLines *before, const DiffLines *after, int *a, int *b) {
  int n = before->n + after->n, next = 0;
  Line *all = calloc((size_t)n + 1, sizeof *all);
  if (!all) diag_no_memory();
  for (int i = 0; i < before->n; i++) all[i] = (Line){before->line[i], &a[i]};
  for (int i = 0; i < after->n; i++) all[before->n + i] = (Line){after->line[i], &b[i]};
  qsort(all, (size_t)n, sizeof *all, by_text);
  for (int i = 0; i < n; i++) *all[i].number = i && strcmp(all[i].text, all[i - 1].text) != 0 ? ++next : next;
  free(all);
}

void diff_match(const DiffLines *before, const DiffLines *after, int *pair) {
  int n = before->n, m = after->n, middle_at = n + m + 2;
  int *room = calloc(5 * ((size_t)n + (size_t)m) + 10, sizeof *room);
  if (!room) diag_no_memory();
  int *a = room, *b = a + n, *down = b + m, *up = down + 2 * (n + m) + 5;
  number_lines(before, after, a, b);
  for (int i = 0; i < n; i++) pair[i] = -1;
  match(&(Match){a, b, pair, down + middle_at, up + middle_at}, (Box){0, n, 0, m});
  free(room);
}

/* A run of lines of both texts, equal or not. */
typedef struct Hunk {
  int a0, a1, b0, b1;
} Hunk;

static void put_lines(FILE *f, char mark, const DiffLines *d, int from, int to) {
  for (int i = from; i < to; i++) fprintf(f, "%c%s\n", mark, d->line[i]);
}

/* What replaces what is printed old before new. */
static void put_hunk(FILE *f, const DiffLines *before, const DiffLines *after, const int *pair, Hunk h) {
  fprintf(f, "@@ -%d,%d +%d,%d @@\n", h.a0 + (h.a1 > h.a0), h.a1 - h.a0, h.b0 + (h.b1 > h.b0), h.b1 - h.b0);
  int b = h.b0;
  for (int a = h.a0; a < h.a1;) {
    int start = a;
    while (a < h.a1 && pair[a] < 0) a++;
    put_lines(f, '-', before, start, a);
    int until = a < h.a1 ? pair[a] : h.b1;
    put_lines(f, '+', after, b, until);
    b = until;
    if (a < h.a1) put_lines(f, ' ', before, a, a + 1), a++, b++;
  }
  put_lines(f, '+', after, b, h.b1);
}

/* The next change at or after a and b, both inside equal lines or at their end. */
static bool next_change(const DiffLines *before, const DiffLines *after, const int *pair, int a, int b,
                        Hunk *out) {
  while (a < before->n && pair[a] == b) a++, b++;
  if (a == before->n && b == after->n) return false;
  *out = (Hunk){a, a, b, b};
  while (out->a1 < before->n && pair[out->a1] < 0) out->a1++;
  out->b1 = out->a1 < before->n ? pair[out->a1] : after->n;
  return true;
}

static int least(int a, int b) {
  return a < b ? a : b;
}

char *diff_unified(Arena *a, const DiffLines *before, const DiffLines *after, int context) {
  int *pair = ARENA_ARRAY(a, before->n + 1, int);
  TextStream text;
  arena_text_open(&text);
  diff_match(before, after, pair);
  Hunk h, next;
  bool more = next_change(before, after, pair, 0, 0, &h);
  while (more) {
    int lead = least(context, h.a0); /* in equal lines both texts have as many */
    h.a0 -= lead, h.b0 -= lead;
    while ((more = next_change(before, after, pair, h.a1, h.b1, &next)) && next.a0 - h.a1 <= 2 * context)
      h.a1 = next.a1, h.b1 = next.b1;
    int tail = least(context, before->n - h.a1);
    put_hunk(text.f, before, after, pair, (Hunk){h.a0, h.a1 + tail, h.b0, h.b1 + tail});
    h = next;
  }
  return arena_text_close(a, &text);
}
