/* The meaning of each op, one function a row of graph_ops.def. All that only moves elements is a copy of a
 * block between strides. */
#include "ir/graph/graph_eval.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"

static double held(double v, double lo, double hi) {
  if (isnan(v)) return 0;
  v = trunc(v);
  return v < lo ? lo : v > hi ? hi : v;
}

double graph_convert(DType t, double v, bool f64) {
  switch (t) {
  case DT_F32: return f64 ? v : (double)(float)v;
  case DT_BF16:
  case DT_F16: return f64 ? v : (double)dtype_round(t, (float)v);
  case DT_I32: return held(v, INT32_MIN, INT32_MAX);
  case DT_U8: return held(v, 0, UINT8_MAX);
  case DT_BOOL: return v != 0;
  default: return held(v, 0, 0x1p64);
  }
}

static void convert_all(const EvalCtx *c, const Node *n, double *out) {
  int64_t count = shape_count(&n->shape);
  if (c->f64 && dtype_is_float(n->dtype)) return;
  for (int64_t i = 0; i < count; i++) out[i] = graph_convert(n->dtype, out[i], c->f64);
}

double *graph_doubles(int64_t n) {
  double *p = calloc((size_t)(n ? n : 1), sizeof *p);
  if (!p) ice("out of memory: %lld numbers", (long long)n);
  return p;
}

void graph_strides(const Shape *s, int64_t *stride) {
  int64_t step = 1;
  for (int i = s->rank - 1; i >= 0; i--) {
    stride[i] = step;
    step *= s->dim[i];
  }
}

void graph_copy_block(int rank, const int64_t *dim, double *to, const int64_t *to_stride, const double *from,
                      const int64_t *from_stride) {
  if (!rank) {
    *to = *from;
    return;
  }
  for (int64_t i = 0; i < dim[0]; i++) {
    double *t = to + i * to_stride[0];
    const double *f = from + i * from_stride[0];
    if (rank == 1)
      *t = *f;
    else
      graph_copy_block(rank - 1, dim + 1, t, to_stride + 1, f, from_stride + 1);
  }
}

static void fill(const Node *n, double v, double *out) {
  int64_t count = shape_count(&n->shape);
  for (int64_t i = 0; i < count; i++) out[i] = v;
}

/* Every evaluator below: c the run, n the node, in its operands' values, out its own. */
#define EVAL(NAME)                                                                                           \
  static bool eval_##NAME(const EvalCtx *c, const Node *n, const double *const *in, double *out)

EVAL(CONST) {
  (void)in;
  fill(n, graph_convert(n->dtype, n->at.value, c->f64), out);
  return true;
}

EVAL(IOTA) {
  (void)c, (void)in;
  int64_t stride[MAX_RANK], count = shape_count(&n->shape);
  graph_strides(&n->shape, stride);
  for (int64_t i = 0; i < count; i++) out[i] = (double)(i / stride[n->at.axis] % n->shape.dim[n->at.axis]);
  return true;
}

static bool step_field(const EvalCtx *c, const char *field, double *v) {
  if (c->env->scalar) {
    *v = c->env->scalar(c->env->ctx, field);
    return true;
  }
  if (!strcmp(field, "step")) return *v = (double)c->env->step, true;
  if (!strcmp(field, "micro")) return *v = (double)c->env->micro, true;
  for (int i = 0; i < c->g->nsetting; i++)
    if (!strcmp(field, c->g->setting[i].name)) return *v = c->g->setting[i].value, true;
  return false;
}

EVAL(STEP) {
  (void)in;
  if (!step_field(c, n->at.name, out)) {
    diag_error(n->loc, "step: found field \"%s\", expected one that this run gives", n->at.name);
    return false;
  }
  convert_all(c, n, out);
  return true;
}

EVAL(RANDOM) {
  (void)in;
  uint64_t key = random_key(c->env->seed, n->at.stream, c->env->step, c->env->micro);
  int64_t count = shape_count(&n->shape);
  for (int64_t i = 0; i < count; i++) out[i] = (double)random_uniform(key, (uint32_t)i);
  return true;
}

EVAL(INPUT) {
  (void)c, (void)in, (void)out;
  ice("input %s evaluated", n->at.name);
}

EVAL(STATE) {
  (void)in;
  const double *now = graph_run_state(c->run, n->at.state);
  memcpy(out, now, sizeof *out * (size_t)shape_count(&n->shape));
  return true;
}

