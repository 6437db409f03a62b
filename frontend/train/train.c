/* A train block from its parameters to its entries: one pass over the items builds micro and update, a second
 * one, with `training` false, builds eval. What an entry takes from outside and what it gives (data, values
 * that may be supplied, reports) is declared here. */
#include "frontend/train/train.h"

#include <string.h>

#include "frontend/eval/module.h"

enum { MOST_SUPPLIED = 64 };

static bool *marks(Train *t) {
  return ARENA_ARRAY(t->ev->arena, t->ev->graph->nnode + 1, bool);
}

/* Marks all that the marked nodes are made of. */
static void mark_operands(const Graph *g, bool *mark) {
  for (int i = g->nnode - 1; i >= 0; i--)
    for (int k = 0; mark[i] && k < g->node[i]->nin; k++) mark[g->node[i]->in[k]->id] = true;
}

/* Nodes that depend on a trained parameter: giving them from outside would contradict their gradients. */
static bool *trained(Train *t) {
  const Graph *g = t->ev->graph;
  bool *mark = marks(t);
  for (int i = 0; i < g->nnode; i++) {
    const Node *n = g->node[i];
    mark[i] = n->op == O_STATE && n->at.state->kind == ST_PARAM;
    for (int k = 0; k < n->nin; k++) mark[i] = mark[i] || mark[n->in[k]->id];
  }
  return mark;
}

static Value *find_value(Entry *e, const char *name) {
  for (int i = 0; i < e->nvalue; i++)
    if (!strcmp(e->value[i].name, name)) return &e->value[i];
  return NULL;
}

static void add_report(Train *t, EntryKind e, const Item *it, const bool *in_loss) {
  bool loss = t->loss && e == EN_MICRO && it->node->shape.rank == 0 && in_loss[it->node->id];
  t->ev->graph->loc = it->loc;
  graph_value(t->ev->graph, e, it->name, it->node, V_REPORT | (loss ? V_LOSS : 0));
}

static bool is_taken(const Items *l, const char *name, const Node *n) {
  const Item *it = name_table_find(&l->by_name, name);
  return it && it->node != n;
}

/* What is minimised is shown where no report tells of it: a run without a loss says nothing. */
static void add_minimised(Train *t, EntryKind e) {
  Graph *g = t->ev->graph;
  if (!t->loss || e != EN_MICRO) return;
  for (int i = 0; i < g->entry[e].nvalue; i++)
    if (g->entry[e].value[i].flags & V_LOSS) return;
  const char *name = "loss";
  if (is_taken(&t->report, name, NULL) || is_taken(&t->let, name, t->loss) || is_taken(&t->data, name, NULL))
    name = "minimised";
  g->loc = t->minimise->loc;
  graph_value(g, e, name, t->loss, V_REPORT | V_LOSS);
}

static bool add_data(Train *t, EntryKind e, const Item *it) {
  t->ev->graph->loc = it->loc;
  Value *v = find_value(&t->ev->graph->entry[e], it->name);
  if (!v || v->node != it->node) v = graph_value(t->ev->graph, e, it->name, it->node, 0);
  if (!v) return false;
  v->flags |= V_DATA | V_SUPPLY;
  v->source = it->source;
  v->shift = it->shift;
  v->flip = it->flip;
  v->classes = it->classes;
  return true;
}

/* Whether the node is given from outside under another name. */
static bool is_given(const Entry *e, const Node *n) {
  for (int i = 0; i < e->nvalue; i++)
    if (e->value[i].node == n && e->value[i].flags & V_SUPPLY) return true;
  return false;
}

/* Whether the node is drawn at random, but for what is given from outside: no other system draws the same. */
static bool is_drawn(Train *t, const Entry *e, const Node *node) {
  const Graph *g = t->ev->graph;
  bool *drawn = marks(t);
  for (int i = 0; i <= node->id; i++) {
    const Node *n = g->node[i];
    drawn[i] = n->op == O_RANDOM;
    for (int k = 0; k < n->nin; k++) drawn[i] = drawn[i] || (drawn[n->in[k]->id] && !is_given(e, n->in[k]));
  }
  return drawn[node->id];
}

/* A let that is a state itself, a frozen tensor, has that state's memory: giving the let would overwrite it.
 * One that is reported by its own name is compared, unless it is drawn; by another name, that one is
 * compared. */
static bool add_let(Train *t, EntryKind e, const Item *it) {
  Graph *g = t->ev->graph;
  const Entry *entry = &g->entry[e];
  Value *same = find_value(&g->entry[e], it->name);
  if (it->node->op == O_STATE || is_given(entry, it->node)) return false;
  if (same && (same->node != it->node || !is_drawn(t, entry, it->node))) return false;
  g->loc = it->loc;
  if (same) same->flags |= V_SUPPLY;
  return same || graph_value(g, e, it->name, it->node, V_SUPPLY);
}

static bool batch_fits(Train *t, const Item *it) {
  const Shape *s = &it->node->shape;
  if (s->rank > 0 && s->dim[0] == t->ev->graph->batch) return true;
  return eval_refuse(it->loc, "data \"%s\": found %s, expected the batch, %lld, as its first dimension",
                     it->name, val_show(t->ev->arena, val_tensor(it->node)), (long long)t->ev->graph->batch);
}

