/* Reverse-mode differentiation: the gradients towards each node are collected from its users, in falling
 * order of ids, and summed once all users are done. */
#include "passes/grad/autodiff.h"

#include "passes/grad/autodiff_rules.h"

/* The gradients that have come in towards one node. */
typedef struct Terms {
  int n, cap;
  Node **term;
} Terms;

typedef struct Autodiff {
  Graph *g;
  bool *wanted; /* by id: some of wrt is made into it, all along in floating point */
  Terms *terms; /* by id */
} Autodiff;

static bool passes_gradient(const Node *n) {
  return n->op != O_STOP_GRADIENT && dtype_is_float(n->dtype);
}

static void mark_wanted(Autodiff *ad, int last, Node *const *wrt, int n) {
  for (int i = 0; i < n; i++)
    if (wrt[i]->id <= last) ad->wanted[wrt[i]->id] = true;
  for (int id = 0; id <= last; id++) {
    const Node *x = ad->g->node[id];
    for (int i = 0; passes_gradient(x) && i < x->nin; i++)
      ad->wanted[id] = ad->wanted[id] || (ad->wanted[x->in[i]->id] && dtype_is_float(x->in[i]->dtype));
  }
}

static void add_term(Autodiff *ad, const Node *to, Node *term) {
  Terms *t = &ad->terms[to->id];
  ARENA_GROW(ad->g->arena, t->term, t->n, t->cap);
  t->term[t->n++] = term;
}

static Node *rule(Graph *g, Node *n, Node *dy, int i) {
  return n->op == O_ELT ? autodiff_elt(g, n, dy, i) : autodiff_op(g, n, dy, i);
}

/* The whole gradient towards n, named after it; sends it on to n's operands. */
static Node *finish(Autodiff *ad, Node *n) {
  Graph *g = ad->g;
  const Terms *t = &ad->terms[n->id];
  if (!t->n) return NULL;
  g->loc = n->loc;
  g->path = n->path;
  g->name = NULL;
  Node *dy = autodiff_sum(g, t->n, t->term);
  if (dy && !dy->name && n->name) dy->name = arena_printf(g->arena, "d_%s", n->name);
  for (int i = 0; dy && passes_gradient(n) && i < n->nin; i++) {
    if (!ad->wanted[n->in[i]->id]) continue;
    Node *dx = rule(g, n, dy, i);
    if (dx) add_term(ad, n->in[i], dx);
  }
  return dy;
}

static bool differentiate(Autodiff *ad, Node *loss, Node *const *wrt, int n, Node **grad) {
  int errors = diag_count();
  Node **whole = ARENA_ARRAY(ad->g->arena, loss->id + 1, Node *);
  if (ad->wanted[loss->id]) add_term(ad, loss, autodiff_const(ad->g, loss, 1));
  for (int id = loss->id; id >= 0; id--) whole[id] = finish(ad, ad->g->node[id]);
  for (int i = 0; i < n; i++) {
    grad[i] = wrt[i]->id <= loss->id ? whole[wrt[i]->id] : NULL;
    if (!grad[i]) grad[i] = autodiff_const(ad->g, wrt[i], 0);
  }
  return diag_count() == errors;
}

bool autodiff(Graph *g, Node *loss, Node *const *wrt, int n, Node **grad) {
  if (!loss) return false;
  for (int i = 0; i < n; i++)
    if (!wrt[i]) return false;
  if (loss->shape.rank || !dtype_is_float(loss->dtype)) {
    char text[160];
    diag_error(loss->loc, "gradient: found a loss of type %s%s, expected a floating-point scalar",
               dtype_name(loss->dtype), shape_text(&loss->shape, text, sizeof text));
    return false;
  }
  Autodiff ad = {.g = g};
  graph_mark_supplied(g);
  Loc loc = g->loc;
  const char *path = g->path, *name = g->name;
  ad.wanted = ARENA_ARRAY(g->arena, loss->id + 1, bool);
  ad.terms = ARENA_ARRAY(g->arena, loss->id + 1, Terms);
  mark_wanted(&ad, loss->id, wrt, n);
  bool ok = differentiate(&ad, loss, wrt, n, grad);
  g->loc = loc;
  g->path = path;
  g->name = name;
  return ok;
}
