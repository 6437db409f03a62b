/* The shape and type rule of each op, shared by the builders, the parser and the verifier. The rules are
 * numbered G10 and up in docs/graph-ir.md, one an op. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "ir/graph/graph_impl.h"

static bool fail(GraphWhy *why, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static bool fail(GraphWhy *why, const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(why->text, sizeof why->text, fmt, ap);
  va_end(ap);
  return false;
}

typedef struct ShapeText {
  char s[160];
} ShapeText;

/* For messages: the text lives as long as the expression that the call stands in. */
#define TEXT(shape) (shape_text((shape), (ShapeText){{0}}.s, (int)sizeof(ShapeText)))

const char *graph_op_name(const Node *n, char *buf, int size) {
  const char *text = n->op < OP_COUNT ? op_rows[n->op].text : "?";
  if (n->op == O_ELT && n->at.elt < ELT_COUNT) text = elt_rows[n->at.elt].text;
  snprintf(buf, (size_t)size, "%s", text);
  return buf;
}

static bool valid_shape(const Shape *s, GraphWhy *why) {
  if (s->rank < 0 || s->rank > MAX_RANK)
    return fail(why, "found rank %d, expected at most %d", s->rank, MAX_RANK);
  if (shape_count(s) < 0)
    return fail(why, "found shape %s, expected positive dimensions and at most 2^40 elements", TEXT(s));
  return true;
}

static bool valid_axis(int axis, int rank, GraphWhy *why) {
  if (axis >= 0 && axis < rank) return true;
  return fail(why, "found axis %d, expected one of a tensor of rank %d", axis, rank);
}

static bool is_number(DType t) {
  return dtype_is_float(t) || t == DT_I32;
}

/* The result has the operand's type and, to begin with, its shape. */
static void like(Node *n, const Node *x) {
  n->dtype = x->dtype;
  n->shape = x->shape;
}

static bool whole_between(double v, double lo, double hi) {
  return v == floor(v) && v >= lo && v <= hi;
}

static bool type_holds(DType t, double v) {
  switch (t) {
  case DT_I32: return whole_between(v, INT32_MIN, INT32_MAX);
  case DT_U8: return whole_between(v, 0, UINT8_MAX);
  case DT_BOOL: return v == 0 || v == 1;
  case DT_U64: return whole_between(v, 0, 0x1p53);
  default: return dtype_is_float(t);
  }
}

static bool shape_CONST(Node *n, GraphWhy *why) {
  if (!type_holds(n->dtype, n->at.value))
    return fail(why, "found %.9g, expected a value of type %s", n->at.value, dtype_name(n->dtype));
  return true;
}

static bool shape_IOTA(Node *n, GraphWhy *why) {
  if (n->dtype != DT_I32 && n->dtype != DT_F32)
    return fail(why, "found type %s, expected i32 or f32", dtype_name(n->dtype));
  return valid_axis(n->at.axis, n->shape.rank, why);
}

static bool shape_STEP(Node *n, GraphWhy *why) {
  if (!n->at.name || !*n->at.name) return fail(why, "expected the name of a field");
  n->dtype = DT_F32;
  n->shape = (Shape){0};
  return true;
}

static bool shape_RANDOM(Node *n, GraphWhy *why) {
  n->dtype = DT_F32;
  if (shape_count(&n->shape) > (int64_t)UINT32_MAX)
    return fail(why, "found shape %s, expected fewer than 2^32 elements", TEXT(&n->shape));
  return true;
}

static bool shape_INPUT(Node *n, GraphWhy *why) {
  return (n->at.name && *n->at.name) || fail(why, "expected the name of a value");
}

static bool shape_STATE(Node *n, GraphWhy *why) {
  if (!n->at.state) return fail(why, "expected a state");
  n->dtype = n->at.state->dtype;
  n->shape = n->at.state->shape;
  return true;
}

