/* Evaluation: the reported numbers over a data set. */
#ifndef RUNTIME_RT_EVAL_H
#define RUNTIME_RT_EVAL_H

#include "runtime/data/rt_data.h"
#include "runtime/verbs/rt_report.h"

/* Adds the numbers of all samples to the report. A run that trains is left as it was, but for the arena's
 * memory of single entries. False with an error when a sample can't be read, with `finite` also when a number
 * is not finite, or when a signal asks to end (rt_signal.h). */
bool rt_evaluate(RtSession *s, RtData *d, RtReport *r, bool finite);

#endif
