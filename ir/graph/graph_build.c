/* Builders: each fills in a node and lets graph_add check, share and keep it. What changes nothing (a cast
 * to the same type, a permutation that is the identity) gives the operand itself. */
#include <string.h>

#include "ir/graph/graph_impl.h"

static Node *build(Graph *g, Op op, DType t, const Shape *s, const Attr *at, int nin, Node **in) {
  Node n;
  memset(&n, 0, sizeof n);
  n.op = op;
  n.dtype = t;
  if (s) n.shape = *s;
  memcpy(&n.at, at, sizeof *at);
  n.nin = nin;
  n.in = in;
  return graph_add(g, &n);
}

Node *graph_const(Graph *g, DType t, Shape s, double v) {
  Attr at = graph_attr();
  at.value = v;
  return build(g, O_CONST, t, &s, &at, 0, NULL);
}

Node *graph_scalar(Graph *g, double v) {
  return graph_const(g, DT_F32, (Shape){0}, v);
}

Node *graph_iota(Graph *g, DType t, Shape s, int axis) {
  Attr at = graph_attr();
  at.axis = axis;
  return build(g, O_IOTA, t, &s, &at, 0, NULL);
}

Node *graph_step(Graph *g, const char *field) {
  Attr at = graph_attr();
  at.name = field;
  return build(g, O_STEP, DT_F32, NULL, &at, 0, NULL);
}

Node *graph_random(Graph *g, uint64_t stream, Shape s) {
  Attr at = graph_attr();
  at.stream = stream;
  return build(g, O_RANDOM, DT_F32, &s, &at, 0, NULL);
}

Node *graph_input(Graph *g, const char *name, DType t, Shape s) {
  Attr at = graph_attr();
  at.name = name;
  return build(g, O_INPUT, t, &s, &at, 0, NULL);
}

Node *graph_read(Graph *g, const State *s) {
  if (!s) return NULL;
  Attr at = graph_attr();
  at.state = s;
  return build(g, O_STATE, s->dtype, &s->shape, &at, 0, NULL);
}

Node *graph_elt(Graph *g, EltOp op, Node *a, Node *b, Node *c) {
  Attr at = graph_attr();
  Node *in[3] = {a, b, c};
  at.elt = op;
  return build(g, O_ELT, DT_F32, NULL, &at, elt_rows[op].arity, in);
}

Node *graph_cast(Graph *g, DType t, Node *x) {
  if (!x || x->dtype == t) return x;
  Attr at = graph_attr();
  return build(g, O_CAST, t, NULL, &at, 1, &x);
}

/* Labels as text to numbers in order of first appearance in the operands; a letter of the result that no
 * operand has gets a number of its own, for the rule to refuse. */
typedef struct Letters {
  int n;
  char seen[MAX_LABELS];
} Letters;

static int letter_number(Letters *l, char c) {
  for (int i = 0; i < l->n; i++)
    if (l->seen[i] == c) return i;
  if (l->n == MAX_LABELS) return MAX_LABELS;
  l->seen[l->n] = c;
  return l->n++;
}

static bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Reads the letters of one tensor; the number of them, or -1. */
static int read_labels(Letters *l, const char **p, uint8_t *out) {
  int n = 0;
  for (; is_letter(**p); ++*p, n++) {
    if (n == MAX_RANK) return -1;
    out[n] = (uint8_t)letter_number(l, **p);
  }
  return n;
}

static bool skip(const char **p, const char *text) {
  size_t len = strlen(text);
  if (strncmp(*p, text, len) != 0) return false;
  *p += len;
  return true;
}

bool graph_read_labels(Graph *g, const char *labels, const Node *a, const Node *b, Attr *at, Shape *s) {
  Letters l = {0};
  const char *p = labels;
  int left = read_labels(&l, &p, at->label[0]);
  bool ok = left >= 0 && skip(&p, ",");
  int right = ok ? read_labels(&l, &p, at->label[1]) : -1;
  ok = right >= 0 && skip(&p, "->");
  *s = (Shape){.rank = ok ? read_labels(&l, &p, at->label[2]) : -1};
  if (s->rank < 0 || *p) {
    diag_error(g->loc, "contract: found labels \"%s\", expected a letter a dimension as in \"bik,bjk->bij\"",
               labels);
    return false;
  }
  if (left != a->shape.rank || right != b->shape.rank) {
    diag_error(g->loc, "contract: found %d and %d labels in \"%s\", expected %d and %d, the operands' ranks",
               left, right, labels, a->shape.rank, b->shape.rank);
    return false;
  }
  for (int i = 0; i < s->rank; i++) s->dim[i] = 1;
  return true;
}

