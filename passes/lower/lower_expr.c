/* Graph values as kernel expressions: one rule an op, giving the value at an index. Views change the index,
 * elementwise ops build expressions, stored nodes are reads. */
#include "passes/lower/kbuild.h"

#include <string.h>

typedef const KExpr *LowerRule(KBuild *b, const Node *n, const Ix *const *idx);

static Arena *mem(KBuild *b) {
  return b->arena;
}

const Ix **kb_unflatten(KBuild *b, const Shape *s, const Ix *linear) {
  const Ix **idx = ARENA_ARRAY(mem(b), MAX_RANK, const Ix *);
  ix_unflatten(mem(b), linear, s->rank, s->dim, idx);
  return idx;
}

static const Ix *flat(KBuild *b, const Node *n, const Ix *const *idx) {
  return ix_flatten(mem(b), n->shape.rank, n->shape.dim, idx);
}

/* The index into a view `top` of n where n has idx. */
static const Ix **view_index(KBuild *b, const Node *top, const Node *n, const Ix *const *idx) {
  const Ix **at = ARENA_ARRAY(mem(b), MAX_RANK, const Ix *);
  if (top == n) {
    for (int i = 0; i < n->shape.rank; i++) at[i] = idx[i];
    return at;
  }
  const Ix **below = view_index(b, top->in[0], n, idx);
  if (top->op != O_PERMUTE) return kb_unflatten(b, &top->shape, flat(b, top->in[0], below));
  for (int i = 0; i < top->shape.rank; i++) at[i] = below[top->at.map[i]];
  return at;
}

const Ix **kb_slice_index(KBuild *b, const Node *concat, int part, const Ix **idx) {
  int axis = concat->at.axis;
  int64_t start = 0;
  for (int i = 0; i < part; i++) start += concat->in[i]->shape.dim[axis];
  idx[axis] = ix_add(mem(b), idx[axis], ix_const(mem(b), start));
  return idx;
}

int64_t kb_count(const KBuild *b, const Node *n) {
  while (site_of(b->l, n)->within) n = site_of(b->l, n)->within;
  return shape_count(&n->shape);
}

const Ix *kb_address(KBuild *b, const Node *n, const Ix *const *idx) {
  const Site *s = site_of(b->l, n);
  if (s->within) {
    const Ix **at = view_index(b, s->within->in[s->part], n, idx);
    return kb_address(b, s->within, kb_slice_index(b, s->within, s->part, at));
  }
  int64_t dim[MAX_RANK];
  const Ix *in_memory[MAX_RANK] = {0};
  for (int i = 0; i < n->shape.rank; i++) {
    dim[i] = n->shape.dim[s->order[i]];
    in_memory[i] = idx[s->order[i]];
  }
  return ix_flatten(mem(b), n->shape.rank, dim, in_memory);
}

int kb_buf(KBuild *b, PBuf *buf, int64_t at, DType t, int64_t count, bool out) {
  for (int i = 0; i < b->nbuf; i++) {
    if (b->bound[i].buf != buf || b->bound[i].at != at || b->k->buf[i].dim[0] != count) continue;
    if (out != (b->k->buf[i].kind == KB_OUT)) b->k->buf[i].kind = KB_INOUT;
    return i;
  }
  ARENA_GROW(mem(b), b->bound, b->nbuf, b->cap_buf);
  b->bound[b->nbuf].buf = buf;
  b->bound[b->nbuf++].at = at;
  const char *name = arena_printf(mem(b), "%s%d", out ? "y" : "x", b->nbuf - 1);
  return kern_buf(b->k, name, out ? KB_OUT : KB_IN, t, 1, &count, NULL);
}

const KExpr *kb_read(KBuild *b, const Node *n, const Ix *const *idx) {
  const Site *s = site_of(b->l, n);
  if (b->dry) return kexpr_const(mem(b), n->dtype, 0);
  const Ix **at = ARENA_NEW(mem(b), const Ix *);
  *at = kb_address(b, n, idx);
  kb_note(b, *at);
  return kexpr_read(b->k, kb_buf(b, s->buf, s->at, n->dtype, kb_count(b, n), false), at);
}

const KExpr *kb_ref(KBuild *b, int v) {
  const KVal *val = &b->k->val[v];
  return kexpr_value(b->k, v, kval_own_axes(mem(b), b->k, val));
}

