/* The classes on which strategies differ, in short: those that differ alike are one group, told with the
 * lines of the description that have the most of them. */
#include <stdlib.h>
#include <string.h>

#include "tools/compare/tessera_compare.h"

enum { MOST_GROUPS = 12, MOST_LINES = 4 };

/* Texts with how often each was counted. */
typedef struct Tally {
  const char *text;
  int count;
} Tally;

typedef struct Tallies {
  int n, cap;
  Tally *row;
} Tallies;

static void count(Arena *a, Tallies *t, const char *text) {
  for (int i = 0; i < t->n; i++)
    if (strcmp(t->row[i].text, text) == 0) {
      t->row[i].count++;
      return;
    }
  ARENA_GROW(a, t->row, t->n, t->cap);
  t->row[t->n++] = (Tally){text, 1};
}

static int most_first(const void *x, const void *y) {
  const Tally *a = x, *b = y;
  return a->count != b->count ? b->count - a->count : strcmp(a->text, b->text);
}

static void sort(Tallies *t) {
  if (t->n) qsort(t->row, (size_t)t->n, sizeof *t->row, most_first);
}

/* What puts a class into a group: its kind of placement by strategy. */
static const char *group_of(const Comparison *c, const CompareRow *r) {
  const char *sides = compare_sides(c, r->kind, "; ");
  for (int k = 0; k < c->o->nstrategy; k++) {
    const char *first = r->kind[0] ? r->kind[0] : "", *kind = r->kind[k] ? r->kind[k] : "";
    if (c->side[k].built && strcmp(kind, first) != 0) return sides;
  }
  return arena_printf(c->arena, "%s, but in different ones", sides);
}

static void print_group(const Comparison *c, const char *const *group, const Tally *g, FILE *out) {
  Tallies lines = {0};
  for (int i = 0; i < c->nrow; i++)
    if (group[i] && strcmp(group[i], g->text) == 0)
      count(c->arena, &lines, c->row[i].source ? c->row[i].source : "no line");
  sort(&lines);
  fprintf(out, "%5d  %s\n       on ", g->count, g->text);
  for (int i = 0; i < lines.n && i < MOST_LINES; i++)
    fprintf(out, "%s%s x%d", i ? ", " : "", lines.row[i].text, lines.row[i].count);
  if (lines.n > MOST_LINES) fprintf(out, " and %d more lines", lines.n - MOST_LINES);
  fputc('\n', out);
}

void compare_print_groups(const Comparison *c, FILE *out) {
  const char **group = ARENA_ARRAY(c->arena, c->nrow + 1, const char *);
  Tallies all = {0};
  int rest = 0;
  for (int i = 0; i < c->nrow; i++) {
    if (!compare_differs(c, &c->row[i])) continue;
    group[i] = group_of(c, &c->row[i]);
    count(c->arena, &all, group[i]);
  }
  sort(&all);
  for (int i = 0; i < all.n && i < MOST_GROUPS; i++) print_group(c, group, &all.row[i], out);
  for (int i = MOST_GROUPS; i < all.n; i++) rest += all.row[i].count;
  if (rest) fprintf(out, "%5d  in %d other ways\n", rest, all.n - MOST_GROUPS);
}
