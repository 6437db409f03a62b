/* Classes of values: what repeated blocks make alike, under names that people write in strategy files. */
#ifndef PASSES_CLASSES_H
#define PASSES_CLASSES_H

#include "passes/node.h"

struct StrategyRow;

/* A class of values that are computed: states, inputs and constants have none, views only where they must
 * have memory. */
typedef struct ValueClass {
  const char *name;  /* "student.blocks.*.mlp.fc1.contract", "..#2" for the second of one name */
  const Node *first; /* in the graph */
  int members;       /* in the graph */
  NodeKind kind;
  const struct StrategyRow *row; /* of the strategy file, the last that matches; NULL: none */
  bool refused;                  /* an override of it has been reported */
} ValueClass;

typedef struct ValueClasses {
  int n;
  ValueClass *class; /* in order of their first nodes */
  int *of;           /* by node id: the class' index, -1: none */
} ValueClasses;

/* The classes of a graph whose nodes are settled. */
ValueClasses *classes_of(Arena *a, const Graph *g);

#endif
