/* A train block's states: where models take their first values from, what becomes of states that the forward
 * pass assigns, and models that follow others after each update. */
#include <string.h>

#include "frontend/eval/module.h"
#include "frontend/train/train.h"

static bool same_type(const State *a, const State *b) {
  return a->dtype == b->dtype && shape_same(&a->shape, &b->shape);
}

static bool take_one(Train *t, const Expr *from, const Leaves *source, const Leaf *to) {
  const Param *p = name_table_find(&source->by_path, to->path);
  if (!p)
    return eval_refuse(from->loc, "the module that the first values are taken from has no \"%s\"", to->path);
  State *s = to->param->state;
  if (!same_type(s, p->state))
    return eval_refuse(from->loc, "\"%s\" is %s, found %s in the module that its first value is taken from",
                       to->path, val_show(t->ev->arena, (Val){.kind = VAL_PARAM, .u.param = to->param}),
                       val_show(t->ev->arena, (Val){.kind = VAL_PARAM, .u.param = (Param *)p}));
  if (p->state->id < s->id) s->from = p->state;
  return true;
}

bool train_take_from(Train *t, const Stmt *st, Inst *m) {
  const Expr *e = st->u.named.from;
  if (!e) return true;
  Val v = eval_expr(t->ev, t->scope, e);
  if (v.kind == VAL_ERROR) return false;
  if (v.kind != VAL_INST || !v.u.inst->path)
    return eval_refuse(e->loc, "first values are taken from a module of the block, found %s",
                       val_kind_name(v.kind));
  Leaves to = inst_leaves(t->ev, m), source = inst_leaves(t->ev, v.u.inst);
  for (int i = 0; i < to.n; i++)
    if (!take_one(t, e, &source, &to.v[i])) return false;
  return true;
}

/* A state that is read behind the first micro-batch stands for what the one before has left, also where no
 * micro-batch assigns it; the update's own expressions find what the last one has left. */
bool train_keep_next(Train *t) {
  Eval *ev = t->ev;
  for (int i = 0; i < ev->ncarried; i++) {
    Param *p = ev->carried[i];
    if (!p->now) continue;
    const State *next = param_next(ev, p);
    ev->graph->loc = p->now->loc;
    if (!next) return false;
    graph_assign(ev->graph, EN_MICRO, next, p->now);
    p->now = graph_read(ev->graph, next);
  }
  return true;
}

/* The state's value in this entry: what is assigned to it or to its group, else what it was. */
static Node *value_after(Graph *g, const State *s) {
  const Entry *e = &g->entry[EN_UPDATE];
  int64_t start[MAX_RANK] = {s->offset};
  for (int i = 0; i < e->nassign; i++) {
    if (e->assign[i].state == s) return e->assign[i].value;
    if (!s->group || e->assign[i].state != s->group) continue;
    Shape flat = {.rank = 1, .dim = {shape_count(&s->shape)}};
    return graph_reshape(g, graph_slice(g, e->assign[i].value, start, flat), s->shape);
  }
  return graph_read(g, s);
}

static void assign_if(Graph *g, const State *s, Node *v, Node *ok) {
  Node *old = graph_read(g, s);
  graph_assign(g, EN_UPDATE, s, graph_elt(g, E_SELECT, graph_expand(g, ok, s->shape), v, old));
}

/* A model of the block that `update` may speak of. */
typedef struct Known {
  const char *name;
  Leaves leaves;
  struct Known *next;
} Known;

static Known *known_models(Train *t) {
  Known *all = NULL;
  for (const Scope *s = t->scope; s; s = s->parent)
    for (const Bind *b = s->first; b; b = b->next) {
      if (b->val.kind != VAL_INST || !b->val.u.inst->path) continue;
      Known *k = ARENA_NEW(t->ev->arena, Known);
      *k = (Known){b->name, inst_leaves(t->ev, b->val.u.inst), all};
      all = k;
    }
  return all;
}

