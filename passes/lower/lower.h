/* Shared by the passes that turn a graph into kernels. One Lower is one entry being lowered: placement says
 * where each node's value lives and which nodes are computed by one kernel (a Group); lowering then writes a
 * compute and a plan for each group; ordering and the memory plan come after. */
#ifndef PASSES_LOWER_H
#define PASSES_LOWER_H

#include "ir/prog.h"
#include "passes/passes.h"
#include "passes/place/decide.h"
#include "passes/place/strategy.h"

typedef enum Where {
  W_DEAD,   /* not needed in this entry */
  W_INLINE, /* nowhere: its expression is written into each consumer */
  W_HELD,   /* inside its group's kernel only */
  W_BUFFER, /* stored by its group's kernel */
  W_GIVEN   /* a state or an input: memory that exists */
} Where;

typedef struct Group Group;

/* A role of a group's own kernel as roles of the chain that took the group over, outermost first. */
typedef struct Renamed {
  const char *own;
  const char *as[4]; /* NULL-ended */
} Renamed;

typedef struct Part {
  Group *of; /* its reductions and what it stores at which points */
  Renamed role[4];
} Part;

/* A kernel of groups that follow each other through resident blocks of rows: roles batch, m (rows), n (a
 * row's elements), k and d (features). Part 0 contracts to (m, n). */
enum { CHAIN_ROLES = 5, MOST_PARTS = 16 };
typedef struct Chain {
  int64_t extent[CHAIN_ROLES]; /* of batch, m, n, k, d; 0: not there */
  int npart;
  Part part[MOST_PARTS];
} Chain;

struct Group {
  int id;
  int ncore, cap_core;
  const Node **
      core; /* its reductions: a contraction and sums beside it, or reductions of one row; none: a flat map */
  int nroot, cap_root;
  const Node *
      *root; /* what it stores, at its points: the results' (or the first root's), or the row's elements */
  int nheld, cap_held;
  const Node **held; /* what it computes for itself alone */
  int ndep, cap_dep;
  Group **dep;     /* groups whose results it reads, or which must run before it */
  bool backward;   /* of the backward pass, as are all its values */
  bool goes_on;    /* more of the forward pass than losses needs it; known once asked */
  bool alone;      /* stores a value that may be supplied: nothing else may join */
  Chain *chain;    /* or NULL */
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
  unsigned readers;    /* their kinds, bit k: some is of DKind k */
  bool operand;        /* of a contraction, itself or written into one */
  double spread;       /* points at which consumers read it, over its own count */
  double ops, bytes;   /* an element of its inline expression: operations, bytes read */
  int size;            /* nodes of that expression */
  Group *group;        /* HELD, BUFFER */
  PBuf *buf;           /* BUFFER, GIVEN */
  int64_t at;          /* first byte in buf */
  int order[MAX_RANK]; /* its dimensions in memory, outermost first */
  const Node *within;  /* stored in its slice of this concatenation, as operand `part` */
  int part;
  uint64_t supply;      /* its bit in the step block's `supplied`, or 0 */
  const Assign *assign; /* stored straight into this state */
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
  int mark;
  bool ends_known;   /* whether the groups' `goes_on` are */
  DClasses *classes; /* of the graph */
  DNotes *notes;
  PBuf **state_buf; /* by state id: owning group's memory */
};

static inline Site *site_of(const Lower *l, const Node *n) {
  return &l->site[n->id];
}

/* A view only renames indices: it is never computed. */
bool node_is_view(const Node *n);
/* A view that keeps the row-major order of all elements. */
bool node_keeps_order(const Node *n);

/* The node whose memory a gather's (or scatter's) index comes from: it is read inside an address. */
Node *lower_index_base(const Node *gather);
/* An entry of the program's graph, with nothing known yet. `states`: memory by state id, or NULL for a look
 * at placement alone. */
