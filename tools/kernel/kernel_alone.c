/* tessera kernel: the kernels of a text by themselves. Each is compiled for this machine, run on random data,
 * compared with the interpreter and timed beside what the machine can do. */
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "abi/program.h"
#include "base/machine/peak.h"
#include "codegen/cpu/cpu.h"
#include "ir/kernel/kern.h"
#include "ir/kernel/kern_walk.h"
#include "tools/build/build.h"
#include "tools/verbs.h"

enum { MOST_TIMED = 1000, COPIED = 64 << 20 };
static const double peak_seconds = 0.2;

typedef struct Options {
  const char *path, *target;
  const Processor *cpu;
  const char *only; /* the one kernel that is wanted, or NULL */
  bool check;
  double seconds;              /* to time each kernel for */
  double peak_flop, peak_copy; /* of one thread of this machine, a second */
} Options;

/* A kernel on trial: its buffers twice, with equal random data, for a native function and for the
 * interpreter. */
typedef struct Trial {
  Arena *arena;
  const Kernel *kernel;
  size_t *count; /* elements of each buffer */
  void **ours, **theirs;
  int nfield; /* of the step block, that the kernel reads */
  const char *field[TESS_MAX_SETTINGS];
} Trial;

/* What every scalar of the step block is. */
static const double field_value = 0.75;

static void collect_fields(Trial *t, const KExpr *e) {
  if (!e) return;
  for (int i = 0; i < 3; i++) collect_fields(t, e->arg[i]);
  if (e->kind != KE_STEP) return;
  for (int i = 0; i < t->nfield && i < TESS_MAX_SETTINGS; i++)
    if (strcmp(t->field[i], e->name) == 0) return;
  if (t->nfield < TESS_MAX_SETTINGS) t->field[t->nfield] = e->name;
  t->nfield++;
}

static size_t buffer_length(const KBuf *b) {
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

static double buffer_bytes(const Kernel *k) {
  double sum = 0;
  for (int i = 0; i < k->nbuf; i++)
    sum += 2.0 * (double)buffer_length(&k->buf[i]) * dtype_size(k->buf[i].dtype);
  return sum;
}

/* Physical memory is the bound, since more would be granted and then not be there. */
static bool has_memory(const Kernel *k) {
  double most = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE), need = buffer_bytes(k);
  if (need < most) return true;
  diag_error(k->loc, "kernel %s and the interpreter need %.1f GiB for its buffers; this machine has %.1f",
             k->name, need * 0x1p-30, most * 0x1p-30);
  return false;
}

static void *need(void *p) {
  if (!p) diag_no_memory();
  return p;
}

static void make_buffers(Trial *t) {
  const Kernel *k = t->kernel;
  int64_t *bound = kern_read_bounds(t->arena, k);
  uint32_t seed = 2463534242u;
  t->count = ARENA_ARRAY(t->arena, k->nbuf, size_t);
  t->ours = ARENA_ARRAY(t->arena, k->nbuf, void *);
  t->theirs = ARENA_ARRAY(t->arena, k->nbuf, void *);
  for (int i = 0; i < k->nbuf; i++) {
    size_t n = t->count[i] = buffer_length(&k->buf[i]), bytes = n * (size_t)dtype_size(k->buf[i].dtype);
    t->ours[i] = need(aligned_alloc(64, (bytes + 127) / 64 * 64));
    t->theirs[i] = need(malloc(bytes));
    fill(t->ours[i], k->buf[i].dtype, n, bound[i], &seed);
    memcpy(t->theirs[i], t->ours[i], bytes);
  }
}

/* Fills *t in; false after reporting a kernel that this machine has no memory for, or that reads more of the
 * step block than there is. */
static bool open_trial(Arena *a, const Kernel *k, Trial *t) {
  *t = (Trial){.arena = a, .kernel = k};
  for (int v = 0; v < k->nval; v++) collect_fields(t, k->val[v].expr);
  if (t->nfield > TESS_MAX_SETTINGS) {
    diag_error(k->loc, "kernel %s reads %d scalars of the step, at most %d are there", k->name, t->nfield,
               TESS_MAX_SETTINGS);
    return false;
  }
  if (!has_memory(k)) return false;
  make_buffers(t);
  return true;
}

