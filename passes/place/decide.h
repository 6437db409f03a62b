/* Decisions: what placement did with each class of values, and why neighbours are not in one kernel. Classes
 * have names that people write in strategy files; `decisions_make` gathers an entry's decisions for those who
 * show them. */
#ifndef PASSES_DECIDE_H
#define PASSES_DECIDE_H

#include "passes/entry.h"

struct StrategyRow;

/* Why a value is not written into its readers, or does not join the kernel of what it reads. The second
 * column is the rule of docs/fusion.md that an override asking for it breaks. */
#define DECIDE_REASONS(X)                                                                                    \
  X(NONE, "", "they are in one kernel")                                                                      \
  X(CYCLE, "F10", "a third kernel has to run between them: together they would make a cycle")                \
  X(ALONE, "F11", "a value that may be supplied from outside has a kernel of its own")                       \
  X(FULL, "F12", "it needs the full reduction first, and the reduced row is not kept")                       \
  X(POINTS, "F13", "the kernel has other points")                                                            \
  X(AWAY, "F14", "it is read away from its own point")                                                       \
  X(ROWS, "F15", "it reduces rows, and the kernel does not have the same rows at hand")                      \
  X(CORES, "F16", "the kernel has as many reductions as one may have")                                       \
  X(OPERAND, "F20", "the target computes no such value while it multiplies: an operand is in memory")        \
  X(SCRATCH, "F17", "the kernel's scratch does not fit the target")                                          \
  X(PASSES, "F19", "one is of the forward pass, the other of the backward pass")                             \
  X(BEGINS, "F18", "this operation begins a kernel of its own")                                              \
  X(REDUCED, "F5", "a reduction, contraction, scatter or concatenation is computed once, never inlined")     \
  X(MEMORY, "F6", "it must have memory: it is reported, supplied, assigned to a state, or an index")         \
  X(LARGE, "F7", "its expression is too large to be written into other kernels")                             \
  X(COST, "", "it costs more")                                                                               \
  X(APART, "", "they read no large value in common, so that one kernel would save nothing")                  \
  X(FAR, "F9", "they lie too far apart in the description to be looked at together")                         \
  X(TAKEN, "", "it is part of another kernel, which it follows more closely")                                \
  X(OVERRIDE, "F9", "the strategy file says so")
typedef enum DReason {
#define X(r, rule, text) DR_##r,
  DECIDE_REASONS(X)
#undef X
      DR_COUNT
} DReason;
typedef struct DReasonRow {
  const char *name; /* "CYCLE" */
  const char *rule; /* "F10", or "" where no override can ask for it */
  const char *text; /* a sentence without its full stop */
} DReasonRow;
extern const DReasonRow decide_reasons[DR_COUNT];

/* A class of values that are computed: states, inputs and constants have none, views only where they must
 * have memory. */
typedef struct DClass {
  const char *name;  /* "student.blocks.*.mlp.fc1.contract", "..#2" for the second of one name */
  const Node *first; /* in the graph */
  int members;       /* in the graph */
  DKind kind;
  const struct StrategyRow *row; /* of the strategy file, the last that matches; NULL: none */
  bool refused;                  /* an override of it has been reported */
} DClass;

typedef struct DClasses {
  int n;
  DClass *class; /* in order of their first nodes */
  int *of;       /* by node id: the class' index, -1: none */
} DClasses;

/* The classes of a graph whose nodes are settled. */
DClasses *decide_classes(Arena *a, const Graph *g);

/* How a value came to where it is. */
#define DECIDE_ROLES(X)                                                                                      \
  X(INLINE, "inline")     /* written into its readers: no memory */                                          \
  X(LEAD, "lead")         /* what its kernel was begun for */                                                \
  X(EPILOGUE, "epilogue") /* follows its kernel's lead at the same points */                                 \
  X(ROW, "row")           /* computed at the elements of the rows that its kernel reduces */                 \
  X(SIBLING, "sibling")   /* another reduction or map that shares the kernel's pass over memory */
typedef enum DRole {
#define X(r, text) DP_##r,
  DECIDE_ROLES(X)
#undef X
      DP_COUNT
} DRole;
extern const char *const decide_roles[DP_COUNT];

/* What became of a class in one entry. Costs are in bytes of memory traffic, of all members. */
typedef struct DRow {
  const DClass *class;
  const Node *first; /* in this entry; its loc is the class' */
  int members;       /* in this entry */
  int inlined_members;
  DRole role;       /* of the first member */
  bool stored;      /* in memory after its kernel; false: inline, or held in its kernel alone */
  bool mixed;       /* some member has another role, or is stored where the first is not */
  int kernel;       /* index of the first member's kernel class, -1: inline */
  int64_t bytes;    /* of one member's value */
  DReason inlining; /* why it is not inline; DR_NONE where it is */
  double inlined;   /* cost of writing it into its readers, and of storing it, where they were compared; */
  double storing;   /* else 0 */
} DRow;

/* Groups that compute the same classes. */
typedef struct DKernel {
  const char *name; /* its lead's class */
  int lead;         /* row */
  int ngroup;
  Group **group; /* in order; launches first..last of each are known after pass `kernels` */
  int nrow;
  int *row; /* what it computes, rising */
} DKernel;

/* A consumer that reads a producer's memory instead of sharing its kernel. */
typedef struct DPair {
  int consumer, producer;        /* rows */
  int count;                     /* how many such reads */
  DReason joining;               /* why the consumer is not in the producer's kernel */
  DReason inlining;              /* why the producer is not inline in the consumer's, with the row's costs */
  const struct StrategyRow *row; /* of the strategy file: what `joining` is about; NULL: no row is */
} DPair;

typedef struct Decisions Decisions;
struct Decisions {
  const DClasses *classes;
  int nrow;
  DRow *row; /* in order of their first nodes */
  int npair;
  DPair *pair; /* by consumer, then producer */
  int nkernel;
  DKernel *kernel; /* in order of their first groups */
  int *row_of;     /* by node id, -1: none */
};

/* Everything of one placed entry; arena-owned. `passes_run` makes them where PassOptions asks. */
Decisions *decisions_make(Lower *l);

/* What placement notes as it goes (in l->notes). A refusal says why n is not in g's kernel; the last one of a
 * pair counts. */
typedef struct DNotes DNotes;
DNotes *decide_notes(Arena *a, const Graph *g);
void decide_refuse(Lower *l, const Node *n, Group *g, DReason why);
/* Why n is not inline, with the two costs where they were compared. */
void decide_stored(Lower *l, const Node *n, DReason why, double inlined, double storing);
/* The costs stay, but they did not decide: n takes the place of a reduction that nothing else reads. */
void decide_taken(Lower *l, const Node *n);
/* What was noted; DR_NONE where nothing was. */
DReason decide_refused(const Lower *l, const Node *n, const Group *g);
DReason decide_inlining(const Lower *l, const Node *n, double *inlined, double *storing);

#endif
