/* The threads that run kernels. Work is split statically, so that results don't depend on timing; a waiting
 * thread spins for some microseconds and then sleeps, since a step is thousands of short launches. */
#ifndef RUNTIME_RT_POOL_H
#define RUNTIME_RT_POOL_H

#include <stdbool.h>
#include <stddef.h>

#include "abi/program.h"

/* Called around each launch that is not skipped, for tracing and checking. `after` may set run->stop, which
 * skips the launches that follow. */
typedef struct RtHook {
  void (*after)(void *ctx, TessRun *run, uint32_t id, double seconds);
  void *ctx;
} RtHook;

typedef struct RtWorker RtWorker;

struct TessRun {
  int threads;
  int spins;     /* looks at a word before sleeping on it; 0 where threads outnumber processors */
  char *scratch; /* of thread 0; thread t's starts t * stride behind */
  size_t stride;
  const RtHook *hook; /* or NULL */
  bool stop;
  /* The job in hand; workers read it after they were posted. */
  TessKernel *kernel;
  void *const *arg;
  const TessStep *step;
  int64_t tasks;
  int parts;
  RtWorker *worker; /* threads - 1 */
};

enum { RT_STACK = 256 * 1024 }; /* bytes of a worker's stack */

/* `threads` >= 1. Starts threads - 1 workers; false with an error when the system refuses. */
bool rt_pool_start(TessRun *run, int threads, char *scratch, size_t stride);
void rt_pool_stop(TessRun *run);
/* tess_launch on the threads. */
void rt_pool_launch(TessRun *run, uint32_t id, TessKernel *kernel, void *const *arg, const TessStep *step,
                    int64_t tasks, uint64_t guard);

#endif
