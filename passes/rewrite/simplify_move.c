/* Rewrites of the ops that only move elements. */
#include "passes/rewrite/simplify_rules.h"

int simplify_broadcast_from(const Node *broadcast, int dim) {
  for (int i = 0; i < broadcast->in[0]->shape.rank; i++)
    if (broadcast->at.map[i] == dim) return i;
  return -1;
}

Node *simplify_move(Graph *g, const Node *like, Node *x) {
  if (like->op == O_BROADCAST) return graph_broadcast(g, x, like->shape, like->at.map);
  return like->op == O_RESHAPE ? graph_reshape(g, x, like->shape) : graph_permute(g, x, like->at.map);
}

/* move(c) -> c */
static Node *move_of_const(Graph *g, Node *n) {
  const Node *x = n->in[0];
  if (x->op != O_CONST) return NULL;
  return graph_const(g, n->dtype, n->shape, x->at.value);
}

/* pad(0) -> 0 */
static Node *pad_of_zero(Graph *g, Node *n) {
  return simplify_is_const(n->in[0], 0) ? move_of_const(g, n) : NULL;
}

/* concat(c, c, ..) -> c */
static Node *concat_of_const(Graph *g, Node *n) {
  for (int i = 0; i < n->nin; i++)
    if (!simplify_is_const(n->in[i], n->in[0]->at.value)) return NULL;
  return move_of_const(g, n);
}

static Node *broadcast_of_broadcast(Graph *g, Node *n) {
  const Node *x = n->in[0];
  if (x->op != O_BROADCAST) return NULL;
  int map[MAX_RANK];
  for (int i = 0; i < x->in[0]->shape.rank; i++) map[i] = n->at.map[x->at.map[i]];
  return graph_broadcast(g, x->in[0], n->shape, map);
}

static Node *reshape_of_reshape(Graph *g, Node *n) {
  const Node *x = n->in[0];
  return x->op == O_RESHAPE ? graph_reshape(g, x->in[0], n->shape) : NULL;
}

/* reshape(broadcast(scalar)) -> broadcast(scalar) */
static Node *reshape_of_broadcast(Graph *g, Node *n) {
  const Node *x = n->in[0];
  if (x->op != O_BROADCAST || x->in[0]->shape.rank) return NULL;
  return graph_broadcast(g, x->in[0], n->shape, NULL);
}

static Node *permute_of_permute(Graph *g, Node *n) {
  const Node *x = n->in[0];
  if (x->op != O_PERMUTE) return NULL;
  int perm[MAX_RANK];
  for (int i = 0; i < n->shape.rank; i++) perm[i] = x->at.map[n->at.map[i]];
  return graph_permute(g, x->in[0], perm);
}

/* permute(broadcast x) -> broadcast(permute x) */
static Node *permute_of_broadcast(Graph *g, Node *n) {
  const Node *x = n->in[0];
  if (x->op != O_BROADCAST) return NULL;
  int perm[MAX_RANK], map[MAX_RANK], kept = 0;
  for (int i = 0; i < n->shape.rank; i++) {
    int from = simplify_broadcast_from(x, n->at.map[i]);
    if (from < 0) continue;
    perm[kept] = from;
    map[kept++] = i;
  }
  return graph_broadcast(g, graph_permute(g, x->in[0], perm), n->shape, map);
}

/* A permutation that moves only dimensions of extent 1 -> reshape */
static Node *permute_of_ones(Graph *g, Node *n) {
  int last = -1;
  for (int i = 0; i < n->shape.rank; i++) {
    if (n->shape.dim[i] == 1) continue;
    if (n->at.map[i] < last) return NULL;
    last = n->at.map[i];
  }
  return graph_reshape(g, n->in[0], n->shape);
}

static Node *slice_of_slice(Graph *g, Node *n) {
  const Node *x = n->in[0];
  if (x->op != O_SLICE) return NULL;
  int64_t start[MAX_RANK];
  for (int i = 0; i < n->shape.rank; i++) start[i] = n->at.lo[i] + x->at.lo[i];
  return graph_slice(g, x->in[0], start, n->shape);
}

/* slice(broadcast x) -> broadcast(slice x) */
static Node *slice_of_broadcast(Graph *g, Node *n) {
  const Node *x = n->in[0];
  if (x->op != O_BROADCAST) return NULL;
  Shape s = x->in[0]->shape;
  int64_t start[MAX_RANK];
  for (int i = 0; i < s.rank; i++) {
    start[i] = n->at.lo[x->at.map[i]];
    s.dim[i] = n->shape.dim[x->at.map[i]];
  }
  return graph_broadcast(g, graph_slice(g, x->in[0], start, s), n->shape, x->at.map);
}

