/* Names of tensors in files: lists of them in messages, what --rename and --skip make of them, and those that
 * nobody asked for. */
#ifndef RUNTIME_RT_NAMES_H
#define RUNTIME_RT_NAMES_H

#include "runtime/rt_option.h"
#include "runtime/state/rt_safetensors.h"

/* A list of names for a message, cut after `most`, or a few for 0; starts as {0} or {.most}. */
typedef struct RtNames {
  int most;
  char *text;
  int n;
} RtNames;

void rt_names_add(RtNames *l, const char *prefix, const char *name);
/* "path: what: a, b, c and 5 more"; says nothing of an empty list. Frees the list. */
void rt_names_say(RtNames *l, void (*say)(const char *fmt, ...), const char *path, const char *what);

/* Name number i of a state in files: its own, then the aliases; NULL behind the last. */
const char *rt_state_name(const TessState *s, int i);

/* Applies --rename, and takes what --skip names for used; says how many. False after an error. */
bool rt_rules_apply(RtOptions *o, RtFile *f);
/* Whether --skip leaves the state as it is. */
bool rt_rules_skip(RtOptions *o, const TessState *s);
/* Whether each rule was true of some name; else an error for each that was not. */
bool rt_rules_taken(const RtOptions *o);

/* Says which tensors of the file nobody used, but for a checkpoint's slots. False, with an error, when one of
 * them would be a further item of a list that the wanted states have: the file is of another architecture. */
bool rt_unused_say(const RtFile *f, bool (*wanted)(const TessState *s, const char *module),
                   const char *module);

#endif
