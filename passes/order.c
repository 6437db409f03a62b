/* Launch order: groups in the order in which the graph was built, as far as their dependences allow. */
#include "passes/lower.h"

static void visit(Group *g, int mark, Group **out, int *n) {
  while (g->merged) g = g->merged;
  if (g->mark == mark) return;
  g->mark = mark;
  for (int i = 0; i < g->ndep; i++) visit(g->dep[i], mark, out, n);
  out[(*n)++] = g;
}

Group **lower_order(Lower *l, int *n) {
  Group **out = ARENA_ARRAY(l->arena, l->ngroup + 1, Group *);
  int mark = ++l->mark;
  *n = 0;
  for (int i = 0; i < l->ngroup; i++) visit(l->group[i], mark, out, n);
  return out;
}
