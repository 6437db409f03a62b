/* A graph as it was: its nodes in order, and what named them. Nodes themselves never change but for their
 * ids, so that it can be had back after a pass has rebuilt the graph from new ones. */
#include <string.h>

#include "ir/graph/graph.h"

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
