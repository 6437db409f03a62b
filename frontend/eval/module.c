/* Making instances, looking into them, and giving them places: names, states and first values of parameters.
 */
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

static bool param_shape(Eval *ev, Inst *m, const Stmt *st, Shape *s) {
  const ExprList *dims = &st->u.param.dims;
  *s = (Shape){.rank = dims->n};
  if (dims->n > MAX_RANK) {
    eval_fail(st->loc, "a parameter has at most %d dimensions, found %d", MAX_RANK, dims->n);
    return false;
  }
  for (int i = 0; i < dims->n; i++) {
    Val v = eval_expr(ev, m->scope, dims->v[i]);
    if (val_whole(v, 1, (int64_t)1 << 40, &s->dim[i])) continue;
    if (v.kind != VAL_ERROR)
      eval_fail(dims->v[i]->loc, "a dimension is a whole number from 1 on, found %s", val_show(ev->arena, v));
    return false;
  }
  if (shape_count(s) > 0) return true;
  eval_fail(st->loc, "the parameter is too large");
  return false;
}

static bool add_param(Eval *ev, Inst *m, const Stmt *st) {
  Param *p = ARENA_NEW(ev->arena, Param);
  p->decl = st;
  if (!param_shape(ev, m, st, &p->shape)) return false;
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
  case SM_PARAM: return add_param(ev, m, st);
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
  return b ? b->val : no_member(ev, m, name, loc);
}

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
  if (!eval_enter(ev, ev->graph->loc)) return false;
  if (!m->path) {
    m->path = graph_intern(ev->graph, path);
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