static bool shape_ELT(Node *n, GraphWhy *why) {
  if (n->at.elt >= ELT_COUNT || n->nin != elt_rows[n->at.elt].arity)
    return fail(why, "found %d operands, expected the operation's number of them", n->nin);
  DType t[3] = {DT_F32};
  for (int i = 0; i < n->nin; i++) t[i] = n->in[i]->dtype;
  for (int i = 1; i < n->nin; i++)
    if (!shape_same(&n->in[0]->shape, &n->in[i]->shape))
      return fail(why, "found shapes %s and %s, expected one shape", TEXT(&n->in[0]->shape),
                  TEXT(&n->in[i]->shape));
  n->shape = n->in[0]->shape;
  n->dtype = elt_result(n->at.elt, t);
  if (n->dtype != DT_COUNT) return true;
  return fail(why, "found type%s %s%s%s%s%s, expected types that it takes, equal ones where values meet",
              n->nin > 1 ? "s" : "", dtype_name(t[0]), n->nin > 1 ? ", " : "",
              n->nin > 1 ? dtype_name(t[1]) : "", n->nin > 2 ? ", " : "", n->nin > 2 ? dtype_name(t[2]) : "");
}

static bool shape_CAST(Node *n, GraphWhy *why) {
  n->shape = n->in[0]->shape;
  if (n->dtype == DT_U64 || n->in[0]->dtype == DT_U64)
    return fail(why, "found u64, which only counts: expected another type");
  return true;
}

enum { ABSENT = -1 };

/* The dimension of operand `who` that carries `label`, or ABSENT. */
static int find_label(const Node *n, int who, int rank, int label) {
  for (int i = 0; i < rank; i++)
    if (n->at.label[who][i] == label) return i;
  return ABSENT;
}

static bool distinct_labels(const Node *n, int who, int rank, GraphWhy *why) {
  for (int i = 0; i < rank; i++) {
    int label = n->at.label[who][i];
    if (label >= MAX_LABELS)
      return fail(why, "found label %d, expected at most %d labels", label, MAX_LABELS);
    if (find_label(n, who, i, label) != ABSENT)
      return fail(why, "found label '%c' twice in %s, expected once", 'a' + label,
                  who == 2 ? "the result"
                  : who    ? "the right operand"
                           : "the left operand");
  }
  return true;
}

/* A label of one operand stands in the other, with the same extent, or in the result. */
static bool labels_placed(const Node *n, int who, GraphWhy *why) {
  const Shape *mine = &n->in[who]->shape, *other = &n->in[!who]->shape;
  for (int i = 0; i < mine->rank; i++) {
    int label = n->at.label[who][i], at = find_label(n, !who, other->rank, label);
    if (at != ABSENT && mine->dim[i] != other->dim[at])
      return fail(why, "found extents %lld and %lld of label '%c' in %s and %s, expected one extent",
                  (long long)mine->dim[i], (long long)other->dim[at], 'a' + label, TEXT(mine), TEXT(other));
    if (at == ABSENT && find_label(n, 2, n->shape.rank, label) == ABSENT)
      return fail(why,
                  "found label '%c' in one operand alone, expected it in the other or in the result"
                  " (sum over it first)",
                  'a' + label);
  }
  return true;
}

static bool shape_CONTRACT(Node *n, GraphWhy *why) {
  const Node *a = n->in[0], *b = n->in[1];
  if (!dtype_is_float(a->dtype) || a->dtype != b->dtype)
    return fail(why, "found types %s and %s, expected one floating-point type", dtype_name(a->dtype),
                dtype_name(b->dtype));
  if (!distinct_labels(n, 0, a->shape.rank, why) || !distinct_labels(n, 1, b->shape.rank, why) ||
      !distinct_labels(n, 2, n->shape.rank, why) || !labels_placed(n, 0, why) || !labels_placed(n, 1, why))
    return false;
  for (int i = 0; i < n->shape.rank; i++) {
    int label = n->at.label[2][i], l = find_label(n, 0, a->shape.rank, label);
    int r = find_label(n, 1, b->shape.rank, label);
    if (l == ABSENT && r == ABSENT)
      return fail(why, "found label '%c' in the result alone, expected it in an operand", 'a' + label);
    n->shape.dim[i] = l != ABSENT ? a->shape.dim[l] : b->shape.dim[r];
  }
  n->dtype = a->dtype;
  return true;
}