#define ELT(N, text, arity, result, prec, formula, cuda)                                                     \
  static void map_##N(int64_t n, const double *x, const double *y, const double *z, double *out) {           \
    for (int64_t i = 0; i < n; i++) {                                                                        \
      const double a = x[i], b = y[i], c = z[i];                                                             \
      (void)a, (void)b, (void)c;                                                                             \
      out[i] = formula;                                                                                      \
    }                                                                                                        \
  }
#include "ir/eltwise.def"
#undef ELT

EVAL(ELT) {
  static void (*const map[ELT_COUNT])(int64_t, const double *, const double *, const double *, double *) = {
#define ELT(N, text, arity, result, prec, formula, cuda) [E_##N] = map_##N,
#include "ir/eltwise.def"
#undef ELT
  };
  map[n->at.elt](shape_count(&n->shape), in[0], n->nin > 1 ? in[1] : in[0], n->nin > 2 ? in[2] : in[0], out);
  convert_all(c, n, out);
  return true;
}

static void copy_all(const Node *n, const double *from, double *out) {
  memcpy(out, from, sizeof *out * (size_t)shape_count(&n->shape));
}

EVAL(CAST) {
  copy_all(n, in[0], out);
  convert_all(c, n, out);
  return true;
}

EVAL(CONTRACT) {
  graph_eval_contract(n, in[0], in[1], out, c->f64);
  convert_all(c, n, out);
  return true;
}

static double reduce_row(GReduce kind, const double *x, int64_t n, bool f64) {
  double best = x[0], sum = 0;
  float sum32 = 0;
  for (int64_t i = 1; kind == GR_MAX && i < n; i++) best = elt_eval(E_MAX, best, x[i], 0);
  if (kind == GR_MAX) return best;
  if (!f64) {
    for (int64_t i = 0; i < n; i++) sum32 += (float)x[i];
    return (double)sum32;
  }
  for (int64_t i = 0; i < n; i++) sum += x[i];
  return sum;
}

EVAL(REDUCE) {
  const Shape *s = &n->in[0]->shape;
  int64_t from[MAX_RANK] = {0}, packed_from[MAX_RANK] = {0}, packed_to[MAX_RANK] = {0},
          count = shape_count(s);
  Shape packed = {.rank = s->rank};
  int at = 0;
  graph_strides(s, from);
  for (uint32_t goes = 0; goes < 2; goes++)
    for (int i = 0; i < s->rank; i++) {
      if ((n->at.axes >> i & 1u) != goes) continue;
      packed.dim[at] = s->dim[i];
      packed_from[at++] = from[i];
    }
  graph_strides(&packed, packed_to);
  double *rows = graph_doubles(count);
  graph_copy_block(s->rank, packed.dim, rows, packed_to, in[0], packed_from);
  int64_t left = shape_count(&n->shape), row = count / left;
  for (int64_t i = 0; i < left; i++) out[i] = reduce_row(n->at.reduce, rows + i * row, row, c->f64);
  free(rows);
  convert_all(c, n, out);
  return true;
}

/* out := the block of `in` that begins at `from` and has these strides there. */
static void read_block(const Node *n, const double *from, const int64_t *stride, double *out) {
  int64_t to[MAX_RANK] = {0};
  graph_strides(&n->shape, to);
  graph_copy_block(n->shape.rank, n->shape.dim, out, to, from, stride);
}

EVAL(BROADCAST) {
  (void)c;
  int64_t from[MAX_RANK] = {0}, stride[MAX_RANK] = {0};
  graph_strides(&n->in[0]->shape, from);
  for (int i = 0; i < n->in[0]->shape.rank; i++) stride[n->at.map[i]] = from[i];
  read_block(n, in[0], stride, out);
  return true;
}

EVAL(RESHAPE) {
  (void)c;
  copy_all(n, in[0], out);
  return true;
}

EVAL(PERMUTE) {
  (void)c;
  int64_t from[MAX_RANK] = {0}, stride[MAX_RANK] = {0};
  graph_strides(&n->in[0]->shape, from);
  for (int i = 0; i < n->shape.rank; i++) stride[i] = from[n->at.map[i]];
  read_block(n, in[0], stride, out);
  return true;
}

