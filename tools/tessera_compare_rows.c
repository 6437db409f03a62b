/* The placement of each class of values in a step, by strategy, and the classes on which strategies differ.
 */
#include <string.h>

#include "passes/decide.h"
#include "tools/tessera_compare.h"

static const char *place_text(Arena *a, const Decisions *d, const DRow *r) {
  const char *mixed = r->mixed ? ", not in all places alike" : "",
             *kept = r->stored ? "in memory" : "not in memory";
  if (r->role == DP_INLINE) return arena_printf(a, "inline%s", mixed);
  const DKernel *k = &d->kernel[r->kernel];
  if (&d->row[k->lead] == r) return arena_printf(a, "a kernel of its own, %s%s", kept, mixed);
  return arena_printf(a, "%s in the kernel of %s, %s%s", decide_roles[r->role], k->name, kept, mixed);
}

static CompareRow *row_of(Comparison *c, const char *name) {
  for (int i = 0; i < c->nrow; i++)
    if (strcmp(c->row[i].name, name) == 0) return &c->row[i];
  ARENA_GROW(c->arena, c->row, c->nrow, c->cap_row);
  CompareRow *r = &c->row[c->nrow++];
  *r = (CompareRow){.name = arena_strdup(c->arena, name),
                    .place = ARENA_ARRAY(c->arena, c->o->nstrategy, const char *)};
  return r;
}

/* A class may have values in two entries of a step: where they are placed differently, both are said. */
static void add_place(Comparison *c, int side, const Decisions *d, const DRow *from) {
  CompareRow *r = row_of(c, from->class->name);
  const char *text = place_text(c->arena, d, from), *old = r->place[side];
  if (!r->source && from->first->loc.src)
    r->source = arena_printf(c->arena, "%s:%d", from->first->loc.src->path, from->first->loc.line);
  if (!old)
    r->place[side] = text;
  else if (strcmp(old, text) != 0)
    r->place[side] = arena_printf(c->arena, "%s; %s", old, text);
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

/* The sides that place the class as side i does, which is the first of them; "" if it is not. */
static const char *sides_like(const Comparison *c, const CompareRow *r, int i) {
  const char *names = "", *place = r->place[i] ? r->place[i] : "";
  for (int k = 0; k < c->o->nstrategy; k++) {
    if (!c->side[k].built || strcmp(r->place[k] ? r->place[k] : "", place) != 0) continue;
    if (k < i) return "";
    names = arena_printf(c->arena, "%s%s%s", names, *names ? ", " : "", c->side[k].label);
  }
  return names;
}

void compare_print_rows(const Comparison *c, FILE *out) {
  int differ = 0, built = 0;
  for (int i = 0; i < c->nrow; i++) differ += compare_differs(c, &c->row[i]);
  for (int i = 0; i < c->o->nstrategy; i++) built += c->side[i].built;
  if (built < 2) return;
  fprintf(out, "\n%d of %d classes of values are placed differently%s\n", differ, c->nrow, differ ? ":" : "");
  for (int i = 0; i < c->nrow; i++) {
    const CompareRow *r = &c->row[i];
    if (!compare_differs(c, r)) continue;
    fprintf(out, "%s%s%s%s\n", r->name, r->source ? " (" : "", r->source ? r->source : "",
            r->source ? ")" : "");
    for (int k = 0; k < c->o->nstrategy; k++) {
      const char *like = c->side[k].built ? sides_like(c, r, k) : "";
      if (*like) fprintf(out, "  %s: %s\n", like, r->place[k] ? r->place[k] : "not computed");
    }
  }
}
