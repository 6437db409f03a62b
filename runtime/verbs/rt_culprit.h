/* Who made the first value that is not finite. */
#ifndef RUNTIME_RT_CULPRIT_H
#define RUNTIME_RT_CULPRIT_H

#include "runtime/rt_session.h"

/* After update `step` was refused: runs it again launch by launch, looks at what each wrote, and reports the
 * first bad value with its kernel and source line. The weights stay as they are. */
void rt_culprit_find(RtSession *s, uint64_t step, RtFill *fill, void *ctx);

/* What a refused update left of the gradients is not part of the step. */
void rt_clear_gradients(const RtSession *s);

/* After an evaluation gave a number that is not finite, with its data in place again: the same of entry eval.
 */
void rt_culprit_evaluate(RtSession *s);

#endif