static void close_trial(Trial *t) {
  for (int i = 0; i < t->kernel->nbuf; i++) {
    free(t->ours[i]);
    free(t->theirs[i]);
  }
}

/* Every field of the step block has one value; any will do. */
static TessStep step_block(void) {
  float v = (float)field_value;
  TessStep s = {.step_f = v, .micro_f = v, .total = v, .epoch_steps = v, .constant = v};
  for (int i = 0; i < TESS_MAX_SETTINGS; i++) s.setting[i] = v;
  return s;
}

static double scalar(void *ctx, const char *name) {
  (void)ctx;
  (void)name;
  return field_value;
}

/* On `theirs`. */
static void interpret(Trial *t) {
  kern_interp(t->kernel, t->theirs, &(KStepEnv){.scalar = scalar}, false);
}

/* The data may lead to values that are no numbers (logarithms of what is negative): those agree. */
static bool agree(double x, double y) {
  return x == y || (isnan(x) && isnan(y));
}

/* The distance of our outputs from the interpreter's, divided by the norm of those; NAN when one side alone
 * has a value that is no number, or an infinite one. */
static double distance(const Trial *t) {
  double apart = 0, norm = 0;
  for (int b = 0; b < t->kernel->nbuf; b++) {
    const KBuf *buf = &t->kernel->buf[b];
    for (size_t i = 0; buf->kind != KB_IN && i < t->count[b]; i++) {
      double x = dtype_get(buf->dtype, t->ours[b], (int64_t)i),
             y = dtype_get(buf->dtype, t->theirs[b], (int64_t)i);
      if (!isfinite(y) || !isfinite(x)) {
        if (!agree(x, y)) return NAN;
        continue;
      }
      apart += (x - y) * (x - y);
      norm += y * y;
    }
  }
  return norm > 0 ? sqrt(apart / norm) : sqrt(apart);
}

