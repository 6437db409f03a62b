/* Contractions, with sums of their left side's rows beside them. */
#include "passes/lower/kbuild.h"

const KExpr *kb_factor(KBuild *b, const Node *n, int side) {
  const Ix *idx[MAX_RANK] = {0};
  const Node *of = kb_side(b, n, side, idx);
  return kb_expr(b, of, idx);
}

static int define(KBuild *b, const Node *core) {
  static const char *const result[] = {"batch", "m", "n", NULL}, *const row[] = {"m", NULL};
  const Node *n = b->group->core[0];
  if (core != n) return kb_value(b, "beside", core->dtype, row, KR_SUM, "k", kb_factor(b, n, 0));
  const KExpr *e = kexpr_elt(b->arena, E_MUL, kb_factor(b, n, 0), kb_factor(b, n, 1), NULL);
  return b->acc = kb_value(b, n->name ? n->name : "dot", n->dtype, result, KR_SUM, "k", e);
}

void lower_contract(Lower *l, Group *g) {
  KBuild b = kb_new(l, g, l->arena);
  b.define = define;
  kb_write(&b, "dot", kb_store_roots);
  kb_launch(&b, kb_flop(g->core[0]), kb_guard(l, g));
}
