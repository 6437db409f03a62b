/* Calls: of functions, of modules (which makes instances), of instances and of builtins. */
#include <string.h>

#include "frontend/eval/builtin.h"
#include "frontend/eval/module.h"

Args eval_args(Eval *ev, Scope *s, const CallArgs *a, Loc loc) {
  Args out = {.n = a->n, .v = ARENA_ARRAY(ev->arena, a->n + 1, Arg), .loc = loc};
  for (int i = 0; i < a->n; i++)
    out.v[i] = (Arg){.name = a->v[i].name, .val = eval_expr(ev, s, a->v[i].value), .loc = a->v[i].loc};
  return out;
}

/* "f32 [B, N, dim = 64]" */
static const char *pattern_text(Eval *ev, Scope *s, const ArgDecl *d) {
  const char *text = arena_printf(ev->arena, "%s [", dtype_name(d->type));
  for (int i = 0; i < d->dims.n; i++) {
    const Expr *e = d->dims.v[i];
    const char *dim = "..";
    Val v = {0};
    if (e && e->kind == EX_NAME)
      dim = eval_known_number(ev, s, e->u.text, &v)
                ? arena_printf(ev->arena, "%s = %s", e->u.text, val_show(ev->arena, v))
                : e->u.text;
    else if (e)
      dim = val_show(ev->arena, eval_expr(ev, s, e));
    text = arena_printf(ev->arena, "%s%s%s", text, i ? ", " : "", dim);
  }
  return arena_printf(ev->arena, "%s]", text);
}

/* One dimension: an unknown name takes the size on, everything else is compared with it. */
static bool take_size(Eval *ev, Scope *into, const Expr *e, int64_t size) {
  Val v;
  int64_t wanted;
  if (e->kind == EX_NAME && !eval_known_number(ev, into, e->u.text, &v)) {
    scope_bind(ev->arena, into, e->u.text, val_number((double)size));
    return true;
  }
  v = eval_expr(ev, into, e);
  return val_whole(v, 0, (int64_t)1 << 40, &wanted) && wanted == size;
}

static bool bind_dims(Eval *ev, Scope *into, const ArgDecl *d, const Shape *s) {
  int rest = -1, fixed = 0;
  for (int i = 0; i < d->dims.n; i++) {
    if (d->dims.v[i])
      fixed++;
    else
      rest = i;
  }
  if (rest < 0 ? s->rank != fixed : s->rank < fixed) return false;
  for (int i = 0; i < d->dims.n; i++) {
    int at = rest >= 0 && i > rest ? s->rank - (d->dims.n - i) : i;
    if (d->dims.v[i] && !take_size(ev, into, d->dims.v[i], s->dim[at])) return false;
  }
  return true;
}

bool eval_bind_typed(Eval *ev, Scope *into, const ArgDecl *d, Val v, Loc loc, const char *callee) {
  Scope *known = scope_snapshot(ev->arena, into);
  Node *x = eval_tensor(ev, v, d->type, loc);
  if (!x) return false;
  if (x->dtype != d->type || !bind_dims(ev, into, d, &x->shape)) {
    eval_fail(loc, "argument \"%s\" of %s: found %s, expected %s", d->name, callee,
              val_show(ev->arena, val_tensor(x)), pattern_text(ev, known, d));
    diag_note(d->loc, "declared here");
    return false;
  }
  scope_bind(ev->arena, into, d->name, val_tensor(x));
  return true;
}

static int find_arg(const Signature *sig, const char *name) {
  for (int i = 0; i < sig->n; i++)
    if (!strcmp(sig->v[i].name, name)) return i;
  return -1;
}

static bool unknown_arg(Eval *ev, const Signature *sig, const Arg *a, const char *callee) {
  const char **names = ARENA_ARRAY(ev->arena, sig->n + 1, const char *);
  for (int i = 0; i < sig->n; i++) names[i] = sig->v[i].name;
  eval_fail(a->loc, "%s has no argument \"%s\"%s", callee, a->name,
            eval_suggest(ev->arena, a->name, names, sig->n));
  return false;
}

