#include "runtime/rt_pool.h"

#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/rt_base.h"
#include "runtime/rt_limit.h"

enum { LINE = 128, SPINS = 5000 };

/* A thread's mail box. Words written by different threads lie on different cache lines. */
struct RtWorker {
  _Alignas(LINE) atomic_uint posted; /* jobs given; written by the launching thread */
  atomic_bool asleep;                /* the worker waits in the kernel for `posted` */
  _Alignas(LINE) atomic_uint done;   /* jobs finished; written by the worker */
  atomic_bool awaited;               /* the launching thread waits in the kernel for `done` */
  _Alignas(LINE) TessRun *run;
  int index; /* 1 .. threads - 1 */
  bool quit;
  pthread_t thread;
};

static void relax(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

/* Waits until the word is no longer `old`. The flag is raised before the kernel compares the word and the
 * other side changes the word before it looks at the flag, so no wake-up is lost. */
static unsigned wait_change(atomic_uint *word, unsigned old, atomic_bool *flag, int spins) {
  unsigned now;
  for (int i = 0; i < spins; i++) {
    if ((now = atomic_load_explicit(word, memory_order_acquire)) != old) return now;
    relax();
  }
  atomic_store(flag, true);
  while ((now = atomic_load(word)) == old) syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, old, NULL, NULL, 0);
  atomic_store(flag, false);
  return now;
}

static void change(atomic_uint *word, unsigned value, atomic_bool *flag) {
  atomic_store(word, value);
  if (atomic_load(flag)) syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static void run_share(TessRun *run, int t) {
  int64_t from = run->tasks * t / run->parts, to = run->tasks * (t + 1) / run->parts;
  run->kernel(run->arg, run->step, run->scratch + run->stride * (size_t)t, from, to);
}

static void *work(void *arg) {
  RtWorker *w = arg;
  for (unsigned seen = 0;;) {
    seen = wait_change(&w->posted, seen, &w->asleep, w->run->spins);
    if (w->quit) return NULL;
    run_share(w->run, w->index);
    change(&w->done, seen, &w->awaited);
  }
}

static bool start_worker(RtWorker *w) {
  pthread_attr_t attr;
  if (pthread_attr_init(&attr) != 0) return false;
  bool ok =
      pthread_attr_setstacksize(&attr, RT_STACK) == 0 && pthread_create(&w->thread, &attr, work, w) == 0;
  pthread_attr_destroy(&attr);
  return ok;
}

bool rt_pool_start(TessRun *run, int threads, char *scratch, size_t stride) {
  int spins = threads <= rt_limits("").processors ? SPINS : 0;
  *run = (TessRun){.threads = 1, .spins = spins, .scratch = scratch, .stride = stride};
  if (threads == 1) return true;
  run->worker = aligned_alloc(LINE, sizeof(RtWorker) * (size_t)(threads - 1));
  if (!run->worker) {
    rt_error("out of memory: %d threads", threads);
    return false;
  }
  memset(run->worker, 0, sizeof(RtWorker) * (size_t)(threads - 1));
  for (int t = 1; t < threads; t++) {
    RtWorker *w = &run->worker[t - 1];
    w->run = run;
    w->index = t;
    if (!start_worker(w)) {
      rt_error("the system refuses thread %d of %d", t + 1, threads);
      rt_pool_stop(run);
      return false;
    }
    run->threads++;
  }
  return true;
}

void rt_pool_stop(TessRun *run) {
  for (int t = 1; t < run->threads; t++) {
    RtWorker *w = &run->worker[t - 1];
    w->quit = true;
    change(&w->posted, atomic_load(&w->posted) + 1, &w->asleep);
    pthread_join(w->thread, NULL);
  }
  free(run->worker);
  *run = (TessRun){.threads = 1};
}

static void launch(TessRun *run) {
  for (int t = 1; t < run->parts; t++) {
    RtWorker *w = &run->worker[t - 1];
    change(&w->posted, atomic_load_explicit(&w->posted, memory_order_relaxed) + 1, &w->asleep);
  }
  run_share(run, 0);
  for (int t = 1; t < run->parts; t++) {
    RtWorker *w = &run->worker[t - 1];
    unsigned posted = atomic_load_explicit(&w->posted, memory_order_relaxed);
    unsigned done = atomic_load_explicit(&w->done, memory_order_acquire);
    while (done != posted) done = wait_change(&w->done, done, &w->awaited, run->spins);
  }
}

void rt_pool_launch(TessRun *run, uint32_t id, TessKernel *kernel, void *const *arg, const TessStep *step,
                    int64_t tasks, uint64_t guard) {
  if (run->stop || tasks <= 0 || (guard && (step->supplied & guard) == guard)) return;
  run->kernel = kernel;
  run->arg = arg;
  run->step = step;
  run->tasks = tasks;
  run->parts = tasks < run->threads ? (int)tasks : run->threads;
  double start = run->hook ? rt_now() : 0;
  launch(run);
  if (run->hook) run->hook->after(run->hook->ctx, run, id, rt_now() - start);
}
