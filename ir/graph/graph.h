/* Graph IR: SSA over tensors of static shape and type. Pure nodes are hash-consed, so building the same
 * expression twice gives the same node. What happens is said by entries: lists of assignments to states and
 * of named values to report. Inside an entry every STATE node is the value from before the entry began;
 * an assignment takes effect after all reads of the old value (the ordering pass adds those edges). */
#ifndef IR_GRAPH_H
#define IR_GRAPH_H

#include "base/arena.h"
#include "base/diag.h"
#include "ir/eltwise.h"
#include "ir/type.h"

typedef enum Op {
#define OP(N, ...) O_##N,
#include "ir/graph/graph_ops.def"
#undef OP
  OP_COUNT
} Op;

typedef struct OpRow {
  const char *text;
  int operands;
  double work, in, out; /* what it costs, as graph_ops.def says */
} OpRow;
extern const OpRow op_rows[OP_COUNT];

typedef struct Node Node;
typedef struct State State;
typedef struct Graph Graph;

typedef enum GReduce { GR_SUM, GR_MAX } GReduce;

enum { MAX_LABELS = 32 };

/* Attributes by op; unused members are zero, so that equal nodes have equal bytes. */
typedef struct Attr {
  EltOp elt;                  /* ELT */
  double value;               /* CONST */
  int axis;                   /* IOTA, CONCAT, WINDOW */
  int64_t size, stride;       /* WINDOW; SCATTER: size is N */
  GReduce reduce;             /* REDUCE */
  uint32_t axes;              /* REDUCE: bit i set: axis i goes */
  int map[MAX_RANK];          /* BROADCAST, PERMUTE */
  int64_t lo[MAX_RANK];       /* SLICE: start; PAD */
  int64_t hi[MAX_RANK];       /* PAD */
  int64_t between[MAX_RANK];  /* PAD */
  uint64_t stream;            /* RANDOM */
  const char *name;           /* STEP: field; INPUT: the value's name (interned) */
  const State *state;         /* STATE */
  uint8_t label[3][MAX_RANK]; /* CONTRACT: labels 0.. of left, right, result dimensions */
  bool again;                 /* any op: made once more for the backward pass, apart from its equal */
} Attr;

struct Node {
  int id; /* position in graph->node: operands have smaller ids */
  Op op;
  DType dtype;
  Shape shape;
  Attr at;
  int nin;
  Node **in;
  bool supplied; /* some entry lets it be given from outside: no rewrite looks through it
                    (graph_mark_supplied) */
  Loc loc;
  const char *name; /* the `let` that names it, or NULL */
  const char *path; /* the call path that made it: "blocks.3.attn"; "" at the top */
};

typedef enum StateKind {
  ST_PARAM,   /* trained */
  ST_FROZEN,  /* a parameter of a frozen module, or one that is fixed (position tables) */
  ST_CARRIED, /* not trained, but changed in training: running statistics, averaged weights, queues */
  ST_GRAD,    /* accumulated gradient of a parameter or group */
  ST_SLOT,    /* the optimizer's own (moments, counters, averages): stored in checkpoints */
  ST_TEMP,    /* lives between entries, not stored */
  ST_GROUP    /* a flat run of member states, for the optimizer; owns the memory of its members */
} StateKind;

struct State {
  int id;
  StateKind kind;
  const char *name;         /* unique in the graph; the checkpoint's name for PARAM, FROZEN and CARRIED */
  const char *const *alias; /* further names in files, NULL-ended, or NULL */
  const char *module;       /* the binding in the train block: "student", "teacher"; "" for none */
  DType dtype;
  Shape shape;
  const State *group; /* the flat state whose memory this is part of, or NULL */
  int64_t offset;     /* its first element there */
  const State *of;    /* GRAD, SLOT: the parameter or group it belongs to */
  Node *init;         /* its first value, evaluated in entry `init`; NULL: zeros */
  const State *from;  /* whose value it takes on once files are loaded, before the first step; or NULL */
  Loc loc;
};

/* A value with a name that the world knows. */
typedef enum ValueFlag {
  V_SUPPLY = 1, /* may be given from outside instead of computed (data, draws, lets of the train block) */
  V_REPORT = 2, /* reported: compared by replay, printed when scalar */
  V_DATA = 4,   /* comes from the data source: its node is an INPUT */
  V_LOSS = 8,   /* a reported term: goes into `losses` */
  V_INDEX = 16  /* the index of a gather at `loc`: the program checks that it is below `classes` */
} ValueFlag;

