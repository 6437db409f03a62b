/* Contractions in the reference interpreter: operands are packed as [batch, m, k] and [batch, k, n], so that
 * the inner loop runs along n; each result is still the sum over k from first to last. */
#include <stdlib.h>
#include <string.h>

#include "ir/graph/graph_eval.h"

/* The labels of one kind, ascending, and how many elements they span. */
typedef struct Group {
  int n;
  int label[MAX_LABELS];
  int64_t count;
} Group;

typedef struct Plan {
  int64_t extent[MAX_LABELS];
  int64_t stride[3][MAX_LABELS]; /* of each label in left, right and result */
  bool has[3][MAX_LABELS];
  Group batch, m, n, k;
} Plan;

static void read_tensor(Plan *p, const Node *n, int who, const Shape *s) {
  int64_t stride[MAX_RANK];
  graph_strides(s, stride);
  for (int i = 0; i < s->rank; i++) {
    int label = n->at.label[who][i];
    p->extent[label] = s->dim[i];
    p->stride[who][label] = stride[i];
    p->has[who][label] = true;
  }
}

static void add_label(Group *to, int label, int64_t extent) {
  to->label[to->n++] = label;
  to->count *= extent;
}

static Plan make_plan(const Node *n) {
  Plan p = {.batch.count = 1, .m.count = 1, .n.count = 1, .k.count = 1};
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
static void move_tensor(const Plan *p, int who, const Group *const order[3], double *packed, double *tensor,
                        bool pack) {
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
    graph_copy_block(rank, dim, packed, row_major, tensor, stride);
  else
    graph_copy_block(rank, dim, tensor, stride, packed, row_major);
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

void graph_eval_contract(const Node *n, const double *a, const double *b, double *out, bool f64) {
  Plan p = make_plan(n);
  int64_t batch = p.batch.count, m = p.m.count, k = p.k.count, cols = p.n.count;
  double *left = graph_doubles(batch * m * k), *right = graph_doubles(batch * k * cols);
  double *result = graph_doubles(batch * m * cols);
  move_tensor(&p, 0, (const Group *[]){&p.batch, &p.m, &p.k}, left, (double *)a, true);
  move_tensor(&p, 1, (const Group *[]){&p.batch, &p.k, &p.n}, right, (double *)b, true);
  for (int64_t i = 0; i < batch; i++)
    (f64 ? multiply_f64 : multiply_f32)(left + i * m * k, right + i * k * cols, result + i * m * cols, m, k,
                                        cols);
  move_tensor(&p, 2, (const Group *[]){&p.batch, &p.m, &p.n}, result, out, false);
  free(left);
  free(right);
  free(result);
}
