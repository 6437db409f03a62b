/* A whole program before machine code: distinct kernels, each entry's launches in order, and the planned
 * arena. passes/ makes it from a graph; codegen/ turns it into an object or into CUDA; no pointer of the
 * graph IR is needed to emit it except names and places. */
#ifndef IR_PROG_H
#define IR_PROG_H

#include "ir/graph/graph.h"
#include "ir/kernel/kern.h"
#include "ir/names.h"

/* A tensor in the arena, row-major over its dims unless strides say otherwise. */
typedef struct PBuf {
  int id;
  const char *name; /* for people: "blocks.3.mlp.fc1.t" */
  DType dtype;
  int64_t bytes;
  int64_t offset;  /* bytes from the arena's start; the memory plan sets it */
  bool persistent; /* a state: lives through all entries */
  bool pinned;     /* supplied or reported: lives from its entry's start to its end */
  int entry;       /* the entry whose launches use it (when not persistent) */
  int first, last; /* first and last launch that touches it in that entry */
  Loc loc;
} PBuf;

/* One launch: kernel->buf[i] is the memory buf[i] plus at[i] bytes, kernel->word[i] the word word[i]. */
typedef struct PLaunch {
  const Kernel *kernel;
  int kernel_id; /* into Prog.kernel */
  PBuf **buf;
  int64_t *at;
  const uint64_t *word;
  uint64_t guard; /* skip when all these supplied bits are set; 0: never */
  int64_t tasks;
  const char *origin; /* what it computes, exactly: the class is the kernel's */
  Loc loc;
  double flop, bytes;
} PLaunch;

typedef struct PEntry {
  bool present;
  int nlaunch, cap_launch;
  PLaunch *launch;
} PEntry;

/* A state as the world sees it: a file name, a shape, and where in the arena. */
typedef struct PState {
  const State *state; /* the parameter (or frozen tensor, gradient, slot) */
  const char *name;   /* the parameter's */
  const char *slot;   /* "" or the optimizer's name for it: "m" */
  PBuf *buf;
  int64_t at; /* bytes into buf */
  Shape shape;
} PState;

typedef struct PValue {
  const Value *value;
  EntryKind entry;
  PBuf *buf;
  int64_t at; /* bytes into buf */
} PValue;

/* Values of the forward pass that the backward pass needs and that could be kept for it, by class: what was
 * chosen, and what each would cost, in bytes of memory traffic, for all members. */
typedef struct PSaved {
  const Node *first; /* its first member */
  int members;
  int64_t bytes; /* of all members */
  bool kept;     /* else made again */
  double keep;   /* written and read */
  double again;  /* made from its operands, which is all that is counted */
} PSaved;

typedef struct Prog {
  Arena *arena;
  const Graph *graph;
  int nkernel, cap_kernel;
  Kernel **kernel; /* distinct ones; the symbol of each is its name, unique */
  Names canonical; /* one more than the number of a kernel, by kern_canonical, until alike ones are shared */
  int nbuf, cap_buf;
  PBuf **buf;
  PEntry entry[EN_COUNT];
  int nstate, cap_state;
  PState *state;
  int nvalue, cap_value;
  PValue *value; /* those with V_SUPPLY first: value i is bit i of the step block's `supplied` */
  int nsaved;
  PSaved *saved;       /* in order of their first nodes */
  int64_t arena_bytes; /* of the plan */
  int64_t live_bytes;  /* most bytes live at once: the lower bound */
  PBuf *finite;        /* the memory of the flag of a refused update, or NULL */
  int64_t finite_at;   /* bytes into it */
} Prog;

#endif
