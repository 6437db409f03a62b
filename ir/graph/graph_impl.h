/* What the graph's own files share and nobody else needs: the shape rules and the hash-consing table. */
#ifndef IR_GRAPH_IMPL_H
#define IR_GRAPH_IMPL_H

#include "ir/graph/graph.h"

/* Why a node breaks its op's rule: found and expected, without the op's name. */
typedef struct GraphWhy {
  char text[320];
} GraphWhy;

/* Applies the op's shape and type rule to a node whose op, attributes and operands are set, and also its
 * shape (CONST, IOTA, RANDOM, INPUT, BROADCAST, RESHAPE, SLICE) or type (CONST, IOTA, INPUT, CAST) where
 * those are given and not derived. Fills in what is derived; false with the reason when the rule is broken.
 */
bool graph_shape(Node *n, GraphWhy *why);
/* "contract", "elt +": the op as messages name it. */
const char *graph_op_name(const Node *n, char *buf, int size);

/* The node of the graph equal to `proto`, found or made; the rule is applied, a violation reported. */
Node *graph_add(Graph *g, const Node *proto);
/* Reads a contraction's labels into zeroed attributes and the result's rank (its extents set to 1: the rule
 * derives them). False, reported at the graph's place, when they are malformed or not the operands' ranks. */
bool graph_read_labels(Graph *g, const char *labels, const Node *a, const Node *b, Attr *at, Shape *s);
/* An attribute whose every byte is zero. */
Attr graph_attr(void);
/* The shape with unused dimensions zeroed. */
Shape graph_clean_shape(Shape s);
/* Words of the text form, shared by printer and parser. */
typedef struct GraphFlag {
  unsigned bit;
  const char *text;
} GraphFlag;
extern const GraphFlag graph_flags[]; /* ends with text NULL */
extern const char *const graph_state_kinds[ST_GROUP + 1];
extern const char *const graph_entry_names[EN_COUNT];

/* Keeps only the nodes with keep[id], numbers them anew in order, and rebuilds the table. */
void graph_compact(Graph *g, const bool *keep);

#endif
