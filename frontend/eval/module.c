/* Making instances, looking into them, giving them places (names, states and first values of parameters), and
 * what states stand for in the course of a pass. */
#include "frontend/eval/module.h"

#include <string.h>

static void add_member(Eval *ev, Inst *m, const char *name, Val v, Loc loc) {
  const Member *old = name_table_find(&m->by_name, name);
  if (old) {
    eval_fail(loc, "module %s has two members \"%s\"", m->decl->name, name);
    diag_note(old->loc, "the first is here");
    return;
  }
  Member one = {name, v, loc}, *kept = arena_copy(ev->arena, &one, sizeof one);
  ARENA_GROW(ev->arena, m->member, m->nmember, m->cap_member);
  m->member[m->nmember++] = kept;
  name_table_set(ev->arena, &m->by_name, name, kept);
  scope_bind(ev->arena, m->scope, name, v);
}

static bool param_shape(Eval *ev, Scope *scope, const Stmt *st, Shape *s) {
  const ExprList *dims = &st->u.param.dims;
  const char *what = st->kind == SM_STATE ? "state" : "parameter";
  *s = (Shape){.rank = dims->n};
  if (dims->n > MAX_RANK)
    return eval_refuse(st->loc, "a %s has at most %d dimensions, found %d", what, MAX_RANK, dims->n);
  for (int i = 0; i < dims->n; i++) {
    Val v = eval_expr(ev, scope, dims->v[i]);
    if (val_whole(v, 1, (int64_t)1 << 40, &s->dim[i])) continue;
    if (v.kind != VAL_ERROR)
      eval_fail(dims->v[i]->loc, "a dimension is a whole number from 1 on, found %s", val_show(ev->arena, v));
    return false;
  }
  return shape_count(s) > 0 || eval_refuse(st->loc, "the %s is too large", what);
}

Param *param_new(Eval *ev, Scope *s, const Stmt *st) {
  Param *p = ARENA_NEW(ev->arena, Param);
  DType t = st->u.param.type;
  p->decl = st;
  if (t != DT_F32 && t != DT_I32) {
    eval_fail(st->loc, "a state is f32 or i32, found %s", dtype_name(t));
    return NULL;
  }
  return param_shape(ev, s, st, &p->shape) ? p : NULL;
}

static bool add_param(Eval *ev, Inst *m, const Stmt *st) {
  Param *p = param_new(ev, m->scope, st);
  if (!p) return false;
  add_member(ev, m, st->u.param.name, (Val){.kind = VAL_PARAM, .u.param = p}, st->loc);
  return true;
}

static bool is_submodule(Val v) {
  if (v.kind == VAL_INST) return true;
  if (v.kind != VAL_LIST) return false;
  for (int i = 0; i < v.n; i++)
    if (!is_submodule(v.u.item[i])) return false;
  return true;
}

static bool add_sub(Eval *ev, Inst *m, const Stmt *st) {
  Val v = eval_expr(ev, m->scope, st->u.named.value);
  if (v.kind == VAL_ERROR) return false;
  if (!is_submodule(v)) {
    eval_fail(st->u.named.value->loc, "member \"%s\": expected a module or a list of modules, found %s%s",
              st->u.named.name, val_kind_name(v.kind), v.kind == VAL_MODULE ? " without its arguments" : "");
    return false;
  }
  add_member(ev, m, st->u.named.name, v, st->loc);
  return true;
}

static bool run_body(Eval *ev, Inst *m, const Block *b);

static bool run_choice(Eval *ev, Inst *m, const Stmt *st) {
  bool ok, yes = eval_truth(eval_expr(ev, m->scope, st->u.choice.cond), st->u.choice.cond->loc, &ok);
  if (!ok || !eval_enter(ev, st->loc)) return false;
  ok = run_body(ev, m, yes ? &st->u.choice.yes : &st->u.choice.no);
  eval_leave(ev);
  return ok;
}

