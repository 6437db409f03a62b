/* What a strategy file says of a value while it is being placed, and what it must not say. */
#include <string.h>

#include "passes/place/group.h"
#include "passes/place/strategy.h"

static ValueClass *class_of(const Lower *l, const Node *n) {
  int c = l->classes->of[n->id];
  return c < 0 ? NULL : &l->classes->class[c];
}

static const StrategyRow *row_of(const Lower *l, const Node *n) {
  const ValueClass *c = class_of(l, n);
  return c ? c->row : NULL;
}

bool strategy_may_inline(const Lower *l, const Node *n) {
  const StrategyRow *r = row_of(l, n);
  return !r || (site_of(l, n)->readers & ~r->inline_into) == 0;
}

/* Once a class, however many of its members break the rule. */
static bool first_refusal(ValueClass *c) {
  bool first = !c->refused;
  c->refused = true;
  return first;
}

bool strategy_must_inline(Lower *l, const Node *n, Reason cannot) {
  const StrategyRow *r = row_of(l, n);
  if (!r || !r->must_inline) return false;
  if (cannot && first_refusal(class_of(l, n)))
    diag_error(r->loc, "rule %s: found inline for %s, expected join or buffer: %s", reason_rows[cannot].rule,
               class_of(l, n)->name, reason_rows[cannot].text);
  return !cannot;
}

static NodeKind kind_of_group(const Lower *l, const Group *g) {
  const ValueClass *c = g->ncore ? class_of(l, g->core[0]) : NULL;
  return c ? c->kind : NK_MAP;
}

static bool may_share(const Lower *l, const Node *n, NodeKind with) {
  const StrategyRow *r = row_of(l, n);
  return !r || r->join >> with & 1;
}

/* The first value of g whose row does not let it share, or NULL. */
static const Node *unsharing(const Lower *l, const Group *g, NodeKind with) {
  for (int i = 0; i < g->ncore; i++)
    if (!may_share(l, g->core[i], with)) return g->core[i];
  for (int i = 0; i < g->nroot; i++)
    if (!may_share(l, g->root[i], with)) return g->root[i];
  return NULL;
}

static bool group_may_share(const Lower *l, const Group *g, NodeKind with) {
  return !unsharing(l, g, with);
}

Reason strategy_parts(const Lower *l, const Group *g, const Node *n) {
  if (!l->options->strategy) return DR_NONE;
  const ValueClass *c = class_of(l, n);
  bool share = may_share(l, n, kind_of_group(l, g)) && (!c || group_may_share(l, g, c->kind));
  return share ? DR_NONE : DR_OVERRIDE;
}

Reason strategy_parts_groups(const Lower *l, const Group *a, const Group *b) {
  if (!l->options->strategy) return DR_NONE;
  bool share = group_may_share(l, a, kind_of_group(l, b)) && group_may_share(l, b, kind_of_group(l, a));
  return share ? DR_NONE : DR_OVERRIDE;
}

const StrategyRow *strategy_parting(const Lower *l, const Group *g, const Group *own, const Node *n) {
  const ValueClass *c = class_of(l, n);
  const Node *by = may_share(l, n, kind_of_group(l, g)) ? NULL : n;
  if (!by && c) by = unsharing(l, g, c->kind);
  if (!by) by = unsharing(l, g, kind_of_group(l, own));
  if (!by) by = unsharing(l, own, kind_of_group(l, g));
  return by ? row_of(l, by) : NULL;
}

int strategy_target(Lower *l, const Node *n) {
  const StrategyRow *r = row_of(l, n);
  for (int i = 0; r && r->target && i < l->classes->n; i++)
    if (strcmp(l->classes->class[i].name, r->target) == 0) return i;
  return -1;
}

void strategy_no_host(Lower *l, const Node *n, Reason why) {
  ValueClass *c = class_of(l, n);
  if (!first_refusal(c)) return;
  if (why)
    diag_error(c->row->loc, "rule %s: found join=%s for %s, which cannot be: %s", reason_rows[why].rule,
               c->row->target, c->name, reason_rows[why].text);
  else
    diag_error(c->row->loc, "rule F9: found join=%s for %s, which reads nothing that its kernel computes",
               c->row->target, c->name);
}

void strategy_check(Lower *l, const Node *n) {
  const ValueClass *c = class_of(l, n);
  if (!c || !c->row) return;
  bool joins = c->kind == NK_MAP || c->kind == NK_REDUCTION;
  if (!kind_inlines(c->kind)) strategy_must_inline(l, n, c->kind == NK_COPY ? DR_MEMORY : DR_REDUCED);
  if (!joins && c->row->target) strategy_no_host(l, n, DR_BEGINS);
}
