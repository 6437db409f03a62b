/* Graph values as kernel expressions: a rule an op, giving the value at an index. Where operands are read is
 * said by passes/axes/index.c. */
#include "passes/lower/write.h"

typedef const KExpr *WriteRule(Writer *w, const Node *n, const Ix *const *idx);

static const KExpr *write_CONST(Writer *w, const Node *n, const Ix *const *idx) {
  (void)idx;
  return kexpr_const(w->arena, n->dtype, n->at.value);
}

static const KExpr *write_IOTA(Writer *w, const Node *n, const Ix *const *idx) {
  return kexpr_index(w->arena, n->dtype, idx[n->at.axis]);
}

static const KExpr *write_STEP(Writer *w, const Node *n, const Ix *const *idx) {
  (void)idx;
  return kexpr_step(w->arena, n->at.name);
}

/* The kernel's number of the stream. */
static int stream(Writer *w, uint64_t value) {
  for (int i = 0; i < w->k->nword; i++)
    if (w->k->word[i].value == value) return i;
  return kern_stream(w->k, "draw", value);
}

static const KExpr *write_RANDOM(Writer *w, const Node *n, const Ix *const *idx) {
  return kexpr_random(w->k, stream(w, n->at.stream), index_flatten(w->arena, n, idx));
}

static const KExpr *write_ELT(Writer *w, const Node *n, const Ix *const *idx) {
  const KExpr *x[3] = {NULL, NULL, NULL};
  for (int i = 0; i < n->nin; i++) x[i] = write_value(w, n->in[i], idx);
  return kexpr_elt(w->arena, n->at.elt, x[0], x[1], x[2]);
}

static const KExpr *write_CAST(Writer *w, const Node *n, const Ix *const *idx) {
  return kexpr_cast(w->arena, n->dtype, write_value(w, n->in[0], idx));
}

static const KExpr *write_view(Writer *w, const Node *n, const Ix *const *idx) {
  const Ix *of[MAX_RANK] = {0};
  index_operand(w->arena, n, idx, of);
  return write_value(w, n->in[0], of);
}

static const KExpr *compare(Writer *w, EltOp op, const Ix *x, int64_t with) {
  const KExpr *l = kexpr_index(w->arena, DT_I32, x), *r = kexpr_const(w->arena, DT_I32, (double)with);
  return kexpr_elt(w->arena, op, l, r, NULL);
}

/* Numbers in kernels are i32, indices longer: those that do not fit are compared in two digits. */
const KExpr *write_compare(Writer *w, EltOp op, const Ix *x, int64_t with) {
  const int64_t digit = (int64_t)1 << 30;
  int64_t lo, hi;
  ix_range(x, &lo, &hi);
  if (lo >= INT32_MIN && hi <= INT32_MAX && with >= INT32_MIN && with <= INT32_MAX)
    return compare(w, op, x, with);
  int64_t low = (with % digit + digit) % digit, high = (with - low) / digit;
  const Ix *first = ix_div(w->arena, x, digit), *last = ix_mod(w->arena, x, digit);
  const KExpr *same = compare(w, E_EQ, first, high);
  const KExpr *decided = kexpr_elt(w->arena, E_AND, same, compare(w, op, last, low), NULL);
  if (op == E_EQ) return decided;
  return kexpr_elt(w->arena, E_OR, compare(w, E_LT, first, high), decided, NULL);
}

static const KExpr *both(Writer *w, const KExpr *x, const KExpr *y) {
  return x ? kexpr_elt(w->arena, E_AND, x, y, NULL) : y;
}

/* The conditions under which dimension i of a padded value is an element, added to `inside`. */
static const KExpr *pad_inside(Writer *w, const Node *n, int i, const Ix *x, const KExpr *inside) {
  int64_t lo, hi, step = n->at.between[i] + 1, last = (n->in[0]->shape.dim[i] - 1) * step;
  ix_range(x, &lo, &hi);
  if (lo < 0) inside = both(w, inside, write_compare(w, E_LE, ix_scale(w->arena, x, -1), 0));
  if (hi > last) inside = both(w, inside, write_compare(w, E_LE, x, last));
  if (step > 1) inside = both(w, inside, write_compare(w, E_EQ, ix_mod(w->arena, x, step), 0));
  return inside;
}

static const KExpr *write_PAD(Writer *w, const Node *n, const Ix *const *idx) {
  const KExpr *inside = NULL;
  for (int i = 0; i < n->shape.rank; i++)
    inside = pad_inside(w, n, i, index_padded(w->arena, n, i, idx), inside);
  const KExpr *value = write_view(w, n, idx);
  return inside ? kexpr_elt(w->arena, E_SELECT, inside, value, kexpr_const(w->arena, n->dtype, 0)) : value;
}

static const KExpr *write_GATHER(Writer *w, const Node *n, const Ix *const *idx) {
  const Node *x = n->in[0], *index = n->in[1];
  const Ix *of[MAX_RANK] = {0};
  int nbatch = index->shape.rank - 1;
  const KExpr *at = write_value(w, index, idx);
  if (at->kind != KE_READ) ice("the index of gather (node %d) is not in memory", n->id);
  for (int i = 0; i < x->shape.rank; i++) of[i] = idx[i];
  of[nbatch] = ix_read(w->arena, at->ref, x->shape.dim[nbatch], at->nidx, at->idx);
  return write_value(w, x, of);
}

/* Values that always have memory or are made by their group's kernel, so that their rule is never asked. */
static const KExpr *never_inline(Writer *w, const Node *n, const Ix *const *idx) {
  (void)w, (void)idx;
  ice("%s (node %d) has no memory and is no reduction of its kernel", op_rows[n->op].text, n->id);
}

#define write_INPUT never_inline
#define write_STATE never_inline
#define write_CONTRACT never_inline
#define write_REDUCE never_inline
#define write_SCATTER never_inline
#define write_CONCAT never_inline
#define write_BROADCAST write_view
#define write_RESHAPE write_view
#define write_PERMUTE write_view
#define write_SLICE write_view
#define write_WINDOW write_view
#define write_STOP_GRADIENT write_view

static WriteRule *const rules[OP_COUNT] = {
#define OP(N, ...) [O_##N] = write_##N,
#include "ir/graph/graph_ops.def"
#undef OP
};

const KExpr *write_rule(Writer *w, const Node *n, const Ix *const *idx) {
  return rules[n->op](w, n, idx);
}
