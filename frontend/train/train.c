/* A train block from its parameters to its entries: one pass over the items builds micro and update, a second
 * one, with `training` false, builds eval. */
#include "frontend/train/train.h"

#include <string.h>

static bool contains_minimise(const Block *b) {
  for (int i = 0; i < b->n; i++) {
    const Stmt *st = b->v[i];
    if (st->kind == SM_MINIMISE) return true;
    if (st->kind == SM_IF && (contains_minimise(&st->u.choice.yes) || contains_minimise(&st->u.choice.no)))
      return true;
  }
  return false;
}

enum { MOST_COUNT = 1 << 24 };

/* The parameter `name` as a whole number from 1 to MOST_COUNT; `missing` where there is none. */
static bool count_param(Train *t, const char *name, int64_t missing, int64_t *out) {
  Bind *b = scope_find(t->params, name);
  *out = missing;
  if (!b && missing) return true;
  if (b && val_whole(b->val, 1, MOST_COUNT, out)) return true;
  if (b && b->val.kind == VAL_ERROR) return false;
  return eval_refuse(
      t->decl->loc, "train block \"%s\": the parameter \"%s\" must be a whole number from 1 to %d%s%s",
      t->decl->name, name, MOST_COUNT, b ? ", found " : "", b ? val_show(t->ev->arena, b->val) : "");
}

static bool run_pass(Train *t, bool training, bool again) {
  Eval *ev = t->ev;
  t->scope = scope_new(ev->arena, t->params);
  t->again = again;
  t->data = t->let = t->report = (Items){0};
  ev->training = training;
  ev->draws = NULL;
  return train_run_items(t, &t->decl->u.train.body);
}

static bool train_entries(Train *t) {
  if (!run_pass(t, true, false)) return false;
  if (!t->loss) return eval_refuse(t->decl->loc, "no \"minimise\" was reached: its \"if\" is false");
  bool ok = train_values(t, EN_MICRO) && train_update(t);
  if (!ok || !t->evaluate) return ok;
  if (!run_pass(t, false, true)) return false;
  if (t->report.n == 0) return eval_refuse(t->evaluate->loc, "\"evaluate\" reports nothing");
  return train_values(t, EN_EVAL);
}

/* Without `minimise` what the block reports is what its program gives. */
static bool forward_entry(Train *t) {
  if (!run_pass(t, false, false)) return false;
  const Stmt *extra = t->optimizer ? t->optimizer : t->evaluate ? t->evaluate : t->clip;
  if (extra)
    return eval_refuse(extra->loc, "a train block without \"minimise\" has no optimizer, clip or evaluate");
  if (t->report.n == 0) return eval_refuse(t->decl->loc, "train block \"%s\" reports nothing", t->decl->name);
  return train_values(t, EN_EVAL);
}

bool train_build(Eval *ev, const Decl *decl, Scope *params) {
  Train t = {.ev = ev, .decl = decl, .params = params, .made = scope_new(ev->arena, NULL)};
  Graph *g = ev->graph;
  if (!count_param(&t, "batch", 0, &g->batch) || !count_param(&t, "accumulate", 1, &g->accumulate))
    return false;
  return contains_minimise(&decl->u.train.body) ? train_entries(&t) : forward_entry(&t);
}