static bool shape_REDUCE(Node *n, GraphWhy *why) {
  const Node *x = n->in[0];
  if (!is_number(x->dtype))
    return fail(why, "found type %s, expected i32 or a floating-point type", dtype_name(x->dtype));
  if (!n->at.axes || n->at.axes >> x->shape.rank)
    return fail(why, "found axes 0x%x, expected some of a tensor of shape %s", n->at.axes, TEXT(&x->shape));
  n->dtype = x->dtype;
  n->shape = (Shape){0};
  for (int i = 0; i < x->shape.rank; i++)
    if (!(n->at.axes >> i & 1u)) n->shape.dim[n->shape.rank++] = x->shape.dim[i];
  return true;
}

static bool shape_BROADCAST(Node *n, GraphWhy *why) {
  const Node *x = n->in[0];
  int last = -1;
  for (int i = 0; i < x->shape.rank; i++) {
    int to = n->at.map[i];
    if (to <= last || to >= n->shape.rank || n->shape.dim[to] != x->shape.dim[i])
      return fail(why, "found shape %s for %s, expected each dimension in it, in order", TEXT(&n->shape),
                  TEXT(&x->shape));
    last = to;
  }
  n->dtype = x->dtype;
  return true;
}

static bool shape_RESHAPE(Node *n, GraphWhy *why) {
  const Node *x = n->in[0];
  n->dtype = x->dtype;
  if (shape_count(&n->shape) == shape_count(&x->shape)) return true;
  return fail(why, "found %lld elements for shape %s, expected the %lld of %s",
              (long long)shape_count(&n->shape), TEXT(&n->shape), (long long)shape_count(&x->shape),
              TEXT(&x->shape));
}

static bool shape_PERMUTE(Node *n, GraphWhy *why) {
  const Node *x = n->in[0];
  uint32_t seen = 0;
  like(n, x);
  for (int i = 0; i < x->shape.rank; i++) {
    int from = n->at.map[i];
    if (from < 0 || from >= x->shape.rank || seen >> from & 1u)
      return fail(why, "found dimension %d at place %d, expected each of the %d once", from, i,
                  x->shape.rank);
    seen |= 1u << from;
    n->shape.dim[i] = x->shape.dim[from];
  }
  return true;
}

static bool shape_SLICE(Node *n, GraphWhy *why) {
  const Node *x = n->in[0];
  if (n->shape.rank != x->shape.rank)
    return fail(why, "found shape %s of %s, expected the same rank", TEXT(&n->shape), TEXT(&x->shape));
  for (int i = 0; i < x->shape.rank; i++)
    if (n->at.lo[i] < 0 || n->at.lo[i] > x->shape.dim[i] - n->shape.dim[i])
      return fail(why, "found %lld elements from %lld on along axis %d, expected them within 0..%lld",
                  (long long)n->shape.dim[i], (long long)n->at.lo[i], i, (long long)x->shape.dim[i]);
  n->dtype = x->dtype;
  return true;
}

static const int64_t most_extent = (int64_t)1 << 40;

static bool shape_PAD(Node *n, GraphWhy *why) {
  const Node *x = n->in[0];
  like(n, x);
  for (int i = 0; i < x->shape.rank; i++) {
    int64_t lo = n->at.lo[i], hi = n->at.hi[i], between = n->at.between[i], d = x->shape.dim[i];
    if (lo < 0 || hi < 0 || between < 0 || lo > most_extent || hi > most_extent || between > most_extent / d)
      return fail(why,
                  "found %lld before, %lld after and %lld between along axis %d, expected counts of zeros",
                  (long long)lo, (long long)hi, (long long)between, i);
    n->shape.dim[i] = lo + hi + (d - 1) * (between + 1) + 1;
  }
  return true;
}

