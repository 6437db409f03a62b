/* Build-time values of parameters: -D NAME=VALUE and -D @FILE.safetensors. */
#ifndef FRONTEND_DEFINE_H
#define FRONTEND_DEFINE_H

#include "frontend/eval.h"
#include "frontend/frontend.h"

typedef struct Define {
  const char *name, *text;
  Loc loc;
  bool typed; /* on the command line: it must be a parameter; one from a file need not */
  bool used;
} Define;

typedef struct Defines {
  int n, cap;
  Define *v;
} Defines;

/* Reads all of them; later ones come first, and typed ones before those of files. False after errors. */
bool define_read(Arena *a, const FrontArgs *args, Defines *out);
/* The value for a parameter, or NULL. */
Define *define_find(Defines *d, const char *name);
/* What the text stands for: a number, true or false, a list of such ("6,8,10"), else a text. With a default
 * of that parameter its kind decides; another kind is an error. */
Val define_value(Eval *ev, const Define *d, Val like);
/* Reports typed ones that no parameter took. */
bool define_all_used(Arena *a, const Defines *d, const Signature *sig, const char *block);

#endif
