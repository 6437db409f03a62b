/* Facts about one node that placement, saving and lowering share: what it is to them, what it costs, how a
 * reduction is cut, which roles a contraction's labels play. They follow from the node and its operands'
 * shapes alone; nothing here knows where a value lives. */
#ifndef PASSES_NODE_H
#define PASSES_NODE_H

#include "ir/graph/graph.h"
#include "ir/kernel/kern.h"

/* What a value is to placement: the word of strategy files. */
#define NODE_KINDS(X)                                                                                        \
  X(MAP, "maps")                 /* elementwise operations and casts */                                      \
  X(REDUCTION, "reductions")     /* sums and maxima over dimensions */                                       \
  X(CONTRACTION, "contractions") /* products summed */                                                       \
  X(DRAW, "draws")               /* random numbers */                                                        \
  X(GATHER, "gathers")           /* rows picked by an index */                                               \
  X(SCATTER, "scatters")         /* rows added at an index */                                                \
  X(CONCAT, "concats")           /* parts beside each other */                                               \
  X(COPY, "copies")              /* a constant or a view that must have memory */
typedef enum NodeKind {
#define X(k, text) NK_##k,
  NODE_KINDS(X)
#undef X
      NK_COUNT
} NodeKind;
extern const char *const node_kinds[NK_COUNT];

/* What a node is; NK_COPY is said of all that is not computed. */
NodeKind node_kind(const Node *n);
/* Whether values of the kind may be written into their readers. */
bool kind_inlines(NodeKind kind);
/* The word for what a node computes: "contract", and of elementwise operations "mul", since a "*" in a name
 * stands for a number. */
const char *node_op_name(Arena *a, const Node *n);

/* A view only renames indices: it is never computed. */
bool node_is_view(const Node *n);
/* A view that keeps the row-major order of all elements. */
bool node_keeps_order(const Node *n);
/* Whether each element depends on the operands' elements of the same row-major number alone. */
bool node_is_pointwise(const Node *n);
/* Whether operand i is one of those before it. */
bool node_repeats_operand(const Node *n, int i);
/* The node whose memory a gather's (or scatter's) index comes from: it is read inside an address. */
Node *node_index_base(const Node *gather);
/* Where operand `part` of a concatenation begins along its axis. */
int64_t node_slice_start(const Node *concat, int part);
/* Elements; bytes of all of them. */
int64_t node_count(const Node *n);
int64_t node_bytes(const Node *n);

/* Operations on an element that n's own rule takes, in additions. */
double node_work(const Node *n);

/* How a reduction (or scatter) is cut: its results and terms; parts 1: not at all, else partials of `chunk`
 * terms. */
typedef struct Sum {
  int64_t results, terms;
  int64_t parts, chunk;
  Shape kept, gone; /* extents of the results' points and of the terms */
} Sum;
Sum node_sum(const Node *n);
/* What a reduction does: a maximum, or a sum as a scatter does. */
KReduce node_reduce(const Node *n);

/* A contraction's labels by the role that they play, each role's in the order of the result, and of what is
 * contracted in the order of the left side. */
enum { CONTRACT_ROLES = 4 }; /* ROLE_BATCH, ROLE_M, ROLE_N, ROLE_K: their number is role - ROLE_BATCH */
typedef struct Contract {
  int n[CONTRACT_ROLES];
  uint8_t label[CONTRACT_ROLES][MAX_RANK];
  int64_t extent[CONTRACT_ROLES][MAX_RANK];
  const Node *side[2]; /* the operand with the m labels, and the one with the n labels */
  const uint8_t *side_label[2];
} Contract;
Contract node_contract(const Node *contract);
/* The product of a role's extents. */
int64_t contract_extent(const Contract *c, KRole role);
/* Multiplications and additions. */
double node_flop(const Node *contract);
/* Whether n sums the rows of the contraction's left side over what is contracted, in the result's order. */
bool node_sums_beside(const Node *contract, const Node *n);
/* The number of label x among the first `rank`, or -1. */
int find_label(const uint8_t *labels, int rank, uint8_t x);

#endif