typedef struct Value {
  const char *name;
  Node *node;
  unsigned flags;
  const char
      *source; /* V_DATA: "image", "label", "tensor" or "given" (drawn at random by bench); else NULL */
  double shift, flip; /* image: shifts of up to so many pixels, probability of a mirror image */
  int64_t classes;    /* label, tensor, index: values are below; 0: any */
  Loc loc;
} Value;

typedef struct Assign {
  const State *state;
  Node *value; /* the state's type and shape */
  Loc loc;
} Assign;

/* Entry points, in the order of a run: init, prepare, then micro.. update, and eval. */
#define GRAPH_ENTRIES(X)                                                                                     \
  X(INIT, "init") X(PREPARE, "prepare") X(MICRO, "micro") X(UPDATE, "update") X(EVAL, "eval")
typedef enum EntryKind {
#define X(e, text) EN_##e,
  GRAPH_ENTRIES(X)
#undef X
      EN_COUNT
} EntryKind;

typedef struct Entry {
  bool present;
  int nassign, cap_assign;
  Assign *assign;
  int nvalue, cap_value;
  Value *value; /* supplied and reported in this entry */
} Entry;

/* A scalar that the program's user may set: --NAME X. Read by O_STEP with field NAME. */
typedef struct Setting {
  const char *name;
  double value;
  const char *help;
} Setting;

struct Graph {
  Arena *arena;
  int nnode, cap_node;
  Node **node;
  int nstate, cap_state;
  State **state;
  int nsetting, cap_setting;
  Setting *setting;
  Entry entry[EN_COUNT];
  struct GraphTable *table;  /* hash-consing */
  const char *name_of_block; /* of the train block, for the program */
  int64_t batch, accumulate; /* images a micro-batch, micro-batches a step */
  const State *finite;       /* the bool state that is false when the last update was refused, or NULL */
  unsigned refused;          /* licences of the rewrites (passes/rewrite/simplify.h) that are switched off */
  Loc loc;                   /* given to the nodes that are built next */
  const char *path, *name;   /* likewise; interned or arena-owned */
};

Graph *graph_new(Arena *a);
/* The graph's own copy of `s`: equal texts give one pointer. */
const char *graph_intern(Graph *g, const char *s);

/* Builders (ir/graph/graph_build.c). Each checks by the op's shape rule; a violation is reported with
 * diag_error at graph->loc, naming the op, what was found and what was expected, and gives NULL. A NULL
 * operand gives NULL silently, so that one error is reported once. What changes nothing (a cast to the same
 * type, a reshape to the same shape) gives the operand itself. */
Node *graph_const(Graph *g, DType t, Shape s, double v);
Node *graph_scalar(Graph *g, double v); /* f32, rank 0 */
Node *graph_iota(Graph *g, DType t, Shape s, int axis);
Node *graph_step(Graph *g, const char *field);
Node *graph_random(Graph *g, uint64_t stream, Shape s);
Node *graph_input(Graph *g, const char *name, DType t, Shape s);
Node *graph_read(Graph *g, const State *s);
Node *graph_elt(Graph *g, EltOp op, Node *a, Node *b, Node *c); /* one shape; b, c NULL beyond the arity */
Node *graph_cast(Graph *g, DType t, Node *x);
/* "bik,bjk->bij": a letter a dimension, once an operand. Summed is what the result lacks; a letter of one
 * operand alone must be in the result. */
Node *graph_contract(Graph *g, const char *labels, Node *a, Node *b);
Node *graph_reduce(Graph *g, GReduce kind, Node *x, uint32_t axes);
Node *graph_broadcast(Graph *g, Node *x, Shape s, const int *map);
Node *graph_reshape(Graph *g, Node *x, Shape s);
Node *graph_permute(Graph *g, Node *x, const int *perm);
Node *graph_slice(Graph *g, Node *x, const int64_t *start, Shape s);
Node *graph_pad(Graph *g, Node *x, const int64_t *lo, const int64_t *hi, const int64_t *between);
Node *graph_concat(Graph *g, int n, Node *const *x, int axis);
Node *graph_window(Graph *g, Node *x, int axis, int64_t size, int64_t stride);
Node *graph_gather(Graph *g, Node *x, Node *index);
Node *graph_scatter(Graph *g, Node *x, Node *index, int64_t extent);
Node *graph_stop_gradient(Graph *g, Node *x);
/* Every step-th element along an axis, from the first on. */
Node *graph_every(Graph *g, Node *x, int axis, int64_t step);
/* The labels of a CONTRACT as text, "abc,dc->abd", into buf, which it returns. */
enum { GRAPH_LABELS_TEXT = 3 * MAX_RANK + 4 };
char *graph_labels(const Node *n, char buf[GRAPH_LABELS_TEXT]);
/* The same node with other operands, at the same place of the description (passes use it). */
Node *graph_rebuild(Graph *g, const Node *n, Node *const *in);
/* The same, as a node that is never shared with an equal one of the forward pass: the backward pass makes the
 * value again instead of keeping it. */
