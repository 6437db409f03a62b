/* The saved set: which values of the forward pass are kept for the backward pass, and which it makes again.
 * Decided by class: for each, what keeping costs (memory traffic, and a price a byte) is compared with what
 * making it again costs, together with what that needs in turn. */
#ifndef PASSES_SAVE_H
#define PASSES_SAVE_H

#include "passes/place/place.h"
#include "passes/place/strategy.h"

/* Values that are decided together. */
typedef struct SaveClass {
  const Node *first; /* its first member */
  int members;
  int64_t bytes;        /* of all members */
  bool keepable;        /* its members have memory, or could */
  bool required;        /* the backward pass reads them */
  StrategySave asked;   /* by a strategy file */
  bool kept_always;     /* made again, they would need others of their own class */
  int64_t keep, again;  /* costs of all members, in SAVE_UNITs; `again` without what it needs */
  bool need, recompute; /* the choice: whether the backward pass has it, and whether by making it again */
  bool decided;         /* recompute, as the decision before left it */
  int ndep, cap_dep;
  int *dep; /* classes that making it again needs */
} SaveClass;

/* Costs are counted in sixteenths of the time that moving a byte to or from memory takes. */
enum { SAVE_UNIT = 16 };

typedef struct Save {
  Arena *arena;
  const Graph *graph;
  Lower *trial;  /* placement as if everything were kept; NULL: nothing is of a backward pass */
  int *class_of; /* by node id: into class, or -1: free, of the backward pass, or dead */
  int nclass;
  SaveClass *class;
} Save;

/* The classes of entry micro, with nothing decided; `place` places the trial entry as the pipeline would. The
 * graph stays as it is. */
Save *save_look(Arena *a, Graph *g, const PassOptions *o, void (*place)(Lower *));
/* Decides, where a byte that is kept costs `price` SAVE_UNITs besides. Whether that differs from the decision
 * before. */
bool save_decide(Save *s, int64_t price);
/* The i-th of the prices that are tried, rising from 0. */
enum { SAVE_PRICES = 28 };
int64_t save_price(int i);
/* Fills in the program's table of what is kept and what is made again. */
void save_record(const Save *s, Prog *p);
/* Rebuilds the graph: what is made again becomes nodes of its own, each just before the first value of the
 * backward pass that needs it. */
void save_clone(Graph *g, const Save *s);

/* passes/save/save_cost.c. What is never kept because it is always there: states, inputs, constants. */
bool save_is_free(const Node *n);
/* Keeping n for the backward pass, and making it again from its operands; in SAVE_UNITs. */
int64_t save_keep_cost(const Lower *l, const Node *n);
int64_t save_again_cost(const Lower *l, const Node *n);

/* passes/save/save_cut.c: sets need and recompute of every class to the choice of least cost, exactly. */
void save_cut(Save *s, int64_t price);

/* passes/save/save_circle.c: where the choice makes values of a class again from others of it, sets
 * kept_always of a class that is to be kept instead. False: there is nothing to break. */
bool save_break_circle(Save *s);

#endif
