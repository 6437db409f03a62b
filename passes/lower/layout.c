/* Memory order: a stored value's dimensions lie in the order in which its first permuting consumer wants
 * them, so that splitting and merging heads is a matter of strides, not a copy. Makes the buffers. */
#include "passes/lower/lower.h"

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

static const char *lower_name(Lower *l, const Node *n) {
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
  s->at = st->group ? st->offset * dtype_size(st->dtype) : 0;
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
    s->at = st->group ? st->offset * dtype_size(st->dtype) : 0;
    return;
  }
  s->buf = lower_buf(l, lower_name(l, n), n->dtype, shape_count(&n->shape), n->loc);
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
  lower_slices(l);
  for (int i = l->graph->nnode - 1; i >= 0; i--) { /* concatenations before their operands */
    const Node *n = l->graph->node[i];
    Site *s = site_of(l, n);
    if (s->order[0] < 0) identity(s, n->shape.rank);
    if (s->where == W_GIVEN) given(l, n, s);
    if (s->where == W_BUFFER) stored(l, n, s);
  }
}
