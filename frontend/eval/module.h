/* Instances of modules: their members, their places in a model, and the states of their parameters. */
#ifndef FRONTEND_MODULE_H
#define FRONTEND_MODULE_H

#include "frontend/eval/eval.h"

/* Evaluates the module's members with these arguments. */
Val inst_new(Eval *ev, const Decl *module, const Args *args);
/* A parameter, submodule, method, or a static value of the module. */
Val inst_member(Eval *ev, Inst *m, const char *name, Loc loc);
/* The function of that name ("": the module's own call), or an error. */
Val inst_method(Eval *ev, Inst *m, const char *name, Loc loc);

typedef enum PlaceKind {
  PLACE_TRAINED,
  PLACE_FROZEN,
  PLACE_CARRIED /* its parameters are states too */
} PlaceKind;

typedef struct Place {
  const char *module; /* the binding in the train block; "" for a state of the block itself */
  PlaceKind kind;
  bool plain; /* names are paths alone, not behind the binding's: of the block's first model */
} Place;

/* Gives the instance and all within it their names and states: "blocks.3.attn.qkv.weight". Names of all
 * models but the first begin with the binding's, "teacher/blocks.3..", since two models of one program may
 * use the same ones; a frozen model's have those in its file as an alias. False after errors. */
bool inst_place(Eval *ev, Inst *m, const Place *p);

/* One tensor of an instance, by its path within it. */
typedef struct Leaf {
  const char *path;
  Param *param;
} Leaf;

/* All of them in order; one that is bound at several places comes once a place. */
typedef struct Leaves {
  int n, cap;
  Leaf *v;
  NameTable by_path; /* the parameters */
} Leaves;

Leaves inst_leaves(Eval *ev, const Inst *m);

/* A parameter or state as the statement declares it, whose dimensions `s` knows; NULL after an error. */
Param *param_new(Eval *ev, Scope *s, const Stmt *st);
/* Makes its state of the graph, with a first value that `s` knows; false after an error. */
bool param_place(Eval *ev, Scope *s, Param *p, const char *name, const Place *place);

/* States in the course of a pass: those that the description assigns in training. Within a step their values
 * follow the order of evaluation, from one micro-batch to the next; what a step has made of them counts once
 * its update is accepted. This lists one that training may assign. */
void param_carry(Eval *ev, Param *p);
/* A pass begins: every state is again what it is between steps. */
void params_restart(Eval *ev);
/* The tensor that it stands for at this point; NULL after an error. */
Node *param_read(Eval *ev, Param *p, Loc loc);
/* Of a state that is read here, its tensor; any other value as it is. */
Val param_value(Eval *ev, Val v, Loc loc);
/* Gives the state a new value, which later reads of the pass find; outside training it keeps the old one.
 * False after an error. */
bool param_assign(Eval *ev, Param *p, Val v, Loc loc);
/* Where the step in hand keeps what it has made of the state until its update is accepted; NULL after an
 * error. */
State *param_next(Eval *ev, Param *p);

#endif
