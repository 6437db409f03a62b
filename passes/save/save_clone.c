/* What is made again becomes nodes of its own. The values of the backward pass read those, and the forward
 * pass goes on reading the originals. */
#include "passes/save/save.h"

typedef struct Clone {
  Graph *g;
  const Save *s;
  Node **now;   /* by old id: what stands for the node */
  Node **again; /* by old id: what the backward pass reads, or NULL: not asked for yet */
  Node **wait;  /* what waits for an operand to be made again, with how many of its operands were looked at */
  int *seen;    /* by old id */
  int n, cap;
  Node **order; /* of the new graph */
  bool *placed; /* by id, old or new: in `order` */
} Clone;

static void put(Clone *c, Node *n) {
  if (c->placed[n->id]) return;
  c->placed[n->id] = true;
  ARENA_GROW(c->s->arena, c->order, c->n, c->cap);
  c->order[c->n++] = n;
}

static bool is_again(const Clone *c, const Node *n) {
  int class = c->s->class_of[n->id];
  return class >= 0 && c->s->class[class].recompute;
}

/* What the backward pass reads of n, an operand of which that is known. */
static Node *operand_again(const Clone *c, Node *n) {
  return is_again(c, n) ? c->again[n->id] : n;
}

static Node *make_again(Clone *c, Node *n) {
  Node **in = ARENA_ARRAY(c->s->arena, n->nin, Node *);
  bool changed = false;
  for (int i = 0; i < n->nin; i++) {
    in[i] = operand_again(c, n->in[i]);
    changed = changed || in[i] != n->in[i];
  }
  if (node_is_view(n) && !changed) return n;
  Node *made = graph_again(c->g, n, in);
  if (!made) ice("save: a %s cannot be made again", op_rows[n->op].text);
  put(c, made);
  return made;
}

/* The value for the backward pass of a value of the forward pass: itself when it is kept. */
static Node *backward_value(Clone *c, Node *n) {
  int nwait = 0;
  if (is_again(c, n) && !c->again[n->id]) c->wait[nwait++] = n;
  while (nwait) {
    Node *last = c->wait[nwait - 1];
    int *seen = &c->seen[last->id];
    Node *o = *seen < last->nin ? last->in[(*seen)++] : NULL;
    if (!o)
      c->again[last->id] = make_again(c, c->wait[--nwait]);
    else if (is_again(c, o) && !c->again[o->id])
      c->wait[nwait++] = o;
  }
  return operand_again(c, n);
}

static Node *rebuild(Clone *c, Node *n) {
  bool backward = site_of(c->s->trial, n)->backward, changed = false;
  Node **in = ARENA_ARRAY(c->s->arena, n->nin, Node *);
  for (int i = 0; i < n->nin; i++) {
    Node *now = c->now[n->in[i]->id];
    in[i] = backward && now == n->in[i] ? backward_value(c, now) : now;
    changed = changed || in[i] != n->in[i];
  }
  Node *made = changed ? graph_rebuild(c->g, n, in) : n;
  if (!made) ice("save: a %s cannot be rebuilt", op_rows[n->op].text);
  put(c, made);
  return made;
}

void save_clone(Graph *g, const Save *s) {
  if (!s->trial) return;
  int n = g->nnode;
  Clone c = {.g = g, .s = s};
  c.now = ARENA_ARRAY(s->arena, n, Node *);
  c.placed = ARENA_ARRAY(s->arena, 3 * n + 1, bool); /* each node rebuilt and made again at most */
  c.again = ARENA_ARRAY(s->arena, n, Node *);
  c.wait = ARENA_ARRAY(s->arena, n, Node *);
  c.seen = ARENA_ARRAY(s->arena, n, int);
  for (int i = 0; i < n; i++) c.now[i] = rebuild(&c, g->node[i]);
  graph_redirect(g, c.now);
  graph_order(g, c.order, c.n);
  graph_mark_supplied(g);
}
