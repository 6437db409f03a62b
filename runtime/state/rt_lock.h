/* One run a checkpoint: a file beside it, .NAME.lock, is locked as long as the run lives and says whose it
 * is. The system lets go of the lock of a process that ended, however it did: a file that was left behind
 * blocks nobody. */
#ifndef RUNTIME_RT_LOCK_H
#define RUNTIME_RT_LOCK_H

#include "base/files/outfile.h"

typedef struct RtLock {
  int fd; /* -1: the checkpoint is written in place, or its file system has no locks */
  char path[PATH_MAX], target[PATH_MAX];
  char token[OUTFILE_TOKEN]; /* of the file that is being written; the lock's file has it too */
} RtLock;

/* Tries whether the checkpoint can be written, and takes its lock; removes what a killed run left of a file
 * that it was writing. False with an error that names the run which has the lock. */
bool rt_lock_take(RtLock *l, const char *option, const char *path);
/* A new token for the next file's temporary name (RtDest), noted in case the run is killed. */
const char *rt_lock_token(RtLock *l);
void rt_lock_give(RtLock *l);

#endif