/* Names for one tensor: of each model that has its like, that one's value after the update. */
static Scope *scope_for(Train *t, const Known *models, const Leaf *to) {
  Arena *a = t->ev->arena;
  Scope *s = scope_new(a, t->scope);
  const Shape *shape = &to->param->shape;
  Val *dim = ARENA_ARRAY(a, shape->rank + 1, Val);
  for (int i = 0; i < shape->rank; i++) dim[i] = val_number((double)shape->dim[i]);
  scope_bind(a, s, "name", val_text(to->path));
  scope_bind(a, s, "rank", val_number(shape->rank));
  scope_bind(a, s, "shape", val_list(dim, shape->rank));
  for (const Known *k = models; k; k = k->next) {
    const Param *p = name_table_find(&k->leaves.by_path, to->path);
    if (p && same_type(p->state, to->param->state))
      scope_bind(a, s, k->name, val_tensor(value_after(t->ev->graph, p->state)));
  }
  return s;
}

/* What the statement makes of one tensor; NULL after an error. */
static Node *updated_leaf(Train *t, const Stmt *st, const Known *models, const Leaf *to) {
  Graph *g = t->ev->graph;
  const State *s = to->param->state;
  Loc loc = st->u.named.value->loc;
  Node *v = eval_tensor(t->ev, eval_expr(t->ev, scope_for(t, models, to), st->u.named.value), s->dtype, loc);
  if (!v) return NULL;
  g->loc = loc;
  if (v->dtype == s->dtype) return graph_expand(g, v, s->shape);
  eval_fail(loc, "\"%s\" becomes %s, expected %s", s->name, dtype_name(v->dtype), dtype_name(s->dtype));
  return NULL;
}

static bool comes_earlier(const Leaves *l, int at) {
  for (int i = 0; i < at; i++)
    if (l->v[i].param == l->v[at].param) return true;
  return false;
}

/* The update of a model that is a state. Fixed tensors stay, and so do states that its own calls assign. */
static bool update_model(Train *t, const Stmt *st, Node *ok) {
  const char *name = st->u.named.name;
  Val m = eval_name(t->ev, t->scope, name, st->loc);
  if (m.kind != VAL_INST)
    return m.kind != VAL_ERROR && eval_refuse(st->loc, "\"%s\" is no model of the block", name);
  Leaves to = inst_leaves(t->ev, m.u.inst);
  const Known *models = known_models(t);
  int changed = 0;
  for (int i = 0; i < to.n; i++) {
    const Param *p = to.v[i].param;
    if (!p->state || p->state->kind != ST_CARRIED || p->assigned || comes_earlier(&to, i)) continue;
    Node *v = updated_leaf(t, st, models, &to.v[i]);
    if (!v) return false;
    assign_if(t->ev->graph, p->state, v, ok);
    changed++;
  }
  return changed ||
         eval_refuse(st->loc,
                     "\"%s\" has nothing for an update to change: a model that has is \"state %s = ..\"",
                     name, name);
}

/* The data that the assignment's value needs, or NULL. */
static const Node *data_of(const Graph *g, const Assign *a) {
  bool *need = ARENA_ARRAY(g->arena, g->nnode, bool);
  need[a->value->id] = true;
  graph_mark(g, need);
  for (int i = 0; i < g->nnode; i++)
    if (need[i] && g->node[i]->op == O_INPUT) return g->node[i];
  return NULL;
}

/* What is computed from data is known in a micro-batch alone. */
static bool updates_need_no_data(Train *t) {
  const Graph *g = t->ev->graph;
  const Entry *e = &g->entry[EN_UPDATE];
  bool *need = ARENA_ARRAY(g->arena, g->nnode, bool), any = false;
  for (int i = 0; i < e->nassign; i++) need[e->assign[i].value->id] = true;
  graph_mark(g, need);
  for (int i = 0; i < g->nnode; i++) any = any || (need[i] && g->node[i]->op == O_INPUT);
  for (int i = 0; any && i < e->nassign; i++) {
    const Node *data = data_of(g, &e->assign[i]);
    Loc loc = e->assign[i].state->kind == ST_CARRIED ? e->assign[i].loc : t->optimizer->loc;
    if (data)
      return eval_refuse(
          loc,
          "an update follows the micro-batches: it can use a state that they assign, but not the data \"%s\"",
          data->at.name);
  }
  return true;
}

bool train_update_states(Train *t, Node *ok) {
  Eval *ev = t->ev;
  for (int i = 0; i < ev->ncarried; i++) {
    const Param *p = ev->carried[i];
    ev->graph->loc = p->decl->loc;
    if (p->assigned) assign_if(ev->graph, p->state, p->now, ok);
  }
  for (int i = 0; i < t->nupdate; i++)
    if (!update_model(t, t->update[i], ok)) return false;
  return updates_need_no_data(t);
}
