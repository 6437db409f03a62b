/* Files with weights alone: what one model's module has, under the names of its description and nothing else,
 * so that others who want just these load them (docs/files.md). */
#ifndef RUNTIME_RT_WEIGHTS_H
#define RUNTIME_RT_WEIGHTS_H

#include "runtime/rt_option.h"
#include "runtime/rt_session.h"

/* Whether every --weights names a model or a slot, and a place that can be written and that no other output
 * has; else an error for each. Known once all inputs are open. */
bool rt_weights_possible(const RtOptions *o);
/* Writes them. False with errors. */
bool rt_weights_write(const RtOptions *o, const RtSession *s);

#endif
