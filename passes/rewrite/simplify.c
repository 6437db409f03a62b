/* The driver of the rewrites: at one node until none matches, and over a graph until nothing changes. */
#include "passes/rewrite/simplify.h"

#include "passes/rewrite/simplify_rules.h"

const SimplifyLicenceRow simplify_licences[] = {
#define X(member, bit, name, meaning) {bit, name, meaning},
    SIMPLIFY_LICENCES(X)
#undef X
        {0, NULL, NULL}};

enum { MOST_REWRITES = 1000, MOST_SWEEPS = 100 };

static Node *try_table(Graph *g, const SimplifyRule *r, Node *n, unsigned licences) {
  for (; r->apply; r++) {
    if (r->op != n->op || (r->licence & ~licences)) continue;
    Node *made = r->apply(g, n);
    if (made && made != n) return made;
  }
  return NULL;
}

static Node *rewrite_once(Graph *g, Node *n, unsigned licences) {
  Node *made = try_table(g, simplify_elt_rules, n, licences);
  if (!made) made = try_table(g, simplify_move_rules, n, licences);
  if (!made) made = try_table(g, simplify_sum_rules, n, licences);
  return made;
}

/* What may be given from outside must go on deciding what is made from it; what is made again must not become
 * what it is made apart from. */
static bool may_rewrite(const Node *n) {
  if (n->supplied || n->at.again) return false;
  for (int i = 0; i < n->nin; i++)
    if (n->in[i]->supplied) return false;
  return true;
}

Node *simplify_node(Graph *g, Node *n, unsigned licences) {
  licences &= ~g->refused;
  for (int i = 0; n && may_rewrite(n); i++) {
    if (i == MOST_REWRITES) ice("simplify: rewrites of a %s do not end", op_rows[n->op].text);
    Node *made = rewrite_once(g, n, licences);
    if (!made) break;
    n = made;
  }
  return n;
}

static Node *sweep_node(Graph *g, Node *const *now, Node *n, unsigned licences) {
  Node **in = ARENA_ARRAY(g->arena, n->nin, Node *);
  bool changed = false;
  for (int i = 0; i < n->nin; i++) {
    in[i] = now[n->in[i]->id];
    changed = changed || in[i] != n->in[i];
  }
  g->loc = n->loc;
  g->path = n->path;
  g->name = n->name;
  Node *same = changed ? graph_rebuild(g, n, in) : n;
  if (!n->supplied || !same) return simplify_node(g, same, licences);
  same->supplied = true;
  return same;
}

static bool sweep(Graph *g, unsigned licences) {
  int n = g->nnode;
  Node **now = ARENA_ARRAY(g->arena, n, Node *);
  bool changed = false;
  for (int i = 0; i < n; i++) {
    now[i] = sweep_node(g, now, g->node[i], licences);
    if (!now[i]) ice("simplify: a rewrite of a %s broke a shape rule", op_rows[g->node[i]->op].text);
    changed = changed || now[i] != g->node[i];
  }
  graph_redirect(g, now);
  graph_prune(g);
  return changed;
}

void simplify(Graph *g, unsigned licences) {
  Loc loc = g->loc;
  const char *path = g->path, *name = g->name;
  graph_prune(g);
  graph_mark_supplied(g);
  for (int i = 0; sweep(g, licences); i++)
    if (i == MOST_SWEEPS) ice("simplify: no end after %d sweeps", i);
  g->loc = loc;
  g->path = path;
  g->name = name;
}
