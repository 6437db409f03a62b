/* The values of a train block's parameters. */
#include <string.h>

#include "frontend/train/train.h"

/* Arguments of "train NAME = BASE(..)": named ones, each a parameter of the base. */
static bool wrapper_args(Eval *ev, const Decl *wrapper, const Signature *sig, Args *out) {
  Scope *file = scope_new(ev->arena, NULL);
  file->file = wrapper->file;
  *out = eval_args(ev, file, &wrapper->u.train.args, wrapper->loc);
  const char **names = ARENA_ARRAY(ev->arena, sig->n + 1, const char *);
  bool ok = true;
  for (int i = 0; i < sig->n; i++) names[i] = sig->v[i].name;
  for (int i = 0; i < out->n; i++) {
    bool known = false;
    for (int k = 0; k < sig->n && out->v[i].name; k++) known = known || !strcmp(names[k], out->v[i].name);
    if (known) continue;
    ok = false;
    if (!out->v[i].name)
      eval_fail(out->v[i].loc, "parameters of a train block are given by name: \"NAME = ..\"");
    else
      eval_fail(out->v[i].loc, "train block \"%s\" has no parameter \"%s\"%s", wrapper->u.train.base,
                out->v[i].name, eval_suggest(ev->arena, out->v[i].name, names, sig->n));
  }
  return ok;
}

static const Arg *find_arg(const Args *args, int n, const char *name) {
  for (int k = 0; k < n; k++)
    for (int i = 0; i < args[k].n; i++)
      if (!strcmp(args[k].v[i].name, name)) return &args[k].v[i];
  return NULL;
}

/* A wrapper's value must be of the default's kind. */
static Val checked(Eval *ev, const ArgDecl *d, const Arg *a, Val like) {
  if (a->val.kind == like.kind || like.kind == VAL_ERROR || a->val.kind == VAL_ERROR) return a->val;
  return eval_fail(a->loc, "parameter \"%s\": expected %s as in %s, found %s", d->name,
                   val_kind_name(like.kind), val_show(ev->arena, like), val_show(ev->arena, a->val));
}

static Val param_value(Eval *ev, Scope *into, const ArgDecl *d, const Arg *wrapped, Define *def) {
  Val v = d->init ? eval_expr(ev, into, d->init) : (Val){0};
  if (d->init && v.kind == VAL_ERROR) return v;
  if (wrapped) v = checked(ev, d, wrapped, v);
  if (def) {
    def->used = true;
    Val own = v;
    v = define_value(ev, def, own);
    define_compare(ev, def, v, own);
  }
  if (!d->init && !wrapped && !def)
    return eval_fail(d->loc, "parameter \"%s\" needs a value: -D %s=..", d->name, d->name);
  return v;
}

static bool is_static(Val v) {
  if (v.kind != VAL_LIST) return v.kind == VAL_NUMBER || v.kind == VAL_BOOL || v.kind == VAL_TEXT;
  for (int i = 0; i < v.n; i++)
    if (!is_static(v.u.item[i])) return false;
  return true;
}

bool train_params(Eval *ev, const Decl *const *chain, int n, Defines *d, Scope *into, FrontInfo *info) {
  const Signature *sig = &chain[n - 1]->u.train.sig;
  Args *wrapped = ARENA_ARRAY(ev->arena, n, Args);
  FrontParam *list = ARENA_ARRAY(ev->arena, sig->n + 1, FrontParam);
  bool ok = true;
  for (int i = 0; i + 1 < n; i++) ok = wrapper_args(ev, chain[i], sig, &wrapped[i]) && ok;
  if (!ok) return false;
  for (int i = 0; i < sig->n; i++) {
    const ArgDecl *p = &sig->v[i];
    Val v = param_value(ev, into, p, find_arg(wrapped, n - 1, p->name), define_find(d, p->name));
    if (v.kind != VAL_ERROR && !is_static(v))
      v = eval_fail(p->loc, "parameter \"%s\": expected a number, a text, true, false or a list of them",
                    p->name);
    ok = ok && v.kind != VAL_ERROR;
    scope_bind(ev->arena, into, p->name, v);
    list[i] = (FrontParam){p->name, val_show(ev->arena, v)};
  }
  info->nparam = sig->n;
  info->param = list;
  return define_all_used(ev->arena, d, sig, chain[0]->name) && ok;
}
