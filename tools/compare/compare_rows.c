/* The placement of each class of values in a step, by strategy, and the classes on which strategies differ.
 */
#include <stdlib.h>
#include <string.h>

#include "passes/place/decisions.h"
#include "tools/compare/compare_strategies.h"

/* With the kernel that it is in, or, as a kind of placement, without. */
static const char *place_text(Arena *a, const Decisions *d, const DecisionRow *r, bool name) {
  const char *mixed = r->mixed ? ", not in all places alike" : "",
             *kept = r->stored ? "in memory" : "not in memory";
  if (r->role == DP_INLINE) return arena_printf(a, "inline%s", mixed);
  const DecisionKernel *k = &d->kernel[r->kernel];
  if (&d->row[k->lead] == r) return arena_printf(a, "a kernel of its own, %s%s", kept, mixed);
  const char *of = name ? arena_printf(a, "the kernel of %s", k->name) : "another's kernel";
  return arena_printf(a, "%s in %s, %s%s", decision_roles[r->role], of, kept, mixed);
}

static CompareRow *row_of(Comparison *c, const char *name) {
  for (int i = 0; i < c->nrow; i++)
    if (strcmp(c->row[i].name, name) == 0) return &c->row[i];
  ARENA_GROW(c->arena, c->row, c->nrow, c->cap_row);
  CompareRow *r = &c->row[c->nrow++];
  *r = (CompareRow){.name = arena_strdup(c->arena, name),
                    .place = ARENA_ARRAY(c->arena, c->o->nstrategy, const char *),
                    .kind = ARENA_ARRAY(c->arena, c->o->nstrategy, const char *)};
  return r;
}

/* A class may have values in two entries of a step: where they are placed differently, both are said. */
static void add_text(Arena *a, const char **to, const char *text) {
  if (!*to)
    *to = text;
  else if (strcmp(*to, text) != 0)
    *to = arena_printf(a, "%s; %s", *to, text);
}

static void add_place(Comparison *c, int side, const Decisions *d, const DecisionRow *from) {
  CompareRow *r = row_of(c, from->class->name);
  if (!r->source && from->first->loc.src)
    r->source = arena_printf(c->arena, "%s:%d", from->first->loc.src->path, from->first->loc.line);
  add_text(c->arena, &r->place[side], place_text(c->arena, d, from, true));
  add_text(c->arena, &r->kind[side], place_text(c->arena, d, from, false));
}

void compare_note_rows(Comparison *c, int side, const Build *b) {
  for (EntryKind e = 0; e < EN_COUNT; e++) {
    if (!b->lower[e] || !compare_times(b->prog, e)) continue;
    const Decisions *d = decisions_make(b->lower[e]);
    for (int i = 0; i < d->nrow; i++) add_place(c, side, d, &d->row[i]);
  }
}

bool compare_differs(const Comparison *c, const CompareRow *r) {
  const char *first = NULL;
  for (int i = 0; i < c->o->nstrategy; i++) {
    const char *place = r->place[i] ? r->place[i] : "";
    if (!c->side[i].built) continue;
    if (!first) first = place;
    if (strcmp(first, place) != 0) return true;
  }
  return false;
}

/* The sides of which `text` says the same as of side i, which is the first of them; "" if it is not. */
static const char *sides_like(const Comparison *c, const char *const *text, int i) {
  const char *names = "", *own = text[i] ? text[i] : "";
  if (!c->side[i].built) return "";
  for (int k = 0; k < c->o->nstrategy; k++) {
    if (!c->side[k].built || strcmp(text[k] ? text[k] : "", own) != 0) continue;
    if (k < i) return "";
    names = arena_printf(c->arena, "%s%s%s", names, *names ? ", " : "", c->side[k].label);
  }
  return names;
}

/* "none, all: inline; auto: a kernel of its own, in memory", from a text of each side. */
static const char *all_sides(const Comparison *c, const char *const *text, const char *between) {
  const char *all = "";
  for (int k = 0; k < c->o->nstrategy; k++) {
    const char *like = sides_like(c, text, k);
    if (*like)
      all = arena_printf(c->arena, "%s%s%s: %s", all, *all ? between : "", like,
                         text[k] ? text[k] : "not computed");
  }
  return all;
}

/* In short: those that differ alike are one group, told with the lines of the description that have the most
 * of them. */
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
  const char *sides = all_sides(c, r->kind, "; ");
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

static void print_summary(const Comparison *c, FILE *out) {
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

static void print_row(const Comparison *c, const CompareRow *r, FILE *out) {
  fprintf(out, "%s", r->name);
  if (r->source) fprintf(out, " (%s)", r->source);
  fprintf(out, "\n  %s\n", all_sides(c, r->place, "\n  "));
}

void compare_print_rows(const Comparison *c, FILE *out) {
  int differ = 0, built = 0;
  for (int i = 0; i < c->nrow; i++) differ += compare_differs(c, &c->row[i]);
  for (int i = 0; i < c->o->nstrategy; i++) built += c->side[i].built;
  if (built < 2) return;
  fprintf(out, "\n%d of %d classes of values are placed differently%s\n", differ, c->nrow,
          !differ      ? ""
          : c->o->rows ? ":"
                       : "; --rows names each of them:");
  if (!c->o->rows) print_summary(c, out);
  for (int i = 0; c->o->rows && i < c->nrow; i++)
    if (compare_differs(c, &c->row[i])) print_row(c, &c->row[i], out);
}
