/* From a description to the graph of a whole training program. */
#ifndef FRONTEND_FRONTEND_H
#define FRONTEND_FRONTEND_H

#include "ir/graph/graph.h"

typedef struct FrontArgs {
  int ndefine;
  const char *const *define; /* what was typed after each -D: "NAME=VALUE" or "@FILE.safetensors" */
  const char *train;         /* the train block to build; NULL: the file's only one */
  const char *library; /* folder in which imports are looked for after the importing file's own; or NULL */
  unsigned refused;    /* licences of rewrites that are switched off: Graph.refused */
} FrontArgs;

/* A parameter of the train block with the value it was built with, as text. */
typedef struct FrontParam {
  const char *name, *value;
} FrontParam;

/* A module that the block binds by `model` or `frozen`: what a file with its weights says it is. */
typedef struct FrontModel {
  const char *name, *module; /* the binding, and what it is bound to */
  const char *text; /* 16 hex digits over the words of the file that declares the module and of its imports */
  int narg;
  const FrontParam *arg; /* the module's, defaults included */
} FrontModel;

/* A file that was read. `relative` does not depend on where the description lies: the description is its
 * base name, imports are paths from its folder or from the library. */
typedef struct FrontSource {
  const Source *src;
  const char *relative;
} FrontSource;

typedef struct FrontInfo {
  int nparam;
  const FrontParam *param; /* in the order of declaration */
  int nmodel, cap_model;
  FrontModel *model; /* in the order in which they are bound */
  int nsource;
  const FrontSource *source; /* the description first */
} FrontInfo;

/* Builds the description at `path`. The graph and all that hangs on it is arena-owned. NULL after reporting
 * errors. `info` may be NULL. */
Graph *front_build(Arena *a, const char *path, const FrontArgs *args, FrontInfo *info);
/* The same for a text in memory. */
Graph *front_build_source(Arena *a, const Source *src, const FrontArgs *args, FrontInfo *info);

#endif