/* The distance that rounding explains: by the narrowest type that is stored. */
static double tolerance(const Kernel *k) {
  double most = 1e-4; /* sums in another order than the interpreter's */
  for (int i = 0; i < k->nbuf; i++) {
    bool stored = k->buf[i].kind != KB_IN;
    if (stored && k->buf[i].dtype == DT_F16 && most < 2e-3) most = 2e-3;
    if (stored && k->buf[i].dtype == DT_BF16) most = 1e-2;
  }
  return most;
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

/* The first run, whose outputs are compared; then the median of the runs that fit in the time. */
static double run_ours(Trial *t, TessKernel *fn, const Options *o, double *apart) {
  TessStep step = step_block();
  void **arg = cpu_arguments(t->arena, t->kernel, t->ours, NULL);
  const KPlan *plan = kern_plan_for(t->kernel, &cpu_plans);
  int64_t tasks = cpu_tasks(t->kernel, plan), bytes = cpu_scratch(t->kernel, plan, o->cpu);
  char *scratch = need(aligned_alloc(64, ((size_t)bytes + 127) / 64 * 64));
  double sample[MOST_TIMED], start = now();
  int n = 0;
  do {
    double before = now();
    fn(arg, &step, scratch, 0, tasks);
    sample[n++] = now() - before;
    if (n == 1 && o->check) *apart = distance(t);
  } while (n < MOST_TIMED && now() - start < o->seconds);
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

/* Each buffer once, those read and written twice. */
static double moved(const Trial *t) {
  double sum = 0;
  for (int i = 0; i < t->kernel->nbuf; i++)
    sum += (double)t->count[i] * dtype_size(t->kernel->buf[i].dtype) *
           (1 + (t->kernel->buf[i].kind == KB_INOUT));
  return sum;
}

static void print_result(const Trial *t, const Options *o, double seconds, double apart) {
  double f = flop(t->kernel) / seconds, b = moved(t) / seconds;
  printf("%s: %.1f us", t->kernel->name, seconds * 1e6);
  if (f > 0) printf(", %.2f GFLOP/s (%.0f %% of peak)", f * 1e-9, 100 * f / o->peak_flop);
  printf(", %.2f GB/s (%.0f %% of a copy)", b * 1e-9, 100 * b / o->peak_copy);
  if (o->check) printf(", apart from the interpreter by %.1e", apart);
  printf("\n");
}

static TessKernel *compile(HostModule *m, Trial *t) {
  host_module_settings(m, t->field, t->nfield);
  cpu_add_kernel(m, t->kernel, t->kernel->name, false);
  void *address = host_module_jit(m, t->kernel->name);
  TessKernel *fn;
  memcpy(&fn, &address, sizeof fn);
  if (!fn) ice("kernel %s is not in its module", t->kernel->name);
  return fn;
}

static bool run_kernel(Arena *a, const Kernel *k, const Options *o) {
  Trial t;
  if (!kern_plan_for(k, &cpu_plans))
    return diag_error(k->loc, "kernel %s has no plan for cpu", k->name), false;
  if (!open_trial(a, k, &t)) return false;
  HostModule *m = host_module_new(a, o->cpu, k->name);
  TessKernel *fn = compile(m, &t);
  if (o->check) interpret(&t);
  double apart = 0, seconds = run_ours(&t, fn, o, &apart), most = tolerance(k);
  print_result(&t, o, seconds, apart);
  bool good = apart <= most;
  if (!good)
    diag_error(k->loc, "kernel %s is apart from the interpreter by %.1e, expected at most %.0e", k->name,
               apart, most);
  close_trial(&t);
  host_module_free(m);
  return good;
}

static bool find_target(Arena *a, Options *o) {
  if (strncmp(o->target, "cpu:", 4) != 0) {
    diag_error((Loc){0}, "unknown target \"%s\"; kernels by themselves run on a CPU, cpu:NAME", o->target);
    return false;
  }
  const Target *t = cpu_target_open(a, o->target + 4);
  o->cpu = t ? t->host : NULL;
  if (!t || processor_runs_here(o->cpu)) return t;
  diag_error((Loc){0}, "this machine cannot run code for cpu:%s, which needs %s", o->cpu->name,
             o->cpu->needs);
  return false;
}

static void find_peaks(Options *o) {
  o->peak_flop = peak_flops_threads(PEAK_F32, 1, peak_seconds);
  o->peak_copy = peak_copy(1, COPIED, peak_seconds);
  printf("%s, one thread: peak %.1f GFLOP/s in f32, copies %.1f GB/s\n", o->cpu->name, o->peak_flop * 1e-9,
         o->peak_copy * 1e-9);
}

static bool is_wanted(const Options *o, const Kernel *k) {
  return !o->only || strcmp(o->only, k->name) == 0;
}

static int wanted(const Options *o, const KernList *list) {
  int n = 0;
  for (int i = 0; i < list->n; i++) n += is_wanted(o, list->k[i]);
  return n;
}

static bool run_file(Arena *a, Options *o) {
  Source *src = find_target(a, o) ? diag_read(a, o->path) : NULL;
  KernList *list = src ? kern_parse(a, src, KPLAN_RULES(&cpu_plans)) : NULL;
  if (!list) return false;
  bool ok = wanted(o, list) > 0;
  if (!ok && o->only) diag_error((Loc){.src = src}, "no kernel is called %s here", o->only);
  if (!ok && !o->only) diag_error((Loc){.src = src}, "there is no kernel here");
  if (ok) find_peaks(o);
  for (int i = 0; i < list->n; i++)
    if (is_wanted(o, list->k[i])) ok &= kern_verify(list->k[i]) && run_kernel(a, list->k[i], o);
  return ok;
}

int verb_kernel(int argc, char **argv) {
  Args args = args_start("kernel", argc, argv);
  Options o = {.target = "cpu:native", .check = true, .seconds = 1};
  const char *text;
  while (args_more(&args)) {
    if (args_flag(&args, "--no-check"))
      o.check = false;
    else if (args_option(&args, "--seconds", &text))
      o.seconds = args.wrong ? 0 : (double)args_number(&args, "--seconds", text, 0);
    else if (args_option(&args, "--target", &text))
      o.target = text;
    else if (!args_option(&args, "--kernel", &o.only))
      args_only(&args, &o.path);
  }
  if (!args.wrong && !o.path) args_fail(&args, "which file?");
  if (args.wrong) return 2;
  Arena *a = arena_new();
  bool ok = run_file(a, &o);
  arena_free(a);
  return !ok;
}
