/* The note on parameters that the minimised value does not depend on. */
#include <string.h>

#include "frontend/train/train.h"

/* Is `name` at `path` (of n characters) or below it? */
static bool lies_at(const char *name, const char *path, size_t n) {
  return !strncmp(name, path, n) && (name[n] == '\0' || name[n] == '.');
}

static bool trains_at(const Graph *g, const bool *read, const char *path, size_t n) {
  for (int i = 0; i < g->nstate; i++)
    if (g->state[i]->kind == ST_PARAM && read[i] && lies_at(g->state[i]->name, path, n)) return true;
  return false;
}

/* How much of the parameter's name is the uppermost place at which nothing is trained. */
static size_t untrained_place(const Graph *g, const bool *read, const char *name) {
  for (const char *dot = strchr(name, '.'); dot; dot = strchr(dot + 1, '.'))
    if (!trains_at(g, read, name, (size_t)(dot - name))) return (size_t)(dot - name);
  return strlen(name);
}

/* Does an earlier parameter stand for this place already? */
static bool named_before(const Graph *g, const bool *read, int at, size_t n) {
  for (int i = 0; i < at; i++)
    if (g->state[i]->kind == ST_PARAM && !read[i] && lies_at(g->state[i]->name, g->state[at]->name, n))
      return true;
  return false;
}

void train_note_unused(const Train *t, const bool *read) {
  enum { MOST_PLACES = 8 };
  const Graph *g = t->ev->graph;
  const char *all = "";
  int count = 0, places = 0;
  for (int i = 0; i < g->nstate; i++) {
    const char *name = g->state[i]->name;
    if (g->state[i]->kind != ST_PARAM || read[i]) continue;
    size_t n = untrained_place(g, read, name);
    count++;
    if (named_before(g, read, i, n) || ++places > MOST_PLACES) continue;
    all =
        arena_printf(g->arena, "%s%s%.*s%s", all, places > 1 ? ", " : "", (int)n, name, name[n] ? ".*" : "");
  }
  if (count == 0) return;
  diag_remark(t->minimise->loc, "%s%s: %d parameter%s that the loss does not depend on %s not trained", all,
              places > MOST_PLACES ? ", .." : "", count, count == 1 ? "" : "s", count == 1 ? "is" : "are");
}
