/* Places: names of parameters, their states and first values. */
#include <string.h>

#include "frontend/eval/module.h"

static const char *join(Arena *a, const char *path, const char *name) {
  return path[0] ? arena_printf(a, "%s.%s", path, name) : name;
}

/* Names in frozen models begin with the model's, so that a teacher and a student may be alike. */
static const char *name_in(Arena *a, const Place *place, const char *name) {
  if (!place->frozen) return name;
  return *name ? arena_printf(a, "%s/%s", place->module, name) : place->module;
}

static void add_alias(Arena *a, State *s, const char *name) {
  int n = 0;
  while (s->alias && s->alias[n]) n++;
  const char **both = ARENA_ARRAY(a, n + 2, const char *);
  for (int i = 0; i < n; i++) both[i] = s->alias[i];
  both[n] = name;
  s->alias = both;
}

/* The first value: a number, a tensor, or a function of the shape; `shape` is in reach of the expression. */
static Node *first_value(Eval *ev, Inst *m, const Param *p) {
  const Expr *e = p->decl->u.param.init;
  if (!e) return graph_const(ev->graph, DT_F32, p->shape, 0);
  Scope *s = scope_new(ev->arena, m->scope);
  Val *dim = ARENA_ARRAY(ev->arena, p->shape.rank + 1, Val);
  for (int i = 0; i < p->shape.rank; i++) dim[i] = val_number((double)p->shape.dim[i]);
  Val shape = val_list(dim, p->shape.rank);
  scope_bind(ev->arena, s, "shape", shape);
  Val v = eval_expr(ev, s, e);
  if (v.kind == VAL_FN || v.kind == VAL_BUILTIN) {
    Arg arg = {.val = shape, .loc = e->loc};
    v = eval_apply(ev, v, &(Args){.n = 1, .v = &arg, .loc = e->loc});
  }
  Node *x = eval_tensor(ev, v, DT_F32, e->loc);
  ev->graph->loc = e->loc;
  return x ? graph_expand(ev->graph, x, p->shape) : NULL;
}

static bool make_state(Eval *ev, Inst *m, Param *p, const char *name, const Place *place) {
  const char *path = ev->path, *root = ev->draw_root;
  Graph *g = ev->graph;
  const char *called = g->path, *own = name_in(ev->arena, place, name);
  ev->path = graph_intern(g, name);
  g->path = graph_intern(g, own);
  ev->draw_root = "init";
  Node *init = first_value(ev, m, p);
  ev->path = path;
  g->path = called;
  ev->draw_root = root;
  g->loc = p->decl->loc;
  if (!init) return false;
  bool still = place->frozen || p->decl->u.param.fixed;
  p->state = graph_state(g, still ? ST_FROZEN : ST_PARAM, own, DT_F32, p->shape, init);
  if (!p->state) return false;
  p->state->module = graph_intern(g, place->module);
  if (place->frozen) add_alias(ev->arena, p->state, name);
  graph_assign(g, EN_INIT, p->state, init);
  return true;
}

static bool place_inst(Eval *ev, Inst *m, const char *path, const Place *place);

static bool place_param(Eval *ev, Inst *m, Param *p, const char *name, const Place *place) {
  if (!p->state) return make_state(ev, m, p, name, place);
  add_alias(ev->arena, p->state, name);
  return true;
}

static bool place_member(Eval *ev, Inst *m, Val v, const char *path, const Place *place) {
  if (v.kind == VAL_PARAM) return place_param(ev, m, v.u.param, path, place);
  if (v.kind == VAL_INST) return place_inst(ev, v.u.inst, path, place);
  bool ok = true;
  for (int i = 0; i < v.n && ok; i++)
    ok = place_member(ev, m, v.u.item[i], arena_printf(ev->arena, "%s.%d", path, i), place);
  return ok;
}

/* A shared instance comes here once for each of its names. */
static bool place_inst(Eval *ev, Inst *m, const char *path, const Place *place) {
  bool ok = true;
  if (!m->path) {
    m->path = graph_intern(ev->graph, path);
    m->called = graph_intern(ev->graph, name_in(ev->arena, place, path));
  }
  ev->budget -= 1 + m->nmember;
  if (ev->budget < 0) ev->spent = true;
  for (int i = 0; i < m->nmember && !ev->spent; i++)
    ok = place_member(ev, m, m->member[i].val, join(ev->arena, path, m->member[i].name), place) && ok;
  return ok && !ev->spent;
}

bool inst_place(Eval *ev, Inst *m, const Place *p) {
  if (place_inst(ev, m, "", p)) return true;
  if (ev->spent) eval_fail(ev->graph->loc, "the model has too many parameters");
  return false;
}