Node *graph_contract(Graph *g, const char *labels, Node *a, Node *b) {
  if (!a || !b) return NULL;
  Attr at = graph_attr();
  Shape s;
  Node *in[2] = {a, b};
  if (!graph_read_labels(g, labels, a, b, &at, &s)) return NULL;
  return build(g, O_CONTRACT, a->dtype, &s, &at, 2, in);
}

static char *put_labels(char *p, const uint8_t *label, int rank) {
  for (int i = 0; i < rank; i++) *p++ = (char)('a' + label[i]);
  return p;
}

char *graph_labels(const Node *n, char buf[GRAPH_LABELS_TEXT]) {
  char *p = put_labels(buf, n->at.label[0], n->in[0]->shape.rank);
  *p++ = ',';
  p = put_labels(p, n->at.label[1], n->in[1]->shape.rank);
  *p++ = '-';
  *p++ = '>';
  *put_labels(p, n->at.label[2], n->shape.rank) = '\0';
  return buf;
}

Node *graph_reduce(Graph *g, GReduce kind, Node *x, uint32_t axes) {
  if (!axes) return x;
  Attr at = graph_attr();
  at.reduce = kind;
  at.axes = axes;
  return build(g, O_REDUCE, DT_F32, NULL, &at, 1, &x);
}

Node *graph_broadcast(Graph *g, Node *x, Shape s, const int *map) {
  if (!x || shape_same(&x->shape, &s)) return x;
  Attr at = graph_attr();
  for (int i = 0; i < x->shape.rank; i++) at.map[i] = map[i];
  return build(g, O_BROADCAST, DT_F32, &s, &at, 1, &x);
}

Node *graph_reshape(Graph *g, Node *x, Shape s) {
  if (!x || shape_same(&x->shape, &s)) return x;
  Attr at = graph_attr();
  return build(g, O_RESHAPE, DT_F32, &s, &at, 1, &x);
}

Node *graph_permute(Graph *g, Node *x, const int *perm) {
  if (!x) return NULL;
  Attr at = graph_attr();
  bool identity = true;
  for (int i = 0; i < x->shape.rank; i++) {
    at.map[i] = perm[i];
    identity = identity && perm[i] == i;
  }
  return identity ? x : build(g, O_PERMUTE, DT_F32, NULL, &at, 1, &x);
}

Node *graph_slice(Graph *g, Node *x, const int64_t *start, Shape s) {
  if (!x) return NULL;
  Attr at = graph_attr();
  bool whole = shape_same(&x->shape, &s);
  for (int i = 0; i < x->shape.rank; i++) {
    at.lo[i] = start[i];
    whole = whole && !start[i];
  }
  return whole ? x : build(g, O_SLICE, DT_F32, &s, &at, 1, &x);
}

Node *graph_pad(Graph *g, Node *x, const int64_t *lo, const int64_t *hi, const int64_t *between) {
  if (!x) return NULL;
  Attr at = graph_attr();
  bool nothing = true;
  for (int i = 0; i < x->shape.rank; i++) {
    at.lo[i] = lo[i];
    at.hi[i] = hi[i];
    at.between[i] = between ? between[i] : 0;
    nothing = nothing && !at.lo[i] && !at.hi[i] && !at.between[i];
  }
  return nothing ? x : build(g, O_PAD, DT_F32, NULL, &at, 1, &x);
}

Node *graph_concat(Graph *g, int n, Node *const *x, int axis) {
  Attr at = graph_attr();
  at.axis = axis;
  Node **in = arena_copy(g->arena, x, sizeof(Node *) * (size_t)n);
  Node *made = build(g, O_CONCAT, DT_F32, NULL, &at, n, in);
  return made && n == 1 ? x[0] : made;
}

Node *graph_window(Graph *g, Node *x, int axis, int64_t size, int64_t stride) {
  Attr at = graph_attr();
  at.axis = axis;
  at.size = size;
  at.stride = stride;
  return build(g, O_WINDOW, DT_F32, NULL, &at, 1, &x);
}

Node *graph_every(Graph *g, Node *x, int axis, int64_t step) {
  Node *w = x && step > 1 ? graph_window(g, x, axis, 1, step) : x;
  if (!w || w == x) return w;
  Shape s = x->shape;
  s.dim[axis] = w->shape.dim[axis];
  return graph_reshape(g, w, s);
}

