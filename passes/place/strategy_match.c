/* Which row of a strategy file is whose: patterns against the names of classes. */
#include <string.h>

#include "base/nearest.h"
#include "passes/place/strategy.h"

/* One more piece of the pattern: which beginnings of the text, by length, are matched now, given which were
 * before it. A star keeps on while the text gives no dot. */
static void match_piece(bool *matched, const char *text, size_t len, char piece, bool dots) {
  if (piece == '*') {
    for (size_t i = 0; i < len; i++) matched[i + 1] |= matched[i] && (dots || text[i] != '.');
    return;
  }
  for (size_t i = len; i > 0; i--)
    matched[i] = matched[i - 1] && (piece == text[i - 1] || (piece == '?' && text[i - 1] != '.'));
  matched[0] = false;
}

bool strategy_glob(const char *pattern, const char *text) {
  Arena *a = arena_new();
  size_t len = strlen(text);
  bool *matched = ARENA_ARRAY(a, len + 1, bool);
  matched[0] = true;
  for (const char *p = pattern; *p; p++) {
    bool dots = p[0] == '*' && p[1] == '*';
    match_piece(matched, text, len, *p, dots);
    p += dots;
  }
  bool whole = matched[len];
  arena_free(a);
  return whole;
}

static const DClass *class_named(const DClasses *classes, const char *name) {
  for (int i = 0; i < classes->n; i++)
    if (strcmp(classes->class[i].name, name) == 0) return &classes->class[i];
  return NULL;
}

/* Names have stars in them, so that the name of a class is no pattern but means that class. */
static int give(const StrategyRow *r, DClasses *classes) {
  const DClass *exact = class_named(classes, r->pattern);
  int n = 0;
  for (int i = 0; i < classes->n; i++) {
    DClass *c = &classes->class[i];
    if (!(r->kinds >> c->kind & 1)) continue;
    if (exact ? c != exact : !strategy_glob(r->pattern, c->name)) continue;
    c->row = r;
    n++;
  }
  return n;
}

static const char *nearest(Arena *a, const DClasses *classes, const char *text) {
  const char **name = ARENA_ARRAY(a, classes->n + 1, const char *);
  for (int i = 0; i < classes->n; i++) name[i] = classes->class[i].name;
  const char *near = nearest_name(text, name, classes->n);
  return near ? arena_printf(a, "; did you mean \"%s\"?", near) : "";
}

static void report_stale(Arena *a, const StrategyRow *r, const DClasses *classes) {
  const DClass *exact = class_named(classes, r->pattern);
  if (exact)
    diag_error(r->loc, "rule F4: found \"%s\" among other kinds, but it is one of the %s", r->pattern,
               decide_kinds[exact->kind]);
  else
    diag_error(r->loc,
               "rule F4: found \"%s\", which no value of the description is called; expected a class that "
               "\"tessera explain --write FILE\" lists, or a pattern of some%s",
               r->pattern, nearest(a, classes, r->pattern));
}

void strategy_bind_early(const Strategy *s, DClasses *classes) {
  for (int i = 0; i < s->nrow; i++) give(&s->row[i], classes);
}

bool strategy_bind(const Strategy *s, DClasses *classes) {
  bool good = true;
  Arena *a = arena_new();
  for (int i = 0; i < s->nrow; i++) {
    const StrategyRow *r = &s->row[i];
    if (!give(r, classes) && strcmp(r->pattern, "**") != 0) {
      report_stale(a, r, classes);
      good = false;
    }
    if (r->target && !class_named(classes, r->target)) {
      diag_error(r->loc,
                 "rule F8: found join=%s, expected the name of a class that \"tessera explain --write FILE\" "
                 "lists%s",
                 r->target, nearest(a, classes, r->target));
      good = false;
    }
  }
  arena_free(a);
  return good;
}
