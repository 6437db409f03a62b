/* Rewrites of reductions and contractions. */
#include <string.h>

#include "passes/rewrite/simplify_rules.h"

/* Over dimensions of extent 1 -> reshape, then what is left of the reduction */
static Node *reduce_of_ones(Graph *g, Node *n) {
  const Shape *from = &n->in[0]->shape;
  Shape s = {0};
  uint32_t axes = 0;
  for (int i = 0; i < from->rank; i++) {
    bool goes = n->at.axes >> i & 1u;
    if (goes && from->dim[i] == 1) continue;
    axes |= (uint32_t)goes << s.rank;
    s.dim[s.rank++] = from->dim[i];
  }
  if (s.rank == from->rank) return NULL;
  return graph_reduce(g, n->at.reduce, graph_reshape(g, n->in[0], s), axes);
}

static double reduced_count(const Node *n) {
  return (double)shape_count(&n->in[0]->shape) / (double)shape_count(&n->shape);
}

/* max(c) -> c; sum(c) -> c * count, of floats */
static Node *reduce_of_const(Graph *g, Node *n) {
  const Node *x = n->in[0];
  if (x->op != O_CONST || !dtype_is_float(n->dtype)) return NULL;
  double times = n->at.reduce == GR_SUM ? reduced_count(n) : 1;
  return graph_const(g, n->dtype, n->shape, x->at.value * times);
}

/* reduce(broadcast x) -> broadcast(reduce x), times the count of the new dimensions for a sum; of floats */
static Node *reduce_of_broadcast(Graph *g, Node *n) {
  const Node *b = n->in[0];
  if (b->op != O_BROADCAST || !dtype_is_float(n->dtype)) return NULL;
  uint32_t axes = 0;
  double count = 1;
  int map[MAX_RANK], kept = 0, to = 0;
  for (int i = 0; i < b->shape.rank; i++) {
    int from = simplify_broadcast_from(b, i);
    bool goes = n->at.axes >> i & 1u;
    if (goes && from >= 0) axes |= 1u << from;
    if (goes && from < 0) count *= (double)b->shape.dim[i];
    if (!goes && from >= 0) map[kept++] = to;
    to += !goes;
  }
  Node *x = graph_reduce(g, n->at.reduce, b->in[0], axes);
  if (n->at.reduce == GR_SUM && count != 1)
    x = graph_elt(g, E_MUL, x, graph_const(g, x->dtype, x->shape, count), NULL);
  return graph_broadcast(g, x, n->shape, map);
}

/* reduce(reduce x) -> reduce x, of one kind */
static Node *reduce_of_reduce(Graph *g, Node *n) {
  const Node *x = n->in[0];
  if (x->op != O_REDUCE || x->at.reduce != n->at.reduce) return NULL;
  uint32_t axes = x->at.axes;
  for (int i = 0, kept = 0; i < x->in[0]->shape.rank; i++) {
    if (x->at.axes >> i & 1u) continue;
    if (n->at.axes >> kept++ & 1u) axes |= 1u << i;
  }
  return graph_reduce(g, n->at.reduce, x->in[0], axes);
}

/* sum(-x) -> -sum(x) */
static Node *sum_of_negated(Graph *g, Node *n) {
  const Node *x = n->in[0];
  if (n->at.reduce != GR_SUM || x->op != O_ELT || x->at.elt != E_NEG) return NULL;
  return graph_elt(g, E_NEG, graph_reduce(g, GR_SUM, x->in[0], n->at.axes), NULL, NULL);
}

/* A contraction as it is taken apart: labels as letters, operands. */
typedef struct Parts {
  char label[3][MAX_RANK + 1];
  Node *in[2];
} Parts;

static Parts take_apart(const Node *n) {
  char text[GRAPH_LABELS_TEXT];
  Parts p = {.in = {n->in[0], n->in[1]}};
  int l = n->in[0]->shape.rank, r = n->in[1]->shape.rank;
  graph_labels(n, text);
  memcpy(p.label[0], text, (size_t)l);
  memcpy(p.label[1], text + l + 1, (size_t)r);
  memcpy(p.label[2], text + l + r + 3, (size_t)n->shape.rank);
  return p;
}