Node *graph_gather(Graph *g, Node *x, Node *index) {
  Attr at = graph_attr();
  Node *in[2] = {x, index};
  return build(g, O_GATHER, DT_F32, NULL, &at, 2, in);
}

Node *graph_scatter(Graph *g, Node *x, Node *index, int64_t extent) {
  Attr at = graph_attr();
  Node *in[2] = {x, index};
  at.size = extent;
  return build(g, O_SCATTER, DT_F32, NULL, &at, 2, in);
}

Node *graph_stop_gradient(Graph *g, Node *x) {
  Attr at = graph_attr();
  return build(g, O_STOP_GRADIENT, DT_F32, NULL, &at, 1, &x);
}

static Node *rebuild(Graph *g, const Node *n, const Attr *at, Node *const *in) {
  Loc loc = g->loc;
  const char *path = g->path, *name = g->name;
  g->loc = n->loc;
  g->path = n->path;
  g->name = n->name;
  Node **copy = arena_copy(g->arena, in, sizeof(Node *) * (size_t)n->nin);
  Node *made = build(g, n->op, n->dtype, &n->shape, at, n->nin, copy);
  g->loc = loc;
  g->path = path;
  g->name = name;
  return made;
}

Node *graph_rebuild(Graph *g, const Node *n, Node *const *in) {
  return rebuild(g, n, &n->at, in);
}

Node *graph_again(Graph *g, const Node *n, Node *const *in) {
  Attr at;
  memcpy(&at, &n->at, sizeof at); /* with its padding: see graph_attr */
  at.again = true;
  return rebuild(g, n, &at, in);
}

static int64_t aligned_dim(const Shape *s, int i, int rank) {
  int at = i - (rank - s->rank);
  return at < 0 ? 1 : s->dim[at];
}

bool graph_broadcast_shape(const Shape *a, const Shape *b, Shape *out) {
  Shape s = {.rank = a->rank > b->rank ? a->rank : b->rank};
  for (int i = 0; i < s.rank; i++) {
    int64_t l = aligned_dim(a, i, s.rank), r = aligned_dim(b, i, s.rank);
    if (l != r && l != 1 && r != 1) return false;
    s.dim[i] = l == 1 ? r : l;
  }
  *out = s;
  return true;
}

Node *graph_expand(Graph *g, Node *x, Shape s) {
  if (!x || shape_same(&x->shape, &s)) return x;
  Shape both, kept = {0};
  int map[MAX_RANK] = {0};
  if (!graph_broadcast_shape(&x->shape, &s, &both) || !shape_same(&both, &s)) {
    char from[160], to[160];
    diag_error(g->loc, "found shape %s, expected one that broadcasts to %s",
               shape_text(&x->shape, from, sizeof from), shape_text(&s, to, sizeof to));
    return NULL;
  }
  for (int i = 0; i < x->shape.rank; i++) {
    int at = s.rank - x->shape.rank + i;
    if (x->shape.dim[i] != s.dim[at]) continue;
    map[kept.rank] = at;
    kept.dim[kept.rank++] = x->shape.dim[i];
  }
  return graph_broadcast(g, graph_reshape(g, x, kept), s, map);
}

/* The common shape of the operands, or false with an error. */
static bool common_shape(Graph *g, EltOp op, int n, Node *const *x, Shape *s) {
  *s = x[0]->shape;
  for (int i = 1; i < n; i++) {
    Shape so_far = *s;
    if (graph_broadcast_shape(&so_far, &x[i]->shape, s)) continue;
    char l[160], r[160];
    diag_error(g->loc, "%s: found shapes %s and %s, expected shapes that broadcast to one", elt_rows[op].text,
               shape_text(&so_far, l, sizeof l), shape_text(&x[i]->shape, r, sizeof r));
    return false;
  }
  return true;
}

static Node *map_n(Graph *g, EltOp op, int n, Node **x) {
  Shape s;
  for (int i = 0; i < n; i++)
    if (!x[i]) return NULL;
  if (!common_shape(g, op, n, x, &s)) return NULL;
  for (int i = 0; i < n; i++) x[i] = graph_expand(g, x[i], s);
  return graph_elt(g, op, x[0], x[1], x[2]);
}

Node *graph_map2(Graph *g, EltOp op, Node *a, Node *b) {
  return map_n(g, op, 2, (Node *[]){a, b, NULL});
}

Node *graph_map3(Graph *g, EltOp op, Node *a, Node *b, Node *c) {
  return map_n(g, op, 3, (Node *[]){a, b, c});
}