/* Which argument goes where: given[i] for parameter i, or NULL. */
static bool match_args(Eval *ev, const Signature *sig, const Args *args, const char *callee,
                       const Arg **given) {
  int position = 0;
  for (int i = 0; i < args->n; i++) {
    const Arg *a = &args->v[i];
    int at = a->name ? find_arg(sig, a->name) : position++;
    if (at < 0) return unknown_arg(ev, sig, a, callee);
    if (at >= sig->n) {
      eval_fail(a->loc, "%s takes %d argument%s, found more", callee, sig->n, sig->n == 1 ? "" : "s");
      return false;
    }
    if (given[at]) {
      eval_fail(a->loc, "argument \"%s\" of %s is given twice", sig->v[at].name, callee);
      return false;
    }
    given[at] = a;
  }
  return true;
}

bool eval_bind_args(Eval *ev, Scope *into, const Signature *sig, const Args *args, const char *name) {
  const Arg **given = ARENA_ARRAY(ev->arena, sig->n + 1, const Arg *);
  if (!match_args(ev, sig, args, name, given)) return false;
  bool ok = true;
  for (int i = 0; i < sig->n; i++) {
    const ArgDecl *d = &sig->v[i];
    if (!given[i] && !d->init) {
      eval_fail(args->loc, "%s needs the argument \"%s\"", name, d->name);
      return false;
    }
    Val v = given[i] ? given[i]->val : eval_expr(ev, into, d->init);
    Loc loc = given[i] ? given[i]->loc : d->loc;
    bool left_out = v.kind == VAL_NONE && d->init;
    if (d->typed && !left_out)
      ok = eval_bind_typed(ev, into, d, v, loc, name) && ok;
    else
      scope_bind(ev->arena, into, d->name, v);
    ok = ok && v.kind != VAL_ERROR;
  }
  return ok;
}

static const char *fn_name(Eval *ev, const Fn *f) {
  if (!f->self) return f->decl->name;
  return f->decl->name[0] ? arena_printf(ev->arena, "%s.%s", f->self->decl->name, f->decl->name)
                          : f->self->decl->name;
}

static Val run_fn(Eval *ev, const Fn *f, Scope *s, Loc loc, const char *name) {
  const char *path = ev->path, *called = ev->graph->path;
  bool training = ev->training;
  if (f->self && !f->self->path)
    return eval_fail(loc, "module %s has no place in a model yet", f->self->decl->name);
  if (f->self) ev->path = f->self->path, ev->graph->path = f->self->called;
  if (f->self && f->self->frozen) ev->training = false;
  Val v = eval_body(ev, s, &f->decl->body, f->decl->loc, name);
  ev->training = training;
  ev->path = path;
  ev->graph->path = called;
  return v;
}

static Val call_fn(Eval *ev, const Fn *f, const Args *args) {
  Scope *s = scope_new(ev->arena, f->scope);
  const char *name = fn_name(ev, f);
  s->function = true;
  if (!eval_bind_args(ev, s, &f->decl->sig, args, name)) return (Val){0};
  CallNote call = eval_enter_call(args->loc, name);
  Val v = run_fn(ev, f, s, args->loc, name);
  eval_leave_call(ev, &call, v.kind == VAL_ERROR);
  return v;
}

Val eval_apply(Eval *ev, Val callee, const Args *args) {
  switch (callee.kind) {
  case VAL_FN: return call_fn(ev, callee.u.fn, args);
  case VAL_BUILTIN: return builtin_call(ev, callee.u.builtin, args);
  case VAL_MODULE: return inst_new(ev, callee.u.decl, args);
  case VAL_INST: {
    Val fn = inst_method(ev, callee.u.inst, "", args->loc);
    return fn.kind == VAL_FN ? call_fn(ev, fn.u.fn, args) : fn;
  }
  case VAL_OPTIMIZER: return eval_fail(args->loc, "an optimizer is called by \"optimizer\" in a train block");
  case VAL_ERROR: return callee;
  default: return eval_fail(args->loc, "%s cannot be called", val_kind_name(callee.kind));
  }
}

Val eval_call(Eval *ev, Scope *s, const Expr *e, Val callee) {
  Args args = eval_args(ev, s, &e->u.call.args, e->loc);
  bool ok = callee.kind != VAL_ERROR;
  for (int i = 0; i < args.n; i++) ok = ok && args.v[i].val.kind != VAL_ERROR;
  return ok ? eval_apply(ev, callee, &args) : (Val){0};
}