static bool run_member(Eval *ev, Inst *m, const Stmt *st) {
  switch (st->kind) {
  case SM_PARAM:
  case SM_STATE: return add_param(ev, m, st);
  case SM_SUB: return add_sub(ev, m, st);
  case SM_IF: return run_choice(ev, m, st);
  case SM_CHECK: return eval_check(ev, m->scope, st);
  case SM_LET: {
    Val v = eval_expr(ev, m->scope, st->u.bind.value);
    eval_bind_names(ev, m->scope, &st->u.bind.names, v, st->loc, false);
    return v.kind != VAL_ERROR;
  }
  default: ice("statement %d in a module", (int)st->kind);
  }
}

/* What follows a failed check may fail for the same reason, and stays unsaid. */
static bool run_body(Eval *ev, Inst *m, const Block *b) {
  bool ok = true;
  for (int i = 0; i < b->n; i++) {
    bool fine = run_member(ev, m, b->v[i]);
    if (!fine && b->v[i]->kind == SM_CHECK) return false;
    ok = ok && fine;
  }
  return ok;
}

static Val method_value(Eval *ev, Inst *m, const FnDecl *d) {
  Fn *f = ARENA_NEW(ev->arena, Fn);
  *f = (Fn){.decl = d, .scope = m->scope, .self = m};
  return (Val){.kind = VAL_FN, .u.fn = f};
}

Val inst_new(Eval *ev, const Decl *module, const Args *args) {
  const ModuleDecl *d = &module->u.module;
  Scope *file = scope_new(ev->arena, NULL);
  file->file = module->file;
  Inst *m = ARENA_NEW(ev->arena, Inst);
  m->decl = module;
  m->scope = scope_new(ev->arena, file);
  for (int i = 0; i < d->nfn; i++)
    if (d->fn[i]->name[0]) scope_bind(ev->arena, m->scope, d->fn[i]->name, method_value(ev, m, d->fn[i]));
  if (!eval_bind_args(ev, m->scope, &d->sig, args, module->name)) return (Val){0};
  CallNote call = eval_enter_call(args->loc, module->name);
  bool ok = run_body(ev, m, &d->member);
  eval_leave_call(ev, &call, !ok);
  return ok ? (Val){.kind = VAL_INST, .u.inst = m} : (Val){0};
}

static const FnDecl *find_method(const Inst *m, const char *name) {
  const ModuleDecl *d = &m->decl->u.module;
  for (int i = 0; i < d->nfn; i++)
    if (!strcmp(d->fn[i]->name, name)) return d->fn[i];
  return NULL;
}

Val inst_method(Eval *ev, Inst *m, const char *name, Loc loc) {
  const FnDecl *d = find_method(m, name);
  if (d) return method_value(ev, m, d);
  return eval_fail(loc, "module %s has no function %s", m->decl->name, name[0] ? name : "of its own to call");
}

static Val no_member(Eval *ev, const Inst *m, const char *name, Loc loc) {
  const ModuleDecl *d = &m->decl->u.module;
  const char **names = ARENA_ARRAY(ev->arena, d->nfn + m->nmember + 1, const char *);
  int n = 0;
  for (int i = 0; i < d->nfn; i++) names[n++] = d->fn[i]->name;
  for (int i = 0; i < m->nmember; i++) names[n++] = m->member[i]->name;
  return eval_fail(loc, "module %s has no member \"%s\"%s", m->decl->name, name,
                   eval_suggest(ev->arena, name, names, n));
}

Val inst_member(Eval *ev, Inst *m, const char *name, Loc loc) {
  const FnDecl *d = find_method(m, name);
  if (d) return method_value(ev, m, d);
  const Bind *b = scope_own(m->scope, name);
  return b ? param_value(ev, b->val, loc) : no_member(ev, m, name, loc);
}

static bool is_state(const Param *p) {
  return p->decl->kind == SM_STATE;
}

static bool is_carried(const Param *p) {
  return is_state(p) && p->state && p->state->kind == ST_CARRIED;
}

void param_carry(Eval *ev, Param *p) {
  if (!is_carried(p)) return;
  ARENA_GROW(ev->arena, ev->carried, ev->ncarried, ev->cap_carried);
  ev->carried[ev->ncarried++] = p;
}

