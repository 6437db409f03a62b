/* Train blocks: from their items to entries, values, groups of parameters and the optimizer's update. */
#ifndef FRONTEND_TRAIN_H
#define FRONTEND_TRAIN_H

#include "frontend/eval/eval.h"
#include "frontend/frontend.h"

/* Build-time values of parameters: -D NAME=VALUE and -D @FILE.safetensors. */
typedef struct TrainDefine {
  const char *name, *text;
  Loc loc;
  bool typed; /* on the command line: it must be a parameter; one from a file need not */
  bool used;
  const char *
      had; /* the description's own value, where this one is of another sort: no whole number, not positive */
} TrainDefine;

typedef struct TrainDefines {
  int n, cap;
  TrainDefine *v;
} TrainDefines;

/* A tensor with a name in the block: data, a let, or a report. */
typedef struct Item {
  const char *name;
  Node *node;
  Loc loc;
  const Stmt *data; /* DATA: its statement */
  const char *source;
  double shift, flip;
  int64_t classes;
} Item;

typedef struct Items {
  int n, cap;
  Item **v;
  NameTable by_name; /* the same */
} Items;

typedef struct Train {
  Eval *ev;
  const Decl *decl;
  Scope *params; /* the block's parameters */
  FrontInfo *info;
  Scope *made;  /* models and settings, made in the first pass */
  Scope *scope; /* the names of this pass */
  bool again;   /* the pass for entry eval of a block that trains: models exist, only `evaluate` reports */
  bool inside;  /* within `evaluate` */
  Items data, let, report;
  Node *loss;
  int nmodel; /* trained ones so far */
  int nupdate, cap_update;
  const Stmt **update; /* in order */
  const Stmt *minimise, *optimizer, *clip, *evaluate;
} Train;

/* Reads all -D; later ones come first, and typed ones before those of files. False after errors. */
bool train_defines(Arena *a, const FrontArgs *args, TrainDefines *out);
/* After an error: which of them have values of another sort than the description's own. */
void train_note_odd(const TrainDefines *d);
/* Binds the block's parameters: -D, then files, then the wrappers' values, then defaults; a file that names
 * none of them is noted. `chain` is the chosen declaration followed by what it is based on, the last of which
 * has the body. */
bool train_params(Eval *ev, const Decl *const *chain, int n, TrainDefines *d, Scope *into, FrontInfo *info);

/* Builds everything; false after errors. */
bool train_build(Eval *ev, const Decl *decl, Scope *params, FrontInfo *info);

/* Runs the block's items once (train_items.c). */
bool train_run_items(Train *t, const Block *b);
/* Adds the model to t->info (train_model.c). */
void train_describe(Train *t, const char *name, const Inst *m);
/* Gradients, groups and the update (train_update.c). */
bool train_update(Train *t);

/* States (train_states.c): those of the block itself, and models all of whose tensors are states.
 * What a model's first values are taken from, as its statement says. */
bool train_take_from(Train *t, const Stmt *st, Inst *m);
/* Entry micro: what the forward pass has made of states is kept for the update. */
bool train_keep_next(Train *t);
/* Entry update, once parameters have their new values: states take on what was kept, then what each `update`
 * says, all if `ok`. */
bool train_update_states(Train *t, Node *ok);
/* frontend/train/train_indices.c: checks the indices of all gathers of the entries that are known, and has
 * the program check the others. */
bool train_check_indices(Graph *g);

#endif
