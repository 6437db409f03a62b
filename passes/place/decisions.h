/* Decisions: what placement did with each class of values, and why neighbours are not in one kernel, gathered
 * for those who show them. */
#ifndef PASSES_DECISIONS_H
#define PASSES_DECISIONS_H

#include "passes/place/classes.h"
#include "passes/place/reasons.h"

/* How a value came to where it is. */
#define DECISION_ROLES(X)                                                                                    \
  X(INLINE, "inline")     /* written into its readers: no memory */                                          \
  X(LEAD, "lead")         /* what its kernel was begun for */                                                \
  X(EPILOGUE, "epilogue") /* follows its kernel's lead at the same points */                                 \
  X(ROW, "row")           /* computed at the elements of the rows that its kernel reduces */                 \
  X(SIBLING, "sibling")   /* another reduction or map that shares the kernel's pass over memory */
typedef enum DecisionRole {
#define X(r, text) DP_##r,
  DECISION_ROLES(X)
#undef X
      DP_COUNT
} DecisionRole;
extern const char *const decision_roles[DP_COUNT];

/* What became of a class in one entry. Costs are in bytes of memory traffic, of all members. */
typedef struct DecisionRow {
  const ValueClass *class;
  const Node *first; /* in this entry; its loc is the class' */
  int members;       /* in this entry */
  int inlined_members;
  DecisionRole role; /* of the first member */
  bool stored;       /* in memory after its kernel; false: inline, or held in its kernel alone */
  bool mixed;        /* some member has another role, or is stored where the first is not */
  int kernel;        /* index of the first member's kernel class, -1: inline */
  int64_t bytes;     /* of one member's value */
  Reason inlining;   /* why it is not inline; DR_NONE where it is */
  double inlined;    /* cost of writing it into its readers, and of storing it, where they were compared; */
  double storing;    /* else 0 */
} DecisionRow;

/* Groups that compute the same classes. */
typedef struct DecisionKernel {
  const char *name; /* its lead's class */
  int lead;         /* row */
  int ngroup;
  Group **group; /* in order; launches first..last of each are known after pass `kernels` */
  int nrow;
  int *row; /* what it computes, rising */
} DecisionKernel;

/* A consumer that reads a producer's memory instead of sharing its kernel. */
typedef struct DecisionPair {
  int consumer, producer;        /* rows */
  int count;                     /* how many such reads */
  Reason joining;                /* why the consumer is not in the producer's kernel */
  Reason inlining;               /* why the producer is not inline in the consumer's, with the row's costs */
  const struct StrategyRow *row; /* of the strategy file: what `joining` is about; NULL: no row is */
} DecisionPair;

typedef struct Decisions Decisions;
struct Decisions {
  const ValueClasses *classes;
  int nrow;
  DecisionRow *row; /* in order of their first nodes */
  int npair;
  DecisionPair *pair; /* by consumer, then producer */
  int nkernel;
  DecisionKernel *kernel; /* in order of their first groups */
  int *row_of;            /* by node id, -1: none */
};

/* Everything of one placed entry; arena-owned. `passes_run` makes them where PassOptions asks. */
Decisions *decisions_make(Lower *l);

#endif
