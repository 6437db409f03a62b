/* What a graph says of states, made explicit as assignments: first values that only the state names, and old
 * values that are kept while the entry writes new ones. */
#include "passes/rewrite/states.h"

bool states_overlap(const State *a, const State *b) {
  if ((a->group ? a->group : a) != (b->group ? b->group : b)) return false;
  int64_t a0 = a->group ? a->offset : 0, b0 = b->group ? b->offset : 0;
  return a0 < b0 + shape_count(&b->shape) && b0 < a0 + shape_count(&a->shape);
}

static bool is_assigned(const Entry *e, const State *s) {
  for (int i = 0; i < e->nassign; i++)
    if (states_overlap(e->assign[i].state, s)) return true;
  return false;
}

void states_first_values(Graph *g) {
  for (int i = 0; i < g->nstate; i++) {
    const State *s = g->state[i];
    g->loc = s->loc;
    if (s->init && !is_assigned(&g->entry[EN_INIT], s)) graph_assign(g, EN_INIT, s, s->init);
  }
}

static Node *kept_apart(Graph *g, Node *n) {
  g->loc = n->loc;
  g->path = n->path;
  g->name = n->name;
  return graph_stop_gradient(g, n);
}

void states_keep_old(Graph *g) {
  for (int e = 0; e < EN_COUNT; e++) {
    Entry *entry = &g->entry[e];
    for (int i = 0; i < entry->nassign; i++) {
      Assign *a = &entry->assign[i];
      if (a->value->op == O_STATE) a->value = kept_apart(g, a->value);
    }
    for (int i = 0; i < entry->nvalue; i++) {
      Value *v = &entry->value[i];
      if (v->node->op == O_STATE && is_assigned(entry, v->node->at.state)) v->node = kept_apart(g, v->node);
    }
  }
}