static bool shape_CONCAT(Node *n, GraphWhy *why) {
  if (n->nin < 1) return fail(why, "found no operand, expected at least one");
  like(n, n->in[0]);
  if (!valid_axis(n->at.axis, n->shape.rank, why)) return false;
  for (int i = 1; i < n->nin; i++) {
    const Node *x = n->in[i];
    Shape rest = x->shape;
    bool fits = x->dtype == n->dtype && rest.rank == n->shape.rank;
    if (fits) rest.dim[n->at.axis] = n->shape.dim[n->at.axis];
    if (!fits || !shape_same(&rest, &n->shape))
      return fail(why, "found %s %s beside %s %s, expected them to differ along axis %d alone",
                  dtype_name(x->dtype), TEXT(&x->shape), dtype_name(n->in[0]->dtype), TEXT(&n->in[0]->shape),
                  n->at.axis);
    n->shape.dim[n->at.axis] += x->shape.dim[n->at.axis];
  }
  return true;
}

static bool shape_WINDOW(Node *n, GraphWhy *why) {
  const Node *x = n->in[0];
  int axis = n->at.axis, rank = x->shape.rank;
  if (!valid_axis(axis, rank, why)) return false;
  if (rank == MAX_RANK) return fail(why, "found rank %d, expected less than %d", rank, MAX_RANK);
  int64_t d = x->shape.dim[axis];
  if (n->at.size < 1 || n->at.size > d || n->at.stride < 1)
    return fail(why, "found size %lld and stride %lld, expected a size of 1..%lld and a stride of at least 1",
                (long long)n->at.size, (long long)n->at.stride, (long long)d);
  like(n, x);
  n->shape.rank++;
  for (int i = rank; i > axis; i--) n->shape.dim[i] = n->shape.dim[i - 1];
  n->shape.dim[axis] = (d - n->at.size) / n->at.stride + 1;
  n->shape.dim[axis + 1] = n->at.size;
  return true;
}

/* An i32 index [batch.., J] for x [batch.., M, rest..]. */
static bool index_fits(const Node *n, bool one_extent, GraphWhy *why) {
  const Node *x = n->in[0], *index = n->in[1];
  int batch = index->shape.rank - 1;
  bool fits = index->dtype == DT_I32 && batch >= 0 && batch < x->shape.rank;
  for (int i = 0; fits && i < batch + one_extent; i++) fits = x->shape.dim[i] == index->shape.dim[i];
  return fits || fail(why, "found index %s %s for %s, expected i32 with the same leading dimensions",
                      dtype_name(index->dtype), TEXT(&index->shape), TEXT(&x->shape));
}

static bool shape_GATHER(Node *n, GraphWhy *why) {
  if (!index_fits(n, false, why)) return false;
  int at = n->in[1]->shape.rank - 1;
  like(n, n->in[0]);
  n->shape.dim[at] = n->in[1]->shape.dim[at];
  return true;
}

static bool shape_SCATTER(Node *n, GraphWhy *why) {
  if (!is_number(n->in[0]->dtype))
    return fail(why, "found type %s, expected i32 or a floating-point type", dtype_name(n->in[0]->dtype));
  if (!index_fits(n, true, why)) return false;
  if (n->at.size < 1) return fail(why, "found extent %lld, expected at least 1", (long long)n->at.size);
  like(n, n->in[0]);
  n->shape.dim[n->in[1]->shape.rank - 1] = n->at.size;
  return true;
}

static bool shape_STOP_GRADIENT(Node *n, GraphWhy *why) {
  (void)why;
  like(n, n->in[0]);
  return true;
}

bool graph_shape(Node *n, GraphWhy *why) {
  static bool (*const rule[OP_COUNT])(Node *, GraphWhy *) = {
#define OP(N, ...) [O_##N] = shape_##N,
#include "ir/graph/graph_ops.def"
#undef OP
  };
  int operands = op_rows[n->op].operands;
  if (operands >= 0 && n->nin != operands)
    return fail(why, "found %d operands, expected %d", n->nin, operands);
  if (n->dtype >= DT_COUNT) return fail(why, "expected an element type");
  return valid_shape(&n->shape, why) && rule[n->op](n, why) && valid_shape(&n->shape, why);
}
