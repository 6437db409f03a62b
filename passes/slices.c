/* Concatenation without copies: an operand that some kernel stores anyway is stored straight into its slice
 * of the concatenation's memory. Reshapes and permutations in between become the stores' addresses. */
#include "passes/lower.h"

/* The stored value that the operand is a view of. */
static const Node *under_views(const Lower *l, const Node *n) {
  while (l->site[n->id].where == W_INLINE && (n->op == O_RESHAPE || n->op == O_PERMUTE || n->op == O_STOP))
    n = n->in[0];
  return n;
}

bool lower_is_slice(const Lower *l, const Node *concat, int part) {
  const Site *s = &l->site[under_views(l, concat->in[part])->id];
  return s->within == concat && s->part == part;
}

static bool may_lie_within(const Lower *l, const Node *n, const Node *concat) {
  const Site *s = &l->site[n->id];
  return s->where == W_BUFFER && !s->forced && !s->assign && !s->within && n->dtype == concat->dtype &&
         n->id < concat->id;
}

static bool not_within(Lower *l, const Node *read, bool aligned, void *concat) {
  (void)aligned;
  return site_of(l, read)->within != concat;
}

static bool reads_another(Lower *l, const Group *g, const Node *concat) {
  for (int i = 0; i < g->nroot; i++)
    if (!lower_reads(l, g->root[i], not_within, (void *)concat)) return true;
  for (int i = 0; i < g->ncore; i++)
    if (!lower_reads(l, g->core[i], not_within, (void *)concat)) return true;
  return false;
}

/* Whether the copy of an operand that has no place there would read a part. */
static bool copy_reads(Lower *l, const Node *operand, const Node *concat) {
  const Site *s = site_of(l, operand);
  if (s->where != W_INLINE) return s->within == concat;
  return !lower_reads(l, operand, not_within, (void *)concat);
}

/* A kernel does not read the memory that it stores to elsewhere: what makes one part may read no other. */
static bool kernels_apart(Lower *l, const Node *concat) {
  for (int i = 0; i < concat->nin; i++) {
    const Site *s = site_of(l, under_views(l, concat->in[i]));
    bool reads = lower_is_slice(l, concat, i) ? reads_another(l, group_of(s), concat)
                                              : copy_reads(l, concat->in[i], concat);
    if (reads) return false;
  }
  return true;
}

static void place_parts(Lower *l, const Node *concat) {
  for (int i = 0; i < concat->nin; i++) {
    const Node *n = under_views(l, concat->in[i]);
    if (!may_lie_within(l, n, concat)) continue;
    Site *s = site_of(l, n);
    s->within = concat;
    s->part = i;
    if (!kernels_apart(l, concat)) s->within = NULL;
  }
}

void lower_slices(Lower *l) {
  for (int i = 0; i < l->graph->nnode; i++) {
    const Node *n = l->graph->node[i];
    const Site *s = site_of(l, n);
    if (n->op == O_CONCAT && s->where == W_BUFFER && !s->assign && !s->supply) place_parts(l, n);
  }
}
