/* Classes: nodes that repeated blocks make alike. A node's class is its call path with indices starred, its
 * op, attributes, type and shape, and its operands: those made by the same call by their classes, others by
 * type and shape. So twelve equal blocks are one row of a dump and not twelve, and what happens elsewhere in
 * a description leaves a module's classes alone. */
#include <string.h>

#include "ir/graph/graph.h"

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

/* An operand made by the same call is known by its class, seen through views, since equal views of several
 * blocks are one node, of the first; any other operand only by its type and shape, and states by their names.
 */
static char *operand_text(Arena *a, const Node *n, const Node *o, const int *first) {
  char shape[128], *views = "";
  for (; is_view(o); o = o->in[0])
    views =
        arena_printf(a, "%s%s%s ", views, op_rows[o->op].text, shape_text(&o->shape, shape, sizeof shape));
  if (o->nin && same_path(n, o)) return arena_printf(a, "%s%d", views, first[o->id]);
  const char *state = o->op == O_STATE ? graph_starred(a, o->at.state->name)
                      : o->nin         ? ""
                                       : op_rows[o->op].text;
  return arena_printf(a, "%s%s%s %s", views, dtype_name(o->dtype), shape_text(&o->shape, shape, sizeof shape),
                      state);
}

static char *class_text(Arena *a, const Node *n, const int *first) {
  char *text = kind_text(a, n);
  for (int i = 0; i < n->nin; i++)
    text = arena_printf(a, "%s(%s)", text, operand_text(a, n, n->in[i], first));
  return text;
}

/* Texts seen so far, by hash. */
typedef struct Seen {
  const char *text;
  int first;
} Seen;

static size_t hash_of(const char *text) {
  size_t h = 14695981039346656037u;
  for (; *text; text++) h = (h ^ (unsigned char)*text) * 1099511628211u;
  return h;
}

/* The place of the text among `size` places, a power of two and more than there are texts. */
static Seen *find(Seen *seen, size_t size, const char *text) {
  size_t at = hash_of(text) & (size - 1);
  while (seen[at].text && strcmp(seen[at].text, text) != 0) at = (at + 1) & (size - 1);
  return &seen[at];
}

int graph_classes(const Graph *g, int *first) {
  Arena *a = arena_new();
  size_t size = 16;
  while (size < 2 * (size_t)g->nnode) size *= 2;
  Seen *seen = ARENA_ARRAY(a, size, Seen);
  int classes = 0;
  for (int i = 0; i < g->nnode; i++) {
    const char *text = class_text(a, g->node[i], first);
    Seen *at = find(seen, size, text);
    if (!at->text) *at = (Seen){text, i}, classes++;
    first[i] = at->first;
  }
  arena_free(a);
  return classes;
}
