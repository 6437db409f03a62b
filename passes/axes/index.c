/* Indices: where an operation reads its operands, and where a value lies in memory. */
#include "passes/axes/axes.h"

const Ix **index_unflatten(Arena *a, const Shape *s, const Ix *linear) {
  const Ix **idx = ARENA_ARRAY(a, MAX_RANK, const Ix *);
  ix_unflatten(a, linear, s->rank, s->dim, idx);
  return idx;
}

const Ix *index_flatten(Arena *a, const Node *n, const Ix *const *idx) {
  return ix_flatten(a, n->shape.rank, n->shape.dim, idx);
}

typedef void IndexRule(Arena *a, const Node *n, const Ix *const *idx, const Ix **out);

static void point(Arena *a, const Node *n, const Ix *const *idx, const Ix **out) {
  (void)a;
  for (int i = 0; i < n->shape.rank; i++) out[i] = idx[i];
}

static void index_BROADCAST(Arena *a, const Node *n, const Ix *const *idx, const Ix **out) {
  const Shape *s = &n->in[0]->shape;
  for (int i = 0; i < s->rank; i++) out[i] = s->dim[i] == 1 ? ix_const(a, 0) : idx[n->at.map[i]];
}

/* Run by run of dimensions with as many elements on both sides: an index beyond its own dimension, as padding
 * has it, stays within its run. */
static void index_RESHAPE(Arena *a, const Node *n, const Ix *const *idx, const Ix **out) {
  const Shape *to = &n->shape, *from = &n->in[0]->shape;
  for (int i = 0, k = 0; i < to->rank || k < from->rank;) {
    int first = i, first_from = k;
    int64_t left = 1, right = 1;
    do {
      if (left <= right && i < to->rank)
        left *= to->dim[i++];
      else
        right *= from->dim[k++];
    } while (left != right);
    const Ix *linear = ix_flatten(a, i - first, to->dim + first, idx + first);
    ix_unflatten(a, linear, k - first_from, from->dim + first_from, out + first_from);
  }
}

static void index_PERMUTE(Arena *a, const Node *n, const Ix *const *idx, const Ix **out) {
  (void)a;
  for (int i = 0; i < n->shape.rank; i++) out[n->at.map[i]] = idx[i];
}

static void index_SLICE(Arena *a, const Node *n, const Ix *const *idx, const Ix **out) {
  for (int i = 0; i < n->shape.rank; i++) out[i] = ix_add(a, idx[i], ix_const(a, n->at.lo[i]));
}

const Ix *index_padded(Arena *a, const Node *n, int i, const Ix *const *idx) {
  return ix_add(a, idx[i], ix_const(a, -n->at.lo[i]));
}

static void index_PAD(Arena *a, const Node *n, const Ix *const *idx, const Ix **out) {
  for (int i = 0; i < n->shape.rank; i++)
    out[i] = ix_div(a, index_padded(a, n, i, idx), n->at.between[i] + 1);
}

/* Dimension `axis` became [position, offset]. */
static void index_WINDOW(Arena *a, const Node *n, const Ix *const *idx, const Ix **out) {
  int axis = n->at.axis;
  for (int i = 0; i < n->in[0]->shape.rank; i++) out[i] = idx[i < axis ? i : i + 1];
  out[axis] = ix_add(a, ix_scale(a, idx[axis], n->at.stride), idx[axis + 1]);
}

/* What has no operand, reads other points than one, or picks them by an index. */
static void no_point(Arena *a, const Node *n, const Ix *const *idx, const Ix **out) {
  (void)a, (void)idx, (void)out;
  ice("%s (node %d) reads no operand at one index", op_rows[n->op].text, n->id);
}

#define index_CONST no_point
#define index_IOTA no_point
#define index_STEP no_point
#define index_RANDOM no_point
#define index_INPUT no_point
#define index_STATE no_point
#define index_CONTRACT no_point
#define index_REDUCE no_point
#define index_GATHER no_point
#define index_SCATTER no_point
#define index_CONCAT no_point
#define index_ELT point
#define index_CAST point
#define index_STOP_GRADIENT point

static IndexRule *const rules[OP_COUNT] = {
#define OP(N, ...) [O_##N] = index_##N,
#include "ir/graph/graph_ops.def"
#undef OP
};

void index_operand(Arena *a, const Node *n, const Ix *const *idx, const Ix **out) {
  rules[n->op](a, n, idx, out);
}

bool index_inside(const Node *n, const Ix *const *idx) {
  for (int i = 0; i < n->shape.rank; i++) {
    int64_t lo, hi;
    ix_range(idx[i], &lo, &hi);
    if (lo < 0 || hi >= n->shape.dim[i]) return false;
  }
  return true;
}

bool index_same(const Node *n, const Ix *const *x, const Ix *const *y) {
  for (int i = 0; i < n->shape.rank; i++)
    if (!ix_same(x[i], y[i])) return false;
  return true;
}

/* The index into a view `top` of n where n has idx. */
static const Ix **view_index(Arena *a, const Node *top, const Node *n, const Ix *const *idx) {
  const Ix **at = ARENA_ARRAY(a, MAX_RANK, const Ix *);
  if (top == n) {
    for (int i = 0; i < n->shape.rank; i++) at[i] = idx[i];
    return at;
  }
  const Ix **below = view_index(a, top->in[0], n, idx);
  if (top->op != O_PERMUTE) return index_unflatten(a, &top->shape, index_flatten(a, top->in[0], below));
  for (int i = 0; i < top->shape.rank; i++) at[i] = below[top->at.map[i]];
  return at;
}

const Ix **index_slice(Arena *a, const Node *concat, int part, const Ix **idx) {
  int axis = concat->at.axis;
  idx[axis] = ix_add(a, idx[axis], ix_const(a, node_slice_start(concat, part)));
  return idx;
}

int64_t index_memory_count(const Lower *l, const Node *n) {
  return node_count(owner_of(l, n));
}

const Ix *index_address(Arena *a, const Lower *l, const Node *n, const Ix *const *idx) {
  const Site *s = site_of(l, n);
  if (s->within) {
    const Ix **at = view_index(a, s->within->in[s->slice], n, idx);
    return index_address(a, l, s->within, index_slice(a, s->within, s->slice, at));
  }
  int64_t dim[MAX_RANK];
  const Ix *in_memory[MAX_RANK] = {0};
  for (int i = 0; i < n->shape.rank; i++) {
    dim[i] = n->shape.dim[s->order[i]];
    in_memory[i] = idx[s->order[i]];
  }
  return ix_flatten(a, n->shape.rank, dim, in_memory);
}
