/* The functions that the language has without any import: the graph's primitives and static helpers. */
#ifndef FRONTEND_BUILTIN_H
#define FRONTEND_BUILTIN_H

#include "frontend/eval/eval.h"

/* One row: how it is called and what it does. `call` gets exactly the positional arguments that fit. */
struct Builtin {
  const char *name;
  int least, most;           /* positional arguments; most -1: any number */
  const char *const *option; /* names of named arguments, NULL-ended; "*": any name; NULL: none */
  Val (*call)(Eval *ev, const Args *positional, const Args *named);
};

/* The builtin function or constant ("pi", "training", the element types) of that name; ERROR, silently, if
 * there is none. */
Val builtin_find(Eval *ev, const char *name);
/* All names, for suggestions. */
int builtin_names(Arena *a, const char *const **names);
Val builtin_call(Eval *ev, const Builtin *b, const Args *args);

/* Shared by the rows' files. */
const Arg *builtin_option(const Args *named, const char *name); /* or NULL */
/* A dimension's number, also counted from the end; false after an error. */
bool builtin_axis(const Arg *a, int rank, int *axis);
bool builtin_shape(Eval *ev, const Arg *a, Shape *s);
Node *builtin_tensor_arg(Eval *ev, const Arg *a);

/* The tables: builtin_tensor.c, builtin_static.c, builtin_einops.c, builtin_einsum.c; each ends with a row
 * without name. */
extern const Builtin builtin_tensor[], builtin_static[], builtin_einops[], builtin_einsum[];

/* Names that people bring along from NumPy and PyTorch (foreign.c): how the language says what one stands for
 * there, "write select(condition, a, b)", or NULL. The same for the name of an argument. */
const char *foreign_name(const char *name);
const char *foreign_argument(const char *name);

#endif
