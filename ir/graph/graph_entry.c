/* What surrounds the nodes: states, entries with their assignments and values, settings; which nodes they
 * need, and the graph as it was. */
#include <string.h>

#include "ir/graph/graph_impl.h"

static const State *find_state(const Graph *g, const char *name) {
  for (int i = 0; i < g->nstate; i++)
    if (!strcmp(g->state[i]->name, name)) return g->state[i];
  return NULL;
}

State *graph_state(Graph *g, StateKind kind, const char *name, DType t, Shape s, Node *init) {
  char found[160], wanted[160];
  const State *old = find_state(g, name);
  if (old) {
    diag_error(g->loc, "state \"%s\": found twice, expected unique names", name);
    diag_note(old->loc, "the first is here");
    return NULL;
  }
  if (shape_count(&s) < 0) {
    diag_error(g->loc, "state \"%s\": found shape %s, expected positive dimensions", name,
               shape_text(&s, found, sizeof found));
    return NULL;
  }
  if (init && (init->dtype != t || !shape_same(&init->shape, &s))) {
    diag_error(g->loc, "state \"%s\": found a first value of type %s%s, expected %s%s", name,
               dtype_name(init->dtype), shape_text(&init->shape, found, sizeof found), dtype_name(t),
               shape_text(&s, wanted, sizeof wanted));
    return NULL;
  }
  State *made = ARENA_NEW(g->arena, State);
  *made = (State){.id = g->nstate, .kind = kind, .dtype = t, .init = init, .loc = g->loc};
  made->name = graph_intern(g, name);
  made->module = graph_intern(g, "");
  made->shape = graph_clean_shape(s);
  ARENA_GROW(g->arena, g->state, g->nstate, g->cap_state);
  return g->state[g->nstate++] = made;
}

void graph_assign(Graph *g, EntryKind e, const State *s, Node *value) {
  if (!s || !value) return;
  Entry *entry = &g->entry[e];
  char found[160], wanted[160];
  for (int i = 0; i < entry->nassign; i++)
    if (entry->assign[i].state == s) {
      diag_error(g->loc, "assignment to \"%s\": found a second one in an entry, expected one", s->name);
      diag_note(entry->assign[i].loc, "the first is here");
      return;
    }
  if (value->dtype != s->dtype || !shape_same(&value->shape, &s->shape)) {
    diag_error(g->loc, "assignment to \"%s\": found %s%s, expected %s%s", s->name, dtype_name(value->dtype),
               shape_text(&value->shape, found, sizeof found), dtype_name(s->dtype),
               shape_text(&s->shape, wanted, sizeof wanted));
    return;
  }
  ARENA_GROW(g->arena, entry->assign, entry->nassign, entry->cap_assign);
  entry->assign[entry->nassign++] = (Assign){.state = s, .value = value, .loc = g->loc};
  entry->present = true;
}

Value *graph_value(Graph *g, EntryKind e, const char *name, Node *n, unsigned flags) {
  if (!n) return NULL;
  Entry *entry = &g->entry[e];
  for (int i = 0; i < entry->nvalue; i++)
    if (!strcmp(entry->value[i].name, name)) {
      diag_error(g->loc, "value \"%s\": found twice in an entry, expected unique names", name);
      diag_note(entry->value[i].loc, "the first is here");
      return NULL;
    }
  ARENA_GROW(g->arena, entry->value, entry->nvalue, entry->cap_value);
  Value *v = &entry->value[entry->nvalue++];
  *v = (Value){.name = graph_intern(g, name), .node = n, .flags = flags, .loc = g->loc};
  entry->present = true;
  return v;
}

void graph_setting(Graph *g, const char *name, double value, const char *help) {
  for (int i = 0; i < g->nsetting; i++)
    if (!strcmp(g->setting[i].name, name)) {
      diag_error(g->loc, "setting \"%s\": found twice, expected unique names", name);
      return;
    }
  ARENA_GROW(g->arena, g->setting, g->nsetting, g->cap_setting);
  g->setting[g->nsetting++] = (Setting){graph_intern(g, name), value, graph_intern(g, help ? help : "")};
}

void graph_mark(const Graph *g, bool *need) {
  for (int i = g->nnode - 1; i >= 0; i--)
    for (int k = 0; need[i] && k < g->node[i]->nin; k++) need[g->node[i]->in[k]->id] = true;
}

void graph_mark_supplied(Graph *g) {
  for (int i = 0; i < g->nnode; i++) g->node[i]->supplied = false;
  for (int e = 0; e < EN_COUNT; e++)
    for (int i = 0; i < g->entry[e].nvalue; i++) {
      const Value *v = &g->entry[e].value[i];
      if (v->flags & V_SUPPLY) v->node->supplied = true;
    }
}

void graph_redirect(Graph *g, Node *const *now) {
  for (int e = 0; e < EN_COUNT; e++) {
    Entry *entry = &g->entry[e];
    for (int i = 0; i < entry->nassign; i++) entry->assign[i].value = now[entry->assign[i].value->id];
    for (int i = 0; i < entry->nvalue; i++) entry->value[i].node = now[entry->value[i].node->id];
  }
  for (int i = 0; i < g->nstate; i++)
    if (g->state[i]->init) g->state[i]->init = now[g->state[i]->init->id];
}

void graph_prune(Graph *g) {
  bool *need = ARENA_ARRAY(g->arena, g->nnode, bool);
  for (int e = 0; e < EN_COUNT; e++) {
    for (int i = 0; i < g->entry[e].nassign; i++) need[g->entry[e].assign[i].value->id] = true;
    for (int i = 0; i < g->entry[e].nvalue; i++) need[g->entry[e].value[i].node->id] = true;
  }
  for (int i = 0; i < g->nstate; i++)
    if (g->state[i]->init) need[g->state[i]->init->id] = true;
  graph_mark(g, need);
  graph_compact(g, need);
}

/* A graph as it was: its nodes in order, and what named them. Nodes themselves never change but for their
 * ids, so that it can be had back after a pass has rebuilt the graph from new ones. */
struct GraphShot {
  int nnode;
  Node **node, **init; /* in order; by state */
  Assign *assign[EN_COUNT];
  Value *value[EN_COUNT];
};

GraphShot *graph_shot(Arena *a, const Graph *g) {
  GraphShot *s = ARENA_NEW(a, GraphShot);
  s->nnode = g->nnode;
  s->node = arena_copy(a, g->node, sizeof *g->node * (size_t)g->nnode);
  s->init = ARENA_ARRAY(a, g->nstate, Node *);
  for (int i = 0; i < g->nstate; i++) s->init[i] = g->state[i]->init;
  for (int e = 0; e < EN_COUNT; e++) {
    const Entry *x = &g->entry[e];
    s->assign[e] = arena_copy(a, x->assign, sizeof *x->assign * (size_t)x->nassign);
    s->value[e] = arena_copy(a, x->value, sizeof *x->value * (size_t)x->nvalue);
  }
  return s;
}

void graph_restore(Graph *g, const GraphShot *s) {
  graph_order(g, s->node, s->nnode);
  for (int i = 0; i < g->nstate; i++) g->state[i]->init = s->init[i];
  for (int e = 0; e < EN_COUNT; e++) {
    Entry *x = &g->entry[e];
    if (x->nassign) memcpy(x->assign, s->assign[e], sizeof *x->assign * (size_t)x->nassign);
    if (x->nvalue) memcpy(x->value, s->value[e], sizeof *x->value * (size_t)x->nvalue);
  }
  graph_mark_supplied(g);
}
