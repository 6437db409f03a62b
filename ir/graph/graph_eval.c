/* The meaning of each op, one function a row of graph_ops.def. All that only moves elements is a copy of a
 * block between strides. */
#include "ir/graph/graph_eval.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"

static double clamped(double v, double lo, double hi) {
  if (isnan(v)) return 0;
  v = trunc(v);
  return v < lo ? lo : v > hi ? hi : v;
}

double graph_convert(DType t, double v, bool f64) {
  switch (t) {
  case DT_F32: return f64 ? v : (double)(float)v;
  case DT_BF16:
  case DT_F16: return f64 ? v : (double)dtype_round(t, (float)v);
  case DT_I32: return clamped(v, INT32_MIN, INT32_MAX);
  case DT_U8: return clamped(v, 0, UINT8_MAX);
  case DT_BOOL: return v != 0;
  default: return clamped(v, 0, 0x1p64);
  }
}

static void convert_all(const EvalCtx *c, const Node *n, double *out) {
  int64_t count = shape_count(&n->shape);
  if (c->f64 && dtype_is_float(n->dtype)) return;
  for (int64_t i = 0; i < count; i++) out[i] = graph_convert(n->dtype, out[i], c->f64);
}

double *graph_doubles(int64_t n) {
  double *p = calloc((size_t)(n ? n : 1), sizeof *p);
  if (!p) diag_no_memory();
  return p;
}

static void strides_of(const Shape *s, int64_t *stride) {
  int64_t step = 1;
  for (int i = s->rank - 1; i >= 0; i--) {
    stride[i] = step;
    step *= s->dim[i];
  }
}

