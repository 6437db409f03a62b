/* The values of a train block's parameters: -D NAME=VALUE, -D @FILE.safetensors, those of blocks based on it,
 * and its defaults. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "frontend/train/metadata.h"
#include "frontend/train/train.h"

static void push(Arena *a, TrainDefines *d, TrainDefine one) {
  ARENA_GROW(a, d->v, d->n, d->cap);
  d->v[d->n++] = one;
}

static bool read_typed(Arena *a, const char *arg, TrainDefines *out) {
  const char *line = arena_printf(a, "-D %s", arg), *eq = strchr(arg, '=');
  Loc loc = {.src = diag_source(a, "command line", line, strlen(line)), .line = 1, .col = 4};
  if (!eq || eq == arg) {
    diag_error(loc, "expected NAME=VALUE or @FILE.safetensors after -D, found \"%s\"", arg);
    return false;
  }
  loc.col += (int)(eq - arg) + 1;
  push(a, out,
       (TrainDefine){
           .name = arena_strndup(a, arg, (size_t)(eq - arg)), .text = eq + 1, .loc = loc, .typed = true});
  return true;
}

static bool read_from_file(Arena *a, const char *path, TrainDefines *out) {
  Metadata m;
  if (!metadata_read(a, path, &m)) return false;
  Loc loc = {.src = diag_source(a, path, "", 0)};
  static const char own[] = "tessera.parameter."; /* as programs write them */
  for (int i = m.n - 1; i >= 0; i--) {
    const char *key = m.v[i].key;
    if (!strncmp(key, own, sizeof own - 1)) key += sizeof own - 1;
    push(a, out, (TrainDefine){.name = key, .text = m.v[i].value, .loc = loc});
  }
  if (!m.n)
    push(a, out, (TrainDefine){.name = "", .text = "", .loc = loc}); /* so that note_foreign knows the file */
  return true;
}

bool train_defines(Arena *a, const FrontArgs *args, TrainDefines *out) {
  bool ok = true;
  *out = (TrainDefines){0};
  for (int i = args->ndefine - 1; i >= 0; i--)
    if (args->define[i][0] != '@') ok = read_typed(a, args->define[i], out) && ok;
  for (int i = args->ndefine - 1; i >= 0; i--)
    if (args->define[i][0] == '@') ok = read_from_file(a, args->define[i] + 1, out) && ok;
  return ok;
}

static bool is_param(const FrontInfo *info, const char *name) {
  for (int i = 0; i < info->nparam; i++)
    if (!strcmp(info->param[i].name, name)) return true;
  return false;
}

/* Notes each file whose metadata names no parameter of the block. */
static void note_foreign(const TrainDefines *d, const FrontInfo *info, const char *block) {
  for (int i = 0; i < d->n;) {
    const TrainDefine *first = &d->v[i];
    bool takes = false;
    for (; i < d->n && d->v[i].loc.src == first->loc.src; i++) takes = takes || is_param(info, d->v[i].name);
    if (!first->typed && !takes)
      diag_note(first->loc, "its metadata names no parameter of train block \"%s\": it sets nothing", block);
  }
}

/* The value for a parameter, or NULL. */
static TrainDefine *find_define(TrainDefines *d, const char *name) {
  for (int i = 0; i < d->n; i++)
    if (!strcmp(d->v[i].name, name)) return &d->v[i];
  return NULL;
}

static Val scalar_value(const char *text) {
  char *end;
  double v = strtod(text, &end);
  if (end != text && !*end && isfinite(v)) return val_number(v);
  if (!strcmp(text, "true") || !strcmp(text, "false")) return val_bool(text[0] == 't');
  return val_text(text);
}

/* "6, 8" or "(6, 8)": the items between commas, without spaces around them */
static Val list_value(Eval *ev, const TrainDefine *d) {
  int n = 0, cap = 0;
  Val *item = NULL;
  const char *s = d->text, *stop = s + strlen(s);
  if (stop - s >= 2 && ((*s == '(' && stop[-1] == ')') || (*s == '[' && stop[-1] == ']'))) s++, stop--;
  while (s < stop) {
    const char *comma = memchr(s, ',', (size_t)(stop - s)), *end = comma ? comma : stop, *next = end + 1;
    while (s < end && *s == ' ') s++;
    while (end > s && end[-1] == ' ') end--;
    ARENA_GROW(ev->arena, item, n, cap);
    item[n++] = scalar_value(arena_strndup(ev->arena, s, (size_t)(end - s)));
    s = next;
  }
  return eval_list(ev, d->loc, item, n);
}

/* What the text stands for: a number, true or false, a list of such ("6,8,10"), else a text. With a default
 * of that parameter its kind decides; another kind is an error. */
