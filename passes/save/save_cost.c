/* What keeping a value costs and what making it again costs, in bytes of far memory moved in the same time.
 */
#include "passes/save/save.h"

bool save_is_free(const Node *n) {
  switch (n->op) {
  case O_STATE:
  case O_INPUT:
  case O_CONST:
  case O_IOTA:
  case O_STEP: return true;
  default: return false;
  }
}

static double count(const Node *n) {
  return (double)node_count(n);
}

static double bytes(const Node *n) {
  return (double)node_bytes(n);
}

/* It is written to memory and read from there, since so much comes between. What would otherwise stay inside
 * its kernel is also stored for this alone. */
int64_t save_keep_cost(const Lower *l, const Node *n) {
  const Site *s = site_of(l, n);
  if (s->forced) return 0;
  return (int64_t)(SAVE_UNIT * bytes(n) * (s->where == W_HELD ? 3 : 2));
}

/* A label of both operands and of the result: the product of each such index is small and stands alone. */
static bool is_batched(const Node *contract) {
  const uint8_t(*label)[MAX_RANK] = contract->at.label;
  for (int i = 0; i < contract->shape.rank; i++) {
    bool in[2] = {false, false};
    for (int side = 0; side < 2; side++)
      for (int k = 0; k < contract->in[side]->shape.rank; k++) in[side] |= label[side][k] == label[2][i];
    if (in[0] && in[1]) return true;
  }
  return false;
}

static const TargetCost *costs(const Lower *l) {
  return &l->options->target->cost;
}

/* Of `count` times n's own work. */
static double work_cost(const Lower *l, const Node *n, double count) {
  return count * node_work(n) * (costs(l)->far / costs(l)->operations);
}

/* The products of a batched contraction are used where they are made; any other one is stored again. */
static double contract_cost(const Lower *l, const Node *n) {
  double flop = node_flop(n) * (costs(l)->far / costs(l)->flop);
  return flop + (is_batched(n) ? 0 : op_rows[n->op].out * bytes(n));
}

/* Elementwise operations are written into kernels that read their operands anyway. Where there are many
 * points to an element (a row's statistic), it is made in each, or stored by a kernel of its own. */
static double map_cost(const Lower *l, const Node *n) {
  double spread = site_of(l, n)->spread, once = work_cost(l, n, count(n));
  double inlined = once * spread, stored = once + 2 * bytes(n) + costs(l)->launch * costs(l)->far;
  return inlined < stored ? inlined : stored;
}

static double again_cost(const Lower *l, const Node *n) {
  const OpRow *row = &op_rows[n->op];
  if (n->op == O_CONTRACT) return contract_cost(l, n);
  if (row->in == 0 && row->out == 0) return map_cost(l, n);
  double moved = row->in * bytes(n->in[0]) + row->out * bytes(n);
  return moved + work_cost(l, n, count(n->op == O_REDUCE ? n->in[0] : n));
}

int64_t save_again_cost(const Lower *l, const Node *n) {
  return (int64_t)(SAVE_UNIT * again_cost(l, n));
}
