/* Runs of a graph: states' memory, values given from outside, and entries evaluated node by node, each
 * result kept until its last use. */
#include <stdlib.h>
#include <string.h>

#include "ir/graph/graph_eval.h"
#include "ir/graph/graph_impl.h"

typedef struct Supply {
  const char *name;
  double *data; /* NULL: cleared */
  int64_t count;
} Supply;

struct GraphRun {
  Arena *arena;
  const Graph *g;
  bool f64;
  double **state; /* by id; NULL for a group's members */
  int nsupply, cap_supply;
  Supply *supply;
  EntryKind last; /* the entry run last */
  int nvalue;
  double **value; /* its values, in its order */
};

GraphRun *graph_run_new(const Graph *g, bool f64) {
  Arena *a = arena_new();
  GraphRun *r = ARENA_NEW(a, GraphRun);
  *r = (GraphRun){.arena = a, .g = g, .f64 = f64};
  r->state = ARENA_ARRAY(a, g->nstate, double *);
  for (int i = 0; i < g->nstate; i++)
    if (!g->state[i]->group) r->state[i] = graph_doubles(shape_count(&g->state[i]->shape));
  return r;
}

static void drop_values(GraphRun *r) {
  for (int i = 0; i < r->nvalue; i++) free(r->value[i]);
  free(r->value);
  r->value = NULL;
  r->nvalue = 0;
}

void graph_run_free(GraphRun *r) {
  if (!r) return;
  drop_values(r);
  for (int i = 0; i < r->g->nstate; i++) free(r->state[i]);
  for (int i = 0; i < r->nsupply; i++) free(r->supply[i].data);
  arena_free(r->arena);
}

double *graph_run_state(GraphRun *r, const State *s) {
  int64_t offset = 0;
  for (; s->group; s = s->group) offset += s->offset;
  return r->state[s->id] + offset;
}

static Supply *find_supply(GraphRun *r, const char *name) {
  for (int i = 0; i < r->nsupply; i++)
    if (!strcmp(r->supply[i].name, name)) return &r->supply[i];
  return NULL;
}

/* The node that `name` stands for: a value of some entry, or an input. */
static const Node *named_node(const Graph *g, const char *name) {
  for (int e = 0; e < EN_COUNT; e++)
    for (int i = 0; i < g->entry[e].nvalue; i++)
      if (!strcmp(g->entry[e].value[i].name, name)) return g->entry[e].value[i].node;
  for (int i = 0; i < g->nnode; i++)
    if (g->node[i]->op == O_INPUT && !strcmp(g->node[i]->at.name, name)) return g->node[i];
  return NULL;
}

void graph_run_supply(GraphRun *r, const char *name, const double *data) {
  const Node *n = named_node(r->g, name);
  if (!n) ice("supply: no value or input is named \"%s\"", name);
  Supply *s = find_supply(r, name);
  if (!s) {
    ARENA_GROW(r->arena, r->supply, r->nsupply, r->cap_supply);
    s = &r->supply[r->nsupply++];
    s->name = arena_strdup(r->arena, name);
  }
  free(s->data);
  s->count = shape_count(&n->shape);
  s->data = data ? graph_doubles(s->count) : NULL;
  for (int64_t i = 0; data && i < s->count; i++) s->data[i] = graph_convert(n->dtype, data[i], r->f64);
}

/* One evaluation of an entry. Arrays are by node id. */
typedef struct Eval {
  Arena *arena; /* of this evaluation */
  GraphRun *run;
  EvalCtx ctx;
  const Entry *entry;
  EntryKind kind;
  const Supply **given; /* supplied instead of computed */
  bool *need;
  int *uses; /* still to come */
  double **result;
} Eval;

static void want(Eval *v, const Node *n) {
  v->need[n->id] = true;
  v->uses[n->id]++;
}

/* What the entry is for: these are used once more, at the end. */
static void want_roots(Eval *v) {
  const Graph *g = v->run->g;
  for (int i = 0; i < v->entry->nassign; i++) want(v, v->entry->assign[i].value);
  for (int i = 0; i < v->entry->nvalue; i++) want(v, v->entry->value[i].node);
  for (int i = 0; v->kind == EN_INIT && i < g->nstate; i++)
    if (g->state[i]->init) want(v, g->state[i]->init);
}

static void want_operands(Eval *v) {
  for (int id = v->run->g->nnode - 1; id >= 0; id--) {
    const Node *n = v->run->g->node[id];
    if (!v->need[id] || v->given[id]) continue;
    for (int i = 0; i < n->nin; i++) want(v, n->in[i]);
  }
}