void params_restart(Eval *ev) {
  for (int i = 0; i < ev->ncarried; i++) {
    ev->carried[i]->now = NULL;
    ev->carried[i]->assigned = false;
  }
}

State *param_next(Eval *ev, Param *p) {
  Graph *g = ev->graph;
  if (p->next) return p->next;
  /* No name of a description has a space. */
  const char *name = arena_printf(ev->arena, "next %s", p->state->name);
  Loc loc = g->loc;
  g->loc = p->decl->loc;
  p->next = graph_state(g, ST_TEMP, name, p->state->dtype, p->shape, NULL);
  g->loc = loc;
  if (p->next) p->next->module = p->state->module;
  return p->next;
}

/* What the step's first micro-batch finds, and what the one before has left to the others. */
static Node *first_read(Eval *ev, Param *p) {
  Graph *g = ev->graph;
  Node *kept = graph_read(g, p->state);
  if (!ev->training || g->accumulate == 1 || !is_carried(p)) return kept;
  const State *next = param_next(ev, p);
  if (!next) return NULL;
  Node *first = graph_map2(g, E_EQ, graph_step(g, "micro"), graph_scalar(g, 0));
  p->now = graph_elt(g, E_SELECT, graph_expand(g, first, p->shape), kept, graph_read(g, next));
  return p->now;
}

Node *param_read(Eval *ev, Param *p, Loc loc) {
  ev->graph->loc = loc;
  if (p->state) return p->now ? p->now : first_read(ev, p);
  eval_fail(loc, "the %s's module has no place in a model yet", is_state(p) ? "state" : "parameter");
  return NULL;
}

Val param_value(Eval *ev, Val v, Loc loc) {
  if (v.kind != VAL_PARAM || !is_state(v.u.param) || !v.u.param->state) return v;
  return val_tensor(param_read(ev, v.u.param, loc));
}

bool param_assign(Eval *ev, Param *p, Val v, Loc loc) {
  const char *name = p->decl->u.param.name;
  if (!is_state(p))
    return eval_refuse(
        loc, "\"%s\" is a parameter, which the optimizer changes; \"state %s [..]\" is assigned", name, name);
  Node *x = eval_tensor(ev, v, p->decl->u.param.type, loc);
  if (!x || !ev->training) return x;
  ev->graph->loc = loc;
  if (x->dtype == p->state->dtype) x = graph_expand(ev->graph, x, p->shape);
  if (!x) return false;
  if (x->dtype != p->state->dtype)
    return eval_refuse(loc, "state \"%s\" becomes %s, expected %s", name, dtype_name(x->dtype),
                       dtype_name(p->state->dtype));
  p->now = graph_stop_gradient(ev->graph, x);
  p->assigned = true;
  return p->now;
}

static const char *join(Arena *a, const char *path, const char *name) {
  return path[0] ? arena_printf(a, "%s.%s", path, name) : name;
}

static const char *name_in(Arena *a, const Place *place, const char *name) {
  if (place->plain) return name;
  return *name ? arena_printf(a, "%s/%s", place->module, name) : place->module;
}

/* What random draws are told apart by and files may say: a frozen model's are as in the program that trained
 * it. */