EVAL(SLICE) {
  (void)c;
  int64_t from[MAX_RANK] = {0};
  const double *start = in[0];
  graph_strides(&n->in[0]->shape, from);
  for (int i = 0; i < n->shape.rank; i++) start += n->at.lo[i] * from[i];
  read_block(n, start, from, out);
  return true;
}

EVAL(PAD) {
  (void)c;
  int64_t to[MAX_RANK] = {0}, from[MAX_RANK] = {0};
  const Shape *s = &n->in[0]->shape;
  fill(n, 0, out);
  graph_strides(&n->shape, to);
  graph_strides(s, from);
  for (int i = 0; i < s->rank; i++) {
    out += n->at.lo[i] * to[i];
    to[i] *= n->at.between[i] + 1;
  }
  graph_copy_block(s->rank, s->dim, out, to, in[0], from);
  return true;
}

EVAL(CONCAT) {
  (void)c;
  int64_t to[MAX_RANK] = {0}, from[MAX_RANK] = {0};
  graph_strides(&n->shape, to);
  for (int k = 0; k < n->nin; k++) {
    const Shape *s = &n->in[k]->shape;
    graph_strides(s, from);
    graph_copy_block(s->rank, s->dim, out, to, in[k], from);
    out += s->dim[n->at.axis] * to[n->at.axis];
  }
  return true;
}

EVAL(WINDOW) {
  (void)c;
  int64_t from[MAX_RANK] = {0}, stride[MAX_RANK] = {0};
  int axis = n->at.axis;
  graph_strides(&n->in[0]->shape, from);
  for (int i = 0; i < n->shape.rank; i++) stride[i] = from[i > axis ? i - 1 : i];
  stride[axis] *= n->at.stride;
  read_block(n, in[0], stride, out);
  return true;
}

/* The parts of x [batch.., M, rest..] and index [batch.., J]. */
typedef struct Indexed {
  int64_t batch, j, extent, rest;
} Indexed;

static Indexed indexed(const Node *n, int64_t extent) {
  const Shape *x = &n->in[0]->shape, *index = &n->in[1]->shape;
  Indexed d = {.batch = 1, .rest = 1, .extent = extent};
  int at = index->rank - 1;
  for (int i = 0; i < at; i++) d.batch *= x->dim[i];
  for (int i = at + 1; i < x->rank; i++) d.rest *= x->dim[i];
  d.j = index->dim[at];
  return d;
}

static bool index_in_range(const Node *n, double index, int64_t extent) {
  if (index >= 0 && index < (double)extent) return true;
  diag_error(n->loc, "%s: found index %.17g, expected 0..%lld", op_rows[n->op].text, index,
             (long long)extent - 1);
  return false;
}

EVAL(GATHER) {
  (void)c;
  Indexed d = indexed(n, n->in[0]->shape.dim[n->in[1]->shape.rank - 1]);
  for (int64_t i = 0; i < d.batch * d.j; i++) {
    if (!index_in_range(n, in[1][i], d.extent)) return false;
    int64_t row = i / d.j * d.extent + (int64_t)in[1][i];
    memcpy(out + i * d.rest, in[0] + row * d.rest, sizeof *out * (size_t)d.rest);
  }
  return true;
}

EVAL(SCATTER) {
  Indexed d = indexed(n, n->at.size);
  fill(n, 0, out);
  for (int64_t i = 0; i < d.batch * d.j; i++) {
    if (!index_in_range(n, in[1][i], d.extent)) return false;
    double *to = out + (i / d.j * d.extent + (int64_t)in[1][i]) * d.rest;
    const double *x = in[0] + i * d.rest;
    for (int64_t k = 0; k < d.rest; k++) to[k] = c->f64 ? to[k] + x[k] : (double)((float)to[k] + (float)x[k]);
  }
  convert_all(c, n, out);
  return true;
}

EVAL(STOP) {
  (void)c;
  copy_all(n, in[0], out);
  return true;
}

bool graph_eval(const EvalCtx *c, const Node *n, const double *const *in, double *out) {
  static bool (*const eval[OP_COUNT])(const EvalCtx *, const Node *, const double *const *, double *) = {
#define OP(N, text, operands) [O_##N] = eval_##N,
#include "ir/graph/graph_ops.def"
#undef OP
  };
  return eval[n->op](c, n, in, out);
}
