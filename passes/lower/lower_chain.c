/* Chains: contractions and reductions of rows that one kernel computes block by block, each part under the
 * kernel's own roles. */
#include "passes/lower/kbuild.h"

static int define_sum(KBuild *b, const Node *n) {
  static const char *const outer[] = {"outer", NULL}, *const row[] = {"row", NULL};
  const char *domain[MOST_ROLES + 1], *over[MOST_ROLES + 1];
  kb_domain(b, outer, domain);
  kb_domain(b, row, over);
  return kb_value(b, n->name ? n->name : "sum", n->dtype, domain, kb_reduce(n), over[0],
                  kb_expr(b, n->in[0], kb_at(b)->row.idx));
}

static int define_dot(KBuild *b, const Node *n) {
  static const char *const result[] = {"batch", "m", "n", NULL}, *const depth[] = {"k", NULL};
  const char *domain[MOST_ROLES + 1], *over[MOST_ROLES + 1];
  kb_domain(b, result, domain);
  kb_domain(b, depth, over);
  const KExpr *e = kexpr_elt(b->arena, E_MUL, kb_factor(b, n, 0), kb_factor(b, n, 1), NULL);
  return kb_value(b, n->name ? n->name : "dot", n->dtype, domain, KR_SUM, over[0], e);
}

static int define(KBuild *b, const Node *core) {
  return core->op == O_CONTRACT ? define_dot(b, core) : define_sum(b, core);
}

void lower_chain(Lower *l, Group *g) {
  double flop = 0;
  for (int i = 0; i < g->ncore; i++)
    if (g->core[i]->op == O_CONTRACT) flop += kb_flop(g->core[i]);
  KBuild b = kb_new(l, g, l->arena);
  b.define = define;
  kb_write(&b, "chain", kb_store_roots);
  kb_launch(&b, flop, 0);
}
