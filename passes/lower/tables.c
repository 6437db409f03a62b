/* The program's tables: states with the memory that they have, and named values. */
#include <string.h>

#include "passes/lower/lower.h"

static void add_state(Prog *p, const State *s, const char *name, const char *slot, PBuf *b, int64_t at,
                      Shape shape) {
  ARENA_GROW(p->arena, p->state, p->nstate, p->cap_state);
  p->state[p->nstate++] =
      (PState){.state = s, .name = name, .slot = slot, .buf = b, .at = at, .shape = shape};
}

/* A group's slot is listed once a parameter of the group. */
static bool split_by_members(Prog *p, const State *s, const char *slot, PBuf *b) {
  const Graph *g = p->graph;
  if (!s->of || s->of->kind != ST_GROUP || !shape_same(&s->shape, &s->of->shape)) return false;
  for (int i = 0; i < g->nstate; i++) {
    const State *m = g->state[i];
    if (m->group == s->of && m->kind == ST_PARAM)
      add_state(p, s, m->name, slot, b, m->offset * dtype_size(s->dtype), m->shape);
  }
  return true;
}

/* The optimizer's name for a slot is what follows the last dot. */
static const char *slot_name(const State *s) {
  const char *dot = strrchr(s->name, '.');
  return dot ? dot + 1 : s->name;
}

int64_t prog_state_at(const State *s) {
  return s->group ? s->offset * dtype_size(s->dtype) : 0;
}

static void list_state(Prog *p, const State *s, PBuf *b) {
  int64_t at = prog_state_at(s);
  bool own = s->of && s->of->kind != ST_GROUP; /* a parameter's */
  const char *name = own ? s->of->name : s->name;
  if (s->kind == ST_GROUP) return;
  if (s->kind == ST_SLOT && split_by_members(p, s, slot_name(s), b)) return;
  add_state(p, s, name, s->kind == ST_SLOT ? slot_name(s) : "", b, at, s->shape);
}

PBuf **prog_add_states(Prog *p) {
  const Graph *g = p->graph;
  PBuf **buf = ARENA_ARRAY(p->arena, g->nstate + 1, PBuf *);
  for (int i = 0; i < g->nstate; i++)
    if (!g->state[i]->group) buf[g->state[i]->id] = prog_state_buf(p, g->state[i]);
  for (int i = 0; i < g->nstate; i++) {
    const State *s = g->state[i];
    if (s->group) buf[s->id] = buf[s->group->id];
    list_state(p, s, buf[s->id]);
    if (s == g->finite) p->finite = buf[s->id], p->finite_at = prog_state_at(s);
  }
  return buf;
}

static void add_values(Prog *p, bool supply) {
  for (int e = 0; e < EN_COUNT; e++) {
    const Entry *entry = &p->graph->entry[e];
    for (int i = 0; i < entry->nvalue; i++) {
      if (!!(entry->value[i].flags & V_SUPPLY) != supply) continue;
      ARENA_GROW(p->arena, p->value, p->nvalue, p->cap_value);
      p->value[p->nvalue++] = (PValue){.value = &entry->value[i], .entry = (EntryKind)e};
    }
  }
}

void prog_add_values(Prog *p) {
  add_values(p, true);
  add_values(p, false);
}

/* After placement: where the entry's values are. */
void prog_bind_values(Lower *l) {
  for (int i = 0; i < l->prog->nvalue; i++) {
    PValue *v = &l->prog->value[i];
    if (v->entry != l->kind) continue;
    v->buf = site_of(l, v->value->node)->buf;
    v->at = site_of(l, v->value->node)->at;
  }
}
