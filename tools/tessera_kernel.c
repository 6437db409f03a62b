/* tessera kernel: the kernels of a text by themselves. Each is compiled for this machine, run on random data,
 * compared with the interpreter and timed. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "codegen/cpu.h"
#include "ir/kern_walk.h"
#include "runtime/program.h"
#include "tools/tessera.h"

enum { MOST_FIELDS = TESS_MAX_SETTINGS, MOST_TIMED = 1000 };

/* What every scalar of the step block is; any value will do. */
static const double field_value = 0.75;

typedef struct Options {
  const char *path, *target;
  bool check;
  double seconds; /* to time each kernel for */
} Options;

/* A kernel on trial: two sets of buffers, one a side. */
typedef struct Trial {
  Arena *arena;
  const Kernel *kernel;
  const KPlan *plan;
  const CpuTarget *target;
  size_t *count; /* elements of each buffer */
  void **ours, **theirs;
  int nfield;
  const char *field[MOST_FIELDS]; /* of the step block, that the kernel reads */
} Trial;

static void collect_fields(Trial *t, const KExpr *e) {
  if (!e) return;
  for (int i = 0; i < 3; i++) collect_fields(t, e->arg[i]);
  if (e->kind != KE_STEP) return;
  for (int i = 0; i < t->nfield; i++)
    if (strcmp(t->field[i], e->name) == 0) return;
  if (t->nfield < MOST_FIELDS) t->field[t->nfield++] = e->name;
}

static size_t elements(const KBuf *b) {
  int64_t last = 0;
  for (int i = 0; i < b->rank; i++) last += (b->dim[i] - 1) * b->stride[i];
  return (size_t)last + 1;
}

static uint32_t next_random(uint32_t *seed) {
  *seed ^= *seed << 13;
  *seed ^= *seed >> 17;
  *seed ^= *seed << 5;
  return *seed;
}

/* Floats in [-1, 1); whole numbers below the bound, which keeps the indices among them inside. */
static void fill(void *p, DType t, size_t n, int64_t bound, uint32_t *seed) {
  for (size_t i = 0; i < n; i++) {
    uint32_t r = next_random(seed);
    float f = (float)(r >> 8) * 0x1p-23f - 1.0f;
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    switch (t) {
    case DT_F32: ((float *)p)[i] = f; break;
    case DT_BF16: ((uint16_t *)p)[i] = (uint16_t)(bits >> 16); break;
    case DT_F16: ((uint16_t *)p)[i] = (uint16_t)(0x3000 | (r & 0x83ff)); break;
    case DT_I32: ((int32_t *)p)[i] = (int32_t)(r % (uint32_t)(bound > 0 ? bound : 10)); break;
    case DT_U8: ((uint8_t *)p)[i] = (uint8_t)r; break;
    case DT_BOOL: ((uint8_t *)p)[i] = r & 1; break;
    case DT_U64: ((uint64_t *)p)[i] = r; break;
    case DT_COUNT: break;
    }
  }
}

static void make_buffers(Trial *t) {
  const Kernel *k = t->kernel;
  int64_t *bound = kern_read_bounds(t->arena, k);
  uint32_t seed = 2463534242u;
  t->count = ARENA_ARRAY(t->arena, k->nbuf, size_t);
  t->ours = ARENA_ARRAY(t->arena, k->nbuf, void *);
  t->theirs = ARENA_ARRAY(t->arena, k->nbuf, void *);
  for (int i = 0; i < k->nbuf; i++) {
    size_t n = t->count[i] = elements(&k->buf[i]), bytes = n * (size_t)dtype_size(k->buf[i].dtype);
    t->ours[i] = aligned_alloc(64, (bytes + 127) / 64 * 64);
    t->theirs[i] = malloc(bytes);
    if (!t->ours[i] || !t->theirs[i]) ice("out of memory: %zu bytes", bytes);
    fill(t->ours[i], k->buf[i].dtype, n, bound[i], &seed);
    memcpy(t->theirs[i], t->ours[i], bytes);
  }
}

static void free_buffers(Trial *t) {
  for (int i = 0; i < t->kernel->nbuf; i++) {
    free(t->ours[i]);
    free(t->theirs[i]);
  }
}

static double scalar(void *ctx, const char *name) {
  (void)ctx;
  (void)name;
  return field_value;
}

static float element(const void *p, DType t, size_t i) {
  uint32_t bits;
  float f;
  switch (t) {
  case DT_F32: return ((const float *)p)[i];
  case DT_BF16:
    bits = (uint32_t)((const uint16_t *)p)[i] << 16;
    memcpy(&f, &bits, sizeof f);
    return f;
  case DT_F16: return __extension__(float)((const _Float16 *)p)[i];
  case DT_I32: return (float)((const int32_t *)p)[i];
  case DT_U64: return (float)((const uint64_t *)p)[i];
  default: return ((const uint8_t *)p)[i];
  }
}

/* Distance of our outputs from the interpreter's, divided by the norm of those. The data may lead to values
 * that are no numbers (logarithms of what is negative): those agree. */
