/* tessera kernel: the kernels of a text by themselves. Each is compiled for this machine, run on random data,
 * compared with the interpreter and timed beside what the machine can do. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/peak.h"
#include "codegen/cpu/cpu.h"
#include "tools/build/tessera_target.h"
#include "tools/compare/tessera_trial.h"
#include "tools/tessera.h"

enum { MOST_TIMED = 1000, COPIED = 64 << 20 };
static const double peak_seconds = 0.2;

typedef struct Options {
  const char *path, *target;
  const CpuTarget *cpu;
  const char *only; /* the one kernel that is wanted, or NULL */
  bool check;
  double seconds;              /* to time each kernel for */
  double peak_flop, peak_copy; /* of one thread of this machine, a second */
} Options;

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
  TessStep step = trial_step();
  void **arg = cpu_arguments(t->arena, t->kernel, t->ours, NULL);
  const KPlan *plan = kern_plan_for(t->kernel, "cpu");
  int64_t tasks = cpu_tasks(t->kernel, plan), bytes = cpu_scratch(t->kernel, plan, o->cpu);
  char *scratch = aligned_alloc(64, ((size_t)bytes + 127) / 64 * 64);
  double sample[MOST_TIMED], start = now();
  int n = 0;
  if (!scratch) ice("out of memory: %lld bytes", (long long)bytes);
  do {
    double before = now();
    fn(arg, &step, scratch, 0, tasks);
    sample[n++] = now() - before;
    if (n == 1 && o->check) *apart = trial_distance(t);
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

static TessKernel *compile(CpuModule *m, Trial *t) {
  cpu_module_settings(m, t->field, t->nfield);
  cpu_module_add(m, t->kernel, t->kernel->name, false);
  void *address = cpu_module_jit(m, t->kernel->name);
  TessKernel *fn;
  memcpy(&fn, &address, sizeof fn);
  if (!fn) ice("kernel %s is not in its module", t->kernel->name);
  return fn;
}

static bool run_kernel(Arena *a, const Kernel *k, const Options *o) {
  Trial t;
  if (!kern_plan_for(k, "cpu")) return diag_error(k->loc, "kernel %s has no plan for cpu", k->name), false;
  if (!trial_open(a, k, &t)) return false;
  CpuModule *m = cpu_module_new(a, o->cpu, k->name);
  TessKernel *fn = compile(m, &t);
  if (o->check) trial_interpret(&t);
  double apart = 0, seconds = run_ours(&t, fn, o, &apart), most = trial_tolerance(k);
  print_result(&t, o, seconds, apart);
  bool good = apart <= most;
  if (!good)
    diag_error(k->loc, "kernel %s is apart from the interpreter by %.1e, expected at most %.0e", k->name,
               apart, most);
  trial_close(&t);
  cpu_module_free(m);
  return good;
}

static bool find_target(Arena *a, Options *o) {
  o->cpu = target_cpu(a, o->target, "");
  if (!o->cpu || cpu_runs_here(o->cpu)) return o->cpu;
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
  KernList *list = src ? kern_parse(a, src) : NULL;
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