Node *graph_again(Graph *g, const Node *n, Node *const *in);

/* Broadcasting conveniences on top: numpy's rule, trailing dimensions aligned. */
bool graph_broadcast_shape(const Shape *a, const Shape *b, Shape *out);
Node *graph_expand(Graph *g, Node *x, Shape s);
/* Expands the operands to one shape first. */
Node *graph_map2(Graph *g, EltOp op, Node *a, Node *b);
Node *graph_map3(Graph *g, EltOp op, Node *a, Node *b, Node *c);

/* What surrounds the nodes (ir/graph/graph_entry.c), checked like them. The state's other fields (alias,
 * module, group, offset, of) are the caller's to set; a Value is valid until the next graph_value of its
 * entry. A second assignment to a state in one entry and a second value of one name in it are errors. */
State *graph_state(Graph *g, StateKind kind, const char *name, DType t, Shape s, Node *init);
void graph_assign(Graph *g, EntryKind e, const State *s, Node *value);
Value *graph_value(Graph *g, EntryKind e, const char *name, Node *n, unsigned flags);
void graph_setting(Graph *g, const char *name, double value, const char *help);

/* Classes (ir/graph/graph_class.c): first[id] becomes the id of the first node of id's class; the number of
 * classes. `first` has room for all nodes. */
int graph_classes(const Graph *g, int *first);
/* "blocks.*.attn" of "blocks.3.attn"; arena-owned. */
char *graph_starred(Arena *a, const char *path);

/* Text (ir/graph/graph_text.c): print, parse, print gives the same bytes. */
char *graph_print(Arena *a, const Graph *g);
Graph *graph_parse(Arena *a, const Source *src);

/* Checks every rule (G1, G2, ...: docs/graph-ir.md); reports and returns false when one is broken. */
bool graph_verify(const Graph *g);

/* Sets `supplied` of every node from the entries' values. */
void graph_mark_supplied(Graph *g);
/* Marks in need[id], zeroed before, what the nodes already marked are made of. */
void graph_mark(const Graph *g, bool *need);
/* Lets assignments, values and first values, which are all that names nodes from outside, name now[id] in
 * place of node id. */
void graph_redirect(Graph *g, Node *const *now);
/* Keeps only what some entry or first value needs; ids change. */
void graph_prune(Graph *g);
/* Keeps exactly these nodes of the graph, in this order, operands first; ids change. */
void graph_order(Graph *g, Node *const *node, int n);
/* The graph as it is now, to be had back after it was rebuilt from other nodes: ids are again what they were.
 * In between entries and states may not be added. */
typedef struct GraphShot GraphShot;
GraphShot *graph_shot(Arena *a, const Graph *g);
void graph_restore(Graph *g, const GraphShot *s);
/* v as type t holds it: floats rounded to nearest unless f64; integers towards zero, held to their range, NaN
 * to 0; bool is v != 0. */
double graph_convert(DType t, double v, bool f64);

/* Reference interpreter (ir/graph/graph_interp.c), in f64 or with every operation rounded to its type.
 * Tensors are arrays of doubles here, whatever their type. */
typedef struct GraphRun GraphRun;
typedef struct GraphEnv {
  uint64_t seed, step, micro;
  double (*scalar)(void *ctx, const char *field); /* STEP */
  void *ctx;
} GraphEnv;
GraphRun *graph_run_new(const Graph *g, bool f64);
void graph_run_free(GraphRun *r);
/* The state's memory (shape_count elements), to fill or to look at; a group's members alias it. */
double *graph_run_state(GraphRun *r, const State *s);
/* Gives the value named `name` from outside, until cleared with data NULL: copied. */
void graph_run_supply(GraphRun *r, const char *name, const double *data);
/* Runs an entry: all values are computed, then all assignments made. False (with an error reported) when an
 * input was not supplied. */
bool graph_run_entry(GraphRun *r, EntryKind e, const GraphEnv *env);
/* A value of the entry run last. */
const double *graph_run_value(GraphRun *r, const char *name);

#endif