/* slice(concat(.., x, ..)), within x -> slice(x) */
static Node *slice_of_concat(Graph *g, Node *n) {
  const Node *x = n->in[0];
  if (x->op != O_CONCAT) return NULL;
  int axis = x->at.axis;
  int64_t start[MAX_RANK];
  for (int i = 0; i < n->shape.rank; i++) start[i] = n->at.lo[i];
  for (int k = 0; k < x->nin && start[axis] >= 0; k++) {
    int64_t extent = x->in[k]->shape.dim[axis];
    if (start[axis] + n->shape.dim[axis] <= extent) return graph_slice(g, x->in[k], start, n->shape);
    start[axis] -= extent;
  }
  return NULL;
}

/* slice(pad x), within x -> slice(x) */
static Node *slice_of_pad(Graph *g, Node *n) {
  const Node *x = n->in[0];
  if (x->op != O_PAD) return NULL;
  int64_t start[MAX_RANK];
  for (int i = 0; i < n->shape.rank; i++) {
    start[i] = n->at.lo[i] - x->at.lo[i];
    if (x->at.between[i] || start[i] < 0 || start[i] + n->shape.dim[i] > x->in[0]->shape.dim[i]) return NULL;
  }
  return graph_slice(g, x->in[0], start, n->shape);
}

static Node *pad_of_pad(Graph *g, Node *n) {
  const Node *x = n->in[0];
  if (x->op != O_PAD) return NULL;
  int64_t lo[MAX_RANK], hi[MAX_RANK];
  for (int i = 0; i < n->shape.rank; i++) {
    if (n->at.between[i]) return NULL;
    lo[i] = n->at.lo[i] + x->at.lo[i];
    hi[i] = n->at.hi[i] + x->at.hi[i];
  }
  return graph_pad(g, x->in[0], lo, hi, x->at.between);
}

/* concat(.., concat(a, b), ..) -> concat(.., a, b, ..), on one axis */
static Node *concat_of_concat(Graph *g, Node *n) {
  int total = 0;
  for (int i = 0; i < n->nin; i++) {
    bool inner = n->in[i]->op == O_CONCAT && n->in[i]->at.axis == n->at.axis;
    total += inner ? n->in[i]->nin : 1;
  }
  if (total == n->nin) return NULL;
  Node **all = ARENA_ARRAY(g->arena, total, Node *);
  int k = 0;
  for (int i = 0; i < n->nin; i++) {
    Node *x = n->in[i];
    bool inner = x->op == O_CONCAT && x->at.axis == n->at.axis;
    for (int j = 0; j < (inner ? x->nin : 1); j++) all[k++] = inner ? x->in[j] : x;
  }
  return graph_concat(g, total, all, n->at.axis);
}

/* window with size = stride -> reshape(slice) */
static Node *window_of_tiles(Graph *g, Node *n) {
  if (n->at.size != n->at.stride) return NULL;
  Shape s = n->in[0]->shape;
  const int64_t start[MAX_RANK] = {0};
  s.dim[n->at.axis] = n->shape.dim[n->at.axis] * n->at.size;
  return graph_reshape(g, graph_slice(g, n->in[0], start, s), n->shape);
}

const SimplifyRule simplify_move_rules[] = {
    {"move_of_const", O_BROADCAST, 0, move_of_const},
    {"move_of_const", O_RESHAPE, 0, move_of_const},
    {"move_of_const", O_PERMUTE, 0, move_of_const},
    {"move_of_const", O_SLICE, 0, move_of_const},
    {"move_of_const", O_WINDOW, 0, move_of_const},
    {"move_of_const", O_GATHER, 0, move_of_const},
    {"pad_of_zero", O_PAD, 0, pad_of_zero},
    {"concat_of_const", O_CONCAT, 0, concat_of_const},
    {"broadcast_of_broadcast", O_BROADCAST, 0, broadcast_of_broadcast},
    {"reshape_of_reshape", O_RESHAPE, 0, reshape_of_reshape},
    {"reshape_of_broadcast", O_RESHAPE, 0, reshape_of_broadcast},
    {"permute_of_permute", O_PERMUTE, 0, permute_of_permute},
    {"permute_of_broadcast", O_PERMUTE, 0, permute_of_broadcast},
    {"permute_of_ones", O_PERMUTE, 0, permute_of_ones},
    {"slice_of_slice", O_SLICE, 0, slice_of_slice},
    {"slice_of_broadcast", O_SLICE, 0, slice_of_broadcast},
    {"slice_of_concat", O_SLICE, 0, slice_of_concat},
    {"slice_of_pad", O_SLICE, 0, slice_of_pad},
    {"pad_of_pad", O_PAD, 0, pad_of_pad},
    {"concat_of_concat", O_CONCAT, 0, concat_of_concat},
    {"window_of_tiles", O_WINDOW, 0, window_of_tiles},
    {NULL, OP_COUNT, 0, NULL},
};
