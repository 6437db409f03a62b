/* Measures contractions against the peak of the same minute: gates [--json] [--repeat N] [WORD...] runs the
 * cases whose names contain every WORD. A sample is a slice of the peak loop, the kernel for a while and
 * another slice, on every thread at once and by each thread's own processor time, so that others on the
 * machine count as little as can be; its share is the slowest thread's. Printed: median and best. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench/peak.h"
#include "codegen/cpu.h"
#include "runtime/program.h"

enum { MAX_REPEAT = 64, MAX_THREADS = 8 };

typedef enum Form { BARE, FUSED, DW, DX, FORMS } Form;
static const char *const form_name[FORMS] = {"bare", "fused", "dw", "dx"};

typedef struct Case {
  Form form;
  bool bf16;
  int m, n, k, threads; /* tokens, outputs, inputs of the linear layer */
} Case;

static const char *operand(Arena *a, const Case *c, const char *e) {
  return c->bf16 ? arena_printf(a, "cast(f32, cast(bf16, %s))", e) : e;
}

static char *text_of_product(Arena *a, const Case *c) {
  bool fused = c->form == FUSED;
  const char *x = fused ? "(x[m, k] - mu[m]) * rs[m] * ga[k] + be[k]" : "x[m, k]";
  const char *w = c->form == DX ? "w[k, n]" : "w[n, k]";
  int wn = c->form == DX ? c->k : c->n, wk = c->form == DX ? c->n : c->k;
  return arena_printf(a,
                      "compute kernel {\n axis m:%d\n axis n:%d\n axis k:%d\n in x[%d, %d] : f32\n"
                      " in w[%d, %d] : f32\n in mu[%d] : f32\n in rs[%d] : f32\n in ga[%d] : f32\n"
                      " in be[%d] : f32\n in bias[%d] : f32\n out t[%d, %d] : f32\n out g[%d, %d] : f32\n"
                      " p[m, k] = %s\n c[m, n] = sum(k) %s * %s\n u[m, n] = c[m, n]%s\n"
                      " v[m, n] = u[m, n] * 0.5 * (1 + erf(u[m, n] * 0.70710678))\n"
                      " store u[m, n] -> t[m, n]\n%s}\n"
                      "plan kernel cpu dot { role m: m; role n: n; role k: k }\n",
                      c->m, c->n, c->k, c->m, c->k, wn, wk, c->m, c->m, c->k, c->k, c->n, c->m, c->n, c->m,
                      c->n, x, operand(a, c, "p[m, k]"), operand(a, c, w), fused ? " + bias[n]" : "",
                      fused ? " store v[m, n] -> g[m, n]\n" : "");
}

/* dW[n, k] = sum over tokens of dY[m, n] X[m, k], with db[n] beside it. */
static char *text_of_gradient(Arena *a, const Case *c) {
  return arena_printf(a,
                      "compute kernel {\n axis o:%d\n axis i:%d\n axis t:%d\n in dy[%d, %d] : f32\n"
                      " in x[%d, %d] : f32\n out dw[%d, %d] : f32\n out db[%d] : f32\n"
                      " w[o, i] = sum(t) %s * %s\n b[o] = sum(t) dy[t, o]\n"
                      " store w[o, i] -> dw[o, i]\n store b[o] -> db[o]\n}\n"
                      "plan kernel cpu dot { role m: o; role n: i; role k: t }\n",
                      c->n, c->k, c->m, c->m, c->n, c->m, c->k, c->n, c->k, c->n, operand(a, c, "dy[t, o]"),
                      operand(a, c, "x[t, i]"));
}

static Kernel *kernel_of(Arena *a, const Case *c) {
  char *text = c->form == DW ? text_of_gradient(a, c) : text_of_product(a, c);
  KernList *list = kern_parse(a, diag_source(a, "gates", text, strlen(text)));
  if (!list) exit(2);
  return list->k[0];
}

static void *random_buffer(const KBuf *b) {
  int64_t n = 1;
  for (int i = 0; i < b->rank; i++) n *= b->dim[i];
  float *v = aligned_alloc(64, ((size_t)n * 4 + 127) / 64 * 64);
  if (!v) exit(2);
  unsigned s = 12345;
  for (int64_t i = 0; i < n; i++) {
    s = s * 1664525U + 1013904223U;
    v[i] = (float)(s >> 8) / (float)(1 << 23) - 1;
  }
  return v;
}

typedef struct Worker {
  pthread_t thread;
  pthread_barrier_t *barrier;
  const Case *c;
  TessKernel *fn;
  void **bufs;
  char *scratch;
  int64_t task, end;
  int repeat, runs;
  double peak[MAX_REPEAT], seconds[MAX_REPEAT]; /* seconds a run */
} Worker;

