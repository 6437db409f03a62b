/* Memory order: a stored value's dimensions lie in the order in which its first permuting consumer wants
 * them, so that splitting and merging heads is a matter of strides, not a copy. An operand of a concatenation
 * that some kernel stores anyway is stored straight into its slice of the concatenation's memory; reshapes
 * and permutations in between become the stores' addresses. Makes the buffers. */
#include "passes/lower/lower.h"
#include "passes/place/group.h"

static PBuf *new_buf(Prog *p, const char *name, DType t, int64_t bytes, Loc loc) {
  PBuf *b = ARENA_NEW(p->arena, PBuf);
  b->id = p->nbuf;
  b->name = name;
  b->dtype = t;
  b->bytes = bytes;
  b->loc = loc;
  ARENA_GROW(p->arena, p->buf, p->nbuf, p->cap_buf);
  return p->buf[p->nbuf++] = b;
}

static const char *buffer_name(Lower *l, const Node *n) {
  const char *what = n->name ? n->name : n->op == O_ELT ? "v" : op_rows[n->op].text;
  if (n->path && n->path[0]) return arena_printf(l->arena, "%s.%s.%d", n->path, what, n->id);
  return arena_printf(l->arena, "%s.%d", what, n->id);
}

PBuf *lower_buf(Lower *l, const char *name, DType t, int64_t count, Loc loc) {
  PBuf *b = new_buf(l->prog, name, t, count * dtype_size(t), loc);
  b->entry = l->kind;
  b->first = b->last = -1;
  return b;
}

PBuf *prog_state_buf(Prog *p, const State *s) {
  int64_t bytes = shape_count(&s->shape) * dtype_size(s->dtype);
  PBuf *b = new_buf(p, s->name, s->dtype, bytes, s->loc);
  b->persistent = true;
  b->entry = -1;
  return b;
}

/* The stored value that the operand is a view of. */
static const Node *under_views(const Lower *l, const Node *n) {
  while (l->site[n->id].where == W_INLINE &&
         (n->op == O_RESHAPE || n->op == O_PERMUTE || n->op == O_STOP_GRADIENT))
    n = n->in[0];
  return n;
}

bool lower_is_slice(const Lower *l, const Node *concat, int operand) {
  const Site *s = &l->site[under_views(l, concat->in[operand])->id];
  return s->within == concat && s->slice == operand;
}

static bool may_lie_within(const Lower *l, const Node *n, const Node *concat) {
  const Site *s = &l->site[n->id];
  return s->where == W_BUFFER && !s->forced && !s->assign && !s->within && n->dtype == concat->dtype &&
         n->id < concat->id;
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
  return !s->within || owner_of(l, read) != w->owner || (w->group && group_of(s) == w->group);
}

static bool reads_part(Lower *l, const Group *g, const Node *of) {
  Writer w = {of, g};
  return !each_read_of(l, g->root, g->nroot, elsewhere, &w) ||
         !each_read_of(l, g->held, g->nheld, elsewhere, &w) ||
         !each_read_of(l, g->core, g->ncore, elsewhere, &w);
}

/* Whether the copy of an operand that has no place there would read a part. */
static bool copy_reads(Lower *l, const Node *operand, const Node *of) {
  Writer w = {.owner = of};
  if (site_of(l, operand)->where != W_INLINE) return !elsewhere(l, operand, true, &w);
  return !each_read(l, operand, elsewhere, &w);
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
    s->slice = i;
    if (!kernels_apart(l, owner_of(l, concat), owner_of(l, concat))) s->within = NULL;
  }
}

static void place_slices(Lower *l) {
  for (int i = 0; i < l->graph->nnode; i++) {
    const Node *n = l->graph->node[i];
    const Site *s = site_of(l, n);
    if (n->op == O_CONCAT && s->where == W_BUFFER && !s->assign && !s->supply) place_parts(l, n);
  }
}

static void identity(Site *s, int rank) {
  for (int i = 0; i < rank; i++) s->order[i] = i;
}

static void given(Lower *l, const Node *n, Site *s) {
  identity(s, n->shape.rank);
  if (n->op == O_INPUT) {
    s->buf = lower_buf(l, n->at.name, n->dtype, shape_count(&n->shape), n->loc);
    s->buf->pinned = true;
    return;
  }
  const State *st = n->at.state;
  s->buf = l->state_buf[st->id];
  s->at = prog_state_at(st);
}

static void stored(Lower *l, const Node *n, Site *s) {
  if (s->within) {
    s->buf = site_of(l, s->within)->buf;
    s->at = site_of(l, s->within)->at;
    return;
  }
  if (s->assign) {
    const State *st = s->assign->state;
    s->buf = l->state_buf[st->id];
    s->at = prog_state_at(st);
    return;
  }
  s->buf = lower_buf(l, buffer_name(l, n), n->dtype, shape_count(&n->shape), n->loc);
  s->buf->pinned = s->pinned;
}

/* The first consumer that permutes n decides, unless the world sees n in its own order. */
static void choose_order(Lower *l, const Node *user) {
  if (user->op != O_PERMUTE || site_of(l, user)->where == W_DEAD) return;
  Site *s = site_of(l, user->in[0]);
  if (s->where != W_BUFFER || s->assign || s->pinned || s->order[0] >= 0) return;
  for (int i = 0; i < user->shape.rank; i++) s->order[i] = user->at.map[i];
}

void lower_layout(Lower *l) {
  for (int i = 0; i < l->graph->nnode; i++) l->site[i].order[0] = -1;
  for (int i = 0; i < l->graph->nnode; i++) choose_order(l, l->graph->node[i]);
  place_slices(l);
  for (int i = l->graph->nnode - 1; i >= 0; i--) { /* concatenations before their operands */
    const Node *n = l->graph->node[i];
    Site *s = site_of(l, n);
    if (s->order[0] < 0) identity(s, n->shape.rank);
    if (s->where == W_GIVEN) given(l, n, s);
    if (s->where == W_BUFFER) stored(l, n, s);
  }
}
