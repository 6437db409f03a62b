/* A temporary folder that never stays behind. */
#ifndef TOOLS_TESSERA_FOLDER_H
#define TOOLS_TESSERA_FOLDER_H

/* Runs `work` in a child process, with an empty folder of its own, and gives its result. Whatever ends it (an
 * error, a crash, SIGINT, SIGTERM or SIGHUP to this process), all that it started is ended with it and the
 * folder is removed; after such a signal, and after the child's SIGPIPE, this process dies of it too. A child
 * that died of another signal, and a folder that cannot be made, are reported and give 1. Nothing else may be
 * a child of this process. */
int folder_run(int (*work)(const char *folder, void *ctx), void *ctx);

#endif
