/* Signals, and faults, that end the compiler leave nothing of its work behind. */
#ifndef TOOLS_CLEANUP_H
#define TOOLS_CLEANUP_H

#include <stdbool.h>

/* From here on SIGINT, SIGTERM and SIGHUP, unless they are ignored, and whatever ends the compiler in the
 * middle of its work (base/diag.h) remove this file or folder; the path stays the caller's string. What is in
 * a folder is named after the folder. */
void cleanup_unfinished(const char *path);
/* It is whole, or gone: it is left alone. */
void cleanup_finished(const char *path);
/* Lets them wait while other processes write, or no longer. */
void cleanup_hold(bool hold);

/* Runs `work` in a child process, with an empty folder of its own, and gives its result. Whatever ends it (an
 * error, a crash, SIGINT, SIGTERM or SIGHUP to this process), all that it started is ended with it and the
 * folder is removed; after such a signal, and after the child's SIGPIPE, this process dies of it too. A child
 * that died of another signal, and a folder that cannot be made, are reported and give 1. Nothing else may be
 * a child of this process. */
int cleanup_folder(int (*work)(const char *folder, void *ctx), void *ctx);

#endif