static Val given_value(Eval *ev, const TrainDefine *d, Val like) {
  Val v = scalar_value(d->text);
  if (like.kind == VAL_TEXT) return val_text(d->text);
  if (like.kind == VAL_LIST || (like.kind == VAL_ERROR && strchr(d->text, ','))) v = list_value(ev, d);
  if (like.kind == VAL_ERROR || v.kind == VAL_ERROR) return v;
  bool same = v.kind == like.kind;
  for (int i = 0; same && v.kind == VAL_LIST && like.n && i < v.n; i++)
    same = v.u.item[i].kind == like.u.item[0].kind;
  if (same) return v;
  return eval_fail(d->loc, "parameter \"%s\": expected %s as in %s, found \"%s\"", d->name,
                   val_kind_name(like.kind), val_show(ev->arena, like), d->text);
}

/* Is it no whole number where the other is one, or not positive where that is? */
static bool odd_number(Val v, Val like) {
  if (v.kind != VAL_NUMBER || like.kind != VAL_NUMBER) return false;
  bool whole = like.u.number == floor(like.u.number) && v.u.number != floor(v.u.number);
  return whole || (like.u.number > 0 && v.u.number <= 0);
}

/* Remembers whether the value is of another sort than the description's own. */
static void compare_values(Eval *ev, TrainDefine *d, Val v, Val like) {
  bool odd = odd_number(v, like);
  for (int i = 0; v.kind == VAL_LIST && like.kind == VAL_LIST && like.n && i < v.n; i++)
    odd = odd || odd_number(v.u.item[i], like.u.item[0]);
  d->had = odd ? val_show(ev->arena, like) : NULL;
}

void train_note_odd(const TrainDefines *d) {
  for (int i = d->n - 1; i >= 0; i--)
    if (d->v[i].had)
      diag_note(d->v[i].loc, "%s = %s comes from here; the description has %s", d->v[i].name, d->v[i].text,
                d->v[i].had);
}

/* Reports typed ones that no parameter took. */
static bool all_used(Arena *a, const TrainDefines *d, const Signature *sig, const char *block) {
  bool ok = true;
  const char **names = ARENA_ARRAY(a, sig->n + 1, const char *);
  for (int i = 0; i < sig->n; i++) names[i] = sig->v[i].name;
  for (int i = d->n - 1; i >= 0; i--) {
    const TrainDefine *one = &d->v[i];
    if (!one->typed || one->used) continue;
    bool shadowed = false;
    for (int k = 0; k < sig->n; k++) shadowed = shadowed || !strcmp(names[k], one->name);
    if (shadowed) continue;
    Loc loc = {one->loc.src, 1, 4};
    diag_error(loc, "train block \"%s\" has no parameter \"%s\"%s", block, one->name,
               eval_suggest(a, one->name, names, sig->n));
    ok = false;
  }
  return ok;
}

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

static Val param_value(Eval *ev, Scope *into, const ArgDecl *d, const Arg *wrapped, TrainDefine *def) {
  Val v = d->init ? eval_expr(ev, into, d->init) : (Val){0};
  if (d->init && v.kind == VAL_ERROR) return v;
  if (wrapped) v = checked(ev, d, wrapped, v);
  if (def) {
    def->used = true;
    Val own = v;
    v = given_value(ev, def, own);
    compare_values(ev, def, v, own);
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

bool train_params(Eval *ev, const Decl *const *chain, int n, TrainDefines *d, Scope *into, FrontInfo *info) {
  const Signature *sig = &chain[n - 1]->u.train.sig;
  Args *wrapped = ARENA_ARRAY(ev->arena, n, Args);
  FrontParam *list = ARENA_ARRAY(ev->arena, sig->n + 1, FrontParam);
  bool ok = true;
  for (int i = 0; i + 1 < n; i++) ok = wrapper_args(ev, chain[i], sig, &wrapped[i]) && ok;
  if (!ok) return false;
  for (int i = 0; i < sig->n; i++) {
    const ArgDecl *p = &sig->v[i];
    Val v = param_value(ev, into, p, find_arg(wrapped, n - 1, p->name), find_define(d, p->name));
    if (v.kind != VAL_ERROR && !is_static(v))
      v = eval_fail(p->loc, "parameter \"%s\": expected a number, a text, true, false or a list of them",
                    p->name);
    ok = ok && v.kind != VAL_ERROR;
    scope_bind(ev->arena, into, p->name, v);
    list[i] = (FrontParam){p->name, val_full(ev->arena, v)};
  }
  info->nparam = sig->n;
  info->param = list;
  note_foreign(d, info, chain[0]->name);
  return all_used(ev->arena, d, sig, chain[0]->name) && ok;
}
