/* Indices of gathers: those that are known when the program is built are checked here, the others become
 * values of their entry, which the program checks when they are made. */
#include <stdlib.h>

#include "frontend/train/train.h"
#include "ir/graph/graph_eval.h"

/* What is made of more elements is left to the program. */
enum { MOST_KNOWN = 1 << 20 };

typedef struct Indices {
  Graph *g;
  EntryKind entry;
  bool *known; /* by id: follows from the description alone */
} Indices;

static bool is_known(const Indices *x, const Node *n) {
  if (n->op == O_STATE || n->op == O_INPUT || n->op == O_STEP || n->op == O_RANDOM) return false;
  for (int i = 0; i < n->nin; i++)
    if (!x->known[n->in[i]->id]) return false;
  return shape_count(&n->shape) <= MOST_KNOWN;
}

static bool make_known(const Graph *g, const Node *n, double **made) {
  const EvalCtx c = {.g = g, .f64 = true};
  const double **in = (const double **)ARENA_ARRAY(g->arena, n->nin, double *);
  for (int i = 0; i < n->nin; i++) in[i] = made[n->in[i]->id];
  made[n->id] = graph_doubles(shape_count(&n->shape));
  return graph_eval(&c, n, in, made[n->id]);
}

/* What is out of range is an error at the gather's place. */
static bool check_known(const Indices *x, const Node *gather) {
  const Graph *g = x->g;
  bool *need = ARENA_ARRAY(g->arena, g->nnode, bool), ok = true;
  double **made = ARENA_ARRAY(g->arena, g->nnode, double *);
  need[gather->in[1]->id] = true;
  graph_mark(g, need);
  for (int i = 0; i < g->nnode && ok; i++)
    if (need[i]) ok = make_known(g, g->node[i], made);
  int64_t extent = gather->in[0]->shape.dim[gather->in[1]->shape.rank - 1];
  ok = ok && graph_indices_fit(gather, extent, made[gather->in[1]->id]);
  for (int i = 0; i < g->nnode; i++) free(made[i]);
  return ok;
}

static const Value *found_check(const Indices *x, const Node *index) {
  const Entry *e = &x->g->entry[x->entry];
  for (int i = 0; i < e->nvalue; i++)
    if (e->value[i].flags & V_INDEX && e->value[i].node == index) return &e->value[i];
  return NULL;
}

/* The node whose elements are all those of n, and no more, without views in between. */
static Node *without_views(Node *n) {
  while (n->op == O_RESHAPE || n->op == O_PERMUTE || n->op == O_STOP_GRADIENT) n = n->in[0];
  return n;
}

static int count_checks(const Graph *g) {
  int n = 0;
  for (int e = 0; e < EN_COUNT; e++)
    for (int i = 0; i < g->entry[e].nvalue; i++) n += (g->entry[e].value[i].flags & V_INDEX) != 0;
  return n;
}

/* Has the program look at the gather's index, unless it looks at all of it already. */
static void check_later(const Indices *x, const Node *gather) {
  Node *index = without_views(gather->in[1]), *whole = index;
  int64_t extent = gather->in[0]->shape.dim[gather->in[1]->shape.rank - 1];
  while (whole->op == O_SLICE || whole->op == O_BROADCAST) whole = without_views(whole->in[0]);
  const Value *of_whole = found_check(x, whole), *same = found_check(x, index);
  if ((of_whole && of_whole->classes <= extent) || (same && same->classes <= extent)) return;
  x->g->loc = gather->loc;
  const char *name = arena_printf(x->g->arena, "index %d", count_checks(x->g));
  graph_value(x->g, x->entry, name, index, V_INDEX)->classes = extent;
}

/* Whole ones first: what is a part of them needs no look of its own. */
static bool check_gathers(const Indices *x, const bool *need, bool parts) {
  bool ok = true;
  for (int i = 0; i < x->g->nnode; i++) {
    const Node *n = x->g->node[i];
    if (!need[i] || n->op != O_GATHER) continue;
    const Op op = without_views(n->in[1])->op;
    if ((op == O_SLICE || op == O_BROADCAST) != parts) continue;
    if (x->known[n->in[1]->id])
      ok = check_known(x, n) && ok;
    else
      check_later(x, n);
  }
  return ok;
}

static bool check_entry(Indices *x) {
  const Graph *g = x->g;
  const Entry *e = &g->entry[x->entry];
  bool *need = ARENA_ARRAY(g->arena, g->nnode + 1, bool);
  for (int i = 0; i < e->nassign; i++) need[e->assign[i].value->id] = true;
  for (int i = 0; i < e->nvalue; i++) need[e->value[i].node->id] = true;
  for (int i = 0; x->entry == EN_INIT && i < g->nstate; i++)
    if (g->state[i]->init) need[g->state[i]->init->id] = true;
  graph_mark(g, need);
  bool whole = check_gathers(x, need, false), part = check_gathers(x, need, true);
  return whole && part;
}

bool train_check_indices(Graph *g) {
  Indices x = {.g = g, .known = ARENA_ARRAY(g->arena, g->nnode + 1, bool)};
  bool ok = true;
  for (int i = 0; i < g->nnode; i++) x.known[i] = is_known(&x, g->node[i]);
  for (int e = 0; e < EN_COUNT; e++) {
    x.entry = (EntryKind)e;
    ok = check_entry(&x) && ok;
  }
  return ok;
}
