/* Signals that end a build leave nothing of it behind. */
#ifndef TOOLS_TESSERA_INTERRUPT_H
#define TOOLS_TESSERA_INTERRUPT_H

#include <stdbool.h>

/* From here on SIGINT, SIGTERM and SIGHUP, unless they are ignored, remove this file, which stays the
 * caller's string, before they end the process; NULL: nothing any more. */
void interrupt_removes(const char *path);
/* Lets them wait while other processes write, or no longer. */
void interrupt_wait(bool wait);

#endif
