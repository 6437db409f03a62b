/* Classes: nodes that repeated blocks make alike. A node's class is its call path with indices starred, its
 * op, attributes, type and shape, and the same of its operands, so that twelve equal blocks are one row of a
 * dump and not twelve. */
#include <stdlib.h>
#include <string.h>

#include "ir/graph.h"

char *graph_starred(Arena *a, const char *path) {
  char *out = arena_alloc(a, strlen(path) + 1), *o = out;
  for (const char *p = path; *p; p++) {
    bool digit = *p >= '0' && *p <= '9', first = p == path || p[-1] == '.';
    if (digit && first) {
      while (p[1] >= '0' && p[1] <= '9') p++;
      *o++ = '*';
    } else {
      *o++ = *p;
    }
  }
  return out;
}

/* What a node is apart from its operands. Names of states are starred like paths. */
static char *kind_text(Arena *a, const Node *n) {
  char shape[128];
  const char *path = graph_starred(a, n->path ? n->path : "");
  const char *state = n->op == O_STATE ? graph_starred(a, n->at.state->name) : "";
  const char *what = n->op == O_ELT ? elt_rows[n->at.elt].text : op_rows[n->op].text;
  return arena_printf(a, "%s %s%s %s%s %s %s", path, what, n->at.again ? " again" : "", dtype_name(n->dtype),
                      shape_text(&n->shape, shape, sizeof shape), state, n->name ? n->name : "");
}

static char *class_text(Arena *a, const Node *n, char *const *kind) {
  char *text = kind[n->id];
  for (int i = 0; i < n->nin; i++) text = arena_printf(a, "%s(%s)", text, kind[n->in[i]->id]);
  return text;
}

typedef struct Named {
  const char *text;
  int id;
} Named;

static int by_text(const void *x, const void *y) {
  const Named *a = x, *b = y;
  int order = strcmp(a->text, b->text);
  return order ? order : a->id - b->id;
}

/* Equal texts stand together; the first node of each names the class. */
static int number(const Named *sorted, int n, int *first) {
  int classes = 0;
  for (int i = 0; i < n; i++) {
    bool same = i && !strcmp(sorted[i].text, sorted[i - 1].text);
    first[sorted[i].id] = same ? first[sorted[i - 1].id] : sorted[i].id;
    classes += !same;
  }
  return classes;
}

int graph_classes(const Graph *g, int *first) {
  Arena *a = arena_new();
  char **kind = ARENA_ARRAY(a, g->nnode + 1, char *);
  Named *named = ARENA_ARRAY(a, g->nnode + 1, Named);
  for (int i = 0; i < g->nnode; i++) kind[i] = kind_text(a, g->node[i]);
  for (int i = 0; i < g->nnode; i++) named[i] = (Named){class_text(a, g->node[i], kind), i};
  qsort(named, (size_t)g->nnode, sizeof *named, by_text);
  int classes = number(named, g->nnode, first);
  arena_free(a);
  return classes;
}
