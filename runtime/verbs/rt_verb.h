/* The verbs. Each returns the program's exit status: 0, or 1 with errors reported. */
#ifndef RUNTIME_RT_VERB_H
#define RUNTIME_RT_VERB_H

#include "runtime/state/rt_load.h"

int rt_train(RtOptions *o);
int rt_eval(RtOptions *o);
int rt_replay(RtOptions *o);
int rt_bench(RtOptions *o);
int rt_info(const RtOptions *o);

/* The threads to use: what was asked for, or all processors, at most what the build allows. */
int rt_threads(const RtOptions *o);
/* Opens a session with the options' seed, settings and threads, and runs init. */
bool rt_begin(RtSession *s, const RtOptions *o);
/* --init and --frozen, then prepare; with `all`, a parameter that a file of --init lacks is an error. */
bool rt_load_all(RtSession *s, RtOptions *o, bool all);

#endif
