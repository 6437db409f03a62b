/* The search for `let`s of functions that hide a name and are never read. */
#include "frontend/syntax/unread.h"

#include <string.h>

/* A name in reach. */
typedef struct Known {
  const char *name;
  Loc loc;
  int depth;                    /* of its block within others */
  struct Known *hidden, *older; /* the one of that name which it hides; the one made before it */
} Known;

typedef struct Reach {
  Arena *arena;
  NameTable by_name;
  Known *newest;
  int depth; /* of the block at hand */
} Reach;

static void know(Reach *r, const char *name, Loc loc) {
  Known *k = ARENA_NEW(r->arena, Known), *old = name_table_find(&r->by_name, name);
  if (old && old->depth == r->depth) old = old->hidden;
  *k = (Known){name, loc, r->depth, old, r->newest};
  name_table_set(r->arena, &r->by_name, name, k);
  r->newest = k;
}

static void know_all(Reach *r, const Names *names, Loc loc) {
  for (int i = 0; i < names->n; i++) know(r, names->v[i], loc);
}

/* Back to the names that were known before. */
static void forget(Reach *r, Known *newest) {
  for (; r->newest != newest; r->newest = r->newest->older)
    name_table_set(r->arena, &r->by_name, r->newest->name, r->newest->hidden);
}

/* The name of a block around the one at hand, or NULL. */
static const Known *find_outer(const Reach *r, const char *name) {
  const Known *k = name_table_find(&r->by_name, name);
  return k && k->depth == r->depth ? k->hidden : k;
}

static bool reads(const Expr *e, const char *name);

static bool list_reads(const ExprList *l, const char *name) {
  for (int i = 0; i < l->n; i++)
    if (reads(l->v[i], name)) return true;
  return false;
}

static bool call_reads(const CallArgs *args, const char *name) {
  for (int i = 0; i < args->n; i++)
    if (reads(args->v[i].value, name)) return true;
  return false;
}

static bool index_reads(const Expr *e, const char *name) {
  for (int i = 0; i < e->u.index.n; i++) {
    const IndexItem *it = &e->u.index.item[i];
    if (reads(it->lo, name) || reads(it->hi, name) || reads(it->step, name)) return true;
  }
  return false;
}

static bool clauses_read(const Expr *e, const char *name) {
  for (int i = 0; i < e->u.each.n; i++)
    if (reads(e->u.each.clause[i].over, name) || reads(e->u.each.clause[i].only, name)) return true;
  return reads(e->u.each.item, name);
}

/* Without what stands left of it. */
static bool rest_reads(const Expr *e, const char *name) {
  switch (e->kind) {
  case EX_NUMBER:
  case EX_STRING:
  case EX_BOOL:
  case EX_FIELD: return false;
  case EX_NAME: return strcmp(e->u.text, name) == 0;
  case EX_LIST: return list_reads(&e->u.list, name);
  case EX_UNARY: return reads(e->u.op.a, name);
  case EX_BINARY: return reads(e->u.op.b, name);
  case EX_IF:
    return reads(e->u.choice.cond, name) || reads(e->u.choice.yes, name) || reads(e->u.choice.no, name);
  case EX_CALL: return call_reads(&e->u.call.args, name);
  case EX_INDEX: return index_reads(e, name);
  case EX_EACH: return clauses_read(e, name);
  }
  return false;
}

/* Is the name in the expression? One that a comprehension makes anew counts: better silent than wrong. */
static bool reads(const Expr *e, const char *name) {
  for (; e; e = expr_left(e))
    if (rest_reads(e, name)) return true;
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
static void check_let(const Reach *r, const Block *b, int at) {
  const Names *names = &b->v[at]->u.bind.names;
  const Known *hidden = NULL;
  for (int i = 0; i < names->n && !hidden; i++) hidden = find_outer(r, names->v[i]);
  for (int i = 0; i < names->n && hidden; i++)
    if (block_reads(b, at + 1, names->v[i])) return;
  if (!hidden) return;
  diag_error(b->v[at]->loc,
             "this \"%s\" hides the one of line %d and is never read; write \"%s = ..\" to change it",
             hidden->name, hidden->loc.line, hidden->name);
}

static void check_block(Reach *r, const Block *b);

/* A block of a statement, which begins with `names`, if any. */
static void check_inner(Reach *r, const Names *names, Loc loc, const Block *b) {
  Known *newest = r->newest;
  r->depth++;
  if (names) know_all(r, names, loc);
  check_block(r, b);
  forget(r, newest);
  r->depth--;
}

static void check_block(Reach *r, const Block *b) {
  for (int i = 0; i < b->n; i++) {
    const Stmt *st = b->v[i];
    if (st->kind == SM_LET) {
      check_let(r, b, i);
      know_all(r, &st->u.bind.names, st->loc);
    } else if (st->kind == SM_FOR) {
      check_inner(r, &st->u.loop.names, st->loc, &st->u.loop.body);
    } else if (st->kind == SM_IF) {
      check_inner(r, NULL, st->loc, &st->u.choice.yes);
      check_inner(r, NULL, st->loc, &st->u.choice.no);
    }
  }
}

/* A module's states, which its functions may change. */
static void know_states(Reach *r, const Block *members) {
  for (int i = 0; i < members->n; i++) {
    const Stmt *st = members->v[i];
    if (st->kind == SM_STATE) know(r, st->u.param.name, st->loc);
    if (st->kind != SM_IF) continue;
    know_states(r, &st->u.choice.yes);
    know_states(r, &st->u.choice.no);
  }
}

static void check_function(Arena *a, const Signature *sig, const Block *body, const Block *members) {
  Reach r = {.arena = a};
  if (members) know_states(&r, members);
  r.depth++;
  for (int i = 0; i < sig->n; i++) know(&r, sig->v[i].name, sig->v[i].loc);
  check_block(&r, body);
}

static void check_update(Arena *a, const Decl *d) {
  const OptDecl *o = &d->u.opt;
  Reach r = {.arena = a};
  know(&r, o->param, d->loc);
  know(&r, o->grad, d->loc);
  for (int i = 0; i < o->nslot; i++) know(&r, o->slot[i].name, o->slot[i].loc);
  check_block(&r, &o->body);
}

static void check_decl(Arena *a, const Decl *d) {
  if (d->kind == DECL_FN) check_function(a, &d->u.fn.sig, &d->u.fn.body, NULL);
  if (d->kind == DECL_OPTIMIZER) check_update(a, d);
  for (int i = 0; d->kind == DECL_MODULE && i < d->u.module.nfn; i++)
    check_function(a, &d->u.module.fn[i]->sig, &d->u.module.fn[i]->body, &d->u.module.member);
}

void unread_check(Arena *a, const Files *files) {
  for (int i = 0; i < files->n; i++)
    for (int k = 0; k < files->v[i]->ndecl; k++) check_decl(a, files->v[i]->decl[k]);
}
