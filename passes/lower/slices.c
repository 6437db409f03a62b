/* Concatenation without copies: an operand that some kernel stores anyway is stored straight into its slice
 * of the concatenation's memory. Reshapes and permutations in between become the stores' addresses. */
#include "passes/lower/lower.h"

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

/* The value in whose memory n lies. */
static const Node *owner(const Lower *l, const Node *n) {
  while (l->site[n->id].within) n = l->site[n->id].within;
  return n;
}

/* A kernel that stores to a part of that value's memory. */
typedef struct Writer {
  const Node *owner;
  const Group *group; /* or NULL: a copy */
} Writer;

/* What the kernel makes itself it does not read from memory. */
static bool elsewhere(Lower *l, const Node *read, bool aligned, void *ctx) {
  const Writer *w = ctx;
  const Site *s = site_of(l, read);
  (void)aligned;
  return !s->within || owner(l, read) != w->owner || (w->group && group_of(s) == w->group);
}

static bool reads_part(Lower *l, const Group *g, const Node *of) {
  Writer w = {of, g};
  for (int i = 0; i < g->nroot; i++)
    if (!lower_reads(l, g->root[i], elsewhere, &w)) return true;
  for (int i = 0; i < g->ncore; i++)
    if (!lower_reads(l, g->core[i], elsewhere, &w)) return true;
  return false;
}

/* Whether the copy of an operand that has no place there would read a part. */
static bool copy_reads(Lower *l, const Node *operand, const Node *of) {
  Writer w = {.owner = of};
  if (site_of(l, operand)->where != W_INLINE) return !elsewhere(l, operand, true, &w);
  return !lower_reads(l, operand, elsewhere, &w);
}

/* A kernel does not read the memory that it stores to elsewhere: what makes one part of `of`, or of a
 * concatenation in it, may read no other. */
static bool kernels_apart(Lower *l, const Node *concat, const Node *of) {
  for (int i = 0; i < concat->nin; i++) {
    const Node *n = under_views(l, concat->in[i]);
    bool good = !lower_is_slice(l, concat, i) ? !copy_reads(l, concat->in[i], of)
                : n->op == O_CONCAT           ? kernels_apart(l, n, of)
                                              : !reads_part(l, group_of(site_of(l, n)), of);
    if (!good) return false;
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
    if (!kernels_apart(l, owner(l, concat), owner(l, concat))) s->within = NULL;
  }
}

void lower_slices(Lower *l) {
  for (int i = 0; i < l->graph->nnode; i++) {
    const Node *n = l->graph->node[i];
    const Site *s = site_of(l, n);
    if (n->op == O_CONCAT && s->where == W_BUFFER && !s->assign && !s->supply) place_parts(l, n);
  }
}
