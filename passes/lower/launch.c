/* Plans, which the target makes; and launches: equal kernels become one, and each draft a launch of it. */
#include <string.h>

#include "ir/kernel/kern_walk.h"
#include "passes/lower/draft.h"

static void plan(const Target *t, const Draft *d) {
  KRoleAxes role[ROLE_COUNT] = {0};
  for (int r = 0; r < ROLE_COUNT; r++) {
    role[r].naxes = d->axes.role[r].naxes;
    memcpy(role[r].axis, d->axes.role[r].axis, (size_t)role[r].naxes * sizeof *role[r].axis);
  }
  t->plan(t, d->k, role, d->group->npart > 1, d->acc);
}

void lower_plan(Lower *l) {
  for (int i = 0; i < l->ndraft; i++) plan(l->options->target, l->draft[i]);
}

static const uint64_t *word_values(Arena *a, const Kernel *k) {
  uint64_t *s = ARENA_ARRAY(a, k->nword, uint64_t);
  for (int i = 0; i < k->nword; i++) s[i] = k->word[i].value;
  return s;
}

static void touch(PBuf *b, int launch) {
  if (b->persistent) return;
  if (b->first < 0) b->first = launch;
  b->last = launch;
}

static void launch(Lower *l, const Draft *d) {
  Prog *p = l->prog;
  PEntry *e = &p->entry[l->kind];
  ARENA_GROW(p->arena, e->launch, e->nlaunch, e->cap_launch);
  PLaunch *x = &e->launch[e->nlaunch];
  *x = (PLaunch){.kernel_id = share_equal(p, d->k), .guard = d->guard, .origin = d->origin};
  x->kernel = p->kernel[x->kernel_id];
  x->buf = ARENA_ARRAY(p->arena, d->nbound, PBuf *);
  x->at = ARENA_ARRAY(p->arena, d->nbound, int64_t);
  x->word = word_values(p->arena, d->k);
  for (int i = 0; i < d->nbound; i++) {
    x->buf[i] = d->bound[i].buf;
    x->at[i] = d->bound[i].at;
    x->bytes += (double)kern_touched(d->k, i) * dtype_size(d->k->buf[i].dtype);
    touch(x->buf[i], e->nlaunch);
  }
  x->loc = d->k->loc;
  x->flop = d->flop;
  e->nlaunch++;
}

void lower_launch(Lower *l) {
  const PEntry *e = &l->prog->entry[l->kind];
  int next = 0;
  for (int i = 0; i < l->norder; i++) {
    Group *g = l->order[i];
    g->first = e->nlaunch;
    while (next < l->ndraft && l->draft[next]->made_for == g) launch(l, l->draft[next++]);
    g->last = e->nlaunch - 1;
  }
  while (next < l->ndraft) launch(l, l->draft[next++]);
}
