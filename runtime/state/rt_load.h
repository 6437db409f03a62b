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

/* In a program that trains something, a module all of whose tensors are frozen is somebody else's: it comes
 * from --frozen and is never stored. */
bool rt_is_foreign(const TessState *s);

/* --init: loads parameters and the module's own fixed tensors; says which were not in the file, which --skip
 * leaves out, and which of the file nobody wanted: an error for further items of a list. Where the file's
 * labels have another number of classes than the program's, the tensors of that many rows keep their initial
 * values, which is said. With `all`, that and a parameter that is missing are errors. */
bool rt_load_init(RtSession *s, RtOptions *o, bool all);
/* --frozen: loads the states of each module that is named, and fills in the hashes of the files. What of a
 * file nobody wanted is said, as for --init, and that every --rename and --skip has named something is
 * checked. */
bool rt_load_frozen(RtSession *s, RtOptions *o);
/* A file has given the state's value, which is at rt_at. */
void rt_state_loaded(RtSession *s, const TessState *st);
/* Every state that no file has given takes on the value that its description takes it from, in order. */
void rt_take_first_values(RtSession *s);
/* Whether --frozen names every foreign module and nothing else; else an error for each. */
bool rt_frozen_complete(const RtOptions *o);

#endif
