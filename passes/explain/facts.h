/* Facts of a planned program, gathered for people: what each kernel computes and costs, where values live,
 * which kernels read each other's results, and what is in memory when. Nothing is decided here; the printers
 * are tools/explain/. */
#ifndef PASSES_EXPLAIN_H
#define PASSES_EXPLAIN_H

#include "passes/entry.h"
#include "passes/explain/roofline.h"
#include "passes/place/decisions.h"

/* What a buffer is for. The first five live always. */
#define FACT_MEMORY(X)                                                                                       \
  X(PARAMETER, "parameter") /* trained */                                                                    \
  X(FROZEN, "frozen")       /* a parameter that is not */                                                    \
  X(GRADIENT, "gradient")                                                                                    \
  X(MOMENT, "moment") /* the optimizer's own */                                                              \
  X(STATE, "state")   /* else that lives between entries */                                                  \
  X(NAMED, "named")   /* an input, or reported: lives through its entry */                                   \
  X(KEPT, "kept")     /* made by the forward pass and read by the backward pass */                           \
  X(WORK, "work")     /* at work */
typedef enum FactMemory {
#define X(e, text) FM_##e,
  FACT_MEMORY(X)
#undef X
      FM_COUNT
} FactMemory;
extern const char *const fact_memory[FM_COUNT];
enum { FM_ENTRY = FM_NAMED }; /* the first that lives in one entry */

typedef struct FactBuf {
  const PBuf *buf;
  FactMemory kind;
  const Node *node;  /* whose value it holds; NULL: a state, or partial results */
  const char *value; /* the class of that: "blocks.*.attn.qkv" */
  Loc loc;
  int made; /* the launch that writes it first, -1: none of its entry */
} FactBuf;

/* Where a row's kernel has a value. */
#define FACT_PLACES(X)                                                                                       \
  X(STORED, "stored")         /* computed and written to memory */                                           \
  X(HELD, "held")             /* computed, for this kernel alone */                                          \
  X(INLINE, "inline")         /* its expression is written into the kernel */                                \
  X(RECOMPUTED, "recomputed") /* likewise, to make a value of the forward pass again instead of keeping it   \
                               */
typedef enum FactPlace {
#define X(e, text) FP_##e,
  FACT_PLACES(X)
#undef X
      FP_COUNT
} FactPlace;
extern const char *const fact_places[FP_COUNT];

/* A class of an entry's values: those that repeated blocks make alike. */
typedef struct FactValue {
  const char *name;  /* "blocks.*.attn.qkv" */
  const Node *first; /* of the entry's values */
  int count;
  bool backward;   /* not needed by the losses */
  bool kept;       /* for the backward pass, at least one of them */
  bool recomputed; /* of the forward pass, made again by the backward pass instead of kept */
} FactValue;

/* The rows whose kernels a class of the decisions is written into, named values or not. */
typedef struct FactInlined {
  int n, cap, *row;
} FactInlined;

typedef struct FactUse {
  int value; /* number in the entry's values */
  FactPlace place;
} FactUse;

typedef struct FactLaunch {
  const PLaunch *launch;
  Group *group;      /* NULL: a copy at the entry's end */
  const char *class; /* its origin, starred */
  int row;
  double operations, seconds; /* elementwise, in additions; predicted */
  Bound bound;
  double measured; /* seconds; negative: unknown */
} FactLaunch;

/* The launches of a row that have one kernel and one starred origin. */
typedef struct FactClass {
  const char *origin;
  int kernel; /* in the program */
  int launches;
  double seconds, measured; /* of all of them */
} FactClass;

/* Launches for the same line of the description: one kind of kernel, computing a value of one name. */
typedef struct FactRow {
  const char *kind; /* "dot": what the kernel's symbol begins with; "partial" has its "combine" with it */
  const char *name; /* the origin's last part */
  Loc loc;
  bool backward;
  int nlaunch, cap_launch, *launch; /* numbers in the entry */
  int nclass, cap_class;
  FactClass *class;
  int nuse, cap_use;
  FactUse *use;
  double flop, operations, bytes, seconds, measured; /* of all launches; measured negative: unknown */
  Bound bound;                                       /* of most of the time */
} FactRow;

/* Kernels of row `to` read values that kernels of row `from` have stored. */
typedef struct FactNeighbour {
  int from, to, value;
  int count;               /* such reads */
  int64_t bytes;           /* of the values read */
  const DecisionPair *why; /* why they are not one kernel, and not inline; NULL: a copy, or partial results */
} FactNeighbour;

typedef struct FactEntry {
  EntryKind kind;
  Lower *lower;
  const Decisions *decisions;
  double times;    /* in a step */
  double seconds;  /* predicted, run once */
  double measured; /* negative: unknown */
  int nlaunch;
  FactLaunch *launch;
  int nrow, cap_row;
  FactRow *row; /* in the order of their first launches */
  int nvalue, cap_value;
  FactValue *value;
  int *value_of;        /* by node id: number in `value`, -1: of none */
  FactInlined *inlined; /* by row of the decisions */
  int nneighbour, cap_neighbour;
  FactNeighbour *neighbour;
  int64_t *live[FM_COUNT]; /* nlaunch + 1 sums of bytes by kind, from FM_ENTRY on; the last: after the last */
  int peak;                /* the launch at which most is live */
} FactEntry;

typedef struct Facts {
  Arena *arena;
  const Prog *prog;
  Roofline roof;
  FactBuf *buf;              /* by buffer id */
  int64_t always[FM_COUNT];  /* bytes by kind, below FM_ENTRY */
  FactEntry entry[EN_COUNT]; /* lower NULL: absent */
  double step;               /* predicted seconds: micro-batches and update, or what else there is to run */
  double measured;           /* negative: unknown */
} Facts;

/* Gathers the facts of a program that passes_run made, whose entries it left in `lower`. Arena-owned. */
Facts *facts_make(Arena *a, const Prog *p, Lower *const *lower, const Roofline *r);
/* Seconds of each launch, entry by entry, become the facts' measured times. */
void facts_measured(Facts *f, double *const *seconds);
/* The name of a node's class, as strategy files have it; of what has none, states and inputs among them, its
 * path with indices starred and its own name, or its operation's. */
const char *fact_class(const FactEntry *e, const Node *n);
/* Bytes live at a launch, states included. */
int64_t fact_live(const Facts *f, const FactEntry *e, int launch);

/* passes/explain/facts_values.c: values, where rows have them, and who reads whom. Rows and launches are
 * there. */
void facts_values(Facts *f, FactEntry *e);
/* passes/explain/facts_memory.c: what buffers are for, once all entries have their values; then the entries'
 * live bytes. */
void facts_memory(Facts *f);

#endif
