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

typedef struct Place {
  const char *module; /* the binding in the train block */
  bool frozen;
} Place;

/* Gives the instance and all within it their names and states: "blocks.3.attn.qkv.weight". A frozen
 * binding's states are named "BINDING/blocks.3.." in the graph, with the name in files as an alias, since two
 * models of one program may use the same names. False after errors. */
bool inst_place(Eval *ev, Inst *m, const Place *p);

#endif
