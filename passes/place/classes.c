/* The classes of values that people name in strategy files: those of ir/graph/graph_class.c that are
 * computed, each with a name of its own. Edits of the description that leave a class alone leave its name
 * alone: it is the call path and the op or `let`, and a number only among classes of one name. */
#include "passes/place/classes.h"

#include "ir/names.h"

static void mark_given(bool *copied, const Node *n) {
  copied[n->id] = n->op != O_STATE && n->op != O_INPUT;
}

/* Values that entries name or assign, and indices of gathers, have memory though they be views. */
static bool *copies(Arena *a, const Graph *g) {
  bool *copied = ARENA_ARRAY(a, g->nnode + 1, bool);
  for (int e = 0; e < EN_COUNT; e++) {
    for (int i = 0; i < g->entry[e].nvalue; i++) mark_given(copied, g->entry[e].value[i].node);
    for (int i = 0; i < g->entry[e].nassign; i++) mark_given(copied, g->entry[e].assign[i].value);
  }
  for (int i = 0; i < g->nnode; i++)
    if (g->node[i]->op == O_GATHER || g->node[i]->op == O_SCATTER)
      mark_given(copied, node_index_base(g->node[i]));
  return copied;
}

static const char *base_name(Arena *a, const Node *n) {
  const char *op = node_op_name(a, n);
  const char *path = graph_starred(a, n->path ? n->path : ""), *last = n->name ? n->name : op;
  return arena_printf(a, "%s%s%s%s", path, *path ? "." : "", last, n->at.again ? ".again" : "");
}

/* `base`, or the number-th of that name. */
static const char *name_of(Names *names, const char *base) {
  int number = ++*names_at(names, base);
  return number == 1 ? base : arena_printf(names->arena, "%s#%d", base, number);
}

ValueClasses *classes_of(Arena *a, const Graph *g) {
  ValueClasses *c = ARENA_NEW(a, ValueClasses);
  int *first = ARENA_ARRAY(a, g->nnode + 1, int), *at = ARENA_ARRAY(a, g->nnode + 1, int);
  const bool *copied = copies(a, g);
  Names names = {.arena = a};
  c->class = ARENA_ARRAY(a, g->nnode + 1, ValueClass);
  c->of = ARENA_ARRAY(a, g->nnode + 1, int);
  graph_classes(g, first);
  for (int i = 0; i < g->nnode; i++) {
    const Node *n = g->node[i];
    c->of[i] = -1;
    if (node_kind(n) == NK_COPY && !copied[i]) continue;
    int *k = &at[first[i]]; /* one more than its index, 0: new */
    if (!*k) {
      c->class[c->n] =
          (ValueClass){.name = name_of(&names, base_name(a, n)), .first = n, .kind = node_kind(n)};
      *k = ++c->n;
    }
    c->class[c->of[i] = *k - 1].members++;
  }
  return c;
}