static const KExpr *lower_CONST(KBuild *b, const Node *n, const Ix *const *idx) {
  (void)idx;
  return kexpr_const(mem(b), n->dtype, n->at.value);
}

static const KExpr *lower_IOTA(KBuild *b, const Node *n, const Ix *const *idx) {
  kb_note(b, idx[n->at.axis]);
  return kexpr_index(mem(b), n->dtype, idx[n->at.axis]);
}

static const KExpr *lower_STEP(KBuild *b, const Node *n, const Ix *const *idx) {
  (void)idx;
  return kexpr_step(mem(b), n->at.name);
}

/* The kernel's number of the stream. */
static int stream(KBuild *b, uint64_t value) {
  for (int i = 0; i < b->k->nstream; i++)
    if (b->k->stream[i].value == value) return i;
  return kern_stream(b->k, "draw", value);
}

static const KExpr *lower_RANDOM(KBuild *b, const Node *n, const Ix *const *idx) {
  if (b->dry) return kexpr_const(mem(b), DT_F32, 0);
  const Ix *element = flat(b, n, idx);
  kb_note(b, element);
  return kexpr_random(b->k, stream(b, n->at.stream), element);
}

static const KExpr *lower_INPUT(KBuild *b, const Node *n, const Ix *const *idx) {
  return kb_read(b, n, idx);
}

static const KExpr *lower_STATE(KBuild *b, const Node *n, const Ix *const *idx) {
  return kb_read(b, n, idx);
}

static const KExpr *lower_ELT(KBuild *b, const Node *n, const Ix *const *idx) {
  const KExpr *x[3] = {NULL, NULL, NULL};
  for (int i = 0; i < n->nin; i++) x[i] = kb_expr(b, n->in[i], idx);
  return kexpr_elt(mem(b), n->at.elt, x[0], x[1], x[2]);
}

static const KExpr *lower_CAST(KBuild *b, const Node *n, const Ix *const *idx) {
  return kexpr_cast(mem(b), n->dtype, kb_expr(b, n->in[0], idx));
}

/* Reductions are always stored or the group's core, so that their rule is never asked. */
static const KExpr *not_inline(const Node *n) {
  ice("%s (node %d) has no memory and is not its kernel's core", op_rows[n->op].text, n->id);
}

static const KExpr *lower_CONTRACT(KBuild *b, const Node *n, const Ix *const *idx) {
  (void)b, (void)idx;
  return not_inline(n);
}

static const KExpr *lower_REDUCE(KBuild *b, const Node *n, const Ix *const *idx) {
  (void)b, (void)idx;
  return not_inline(n);
}

static const KExpr *lower_SCATTER(KBuild *b, const Node *n, const Ix *const *idx) {
  (void)b, (void)idx;
  return not_inline(n);
}

static const KExpr *lower_CONCAT(KBuild *b, const Node *n, const Ix *const *idx) {
  (void)b, (void)idx;
  return not_inline(n);
}

static const KExpr *lower_BROADCAST(KBuild *b, const Node *n, const Ix *const *idx) {
  const Ix *of[MAX_RANK] = {0};
  const Shape *s = &n->in[0]->shape;
  for (int i = 0; i < s->rank; i++) of[i] = s->dim[i] == 1 ? ix_const(mem(b), 0) : idx[n->at.map[i]];
  return kb_expr(b, n->in[0], of);
}

static const KExpr *lower_RESHAPE(KBuild *b, const Node *n, const Ix *const *idx) {
  return kb_expr(b, n->in[0], kb_unflatten(b, &n->in[0]->shape, flat(b, n, idx)));
}

static const KExpr *lower_PERMUTE(KBuild *b, const Node *n, const Ix *const *idx) {
  const Ix *of[MAX_RANK] = {0};
  for (int i = 0; i < n->shape.rank; i++) of[n->at.map[i]] = idx[i];
  return kb_expr(b, n->in[0], of);
}

static const KExpr *lower_SLICE(KBuild *b, const Node *n, const Ix *const *idx) {
  const Ix *of[MAX_RANK] = {0};
  for (int i = 0; i < n->shape.rank; i++) of[i] = ix_add(mem(b), idx[i], ix_const(mem(b), n->at.lo[i]));
  return kb_expr(b, n->in[0], of);
}