static Node *put_together(Graph *g, const Parts *p) {
  const char *text = arena_printf(g->arena, "%s,%s->%s", p->label[0], p->label[1], p->label[2]);
  return graph_contract(g, text, p->in[0], p->in[1]);
}

static void drop_letter(char *label, char c) {
  char *at = strchr(label, c);
  if (at) memmove(at, at + 1, strlen(at));
}

/* contract(permute x, y) -> contract(x, y): the labels move instead */
static Node *contract_of_permute(Graph *g, Node *n) {
  Parts p = take_apart(n);
  for (int who = 0; who < 2; who++) {
    const Node *x = n->in[who];
    if (x->op != O_PERMUTE) continue;
    Parts old = p;
    for (int i = 0; i < x->shape.rank; i++) p.label[who][x->at.map[i]] = old.label[who][i];
    p.in[who] = x->in[0];
    return put_together(g, &p);
  }
  return NULL;
}

/* The letters of the new dimensions of operand `who`, a BROADCAST, all leave it. */
static void drop_new_dimensions(Parts *p, int who, char *dropped) {
  const Node *b = p->in[who];
  char kept[MAX_RANK + 1] = {0};
  int nkept = 0, ndropped = 0;
  for (int i = 0; i < b->shape.rank; i++) {
    char c = p->label[who][i];
    if (simplify_broadcast_from(b, i) >= 0)
      kept[nkept++] = c;
    else
      dropped[ndropped++] = c;
  }
  memcpy(p->label[who], kept, sizeof kept);
  p->in[who] = b->in[0];
}

/* contract(broadcast x, y) -> contract(x, y), where the new dimensions are among the result's: those that y
 * lacks are broadcast afterwards. Those that are summed: y is summed over them first. */
static Node *contract_of_broadcast_at(Graph *g, Node *n, int who) {
  Parts p = take_apart(n);
  char dropped[MAX_RANK + 1] = {0}, whole[MAX_RANK + 1];
  memcpy(whole, p.label[2], sizeof whole);
  drop_new_dimensions(&p, who, dropped);
  uint32_t sums = 0;
  for (const char *c = dropped; *c; c++) {
    const char *other = strchr(p.label[!who], *c);
    if (!other) drop_letter(p.label[2], *c);
    if (other && !strchr(p.label[2], *c)) sums |= 1u << (other - p.label[!who]);
  }
  p.in[!who] = graph_reduce(g, GR_SUM, p.in[!who], sums);
  for (const char *c = dropped; *c; c++)
    if (!strchr(p.label[2], *c)) drop_letter(p.label[!who], *c);
  int map[MAX_RANK], kept = 0;
  for (int i = 0; whole[i]; i++)
    if (strchr(p.label[2], whole[i])) map[kept++] = i;
  return graph_broadcast(g, put_together(g, &p), n->shape, map);
}

static Node *contract_of_broadcast(Graph *g, Node *n) {
  for (int who = 0; who < 2; who++)
    if (n->in[who]->op == O_BROADCAST) return contract_of_broadcast_at(g, n, who);
  return NULL;
}

/* contract(0, y) -> 0 */
static Node *contract_of_zero(Graph *g, Node *n) {
  if (!simplify_is_const(n->in[0], 0) && !simplify_is_const(n->in[1], 0)) return NULL;
  return graph_const(g, n->dtype, n->shape, 0);
}

const SimplifyRule simplify_sum_rules[] = {
    {"reduce_of_ones", O_REDUCE, 0, reduce_of_ones},
    {"reduce_of_const", O_REDUCE, SL_CONST, reduce_of_const},
    {"reduce_of_broadcast", O_REDUCE, SL_BROADCAST, reduce_of_broadcast},
    {"reduce_of_reduce", O_REDUCE, SL_BROADCAST, reduce_of_reduce},
    {"sum_of_negated", O_REDUCE, 0, sum_of_negated},
    {"contract_of_permute", O_CONTRACT, 0, contract_of_permute},
    {"contract_of_broadcast", O_CONTRACT, SL_BROADCAST, contract_of_broadcast},
    {"contract_of_zero", O_CONTRACT, SL_ZERO, contract_of_zero},
    {NULL, OP_COUNT, 0, NULL},
};
