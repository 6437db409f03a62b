/* Classes: nodes that repeated blocks make alike. A node's class is its call path with indices starred, its
 * op, attributes, type and shape, and its operands: those made by the same call by their classes, others by
 * type and shape. So twelve equal blocks are one row of a dump and not twelve, and what happens elsewhere in
 * a description leaves a module's classes alone. */
#include <string.h>

#include "ir/graph/graph.h"
#include "ir/names.h"

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

/* Attributes that two values of one op and shape differ in. */
static const char *attr_text(Arena *a, const Node *n) {
  char labels[GRAPH_LABELS_TEXT];
  if (n->op == O_CONTRACT) return arena_strdup(a, graph_labels(n, labels));
  if (n->op == O_REDUCE) return arena_printf(a, "%d %u", (int)n->at.reduce, n->at.axes);
  return n->at.again ? "again" : "";
}

/* What a node is apart from its operands. Names of states are starred like paths. */
static char *kind_text(Arena *a, const Node *n) {
  char shape[128];
  const char *path = graph_starred(a, n->path ? n->path : "");
  const char *state = n->op == O_STATE ? graph_starred(a, n->at.state->name) : "";
  const char *what = n->op == O_ELT ? elt_rows[n->at.elt].text : op_rows[n->op].text;
  return arena_printf(a, "%s %s %s %s%s %s %s", path, what, attr_text(a, n), dtype_name(n->dtype),
                      shape_text(&n->shape, shape, sizeof shape), state, n->name ? n->name : "");
}

static bool is_view(const Node *n) {
  return n->nin == 1 && n->op != O_ELT && n->op != O_CAST && n->op != O_REDUCE;
}

static bool same_path(const Node *a, const Node *b) {
  return strcmp(a->path ? a->path : "", b->path ? b->path : "") == 0;
}

/* What operands are known by. An operand made by the same call is known by its class, seen through views,
 * since equal views of several blocks are one node, of the first; any other operand only by its type and
 * shape, and states by their names. So each node has, by the first node that has an equal one: its class, and
 * as an operand its views over the class of what they are of, or over its type and shape. */
typedef struct Classes {
  Arena *arena;
  Names seen;          /* one more than the first node of each text */
  const Node **viewed; /* what the node is a view of, through all views; itself when it is none */
  int *near, *far;
} Classes;

static int number_of(Classes *c, const char *text, int id) {
  int *first = names_at(&c->seen, text);
  if (!*first) *first = id + 1;
  return *first - 1;
}

static const char *far_text(Classes *c, const Node *o) {
  char shape[128];
  const char *state = o->op == O_STATE ? graph_starred(c->arena, o->at.state->name)
                      : o->nin         ? ""
                                       : op_rows[o->op].text;
  return arena_printf(c->arena, "far %s%s %s", dtype_name(o->dtype),
                      shape_text(&o->shape, shape, sizeof shape), state);
}

/* What node n is known by where it is an operand; its class is `first`. */
static void note_operand(Classes *c, const Node *n, int first) {
  char shape[128];
  c->viewed[n->id] = n;
  if (!is_view(n)) {
    c->near[n->id] = first;
    c->far[n->id] = number_of(c, far_text(c, n), n->id);
    return;
  }
  int of = n->in[0]->id;
  const char *view =
      arena_printf(c->arena, "%s%s", op_rows[n->op].text, shape_text(&n->shape, shape, sizeof shape));
  c->viewed[n->id] = c->viewed[of];
  c->near[n->id] = number_of(c, arena_printf(c->arena, "near %s %d", view, c->near[of]), n->id);
  c->far[n->id] = number_of(c, arena_printf(c->arena, "far %s %d", view, c->far[of]), n->id);
}

static const char *operand_text(Classes *c, const Node *n, const Node *o) {
  const Node *of = c->viewed[o->id];
  if (of->nin && same_path(n, of)) return arena_printf(c->arena, "near %d", c->near[o->id]);
  return arena_printf(c->arena, "far %d", c->far[o->id]);
}

static const char *class_text(Classes *c, const Node *n) {
  const char *text = arena_printf(c->arena, "class %s", kind_text(c->arena, n));
  for (int i = 0; i < n->nin; i++)
    text = arena_printf(c->arena, "%s(%s)", text, operand_text(c, n, n->in[i]));
  return text;
}

int graph_classes(const Graph *g, int *first) {
  Classes c = {.arena = arena_new()};
  c.seen.arena = c.arena;
  c.viewed = ARENA_ARRAY(c.arena, g->nnode, const Node *);
  c.near = ARENA_ARRAY(c.arena, g->nnode, int);
  c.far = ARENA_ARRAY(c.arena, g->nnode, int);
  int classes = 0;
  for (int i = 0; i < g->nnode; i++) {
    first[i] = number_of(&c, class_text(&c, g->node[i]), i);
    classes += first[i] == i;
    note_operand(&c, g->node[i], first[i]);
  }
  arena_free(c.arena);
  return classes;
}