Lower *lower_open(Arena *a, Prog *p, const PassOptions *o, EntryKind e, PBuf **states);
/* passes/place/uses.c: liveness, uses, spread, forced, backward. */
void lower_uses(Lower *l);
/* passes/place/place.c: decides every Site's `where` and the groups. */
void lower_place(Lower *l);
/* What one elementwise operation costs, and one random number, in additions. */
double elt_work(EltOp op);
enum { RANDOM_WORK = 14 };
/* Operations on an element that n's own rule takes. */
double node_ops(const Node *n);
/* passes/place/place_reduce.c */
void lower_place_reduce(Lower *l, const Node *n);
void lower_place_contract(Lower *l, const Node *n);
/* passes/place/groups.c */
Group *group_new(Lower *l, const Node *core, const Node *root);
void group_add_core(Lower *l, Group *g, const Node *n);
/* The group that took g over, and so on; or g itself. */
Group *group_now(Group *g);
Group *group_of(const Site *s);
bool group_has_core(const Group *g, const Node *n);
void group_add_root(Lower *l, Group *g, const Node *n);
void group_add_dep(Lower *l, Group *g, Group *dep);
/* Takes on every group that the node's inline expression reads. */
void group_depend(Lower *l, Group *g, const Node *n);
/* Whether nothing that n reads, other than g's results, needs g's results. */
bool group_allows(Lower *l, Group *g, const Node *n);
/* Whether g computes a value of the class. */
bool group_computes(const Lower *l, const Group *g, int class);
/* Whether n reads any of g's results. */
bool group_reads(Lower *l, Group *g, const Node *n);
/* Whether b may run together with a, where a came first: no third group stands between. */
bool group_direct(Lower *l, Group *a, Group *b);
/* Whether all that the reader's roots read of another group is read at their own points. */
bool group_reads_aligned(Lower *l, Group *reader, Group *of);
/* Whether g may compute values of that pass: its own; or the backward pass' too where nothing of the forward
 * pass but losses comes after g, since then nothing is kept for longer: a loss and its gradient. */
bool group_of_pass(Lower *l, const Group *g, bool backward);
/* Why two flat groups may not become one, or DR_NONE. */
DReason group_may_merge(Lower *l, Group *a, Group *b);
void group_merge(Lower *l, Group *into, Group *from);
/* Whether `from` must run before `to`. */
bool group_before(Lower *l, Group *from, Group *to);

/* passes/place/chain.c: groups that follow each other through rows of a contraction's result become one
 * kernel. */
void lower_chains(Lower *l);

/* passes/lower/assign.c: stores results straight into the states they are assigned to where every other
 * reader of the old value can run before; the others are left to lower_copies after everything. */
void lower_assign(Lower *l);
/* Visits every stored or given node that the inline expression of n reads; `aligned` says whether at n's own
 * point. Stops and returns false when the visitor does. */
typedef bool LowerVisit(Lower *l, const Node *read, bool aligned, void *ctx);
bool lower_reads(Lower *l, const Node *n, LowerVisit *visit, void *ctx);

/* passes/place/fit.c: why g's kernel may not also compute n, or DR_NONE: its other reads have to allow it,
 * and what it reads of g has to be there at its own point (`row`: at the row's elements). */
DReason group_may_take(Lower *l, Group *g, const Node *n, bool row);
/* The same for another reduction n of g's rows. */
DReason group_may_reduce(Lower *l, Group *g, const Node *n);

/* passes/lower/points.c: whether n sums the rows of the contraction's left side over what is contracted, in
 * the result's order. */
bool group_sums_beside(const Node *contract, const Node *n);

/* passes/lower/slices.c: which operands of concatenations are stored straight into their slices. */
void lower_slices(Lower *l);
/* Whether the operand is there already. */
bool lower_is_slice(const Lower *l, const Node *concat, int part);
/* passes/lower/layout.c: memory order of every stored node, buffers made. */
void lower_layout(Lower *l);
/* A buffer of this entry. */
PBuf *lower_buf(Lower *l, const char *name, DType t, int64_t count, Loc loc);
/* The memory of a state that is nobody's member. */
PBuf *prog_state_buf(Prog *p, const State *s);
/* passes/lower/order.c: launch order. */
Group **lower_order(Lower *l, int *n);
/* passes/lower/lower.c: the group's kernels and launches appended to the entry. */
void lower_group(Lower *l, Group *g);
void lower_contract(Lower *l, Group *g);
void lower_sum(Lower *l, Group *g);
void lower_chain(Lower *l, Group *g);
/* Launches that copy what could not be stored straight into its state. */
void lower_copies(Lower *l);

/* passes/rewrite/states.c */
/* Whether two states have memory in common. */
bool states_overlap(const State *a, const State *b);
/* States' first values are assigned in entry init, where nothing else is. */
void prog_first_values(Graph *g);
/* Old values of states that are assigned to others, or named while the state gets a new value, become nodes
 * of their own, with memory of their own. */
void prog_keep_old(Graph *g);

/* passes/lower/tables.c: the program's states and values; memory of each state by its id; where the values
 * are. */
PBuf **prog_states(Prog *p);
void prog_values(Prog *p);
void prog_bind_values(Lower *l);

/* passes/prog_text.c: the placement table; checks of kernels and of the memory plan. */
char *place_print(const Lower *l);
bool prog_verify(const Prog *p);

/* passes/lower/memory.c: offsets for all buffers of the program; arena_bytes and live_bytes. */
void prog_memory(Prog *p);

#endif
