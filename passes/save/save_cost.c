/* What keeping a value costs and what making it again costs. The unit is the time in which a core moves a
 * byte to or from memory while the others do the same: 2.5 bytes a cycle. In a cycle a core also does one
 * operation on 16 elements, or 64 multiplications and additions.
 *
 * These are not roofline.c's peaks, which follow the target and the threads: what is kept is the same for all
 * of them. 25.6 multiplications and additions a byte is what roofline.c gives Zen 5 with 7 threads and Zen 4
 * with 11; with one thread it gives 14 and 8. At 8 the scores of attention would be kept: memory that grows
 * with the square of the tokens, for what a chain kernel makes again without traffic. */
#include "passes/save/save.h"

static const double op_bytes = 2.5 / 16;
static const double flop_bytes = 2.5 / 64;
/* Starting a kernel. */
static const double launch_bytes = 20000;

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

/* The products of a batched contraction are used where they are made; any other one is stored again. */
static double contract_cost(const Node *n) {
  return node_flop(n) * flop_bytes + (is_batched(n) ? 0 : 2 * bytes(n));
}

/* Elementwise operations are written into kernels that read their operands anyway. Where there are many
 * points to an element (a row's statistic), it is made in each, or stored by a kernel of its own. */
static double map_cost(const Lower *l, const Node *n) {
  double spread = site_of(l, n)->spread, once = count(n) * node_work(n) * op_bytes;
  double inlined = once * spread, stored = once + 2 * bytes(n) + launch_bytes;
  return inlined < stored ? inlined : stored;
}

static double again_cost(const Lower *l, const Node *n) {
  switch (n->op) {
  case O_CONTRACT: return contract_cost(n);
  case O_REDUCE: return bytes(n->in[0]) + count(n->in[0]) * op_bytes;
  case O_SCATTER: return bytes(n->in[0]) + 2 * bytes(n);
  case O_CONCAT: return 3 * bytes(n);
  case O_GATHER: return bytes(n);
  default: return map_cost(l, n);
  }
}

int64_t save_again_cost(const Lower *l, const Node *n) {
  return (int64_t)(SAVE_UNIT * again_cost(l, n));
}