static const char *home_name(Arena *a, const Place *place, const char *name) {
  return place->kind == PLACE_FROZEN ? name : name_in(a, place, name);
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
static Node *first_value(Eval *ev, Scope *scope, const Param *p) {
  const Expr *e = p->decl->u.param.init;
  DType t = p->decl->u.param.type;
  if (!e) return graph_const(ev->graph, t, p->shape, 0);
  Scope *s = scope_new(ev->arena, scope);
  Val *dim = ARENA_ARRAY(ev->arena, p->shape.rank + 1, Val);
  for (int i = 0; i < p->shape.rank; i++) dim[i] = val_number((double)p->shape.dim[i]);
  Val shape = val_list(dim, p->shape.rank);
  scope_bind(ev->arena, s, "shape", shape);
  Val v = eval_expr(ev, s, e);
  if (v.kind == VAL_FN || v.kind == VAL_BUILTIN) {
    Arg arg = {.val = shape, .loc = e->loc};
    v = eval_apply(ev, v, &(Args){.n = 1, .v = &arg, .loc = e->loc});
  }
  Node *x = eval_tensor(ev, v, t, e->loc);
  ev->graph->loc = e->loc;
  return x ? graph_expand(ev->graph, x, p->shape) : NULL;
}

static StateKind state_kind(const Param *p, PlaceKind place) {
  if (place == PLACE_FROZEN || p->decl->u.param.fixed) return ST_FROZEN;
  return place == PLACE_CARRIED || p->decl->kind == SM_STATE ? ST_CARRIED : ST_PARAM;
}

bool param_place(Eval *ev, Scope *s, Param *p, const char *name, const Place *place) {
  const char *path = ev->path, *root = ev->draw_root;
  Graph *g = ev->graph;
  const char *called = g->path, *own = name_in(ev->arena, place, name);
  ev->path = graph_intern(g, home_name(ev->arena, place, name));
  g->path = graph_intern(g, own);
  ev->draw_root = "init";
  Node *init = first_value(ev, s, p);
  ev->path = path;
  g->path = called;
  ev->draw_root = root;
  g->loc = p->decl->loc;
  if (!init) return false;
  p->state = graph_state(g, state_kind(p, place->kind), own, p->decl->u.param.type, p->shape, init);
  if (!p->state) return false;
  p->state->module = graph_intern(g, place->module);
  if (place->kind == PLACE_FROZEN) add_alias(ev->arena, p->state, name);
  graph_assign(g, EN_INIT, p->state, init);
  param_carry(ev, p);
  return true;
}

static bool place_inst(Eval *ev, Inst *m, const char *path, const Place *place);

static bool place_param(Eval *ev, Inst *m, Param *p, const char *name, const Place *place) {
  if (!p->state) return param_place(ev, m->scope, p, name, place);
  add_alias(ev->arena, p->state, home_name(ev->arena, place, name));
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
  if (!eval_enter(ev, ev->graph->loc)) return false;
  if (!m->path) {
    m->path = graph_intern(ev->graph, home_name(ev->arena, place, path));
    m->frozen = place->kind == PLACE_FROZEN;
    m->called = graph_intern(ev->graph, name_in(ev->arena, place, path));
  }
  ev->budget -= 1 + m->nmember;
  if (ev->budget < 0) eval_give_up(ev, ev->graph->loc, "the model has too many parameters");
  for (int i = 0; i < m->nmember && !ev->spent; i++)
    ok = place_member(ev, m, m->member[i]->val, join(ev->arena, path, m->member[i]->name), place) && ok;
  eval_leave(ev);
  return ok && !ev->spent;
}

bool inst_place(Eval *ev, Inst *m, const Place *p) {
  return place_inst(ev, m, "", p);
}

static void list_member(Eval *ev, Leaves *out, Val v, const char *path);

static void list_inst(Eval *ev, Leaves *out, const Inst *m, const char *path) {
  for (int i = 0; i < m->nmember; i++)
    list_member(ev, out, m->member[i]->val, join(ev->arena, path, m->member[i]->name));
}

static void list_member(Eval *ev, Leaves *out, Val v, const char *path) {
  for (int i = 0; v.kind == VAL_LIST && i < v.n; i++)
    list_member(ev, out, v.u.item[i], arena_printf(ev->arena, "%s.%d", path, i));
  if (v.kind == VAL_INST) list_inst(ev, out, v.u.inst, path);
  if (v.kind != VAL_PARAM) return;
  ARENA_GROW(ev->arena, out->v, out->n, out->cap);
  out->v[out->n++] = (Leaf){path, v.u.param};
  name_table_set(ev->arena, &out->by_path, path, v.u.param);
}

Leaves inst_leaves(Eval *ev, const Inst *m) {
  Leaves out = {0};
  list_inst(ev, &out, m, "");
  return out;
}
