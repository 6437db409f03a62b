/* The graph's tables: interned names and hash-consed nodes. Hashes are functions of contents and numbers,
 * never of addresses, so that nothing can depend on where memory lies. */
#include "ir/graph/graph.h"

#include <string.h>

#include "ir/graph/graph_impl.h"

const OpRow op_rows[OP_COUNT] = {
#define OP(N, text, operands, work, in, out) [O_##N] = {text, operands, work, in, out},
#include "ir/graph/graph_ops.def"
#undef OP
};

/* Open addressing; capacities are powers of two, at most half full. */
struct GraphTable {
  Node **node;
  int ncap;
  const char **name;
  int nname, name_cap;
};

enum { FIRST_CAP = 256 };

static uint64_t mix(uint64_t h, uint64_t v) {
  h = (h ^ v) * 0x9e3779b97f4a7c15u;
  return h ^ (h >> 29);
}

static uint64_t hash_bytes(uint64_t h, const void *p, size_t size) {
  const unsigned char *c = p;
  for (size_t i = 0; i < size; i += sizeof h) {
    uint64_t word = 0;
    memcpy(&word, c + i, size - i < sizeof word ? size - i : sizeof word);
    h = mix(h, word);
  }
  return mix(h, size);
}

static uint64_t hash_node(const Node *n) {
  Attr at;
  memcpy(&at, &n->at, sizeof at);
  at.name = NULL;
  at.state = NULL;
  uint64_t h = hash_bytes((uint64_t)n->op + 1, &at, sizeof at);
  if (n->at.name) h = hash_bytes(h, n->at.name, strlen(n->at.name));
  if (n->at.state) h = mix(h, (uint64_t)n->at.state->id + 1);
  h = mix(h, (uint64_t)n->dtype * 16 + (uint64_t)n->shape.rank);
  for (int i = 0; i < n->shape.rank; i++) h = mix(h, (uint64_t)n->shape.dim[i]);
  for (int i = 0; i < n->nin; i++) h = mix(h, (uint64_t)n->in[i]->id);
  return h;
}

static bool same_node(const Node *a, const Node *b) {
  if (a->op != b->op || a->dtype != b->dtype || a->nin != b->nin) return false;
  if (!shape_same(&a->shape, &b->shape)) return false;
  for (int i = 0; i < a->nin; i++)
    if (a->in[i] != b->in[i]) return false;
  /* Padding is zero too (graph_attr), and values are told apart by their bits: 0 is not -0, NaN is NaN. */
  return !memcmp(&a->at, &b->at, sizeof a->at); // NOLINT(bugprone-suspicious-memory-comparison)
}

/* The slot that holds a node equal to n, or the empty one where it belongs. */
static Node **find_slot(const struct GraphTable *t, const Node *n) {
  uint64_t i = hash_node(n);
  for (;; i++) {
    Node **slot = &t->node[i & (uint64_t)(t->ncap - 1)];
    if (!*slot || same_node(*slot, n)) return slot;
  }
}

static void rehash(Graph *g, int cap) {
  g->table->node = ARENA_ARRAY(g->arena, cap, Node *);
  g->table->ncap = cap;
  for (int i = 0; i < g->nnode; i++) *find_slot(g->table, g->node[i]) = g->node[i];
}

static const char **find_name(const struct GraphTable *t, const char *s) {
  uint64_t i = hash_bytes(1, s, strlen(s));
  for (;; i++) {
    const char **slot = &t->name[i & (uint64_t)(t->name_cap - 1)];
    if (!*slot || !strcmp(*slot, s)) return slot;
  }
}

static void rehash_names(Graph *g) {
  struct GraphTable old = *g->table;
  g->table->name_cap *= 2;
  g->table->name = ARENA_ARRAY(g->arena, g->table->name_cap, const char *);
  for (int i = 0; i < old.name_cap; i++)
    if (old.name[i]) *find_name(g->table, old.name[i]) = old.name[i];
}

Graph *graph_new(Arena *a) {
  Graph *g = ARENA_NEW(a, Graph);
  g->arena = a;
  g->table = ARENA_NEW(a, struct GraphTable);
  g->table->name_cap = FIRST_CAP;
  g->table->name = ARENA_ARRAY(a, FIRST_CAP, const char *);
  rehash(g, FIRST_CAP);
  g->name_of_block = g->path = graph_intern(g, "");
  g->batch = g->accumulate = 1;
  return g;
}

const char *graph_intern(Graph *g, const char *s) {
  if (2 * (g->table->nname + 1) > g->table->name_cap) rehash_names(g);
  const char **slot = find_name(g->table, s);
  if (!*slot) {
    *slot = arena_strdup(g->arena, s);
    g->table->nname++;
  }
  return *slot;
}

Attr graph_attr(void) {
  Attr at;
  memset(&at, 0, sizeof at);
  return at;
}

Shape graph_clean_shape(Shape s) {
  if (s.rank < 0 || s.rank > MAX_RANK) return s;
  return shape_of(s.rank, s.dim);
}

static Node *append(Graph *g, const Node *proto) {
  Node *n = arena_copy(g->arena, proto, sizeof *proto);
  n->id = g->nnode;
  n->in = arena_copy(g->arena, proto->in, sizeof(Node *) * (size_t)proto->nin);
  n->loc = g->loc;
  n->path = g->path;
  n->name = g->name;
  ARENA_GROW(g->arena, g->node, g->nnode, g->cap_node);
  g->node[g->nnode++] = n;
  return n;
}

Node *graph_add(Graph *g, const Node *proto) {
  Node n;
  memcpy(&n, proto, sizeof n);
  for (int i = 0; i < n.nin; i++)
    if (!n.in[i]) return NULL;
  if (n.at.name) n.at.name = graph_intern(g, n.at.name);
  n.shape = graph_clean_shape(n.shape);
  GraphWhy why;
  if (!graph_shape(&n, &why)) {
    char op[64];
    diag_error(g->loc, "%s: %s", graph_op_name(&n, op, sizeof op), why.text);
    return NULL;
  }
  if (2 * (g->nnode + 1) > g->table->ncap) rehash(g, g->table->ncap * 2);
  Node **slot = find_slot(g->table, &n);
  if (!*slot) *slot = append(g, &n);
  return *slot;
}

void graph_compact(Graph *g, const bool *keep) {
  int n = 0;
  for (int i = 0; i < g->nnode; i++)
    if (keep[i]) g->node[n++] = g->node[i];
  graph_order(g, g->node, n);
}

void graph_order(Graph *g, Node *const *node, int n) {
  for (int i = 0; i < n; i++) {
    g->node[i] = node[i];
    node[i]->id = i;
  }
  g->nnode = n;
  rehash(g, g->table->ncap);
}
