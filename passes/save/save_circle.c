/* Repeated blocks: where each block's values are made again from those of the block before, nothing is saved,
 * since the whole forward pass stands in memory again before the backward pass begins. Such a circle of
 * classes is broken by keeping one of them: one that breaks every circle, if there is one, and the cheapest.
 */
#include "passes/save/save.h"

enum { NEW, OPEN, DONE };

typedef struct Walk {
  const Save *s;
  int without; /* a class taken out, or -1 */
  int *state;  /* by class */
  int *seen;   /* by class: how many of those that it needs were looked at */
  int n;
  int *path;
  int start; /* of the circle, in path */
} Walk;

/* Goes on to a class; true when that closes a circle. */
static bool enter(Walk *w, int class) {
  if (!w->s->class[class].recompute || class == w->without || w->state[class] == DONE) return false;
  if (w->state[class] == OPEN) {
    for (w->start = w->n - 1; w->path[w->start] != class;) w->start--;
    return true;
  }
  w->state[class] = OPEN;
  w->path[w->n++] = class;
  return false;
}

static bool visit(Walk *w, int class) {
  if (enter(w, class)) return true;
  while (w->n) {
    int last = w->path[w->n - 1], *seen = &w->seen[last];
    const SaveClass *c = &w->s->class[last];
    if (*seen == c->ndep) {
      w->state[last] = DONE;
      w->n--;
    } else if (enter(w, c->dep[(*seen)++])) {
      return true;
    }
  }
  return false;
}

static Walk walk(const Save *s, int without, bool *found) {
  Walk w = {.s = s, .without = without};
  w.state = ARENA_ARRAY(s->arena, s->nclass + 1, int);
  w.path = ARENA_ARRAY(s->arena, s->nclass + 1, int);
  w.seen = ARENA_ARRAY(s->arena, s->nclass + 1, int);
  *found = false;
  for (int i = 0; i < s->nclass && !*found; i++) *found = visit(&w, i);
  return w;
}

static bool breaks_all(const Save *s, int class) {
  bool found;
  walk(s, class, &found);
  return !found;
}

/* -1: none of the circle can be kept. */
static int choose(const Walk *w) {
  int best = -1;
  bool all = false;
  for (int i = w->start; i < w->n; i++) {
    const SaveClass *c = &w->s->class[w->path[i]];
    if (!c->keepable || c->asked == SS_RECOMPUTE) continue;
    bool this_all = breaks_all(w->s, w->path[i]);
    bool cheaper = best < 0 || c->bytes < w->s->class[best].bytes;
    if (best >= 0 && (this_all == all ? !cheaper : all)) continue;
    best = w->path[i];
    all = this_all;
  }
  return best;
}

bool save_break_circle(Save *s) {
  bool found;
  Walk w = walk(s, -1, &found);
  int keep = found ? choose(&w) : -1;
  if (keep >= 0) s->class[keep].kept_always = true;
  return keep >= 0;
}
