/* What graph_parse.c and graph_parse_node.c share. */
#ifndef IR_GRAPH_PARSE_H
#define IR_GRAPH_PARSE_H

#include "ir/graph/graph_impl.h"
#include "ir/graph/graph_lex.h"

/* So many missing lines are made up for, so that the numbers after them still fit. */
enum { MOST_MISSING = 1000 };

/* A name that may be used before what it names is read: filled in at the end. */
typedef struct GraphFixup {
  Loc loc;
  int number;
  const State **state; /* one of the two */
  Node **node;
} GraphFixup;

typedef struct GraphParse {
  Graph *g;
  GraphLex lex;
  int nnode, cap_node;
  Node **node; /* by number in the text; NULL: its line was wrong */
  int nstate, cap_state;
  State **state;
  int nfix, cap_fix;
  GraphFixup *fix;
  int npath, cap_path;
  Source **path; /* files that places name */
  Entry *entry;  /* the one being read */
  EntryKind kind;
} GraphParse;

/* "%12 = op ..", the percent sign and number already seen to be there. */
void graph_parse_node(GraphParse *p);
/* "%7": sets *n, which is NULL when the node's line was wrong. False, reported, when there is none. */
bool graph_parse_operand(GraphParse *p, Node **n);
/* "s7", of a state read before. */
bool graph_parse_state_ref(GraphParse *p, const State **s);
/* ' @"file":line:column', if there is one. */
bool graph_parse_loc(GraphParse *p, Loc *loc);

#endif