static void copy_block(int rank, const int64_t *dim, double *to, const int64_t *to_stride, const double *from,
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
      copy_block(rank - 1, dim + 1, t, to_stride + 1, f, from_stride + 1);
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
  strides_of(&n->shape, stride);
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

#define ELT(N, text, arity, result, prec, work, formula)                                                     \
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
#define ELT(N, ...) [E_##N] = map_##N,
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

/* Contractions: operands are packed as [batch, m, k] and [batch, k, n], so that the inner loop runs along n;
 * each result is the sum over k from first to last, in the order of the labels' numbers, in f32 unless f64.
 * These are the labels of one kind, ascending, and how many elements they span. */
typedef struct Labels {
  int n;
  int label[MAX_LABELS];
  int64_t count;
} Labels;

typedef struct Contraction {
  int64_t extent[MAX_LABELS];
  int64_t stride[3][MAX_LABELS]; /* of each label in left, right and result */
  bool has[3][MAX_LABELS];
  Labels batch, m, n, k;
} Contraction;

static void read_tensor(Contraction *p, const Node *n, int who, const Shape *s) {
  int64_t stride[MAX_RANK];
  strides_of(s, stride);
  for (int i = 0; i < s->rank; i++) {
    int label = n->at.label[who][i];
    p->extent[label] = s->dim[i];
    p->stride[who][label] = stride[i];
    p->has[who][label] = true;
  }
}

static void add_label(Labels *to, int label, int64_t extent) {
  to->label[to->n++] = label;
  to->count *= extent;
}

static Contraction contraction_of(const Node *n) {
  Contraction p = {.batch.count = 1, .m.count = 1, .n.count = 1, .k.count = 1};
  read_tensor(&p, n, 0, &n->in[0]->shape);
  read_tensor(&p, n, 1, &n->in[1]->shape);
  read_tensor(&p, n, 2, &n->shape);
  for (int i = 0; i < MAX_LABELS; i++) {
    bool left = p.has[0][i], right = p.has[1][i];
    if (!left && !right) continue;
    add_label(!p.has[2][i] ? &p.k : left && right ? &p.batch : left ? &p.m : &p.n, i, p.extent[i]);
  }
  return p;
}

enum { MOST_DIMS = 2 * MAX_RANK };

/* Copies tensor `who` to (pack) or from an array ordered by the three groups. */
static void move_tensor(const Contraction *p, int who, const Labels *const order[3], double *packed,
                        double *tensor, bool pack) {
  int64_t dim[MOST_DIMS], stride[MOST_DIMS], row_major[MOST_DIMS], step = 1;
  int rank = 0;
  for (int i = 0; i < 3; i++)
    for (int j = 0; j < order[i]->n; j++) {
      dim[rank] = p->extent[order[i]->label[j]];
      stride[rank++] = p->stride[who][order[i]->label[j]];
    }
  for (int i = rank - 1; i >= 0; i--) {
    row_major[i] = step;
    step *= dim[i];
  }
  if (pack)
    copy_block(rank, dim, packed, row_major, tensor, stride);
  else
    copy_block(rank, dim, tensor, stride, packed, row_major);
}

static void multiply_f64(const double *a, const double *b, double *c, int64_t m, int64_t k, int64_t n) {
  for (int64_t i = 0; i < m; i++)
    for (int64_t l = 0; l < k; l++) {
      const double x = a[i * k + l], *y = b + l * n;
      double *z = c + i * n;
      for (int64_t j = 0; j < n; j++) z[j] += x * y[j];
    }
}

/* Products and sums rounded to f32 each. */
static void multiply_f32(const double *a, const double *b, double *c, int64_t m, int64_t k, int64_t n) {
  for (int64_t i = 0; i < m; i++)
    for (int64_t l = 0; l < k; l++) {
      const float x = (float)a[i * k + l];
      const double *y = b + l * n;
      double *z = c + i * n;
      for (int64_t j = 0; j < n; j++) {
        const float product = x * (float)y[j];
        z[j] = (double)((float)z[j] + product);
      }
    }
}

static void contract(const Node *n, const double *a, const double *b, double *out, bool f64) {
  Contraction p = contraction_of(n);
  int64_t batch = p.batch.count, m = p.m.count, k = p.k.count, cols = p.n.count;
  double *left = graph_doubles(batch * m * k), *right = graph_doubles(batch * k * cols);
  double *result = graph_doubles(batch * m * cols);
  move_tensor(&p, 0, (const Labels *[]){&p.batch, &p.m, &p.k}, left, (double *)a, true);
  move_tensor(&p, 1, (const Labels *[]){&p.batch, &p.k, &p.n}, right, (double *)b, true);
  for (int64_t i = 0; i < batch; i++)
    (f64 ? multiply_f64 : multiply_f32)(left + i * m * k, right + i * k * cols, result + i * m * cols, m, k,
                                        cols);
  move_tensor(&p, 2, (const Labels *[]){&p.batch, &p.m, &p.n}, result, out, false);
  free(left);
  free(right);
  free(result);
}

EVAL(CONTRACT) {
  contract(n, in[0], in[1], out, c->f64);
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
  strides_of(s, from);
  for (uint32_t goes = 0; goes < 2; goes++)
    for (int i = 0; i < s->rank; i++) {
      if ((n->at.axes >> i & 1u) != goes) continue;
      packed.dim[at] = s->dim[i];
      packed_from[at++] = from[i];
    }
  strides_of(&packed, packed_to);
  double *rows = graph_doubles(count);
  copy_block(s->rank, packed.dim, rows, packed_to, in[0], packed_from);
  int64_t left = shape_count(&n->shape), row = count / left;
  for (int64_t i = 0; i < left; i++) out[i] = reduce_row(n->at.reduce, rows + i * row, row, c->f64);
  free(rows);
  convert_all(c, n, out);
  return true;
}

/* out := the block of `in` that begins at `from` and has these strides there. */
static void read_block(const Node *n, const double *from, const int64_t *stride, double *out) {
  int64_t to[MAX_RANK] = {0};
  strides_of(&n->shape, to);
  copy_block(n->shape.rank, n->shape.dim, out, to, from, stride);
}

EVAL(BROADCAST) {
  (void)c;
  int64_t from[MAX_RANK] = {0}, stride[MAX_RANK] = {0};
  strides_of(&n->in[0]->shape, from);
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
  strides_of(&n->in[0]->shape, from);
  for (int i = 0; i < n->shape.rank; i++) stride[i] = from[n->at.map[i]];
  read_block(n, in[0], stride, out);
  return true;
}

EVAL(SLICE) {
  (void)c;
  int64_t from[MAX_RANK] = {0};
  const double *start = in[0];
  strides_of(&n->in[0]->shape, from);
  for (int i = 0; i < n->shape.rank; i++) start += n->at.lo[i] * from[i];
  read_block(n, start, from, out);
  return true;
}

EVAL(PAD) {
  (void)c;
  int64_t to[MAX_RANK] = {0}, from[MAX_RANK] = {0};
  const Shape *s = &n->in[0]->shape;
  fill(n, 0, out);
  strides_of(&n->shape, to);
  strides_of(s, from);
  for (int i = 0; i < s->rank; i++) {
    out += n->at.lo[i] * to[i];
    to[i] *= n->at.between[i] + 1;
  }
  copy_block(s->rank, s->dim, out, to, in[0], from);
  return true;
}

EVAL(CONCAT) {
  (void)c;
  int64_t to[MAX_RANK] = {0}, from[MAX_RANK] = {0};
  strides_of(&n->shape, to);
  for (int k = 0; k < n->nin; k++) {
    const Shape *s = &n->in[k]->shape;
    strides_of(s, from);
    copy_block(s->rank, s->dim, out, to, in[k], from);
    out += s->dim[n->at.axis] * to[n->at.axis];
  }
  return true;
}

EVAL(WINDOW) {
  (void)c;
  int64_t from[MAX_RANK] = {0}, stride[MAX_RANK] = {0};
  int axis = n->at.axis;
  strides_of(&n->in[0]->shape, from);
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

bool graph_indices_fit(const Node *n, int64_t extent, const double *index) {
  for (int64_t i = 0; i < shape_count(&n->in[1]->shape); i++)
    if (!index_in_range(n, index[i], extent)) return false;
  return true;
}

EVAL(GATHER) {
  (void)c;
  Indexed d = indexed(n, n->in[0]->shape.dim[n->in[1]->shape.rank - 1]);
  if (!graph_indices_fit(n, d.extent, in[1])) return false;
  for (int64_t i = 0; i < d.batch * d.j; i++) {
    int64_t row = i / d.j * d.extent + (int64_t)in[1][i];
    memcpy(out + i * d.rest, in[0] + row * d.rest, sizeof *out * (size_t)d.rest);
  }
  return true;
}

EVAL(SCATTER) {
  Indexed d = indexed(n, n->at.size);
  fill(n, 0, out);
  if (!graph_indices_fit(n, d.extent, in[1])) return false;
  for (int64_t i = 0; i < d.batch * d.j; i++) {
    double *to = out + (i / d.j * d.extent + (int64_t)in[1][i]) * d.rest;
    const double *x = in[0] + i * d.rest;
    for (int64_t k = 0; k < d.rest; k++) to[k] = c->f64 ? to[k] + x[k] : (double)((float)to[k] + (float)x[k]);
  }
  convert_all(c, n, out);
  return true;
}

EVAL(STOP_GRADIENT) {
  (void)c;
  copy_all(n, in[0], out);
  return true;
}

bool graph_eval(const EvalCtx *c, const Node *n, const double *const *in, double *out) {
  static bool (*const eval[OP_COUNT])(const EvalCtx *, const Node *, const double *const *, double *) = {
#define OP(N, ...) [O_##N] = eval_##N,
#include "ir/graph/graph_ops.def"
#undef OP
  };
  return eval[n->op](c, n, in, out);
}
