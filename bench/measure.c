/* Compiles a kernel into this process and times it: see measure.h. */
#include "bench/measure.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "abi/program.h"
#include "codegen/cpu/cpu.h"

enum { MAX_REPEAT = 64, MAX_THREADS = 8, MAX_BUFS = 32 };

typedef struct Worker {
  pthread_t thread;
  pthread_barrier_t *barrier;
  const Measure *m;
  TessKernel *fn;
  void **bufs;
  char *scratch;
  int64_t task, end;
  int runs;
  double peak[MAX_REPEAT], seconds[MAX_REPEAT]; /* seconds a run */
} Worker;

static void fail(const char *what) {
  fprintf(stderr, "measure: %s\n", what);
  exit(2);
}

static double cpu_now(void) {
  struct timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void *work(void *arg) {
  Worker *w = arg;
  TessStep step = {0};
  w->fn(w->bufs, &step, w->scratch, w->task, w->end);
  for (int r = 0; r < w->m->repeat; r++) {
    pthread_barrier_wait(w->barrier);
    double before = peak_flops(w->m->kind, 0.01, CLOCK_THREAD_CPUTIME_ID);
    pthread_barrier_wait(w->barrier);
    double start = cpu_now();
    for (int i = 0; i < w->runs; i++) w->fn(w->bufs, &step, w->scratch, w->task, w->end);
    w->seconds[r] = (cpu_now() - start) / w->runs;
    double after = peak_flops(w->m->kind, 0.01, CLOCK_THREAD_CPUTIME_ID);
    w->peak[r] = (before + after) / 2;
  }
  return NULL;
}

static int compare(const void *x, const void *y) {
  double a = *(const double *)x, b = *(const double *)y;
  return (a > b) - (a < b);
}

/* Runs the workers; sorted shares of peak. */
static void sample(Worker *w, const Measure *m, double *share) {
  pthread_barrier_t barrier;
  pthread_barrier_init(&barrier, NULL, (unsigned)m->threads);
  for (int t = 0; t < m->threads; t++) {
    w[t].barrier = &barrier;
    if (pthread_create(&w[t].thread, NULL, work, &w[t])) fail("no thread");
  }
  for (int t = 0; t < m->threads; t++) pthread_join(w[t].thread, NULL);
  for (int r = 0; r < m->repeat; r++) {
    double slowest = 0, peak = 0;
    for (int t = 0; t < m->threads; t++) {
      slowest = w[t].seconds[r] > slowest ? w[t].seconds[r] : slowest;
      peak += w[t].peak[r];
    }
    share[r] = m->flops / slowest / peak;
  }
  qsort(share, (size_t)m->repeat, sizeof *share, compare);
}

/* 64-byte aligned memory with room for whole vectors at the end. */
static void *memory(int64_t bytes) {
  void *p = aligned_alloc(64, ((size_t)bytes + 127) / 64 * 64);
  if (!p) fail("no memory");
  return p;
}

/* Floats in -1 .. 1, or integers as the caller says. */
static void *filled(const KBuf *b, const Measure *m) {
  int64_t n = 1;
  for (int i = 0; i < b->rank; i++) n *= b->dim[i];
  void *v = memory(n * 4);
  float *floats = v;
  int *ints = v;
  unsigned s = 12345;
  for (int64_t i = 0; i < n; i++) {
    s = s * 1664525U + 1013904223U;
    if (b->dtype == DT_I32)
      ints[i] = m->integer(b->name, (long)i);
    else
      floats[i] = (float)(s >> 8) / (float)(1 << 23) - 1;
  }
  return v;
}

static void run(Arena *a, const Measure *m, const Kernel *k, TessKernel *fn, const Processor *target) {
  const KPlan *p = kern_plan_for(k, &cpu_plans);
  int64_t tasks = cpu_tasks(k, p), scratch = cpu_scratch(k, p, target);
  double share[MAX_REPEAT];
  void *bufs[MAX_BUFS];
  Worker *w = ARENA_ARRAY(a, m->threads, Worker);
  for (int i = 0; i < k->nbuf; i++) bufs[i] = filled(&k->buf[i], m);
  for (int t = 0; t < m->threads; t++) {
    w[t].m = m, w[t].fn = fn, w[t].bufs = bufs, w[t].scratch = memory(scratch);
    w[t].task = tasks * t / m->threads, w[t].end = tasks * (t + 1) / m->threads;
    w[t].runs = (int)(4e9 / m->flops * m->threads) + 1;
  }
  sample(w, m, share);
  printf("%s: median %.3f best %.3f (%d tasks, %.1f MB scratch)\n", m->label, share[m->repeat / 2],
         share[m->repeat - 1], (int)tasks, (double)scratch / (1 << 20));
  fflush(stdout);
  for (int t = 0; t < m->threads; t++) free(w[t].scratch);
  for (int i = 0; i < k->nbuf; i++) free(bufs[i]);
}

void measure(Arena *a, const Measure *m) {
  KernList *list = kern_parse(a, diag_source(a, "bench", m->text, strlen(m->text)), KPLAN_RULES(&cpu_plans));
  if (!list || list->n != 1 || !kern_verify(list->k[0])) fail("broken kernel text");
  const Kernel *k = list->k[0];
  if (m->threads > MAX_THREADS || m->repeat > MAX_REPEAT || k->nbuf > MAX_BUFS) fail("too much");
  const Processor *target = processor_named("native");
  if (!target) fail("no kernels for this processor");
  HostModule *module = host_module_new(a, target, "bench");
  cpu_add_kernel(module, k, "kernel", false);
  run(a, m, k, (TessKernel *)(uintptr_t)host_module_jit(module, "kernel"), target);
  host_module_free(module);
}
