/* Finding the `let`s of functions that hide a name and are never read. */
#include "frontend/syntax/unread.h"

#include <string.h>

/* A name in reach, the newest first. */
typedef struct Known {
  const char *name;
  Loc loc;
  const struct Known *older;
} Known;

static const Known *know(Arena *a, const Known *older, const char *name, Loc loc) {
  Known *k = ARENA_NEW(a, Known);
  *k = (Known){name, loc, older};
  return k;
}

static const Known *know_all(Arena *a, const Known *older, const Names *names, Loc loc) {
  for (int i = 0; i < names->n; i++) older = know(a, older, names->v[i], loc);
  return older;
}

static const Known *find_known(const Known *k, const char *name) {
  while (k && strcmp(k->name, name) != 0) k = k->older;
  return k;
}

static bool reads(const Expr *e, const char *name);

static bool list_reads(const ExprList *l, const char *name) {
  for (int i = 0; i < l->n; i++)
    if (reads(l->v[i], name)) return true;
  return false;
}

static bool call_reads(const Expr *e, const char *name) {
  for (int i = 0; i < e->u.call.args.n; i++)
    if (reads(e->u.call.args.v[i].value, name)) return true;
  return reads(e->u.call.callee, name);
}

static bool index_reads(const Expr *e, const char *name) {
  for (int i = 0; i < e->u.index.n; i++)
    if (reads(e->u.index.item[i].lo, name) || reads(e->u.index.item[i].hi, name)) return true;
  return reads(e->u.index.of, name);
}

static bool each_reads(const Expr *e, const char *name) {
  for (int i = 0; i < e->u.each.n; i++)
    if (reads(e->u.each.clause[i].over, name) || reads(e->u.each.clause[i].only, name)) return true;
  return reads(e->u.each.item, name);
}

/* Is the name in the expression? One that a comprehension makes anew counts: better silent than wrong. */
static bool reads(const Expr *e, const char *name) {
  if (!e) return false;
  switch (e->kind) {
  case EX_NUMBER:
  case EX_STRING:
  case EX_BOOL: return false;
  case EX_NAME: return strcmp(e->u.text, name) == 0;
  case EX_LIST: return list_reads(&e->u.list, name);
  case EX_UNARY:
  case EX_BINARY: return reads(e->u.op.a, name) || reads(e->u.op.b, name);
  case EX_IF:
    return reads(e->u.choice.cond, name) || reads(e->u.choice.yes, name) || reads(e->u.choice.no, name);
  case EX_CALL: return call_reads(e, name);
  case EX_INDEX: return index_reads(e, name);
  case EX_FIELD: return reads(e->u.field.of, name);
  case EX_EACH: return each_reads(e, name);
  }
  return false;
}

static bool block_reads(const Block *b, int from, const char *name);

static bool statement_reads(const Stmt *st, const char *name) {
  switch (st->kind) {
  case SM_LET:
  case SM_SET: return reads(st->u.bind.value, name);
  case SM_FOR: return reads(st->u.loop.over, name) || block_reads(&st->u.loop.body, 0, name);
  case SM_IF:
    return reads(st->u.choice.cond, name) || block_reads(&st->u.choice.yes, 0, name) ||
           block_reads(&st->u.choice.no, 0, name);
  case SM_CHECK: return reads(st->u.check.cond, name) || reads(st->u.check.message, name);
  case SM_RETURN: return reads(st->u.value, name);
  default: return true; /* of no function */
  }
}

static bool block_reads(const Block *b, int from, const char *name) {
  for (int i = from; i < b->n; i++)
    if (statement_reads(b->v[i], name)) return true;
  return false;
}

/* One of several names may be there only to take its place: all of them must be unread. */
static void check_let(const Known *outer, const Block *b, int at) {
  const Names *names = &b->v[at]->u.bind.names;
  const Known *hidden = NULL;
  for (int i = 0; i < names->n; i++) {
    if (block_reads(b, at + 1, names->v[i])) return;
    if (!hidden) hidden = find_known(outer, names->v[i]);
  }
  if (!hidden) return;
  diag_error(b->v[at]->loc,
             "this \"%s\" hides the one of line %d and is never read; write \"%s = ..\" to change it",
             hidden->name, hidden->loc.line, hidden->name);
}

/* `outer` are the names around the block, `own` those that it begins with, before the others. */
static void check_block(Arena *a, const Known *outer, const Known *own, const Block *b) {
  for (int i = 0; i < b->n; i++) {
    const Stmt *st = b->v[i];
    if (st->kind == SM_LET) {
      check_let(outer, b, i);
      own = know_all(a, own, &st->u.bind.names, st->loc);
    } else if (st->kind == SM_FOR) {
      check_block(a, own, know_all(a, own, &st->u.loop.names, st->loc), &st->u.loop.body);
    } else if (st->kind == SM_IF) {
      check_block(a, own, own, &st->u.choice.yes);
      check_block(a, own, own, &st->u.choice.no);
    }
  }
}

static void check_function(Arena *a, const Signature *sig, const Block *body) {
  const Known *own = NULL;
  for (int i = 0; i < sig->n; i++) own = know(a, own, sig->v[i].name, sig->v[i].loc);
  check_block(a, NULL, own, body);
}

static void check_update(Arena *a, const Decl *d) {
  const OptDecl *o = &d->u.opt;
  const Known *own = know(a, know(a, NULL, o->param, d->loc), o->grad, d->loc);
  for (int i = 0; i < o->nslot; i++) own = know(a, own, o->slot[i].name, o->slot[i].loc);
  check_block(a, NULL, own, &o->body);
}

static void check_decl(Arena *a, const Decl *d) {
  if (d->kind == DECL_FN) check_function(a, &d->u.fn.sig, &d->u.fn.body);
  if (d->kind == DECL_OPTIMIZER) check_update(a, d);
  for (int i = 0; d->kind == DECL_MODULE && i < d->u.module.nfn; i++)
    check_function(a, &d->u.module.fn[i]->sig, &d->u.module.fn[i]->body);
}

void unread_check(Arena *a, const Files *files) {
  for (int i = 0; i < files->n; i++)
    for (int k = 0; k < files->v[i]->ndecl; k++) check_decl(a, files->v[i]->decl[k]);
}
