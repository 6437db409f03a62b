/* What a name stands for: scopes, then the file's declarations, then its imports', then the builtins. */
#include <string.h>

#include "base/nearest.h"
#include "frontend/eval/builtin.h"
#include "frontend/eval/module.h"

enum { MOST_NAMES = 512, MOST_FILES = 64 };

/* Depth first over the imports, each file once. */
typedef struct Walk {
  int n;
  const File *seen[MOST_FILES];
} Walk;

static bool seen(Walk *w, const File *f) {
  for (int i = 0; i < w->n; i++)
    if (w->seen[i] == f) return true;
  if (w->n == MOST_FILES) return true;
  w->seen[w->n++] = f;
  return false;
}

static Decl *find_in(Walk *w, const File *f, const char *name, bool train) {
  if (!f || seen(w, f)) return NULL;
  Decl *d = name_table_find(train ? &f->train : &f->other, name);
  for (int i = 0; i < f->nimport && !d; i++) d = find_in(w, f->import[i].file, name, train);
  return d;
}

Decl *eval_find_decl(const File *f, const char *name, bool train) {
  Walk w = {0};
  return find_in(&w, f, name, train);
}

static const File *file_of(Scope *s) {
  while (s && s->parent) s = s->parent;
  return s ? s->file : NULL;
}

static Scope *file_scope(Eval *ev, const File *f) {
  Scope *s = scope_new(ev->arena, NULL);
  s->file = f;
  return s;
}

static Val constant_value(Eval *ev, Decl *d) {
  if (d->u.let.kept) return *d->u.let.kept;
  if (d->u.let.busy) return eval_fail(d->loc, "\"%s\" is defined by itself", d->name);
  d->u.let.busy = true;
  Val v = eval_expr(ev, file_scope(ev, d->file), d->u.let.value);
  d->u.let.busy = false;
  d->u.let.kept = arena_copy(ev->arena, &v, sizeof v);
  return v;
}

Val eval_decl_value(Eval *ev, Decl *d) {
  switch (d->kind) {
  case DECL_FN: {
    Fn *fn = ARENA_NEW(ev->arena, Fn);
    *fn = (Fn){.decl = &d->u.fn, .scope = file_scope(ev, d->file)};
    return (Val){.kind = VAL_FN, .u.fn = fn};
  }
  case DECL_MODULE: return (Val){.kind = VAL_MODULE, .u.decl = d};
  case DECL_OPTIMIZER: return (Val){.kind = VAL_OPTIMIZER, .u.decl = d};
  case DECL_LET: return constant_value(ev, d);
  case DECL_TRAIN: break;
  }
  return (Val){0};
}

typedef struct NameList {
  int n;
  const char *v[MOST_NAMES];
} NameList;

static void add_name(NameList *l, const char *name) {
  if (l->n < MOST_NAMES) l->v[l->n++] = name;
}

static void add_file_names(NameList *l, Walk *w, const File *f) {
  if (!f || seen(w, f)) return;
  for (int i = 0; i < f->ndecl; i++) add_name(l, f->decl[i]->name);
  for (int i = 0; i < f->nimport; i++) add_file_names(l, w, f->import[i].file);
}

const char *eval_suggest(Arena *a, const char *name, const char *const *names, int n) {
  const char *near = nearest_name(name, names, n);
  return near ? arena_printf(a, "; did you mean \"%s\"?", near) : "";
}

static Val unknown(Eval *ev, Scope *s, const char *name, Loc loc) {
  const char *ours = foreign_name(name);
  NameList l = {0};
  Walk w = {0};
  const char *const *more;
  for (Scope *at = s; at; at = at->parent)
    for (Bind *b = at->first; b; b = b->next) add_name(&l, b->name);
  if (ours)
    return eval_fail(loc, "unknown name \"%s\"%s; %s", name, eval_suggest(ev->arena, name, l.v, l.n), ours);
  add_file_names(&l, &w, file_of(s));
  int n = builtin_names(ev->arena, &more);
  for (int i = 0; i < n; i++) add_name(&l, more[i]);
  return eval_fail(loc, "unknown name \"%s\"%s", name, eval_suggest(ev->arena, name, l.v, l.n));
}

Val eval_name(Eval *ev, Scope *s, const char *name, Loc loc) {
  Bind *b = scope_lookup(s, name);
  if (b) return param_value(ev, b->val, loc);
  Decl *d = eval_find_decl(file_of(s), name, false);
  if (d) return eval_decl_value(ev, d);
  Val v = builtin_find(ev, name);
  return v.kind != VAL_ERROR ? v : unknown(ev, s, name, loc);
}

bool eval_known_number(Eval *ev, Scope *s, const char *name, Val *out) {
  Bind *b = scope_lookup(s, name);
  if (b) {
    *out = b->val;
    return true;
  }
  Decl *d = eval_find_decl(file_of(s), name, false);
  if (!d || d->kind != DECL_LET) return false;
  *out = constant_value(ev, d);
  return true;
}
