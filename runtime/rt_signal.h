/* The signals of a training run. One that was ignored when the program was started stays ignored, as nohup
 * wants. */
#ifndef RUNTIME_RT_SIGNAL_H
#define RUNTIME_RT_SIGNAL_H

#include <stdbool.h>

/* From here on SIGUSR1 is noted. With `saves`, output whose reader is gone is no reason to end. */
void rt_signals_begin(bool saves);
/* From here on SIGINT, SIGTERM and SIGHUP are noted; another one that comes more than a second later ends the
 * process at once (what ends a whole group often arrives twice). */
void rt_signals_catch_ends(void);
/* The signal that asks to end, or 0. */
int rt_signal_to_end(void);
/* Whether SIGUSR1 came since this was asked last. */
bool rt_signal_to_save(void);

#endif