static const KExpr *compare(KBuild *b, EltOp op, const Ix *x, int64_t with) {
  const KExpr *l = kexpr_index(mem(b), DT_I32, x), *r = kexpr_const(mem(b), DT_I32, (double)with);
  return kexpr_elt(mem(b), op, l, r, NULL);
}

static const KExpr *both(KBuild *b, const KExpr *x, const KExpr *y) {
  return x ? kexpr_elt(mem(b), E_AND, x, y, NULL) : y;
}

/* The conditions under which dimension i of a padded value is an element, added to `inside`. */
static const KExpr *pad_inside(KBuild *b, const Node *n, int i, const Ix *x, const KExpr *inside) {
  int64_t lo, hi, step = n->at.between[i] + 1, last = (n->in[0]->shape.dim[i] - 1) * step;
  ix_range(x, &lo, &hi);
  kb_note(b, x);
  if (lo < 0) inside = both(b, inside, compare(b, E_LE, ix_scale(mem(b), x, -1), 0));
  if (hi > last) inside = both(b, inside, compare(b, E_LE, x, last));
  if (step > 1) inside = both(b, inside, compare(b, E_EQ, ix_mod(mem(b), x, step), 0));
  return inside;
}

static const KExpr *lower_PAD(KBuild *b, const Node *n, const Ix *const *idx) {
  const Ix *of[MAX_RANK] = {0};
  const KExpr *inside = NULL;
  for (int i = 0; i < n->shape.rank; i++) {
    const Ix *x = ix_add(mem(b), idx[i], ix_const(mem(b), -n->at.lo[i]));
    inside = pad_inside(b, n, i, x, inside);
    of[i] = ix_div(mem(b), x, n->at.between[i] + 1);
  }
  const KExpr *value = kb_expr(b, n->in[0], of);
  if (!inside) return value;
  return kexpr_elt(mem(b), E_SELECT, inside, value, kexpr_const(mem(b), n->dtype, 0));
}

/* Dimension `axis` became [position, offset]. */
static const KExpr *lower_WINDOW(KBuild *b, const Node *n, const Ix *const *idx) {
  const Ix *of[MAX_RANK] = {0};
  int axis = n->at.axis;
  for (int i = 0; i < n->in[0]->shape.rank; i++) of[i] = idx[i < axis ? i : i + 1];
  of[axis] = ix_add(mem(b), ix_scale(mem(b), idx[axis], n->at.stride), idx[axis + 1]);
  return kb_expr(b, n->in[0], of);
}

/* Whether the group itself makes a gather's index, or a view of it on the way: an address needs memory. */
static bool makes_index(const KBuild *b, const Node *gather) {
  const Node *base = lower_index_base(gather);
  for (const Node *n = gather->in[1];; n = n->in[0]) {
    if (group_of(site_of(b->l, n)) == b->group) return true;
    if (n == base) return false;
  }
}

static const KExpr *lower_GATHER(KBuild *b, const Node *n, const Ix *const *idx) {
  const Node *x = n->in[0], *index = n->in[1];
  const Ix *of[MAX_RANK] = {0};
  int nbatch = index->shape.rank - 1;
  const KExpr *at = kb_expr(b, index, idx);
  if (at->kind != KE_READ && !b->dry) ice("the index of gather (node %d) is not in memory", n->id);
  for (int i = 0; i < x->shape.rank; i++) of[i] = idx[i];
  if (b->dry) {
    b->misfit |= makes_index(b, n);
    of[nbatch] = ix_const(mem(b), 0);
    return kb_expr(b, x, of);
  }
  of[nbatch] = ix_read(mem(b), at->ref, x->shape.dim[nbatch], at->nidx, at->idx);
  return kb_expr(b, x, of);
}

static const KExpr *lower_STOP(KBuild *b, const Node *n, const Ix *const *idx) {
  return kb_expr(b, n->in[0], idx);
}

static LowerRule *const rules[OP_COUNT] = {
#define OP(N, text, operands) [O_##N] = lower_##N,
#include "ir/graph/graph_ops.def"
#undef OP
};

const KExpr *kb_rule(KBuild *b, const Node *n, const Ix *const *idx) {
  return rules[n->op](b, n, idx);
}
