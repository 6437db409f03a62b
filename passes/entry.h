/* One entry on its way from a graph to kernels: where each value lives, and which values one kernel computes.
 * What the passes of place/ and lower/ hand to each other is in these structs. */
#ifndef PASSES_ENTRY_H
#define PASSES_ENTRY_H

#include "ir/prog.h"
#include "passes/node.h"
#include "passes/passes.h"

typedef enum Where {
  W_DEAD,   /* not needed in this entry */
  W_INLINE, /* nowhere: its expression is written into each consumer */
  W_HELD,   /* inside its group's kernel only */
  W_BUFFER, /* stored by its group's kernel */
  W_GIVEN   /* a state or an input: memory that exists */
} Where;

typedef struct Group Group;

/* One of a part's own roles as roles of its kernel, outermost first; none: the part does not have it. */
typedef struct RoleMap {
  int n;
  KRole as[3];
} RoleMap;

/* What one loop over points computes: a contraction with sums beside it, reductions of the same rows, or a
 * flat map; and values that follow at the same points. A part has roles of its own (points; batch, m, n and
 * k; part, outer and row), which are mapped to its kernel's. */
typedef struct Part {
  const Node *lead; /* its first reduction, or of a flat one a value of its points */
  bool flat;
  Group *of; /* the group that it was before a chain took it over, or NULL */
  RoleMap role[ROLE_COUNT];
} Part;

/* What one kernel computes: a list of parts. A plain group has one part, whose roles are the kernel's. In a
 * chain parts follow each other through resident blocks of rows: roles batch, m (rows), n (a row's elements),
 * k and d (features). */
struct Group {
  int id;
  int npart, cap_part;
  Part *part;
  int64_t extent[ROLE_COUNT]; /* of the kernel's roles; 0: it does not have the role */
  int ncore, cap_core;
  const Node **core; /* its reductions, part by part */
  int nroot, cap_root;
  const Node **root; /* what it stores at its part's points: the results', or the row's elements */
  int nheld, cap_held;
  const Node **held; /* what it computes for itself alone */
  int ndep, cap_dep;
  Group **dep;     /* groups whose results it reads, or which must run before it */
  bool backward;   /* of the backward pass, as are all its values */
  bool goes_on;    /* more of the forward pass than losses needs it */
  bool wide;       /* stores more than scalars */
  bool alone;      /* stores a value that may be supplied: nothing else may join */
  Group *merged;   /* the group that took this one over, or NULL */
  int mark;        /* of the search that saw it last */
  int first, last; /* its launches; last < first: none */
};

/* What is known of a node in this entry, by node id. */
typedef struct Site {
  Where where;
  bool forced;         /* must have memory: assigned, reported, supplied, or an index of a gather */
  bool backward;       /* of the backward pass: what is assigned needs it, the losses do not */
  bool padded;         /* read beyond its extent, under a condition */
  bool pinned;         /* its memory lives for the whole entry */
  bool row;            /* a root at the row's elements, not at the results' points */
  int64_t shared;      /* the look for shared reads that met it last */
  bool outside;        /* another kernel reads it */
  bool kept;           /* of the forward pass, and a kernel of the backward pass reads it */
  int uses;            /* consumers that compute, counted through views */
  unsigned readers;    /* their kinds, bit k: some is of NodeKind k */
  bool operand;        /* of a contraction, itself or written into one */
  double spread;       /* points at which consumers read it, over its own count */
  double ops, bytes;   /* an element of its inline expression: operations, bytes read */
  int size;            /* nodes of that expression */
  Group *group;        /* HELD, BUFFER */
  int part;            /* of that group, as it is now */
  PBuf *buf;           /* BUFFER, GIVEN */
  int64_t at;          /* first byte in buf */
  int order[MAX_RANK]; /* its dimensions in memory, outermost first */
  const Node *within;  /* stored in its slice of this concatenation, as operand number `slice` */
  int slice;
  uint64_t supply;      /* its bit in the step block's `supplied`, or 0 */
  const Assign *assign; /* stored straight into this state */
  int carries;          /* the look at an assignment that found it made of the state's old value */
  int seen[2];          /* marks of searches, unaligned and aligned */
} Site;

struct Lower {
  Arena *arena;
  const Graph *graph;
  const PassOptions *options;
  Prog *prog;
  EntryKind kind;
  const Entry *entry;
  Site *site; /* by node id */
  int ngroup, cap_group;
  Group **group;
  int mark; /* of the search at hand */
  int nstack, cap_stack;
  Group **stack;                /* groups that it has yet to look at */
  struct ValueClasses *classes; /* of the graph */
  struct Notes *notes;          /* why placement decided as it did */
  PBuf **state_buf;             /* by state id: owning group's memory */
  int norder;                   /* groups in launch order */
  Group **order;
  int ndraft, cap_draft; /* the entry's kernels in launch order */
  struct Draft **draft;
};

/* An entry of the program's graph, with nothing known yet. `states`: memory by state id, or NULL for a look
 * at placement alone. */
Lower *lower_open(Arena *a, Prog *p, const PassOptions *o, EntryKind e, PBuf **states);

static inline Site *site_of(const Lower *l, const Node *n) {
  return &l->site[n->id];
}

/* The value in whose memory n lies: itself, or the concatenation around it. */
static inline const Node *owner_of(const Lower *l, const Node *n) {
  while (site_of(l, n)->within) n = site_of(l, n)->within;
  return n;
}

/* The part of g, which is the node's group, that computes it. */
static inline const Part *part_of(const Lower *l, const Group *g, const Node *n) {
  return &g->part[site_of(l, n)->part];
}

#endif