static void find_given(Eval *v) {
  const Graph *g = v->run->g;
  for (int i = 0; i < v->entry->nvalue; i++) {
    const Supply *s = find_supply(v->run, v->entry->value[i].name);
    if (s && s->data) v->given[v->entry->value[i].node->id] = s;
  }
  for (int id = 0; id < g->nnode; id++) {
    if (g->node[id]->op != O_INPUT || v->given[id]) continue;
    const Supply *s = find_supply(v->run, g->node[id]->at.name);
    if (s && s->data) v->given[id] = s;
  }
}

static void release(Eval *v, const Node *n) {
  if (--v->uses[n->id]) return;
  free(v->result[n->id]);
  v->result[n->id] = NULL;
}

static bool compute(Eval *v, const Node *n) {
  if (n->op == O_INPUT) {
    diag_error(n->loc, "input \"%s\": found nothing supplied, expected data", n->at.name);
    return false;
  }
  const double **in = (const double **)ARENA_ARRAY(v->arena, n->nin, double *);
  for (int i = 0; i < n->nin; i++) in[i] = v->result[n->in[i]->id];
  bool ok = graph_eval(&v->ctx, n, in, v->result[n->id]);
  for (int i = 0; i < n->nin; i++) release(v, n->in[i]);
  return ok;
}

static bool evaluate(Eval *v) {
  for (int id = 0; id < v->run->g->nnode; id++) {
    const Node *n = v->run->g->node[id];
    if (!v->need[id]) continue;
    int64_t count = shape_count(&n->shape);
    v->result[id] = graph_doubles(count);
    if (v->given[id])
      memcpy(v->result[id], v->given[id]->data, sizeof(double) * (size_t)count);
    else if (!compute(v, n))
      return false;
  }
  return true;
}

static void store(Eval *v, const State *s, const Node *value) {
  memcpy(graph_run_state(v->run, s), v->result[value->id], sizeof(double) * (size_t)shape_count(&s->shape));
}

static void keep_values(Eval *v) {
  GraphRun *r = v->run;
  r->last = v->kind;
  r->nvalue = v->entry->nvalue;
  r->value = calloc((size_t)r->nvalue + 1, sizeof *r->value);
  if (!r->value) diag_no_memory();
  for (int i = 0; i < r->nvalue; i++) {
    const Node *n = v->entry->value[i].node;
    int64_t count = shape_count(&n->shape);
    r->value[i] = graph_doubles(count);
    memcpy(r->value[i], v->result[n->id], sizeof(double) * (size_t)count);
  }
}

static void take_over(GraphRun *r, const State *s) {
  size_t bytes = sizeof(double) * (size_t)shape_count(&s->shape);
  memcpy(graph_run_state(r, s), graph_run_state(r, s->from), bytes);
}

/* First values, zeros where there are none (a group's memory is its members'). */
static void first_values(Eval *v) {
  const Graph *g = v->run->g;
  for (int i = 0; i < g->nstate; i++)
    if (!g->state[i]->group)
      memset(v->run->state[i], 0, sizeof(double) * (size_t)shape_count(&g->state[i]->shape));
  for (int i = 0; i < g->nstate; i++)
    if (g->state[i]->init) store(v, g->state[i], g->state[i]->init);
}

/* All values were computed before any assignment is made. */
static void commit(Eval *v) {
  if (v->kind == EN_INIT) first_values(v);
  for (int i = 0; i < v->entry->nassign; i++) store(v, v->entry->assign[i].state, v->entry->assign[i].value);
  for (int i = 0; v->kind == EN_INIT && i < v->run->g->nstate; i++)
    if (v->run->g->state[i]->from) take_over(v->run, v->run->g->state[i]);
}

bool graph_run_entry(GraphRun *r, EntryKind e, const GraphEnv *env) {
  const Graph *g = r->g;
  Arena *a = arena_new();
  Eval v = {.arena = a, .run = r, .entry = &g->entry[e], .kind = e};
  v.ctx = (EvalCtx){.g = g, .env = env, .f64 = r->f64, .run = r};
  v.given = (const Supply **)ARENA_ARRAY(a, g->nnode, Supply *);
  v.need = ARENA_ARRAY(a, g->nnode, bool);
  v.uses = ARENA_ARRAY(a, g->nnode, int);
  v.result = ARENA_ARRAY(a, g->nnode, double *);
  drop_values(r);
  find_given(&v);
  want_roots(&v);
  want_operands(&v);
  bool ok = evaluate(&v);
  if (ok) commit(&v);
  if (ok) keep_values(&v);
  for (int id = 0; id < g->nnode; id++) free(v.result[id]);
  arena_free(a);
  return ok;
}

const double *graph_run_value(GraphRun *r, const char *name) {
  const Entry *entry = &r->g->entry[r->last];
  for (int i = 0; i < r->nvalue; i++)
    if (!strcmp(entry->value[i].name, name)) return r->value[i];
  return NULL;
}
