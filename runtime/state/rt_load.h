/* States and files: which tensor of a file is which state, by name. */
#ifndef RUNTIME_RT_LOAD_H
#define RUNTIME_RT_LOAD_H

#include "runtime/rt_option.h"
#include "runtime/rt_session.h"
#include "runtime/state/rt_safetensors.h"

typedef enum RtFound { RT_ABSENT, RT_LOADED, RT_BROKEN } RtFound;

/* Loads a state from PREFIX + its name, or any of its aliases; all that the file has must agree. Marks the
 * tensors used. RT_BROKEN after an error (shape, disagreement, reading). */
RtFound rt_load_state(RtFile *f, const char *prefix, const TessState *s, char *arena);

/* Tensor PREFIX + name or alias of the state, the first that the file has; marks all of them used. NULL when
 * there is none. */
RtTensor *rt_state_tensor(RtFile *f, const char *prefix, const TessState *s);

/* A list of names for a message, cut after a few; starts as {0}. */
typedef struct RtNames {
  char *text;
  int n;
} RtNames;

void rt_names_add(RtNames *l, const char *prefix, const char *name);
/* "path: what: a, b, c and 5 more"; says nothing of an empty list. Frees the list. */
void rt_names_say(RtNames *l, void (*say)(const char *fmt, ...), const char *path, const char *what);

/* In a program that trains something, a module all of whose tensors are frozen is somebody else's: it comes
 * from --frozen and is never stored. */
bool rt_is_foreign(const TessState *s);

/* --init: loads parameters and the module's own fixed tensors; says which were not in the file and which of
 * the file nobody wanted. With `all`, a parameter that is missing is an error. */
bool rt_load_init(RtSession *s, const char *path, bool all);
/* --frozen: loads the states of each module that is named, and fills in the hashes of the files. */
bool rt_load_frozen(RtSession *s, RtOptions *o);
/* Whether --frozen names every foreign module and nothing else; else an error for each. */
bool rt_frozen_complete(const RtOptions *o);

#endif
