/* Statements of functions. Control flow is static: loops are unrolled, conditions decided while building. */
#include "frontend/eval/module.h"

typedef enum Flow { FLOW_ON, FLOW_RETURN, FLOW_ERROR } Flow;

static Flow run_inner(Eval *ev, Scope *s, const Block *b, Loc loc, Val *result);

/* A `let` gives its node the name, for dumps and messages; the first one that names it wins. */
static void name_node(const char *name, Val v) {
  if (v.kind == VAL_TENSOR && !v.u.node->name) v.u.node->name = name;
}

static Bind *find_assignable(Scope *s, const char *name) {
  Bind *b = NULL;
  for (; s && !b; s = s->function ? NULL : s->parent) b = scope_own(s, name);
  return b;
}

/* A parameter or state of the module around the function. */
static Param *find_param(const Scope *s, const char *name) {
  const Bind *b = scope_lookup(s, name);
  return b && b->val.kind == VAL_PARAM ? b->val.u.param : NULL;
}

static void bind_one(Eval *ev, Scope *s, const char *name, Val v, Loc loc, bool assign) {
  name_node(name, v);
  if (!assign) {
    scope_bind(ev->arena, s, name, v);
    return;
  }
  Bind *b = find_assignable(s, name);
  Param *p = b ? NULL : find_param(s, name);
  if (b)
    b->val = v;
  else if (p)
    param_assign(ev, p, v, loc);
  else if (v.kind != VAL_ERROR)
    eval_fail(loc, "\"%s\" has no value to replace here: \"let %s = ..\" makes a new one", name, name);
}

static Val slice_first(Eval *ev, Node *x, int i) {
  int64_t start[MAX_RANK] = {i};
  Shape one = x->shape, rest = {.rank = x->shape.rank - 1};
  one.dim[0] = 1;
  for (int d = 0; d < rest.rank; d++) rest.dim[d] = x->shape.dim[d + 1];
  return val_tensor(graph_reshape(ev->graph, graph_slice(ev->graph, x, start, one), rest));
}

/* Item i of n that a value falls into, or an error. */
static Val part(Eval *ev, Val v, int i) {
  if (v.kind == VAL_LIST) return v.u.item[i];
  return v.kind == VAL_TENSOR ? slice_first(ev, v.u.node, i) : (Val){0};
}

void eval_bind_names(Eval *ev, Scope *s, const Names *names, Val v, Loc loc, bool assign) {
  ev->graph->loc = loc;
  if (v.kind == VAL_PARAM && names->n > 1) v = val_tensor(eval_tensor(ev, v, DT_F32, loc));
  int64_t found = v.kind == VAL_LIST                                 ? v.n
                  : v.kind == VAL_TENSOR && v.u.node->shape.rank > 0 ? v.u.node->shape.dim[0]
                                                                     : 1;
  if (names->n > 1 && found != names->n && v.kind != VAL_ERROR) {
    eval_fail(loc, "%d names for %s: expected %d values, found %lld", names->n, val_show(ev->arena, v),
              names->n, (long long)found);
    v = (Val){0};
  }
  for (int i = 0; i < names->n; i++)
    bind_one(ev, s, names->v[i], names->n == 1 ? v : part(ev, v, i), loc, assign);
}

bool eval_check(Eval *ev, Scope *s, const Stmt *st) {
  bool ok, holds = eval_truth(eval_expr(ev, s, st->u.check.cond), st->u.check.cond->loc, &ok);
  if (!ok || holds) return ok;
  Val text = eval_expr(ev, s, st->u.check.message);
  if (text.kind == VAL_TEXT)
    eval_fail(st->u.check.cond->loc, "%s", text.u.text);
  else
    eval_fail(st->u.check.message->loc, "the message is a text, found %s", val_kind_name(text.kind));
  return false;
}

static Flow run_for(Eval *ev, Scope *s, const Stmt *st, Val *result) {
  Val over = eval_expr(ev, s, st->u.loop.over);
  if (over.kind != VAL_LIST) {
    if (over.kind != VAL_ERROR)
      eval_fail(st->u.loop.over->loc, "\"for\" goes over a list, found %s", val_kind_name(over.kind));
    return FLOW_ERROR;
  }
  int errors = diag_count();
  for (int i = 0; i < over.n; i++) {
    if (--ev->budget < 0) eval_give_up(ev, st->loc, "the loop runs too long");
    Scope *inner = scope_new(ev->arena, s);
    eval_bind_names(ev, inner, &st->u.loop.names, over.u.item[i], st->u.loop.over->loc, false);
    Flow f = run_inner(ev, inner, &st->u.loop.body, st->loc, result);
    if (f != FLOW_ON) return f;
    if (ev->spent || diag_count() > errors) return FLOW_ERROR;
  }
  return FLOW_ON;
}

static Flow run_if(Eval *ev, Scope *s, const Stmt *st, Val *result) {
  bool ok, yes = eval_truth(eval_expr(ev, s, st->u.choice.cond), st->u.choice.cond->loc, &ok);
  if (!ok) return FLOW_ERROR;
  const Block *b = yes ? &st->u.choice.yes : &st->u.choice.no;
  return run_inner(ev, scope_new(ev->arena, s), b, st->loc, result);
}

static Flow run_statement(Eval *ev, Scope *s, const Stmt *st, Val *result) {
  switch (st->kind) {
  case SM_LET:
  case SM_SET:
    eval_bind_names(ev, s, &st->u.bind.names, eval_expr(ev, s, st->u.bind.value), st->loc,
                    st->kind == SM_SET);
    return FLOW_ON;
  case SM_FOR: return run_for(ev, s, st, result);
  case SM_IF: return run_if(ev, s, st, result);
  case SM_CHECK: return eval_check(ev, s, st) ? FLOW_ON : FLOW_ERROR;
  case SM_RETURN: *result = eval_expr(ev, s, st->u.value); return FLOW_RETURN;
  default: ice("statement %d in a function", (int)st->kind);
  }
}

static Flow run_block(Eval *ev, Scope *s, const Block *b, Val *result) {
  for (int i = 0; i < b->n; i++) {
    Flow f = run_statement(ev, s, b->v[i], result);
    if (f != FLOW_ON) return f;
  }
  return FLOW_ON;
}

/* The block of a statement. */
static Flow run_inner(Eval *ev, Scope *s, const Block *b, Loc loc, Val *result) {
  if (!eval_enter(ev, loc)) return FLOW_ERROR;
  Flow f = run_block(ev, s, b, result);
  eval_leave(ev);
  return f;
}

Val eval_body(Eval *ev, Scope *s, const Block *body, Loc loc, const char *name) {
  Val result = {0};
  Flow f = run_block(ev, s, body, &result);
  if (f == FLOW_ON) return eval_fail(loc, "\"%s\" ends without \"return\"", name);
  return result;
}

bool eval_statements(Eval *ev, Scope *s, const Block *body) {
  int errors = diag_count();
  Val result = {0};
  Flow f = run_block(ev, s, body, &result);
  return f == FLOW_ON && diag_count() == errors;
}