static double distance(const Trial *t) {
  double apart = 0, norm = 0;
  for (int b = 0; b < t->kernel->nbuf; b++) {
    const KBuf *buf = &t->kernel->buf[b];
    for (size_t i = 0; buf->kind != KB_IN && i < t->count[b]; i++) {
      double x = (double)element(t->ours[b], buf->dtype, i), y = (double)element(t->theirs[b], buf->dtype, i);
      if (isnan(x) && isnan(y)) continue;
      apart += (x - y) * (x - y);
      norm += y * y;
    }
  }
  return norm > 0 ? sqrt(apart / norm) : sqrt(apart);
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int by_value(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* The step block in which every field is field_value. */
static TessStep step_block(void) {
  float v = (float)field_value;
  TessStep s = {.step_f = v, .micro_f = v, .total = v, .epoch_steps = v, .constant = v};
  for (int i = 0; i < TESS_MAX_SETTINGS; i++) s.setting[i] = v;
  return s;
}

/* The first run, whose outputs are compared; then the median of the runs that fit in the time. */
static double run_ours(Trial *t, TessKernel *fn, double seconds, double *interpreted_apart, bool check) {
  TessStep step = step_block();
  int64_t tasks = cpu_tasks(t->kernel, t->plan), bytes = cpu_scratch(t->kernel, t->plan, t->target);
  char *scratch = aligned_alloc(64, ((size_t)bytes + 127) / 64 * 64);
  double sample[MOST_TIMED], start = now();
  int n = 0;
  if (!scratch) ice("out of memory: %lld bytes", (long long)bytes);
  do {
    double before = now();
    fn(t->ours, &step, scratch, 0, tasks);
    sample[n++] = now() - before;
    if (n == 1 && check) *interpreted_apart = distance(t);
  } while (n < MOST_TIMED && now() - start < seconds);
  free(scratch);
  qsort(sample, (size_t)n, sizeof *sample, by_value);
  return sample[n / 2];
}

/* Multiplies and adds of its sums, over the whole of their domains. */
static double flop(const Kernel *k) {
  double total = 0;
  for (int v = 0; v < k->nval; v++) {
    const KVal *val = &k->val[v];
    double points = 2;
    if (val->reduce != KR_SUM) continue;
    for (int i = 0; i < val->naxes; i++) points *= (double)k->axis[val->axis[i]].extent;
    for (int i = 0; i < val->nred; i++) points *= (double)k->axis[val->red[i].axis].extent;
    total += points;
  }
  return total;
}

static bool run_kernel(Arena *a, const Kernel *k, const CpuTarget *target, const Options *o) {
  Trial t = {.arena = a, .kernel = k, .plan = kern_plan_for(k, "cpu"), .target = target};
  if (!t.plan) return diag_error(k->loc, "kernel %s has no plan for cpu", k->name), false;
  for (int v = 0; v < k->nval; v++) collect_fields(&t, k->val[v].expr);
  CpuModule *m = cpu_module_new(a, target, k->name);
  cpu_module_settings(m, t.field, t.nfield);
  cpu_module_add(m, k, k->name, false);
  void *address = cpu_module_jit(m, k->name);
  TessKernel *fn;
  memcpy(&fn, &address, sizeof fn);
  if (!fn) ice("kernel %s is not in its module", k->name);
  make_buffers(&t);
  if (o->check) kern_interp(k, t.theirs, &(KStepEnv){.scalar = scalar}, false);
  double apart = 0, seconds = run_ours(&t, fn, o->seconds, &apart, o->check);
  printf("%s: %.1f us", k->name, seconds * 1e6);
  if (flop(k) > 0) printf(", %.2f GFLOP/s", flop(k) / seconds * 1e-9);
  if (o->check) printf(", apart from the interpreter by %.1e", apart);
  printf("\n");
  free_buffers(&t);
  cpu_module_free(m);
  return true;
}

static bool run_file(Arena *a, const Options *o) {
  const CpuTarget *target = cpu_target(o->target);
  if (!target) return diag_error((Loc){0}, "unknown target cpu:%s", o->target), false;
  Source *src = diag_read(a, o->path);
  KernList *list = src ? kern_parse(a, src) : NULL;
  if (!list) return false;
  bool ok = true;
  for (int i = 0; i < list->n; i++) ok &= kern_verify(list->k[i]) && run_kernel(a, list->k[i], target, o);
  return ok;
}

int verb_kernel(int argc, char **argv) {
  Args args = args_start("kernel", argc, argv);
  Options o = {.target = "native", .check = true, .seconds = 1};
  const char *text;
  while (args_more(&args)) {
    if (args_flag(&args, "--no-check"))
      o.check = false;
    else if (args_option(&args, "--seconds", &text))
      o.seconds = args.wrong ? 0 : (double)args_number(&args, "--seconds", text, 0);
    else if (args_option(&args, "--target", &text))
      o.target = !args.wrong && strncmp(text, "cpu:", 4) == 0 ? text + 4 : text;
    else
      o.path = args_word(&args);
  }
  if (!args.wrong && !o.path) args_fail(&args, "which file?");
  if (args.wrong) return 2;
  Arena *a = arena_new();
  bool ok = run_file(a, &o);
  arena_free(a);
  return !ok;
}
