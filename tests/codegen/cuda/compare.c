/* Kernels through the CUDA emitter and the host's compiler, against the interpreter. */
#include "tests/codegen/cuda/compare.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "codegen/cpu/cpu.h"
#include "codegen/cuda/cuda.h"
#include "tests/codegen/cuda/data.h"
#include "tests/codegen/cuda/side.h"

enum { MAX_PARAMS = 64 };

static bool complain(const Kernel *k, const char *what) {
  fprintf(stderr, "%s: %s\n", k->name, what);
  return false;
}

static void run(const Kernel *k, const CudaLaunch *l, ShimRun *kernel, void **bufs, const TessStep *step,
                ShimOrder order) {
  void *args[MAX_PARAMS], *block = (void *)(uintptr_t)step;
  for (int i = 0; i < k->nbuf; i++) args[i] = &bufs[i];
  args[k->nbuf] = &block;
  for (int i = 0; i < k->nword; i++) args[k->nbuf + 1 + i] = (void *)(uintptr_t)&k->word[i].value;
  ShimLaunch s = {l->grid, l->block, (size_t)l->shared, order, 7};
  kernel(&s, args);
}

/* Positive data where most results of other data are not finite: roots, logarithms, quotients by sums. */
static void **draw(Arena *a, const Kernel *k, const KStepEnv *env, void ***want) {
  void **start = NULL;
  for (int positive = 0; positive < 2; positive++) {
    start = data_buffers(a, k, positive ? 0.25 : -1);
    *want = data_copy(a, k, start);
    kern_interp(k, *want, env, false);
    if (data_finite(k, *want) > 0.5) return start;
  }
  return NULL;
}

static bool compare(Arena *a, const Kernel *k, const CudaLaunch *l, ShimRun *kernel, const DataStep *step) {
  KStepEnv env = data_env(step);
  void **want, **start = draw(a, k, &env, &want);
  if (!start) return complain(k, "most results are not finite: the data says nothing");
  void **first = data_copy(a, k, start);
  run(k, l, kernel, first, &step->block, SHIM_FORWARD);
  if (data_compare(k, first, want)) return complain(k, "differs from the interpreter");
  for (ShimOrder order = SHIM_REVERSE; order <= SHIM_RANDOM; order++) {
    void **other = data_copy(a, k, start);
    run(k, l, kernel, other, &step->block, order);
    if (!data_same(k, first, other)) return complain(k, "depends on the threads' order");
  }
  return true;
}

static bool emit(CudaUnit *u, const KernList *list) {
  for (int i = 0; i < list->n; i++) {
    if (!kern_verify(list->k[i]) || cuda_params(list->k[i]) > MAX_PARAMS)
      return complain(list->k[i], "can't be emitted");
    cuda_unit_add(u, list->k[i], true);
  }
  return true;
}

/* FOLDER/BASE.cu and .so, BASE the file's name without its ending. */
static void *build(const char *path, const char *folder, const char *text) {
  char name[256];
  const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
  mkdir(folder, 0777);
  snprintf(name, sizeof name, "%.*s", (int)strcspn(base, "."), base);
  return side_build(folder, name, text);
}

static int compare_all(const KernList *list, const CudaLaunch *launch, void *side, const DataStep *step,
                       double most_work) {
  int ran = 0;
  for (int i = 0; i < list->n; i++) {
    const Kernel *k = list->k[i];
    ShimRun *kernel = side_find(side, launch[i].name);
    if (!kernel) return complain(k, "is not in the side library") - 1;
    if (data_work(k) > most_work) continue;
    Arena *a = arena_new();
    bool ok = compare(a, k, &launch[i], kernel, step);
    arena_free(a);
    if (!ok) return -1;
    ran++;
  }
  return ran;
}

int cuda_compare_file(const char *path, const char *folder, double most_work) {
  Arena *a = arena_new();
  int ran = -1;
  Source *src = diag_read(a, path);
  KernList *list = src ? kern_parse(a, src, KPLAN_RULES(&cpu_plans, &cuda_plans)) : NULL;
  if (list) {
    DataStep step = data_step(list);
    CudaUnit *u = cuda_unit_new(a, step.setting, step.nsetting);
    const CudaLaunch *launch;
    void *side = emit(u, list) ? build(path, folder, cuda_unit_text(u)) : NULL;
    cuda_unit_launches(u, &launch);
    if (side) ran = compare_all(list, launch, side, &step, most_work);
  }
  arena_free(a);
  return ran;
}