static int count_supplied(const Graph *g) {
  int n = 0;
  for (int e = 0; e < EN_COUNT; e++)
    for (int i = 0; i < g->entry[e].nvalue; i++) n += (g->entry[e].value[i].flags & V_SUPPLY) != 0;
  return n;
}

/* Lets that may be given from outside: those that are used, and depend on no parameter. */
static bool add_given_lets(Train *t, EntryKind e, const bool *used, const bool *from_params) {
  int n = count_supplied(t->ev->graph);
  for (int i = 0; i < t->let.n && n <= MOST_SUPPLIED; i++) {
    const Item *it = t->let.v[i];
    if (used[it->node->id] && !from_params[it->node->id]) n += add_let(t, e, it);
  }
  if (n <= MOST_SUPPLIED) return true;
  return eval_refuse(t->decl->loc,
                     "more than %d values could be given from outside: have fewer lets in the train block",
                     MOST_SUPPLIED);
}

/* Declares what an entry takes and gives. */
static bool declare_values(Train *t, EntryKind e) {
  Graph *g = t->ev->graph;
  bool *used = marks(t), *in_loss = marks(t), *from_params = trained(t), ok = true;
  if (t->loss && e == EN_MICRO) used[t->loss->id] = in_loss[t->loss->id] = true;
  for (int i = 0; i < t->report.n; i++) used[t->report.v[i]->node->id] = true;
  for (int i = 0; i < t->ev->ncarried; i++)
    if (t->ev->carried[i]->assigned) used[t->ev->carried[i]->now->id] = true;
  mark_operands(g, used);
  mark_operands(g, in_loss);
  for (int i = 0; i < t->report.n; i++) add_report(t, e, t->report.v[i], in_loss);
  add_minimised(t, e);
  for (int i = 0; i < t->data.n; i++) {
    if (!used[t->data.v[i]->node->id]) continue;
    ok = add_data(t, e, t->data.v[i]) && batch_fits(t, t->data.v[i]) && ok;
  }
  return add_given_lets(t, e, used, from_params) && ok;
}

static bool contains_minimise(const Block *b) {
  for (int i = 0; i < b->n; i++) {
    const Stmt *st = b->v[i];
    if (st->kind == SM_MINIMISE) return true;
    if (st->kind == SM_IF && (contains_minimise(&st->u.choice.yes) || contains_minimise(&st->u.choice.no)))
      return true;
  }
  return false;
}

enum { MOST_COUNT = 1 << 24 };

/* The parameter `name` as a whole number from 1 to MOST_COUNT; `missing` where there is none. */
static bool count_param(Train *t, const char *name, int64_t missing, int64_t *out) {
  Bind *b = scope_lookup(t->params, name);
  *out = missing;
  if (!b && missing) return true;
  if (b && val_whole(b->val, 1, MOST_COUNT, out)) return true;
  if (b && b->val.kind == VAL_ERROR) return false;
  return eval_refuse(
      t->decl->loc, "train block \"%s\": the parameter \"%s\" must be a whole number from 1 to %d%s%s",
      t->decl->name, name, MOST_COUNT, b ? ", found " : "", b ? val_show(t->ev->arena, b->val) : "");
}

static bool run_pass(Train *t, bool training, bool again) {
  Eval *ev = t->ev;
  t->scope = scope_new(ev->arena, t->params);
  t->again = again;
  t->data = t->let = t->report = (Items){0};
  ev->training = training;
  ev->draws = NULL;
  params_restart(ev);
  return train_run_items(t, &t->decl->u.train.body);
}

static bool train_entries(Train *t) {
  if (!run_pass(t, true, false)) return false;
  if (!t->loss) return eval_refuse(t->decl->loc, "no \"minimise\" was reached: its \"if\" is false");
  bool ok = declare_values(t, EN_MICRO) && train_keep_next(t) && train_update(t);
  if (!ok || !t->evaluate) return ok;
  if (!run_pass(t, false, true)) return false;
  if (t->report.n == 0) return eval_refuse(t->evaluate->loc, "\"evaluate\" reports nothing");
  return declare_values(t, EN_EVAL);
}

/* Without `minimise` what the block reports is what its program gives. */
static bool forward_entry(Train *t) {
  if (!run_pass(t, false, false)) return false;
  const Stmt *extra = t->optimizer ? t->optimizer : t->evaluate ? t->evaluate : t->clip;
  if (!extra && t->nupdate) extra = t->update[0];
  if (extra)
    return eval_refuse(extra->loc,
                       "a train block without \"minimise\" has no optimizer, clip, update or evaluate");
  if (t->report.n == 0) return eval_refuse(t->decl->loc, "train block \"%s\" reports nothing", t->decl->name);
  return declare_values(t, EN_EVAL);
}

bool train_build(Eval *ev, const Decl *decl, Scope *params, FrontInfo *info) {
  Train t = {.ev = ev, .decl = decl, .params = params, .info = info, .made = scope_new(ev->arena, NULL)};
  Graph *g = ev->graph;
  if (!count_param(&t, "batch", 0, &g->batch) || !count_param(&t, "accumulate", 1, &g->accumulate))
    return false;
  bool ok = contains_minimise(&decl->u.train.body) ? train_entries(&t) : forward_entry(&t);
  return ok && train_check_indices(g);
}