static double cpu_now(void) {
  struct timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void *work(void *arg) {
  Worker *w = arg;
  TessStep step = {0};
  PeakKind kind = w->c->bf16 ? PEAK_BF16 : PEAK_F32;
  w->fn(w->bufs, &step, w->scratch, w->task, w->end);
  for (int r = 0; r < w->repeat; r++) {
    pthread_barrier_wait(w->barrier);
    double before = peak_flops(kind, 0.01, CLOCK_THREAD_CPUTIME_ID);
    pthread_barrier_wait(w->barrier);
    double start = cpu_now();
    for (int i = 0; i < w->runs; i++) w->fn(w->bufs, &step, w->scratch, w->task, w->end);
    w->seconds[r] = (cpu_now() - start) / w->runs;
    double after = peak_flops(kind, 0.01, CLOCK_THREAD_CPUTIME_ID);
    w->peak[r] = (before + after) / 2;
  }
  return NULL;
}

static int compare(const void *x, const void *y) {
  double a = *(const double *)x, b = *(const double *)y;
  return (a > b) - (a < b);
}

/* Runs the workers; sorted shares of peak. */
static void measure(Worker *w, int threads, int repeat, double flops, double *share) {
  pthread_barrier_t barrier;
  pthread_barrier_init(&barrier, NULL, (unsigned)threads);
  for (int t = 0; t < threads; t++) {
    w[t].barrier = &barrier;
    if (pthread_create(&w[t].thread, NULL, work, &w[t])) exit(2);
  }
  for (int t = 0; t < threads; t++) pthread_join(w[t].thread, NULL);
  for (int r = 0; r < repeat; r++) {
    double slowest = 0, peak = 0;
    for (int t = 0; t < threads; t++) {
      slowest = w[t].seconds[r] > slowest ? w[t].seconds[r] : slowest;
      peak += w[t].peak[r];
    }
    share[r] = flops / slowest / peak;
  }
  qsort(share, (size_t)repeat, sizeof *share, compare);
}

static void run(const Case *c, int repeat) {
  Arena *a = arena_new();
  Kernel *k = kernel_of(a, c);
  const CpuTarget *target = cpu_target("native");
  CpuModule *m = cpu_module_new(a, target, "gates");
  cpu_module_add(m, k, "kernel", false);
  TessKernel *fn = (TessKernel *)(uintptr_t)cpu_module_jit(m, "kernel");
  const KPlan *p = kern_plan_for(k, "cpu");
  int64_t tasks = cpu_tasks(k, p), scratch = cpu_scratch(k, p, target);
  double flops = 2.0 * c->m * c->n * c->k, share[MAX_REPEAT];
  void *bufs[16];
  for (int i = 0; i < k->nbuf; i++) bufs[i] = random_buffer(&k->buf[i]);
  Worker w[MAX_THREADS];
  for (int t = 0; t < c->threads; t++) {
    w[t] = (Worker){.c = c,
                    .fn = fn,
                    .bufs = bufs,
                    .task = tasks * t / c->threads,
                    .end = tasks * (t + 1) / c->threads,
                    .repeat = repeat,
                    .runs = (int)(4e9 / flops * c->threads) + 1};
    w[t].scratch = aligned_alloc(64, (size_t)(scratch + 127) / 64 * 64);
    if (!w[t].scratch) exit(2);
  }
  measure(w, c->threads, repeat, flops, share);
  printf("%-5s %s M %-4d N %-4d K %-4d threads %d: median %.3f best %.3f (%d tasks, %.1f MB scratch)\n",
         form_name[c->form], c->bf16 ? "bf16" : "f32 ", c->m, c->n, c->k, c->threads, share[repeat / 2],
         share[repeat - 1], (int)tasks, (double)scratch / (1 << 20));
  fflush(stdout);
  for (int t = 0; t < c->threads; t++) free(w[t].scratch);
  for (int i = 0; i < k->nbuf; i++) free(bufs[i]);
  cpu_module_free(m);
  arena_free(a);
}

static bool wanted(const Case *c, int n, char **word) {
  char name[128];
  snprintf(name, sizeof name, "%s %s M%d N%d K%d T%d ", form_name[c->form], c->bf16 ? "bf16" : "f32", c->m,
           c->n, c->k, c->threads);
  for (int i = 0; i < n; i++) {
    char spaced[64];
    snprintf(spaced, sizeof spaced, "%s ", word[i]);
    if (!strstr(name, spaced)) return false;
  }
  return true;
}

int main(int argc, char **argv) {
  static const int pair[][2] = {{768, 768}, {3072, 768}, {768, 3072}, {2304, 768}, {1024, 1024}};
  int repeat = 9, first = 1;
  if (argc > 2 && !strcmp(argv[1], "--repeat")) {
    repeat = (int)strtol(argv[2], NULL, 10);
    if (repeat < 1 || repeat > MAX_REPEAT) return 2;
    first = 3;
  }
  for (int i = 0; i < FORMS * 2 * 2 * 2 * 5; i++) {
    Case c = {.form = (Form)(i / 40),
              .bf16 = i / 20 % 2,
              .threads = i / 10 % 2 + 1,
              .m = i / 5 % 2 ? 1184 : 592,
              .n = pair[i % 5][0],
              .k = pair[i % 5][1]};
    if (wanted(&c, argc - first, argv + first)) run(&c, repeat);
  }
  return 0;
}
