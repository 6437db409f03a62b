/* Build-time values of parameters: -D NAME=VALUE and -D @FILE.safetensors. */
#ifndef FRONTEND_DEFINE_H
#define FRONTEND_DEFINE_H

#include "frontend/eval/eval.h"
#include "frontend/frontend.h"

typedef struct Define {
  const char *name, *text;
  Loc loc;
  bool typed; /* on the command line: it must be a parameter; one from a file need not */
  bool used;
  const char *
      had; /* the description's own value, where this one is of another sort: no whole number, not positive */
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
/* Remembers whether the value is of another sort than the description's own. */
void define_compare(Eval *ev, Define *d, Val v, Val like);
/* After an error: which of them have values of another sort than the description's own. */
void define_note_odd(const Defines *d);
/* Reports typed ones that no parameter took. */
bool define_all_used(Arena *a, const Defines *d, const Signature *sig, const char *block);

#endif
