/* Every kernel text under tests/kern and tests/cuda through the CUDA emitter, compiled by the host's compiler
 * and run under the shim in three thread orders, against the interpreter. */
#include <check.h>
#include <string.h>
#include <sys/stat.h>

#include "codegen/cuda.h"
#include "tests/cuda/data.h"
#include "tests/cuda/files.h"
#include "tests/cuda/side.h"

/* Interpreting more than this takes too long here; the smaller kernels of tests/cuda have the same shapes. */
static const double most_work = 4e7;

static void run(const Kernel *k, const CudaLaunch *l, ShimRun *kernel, void **bufs, const TessStep *step,
                ShimOrder order) {
  void *pointer[64];
  void *args[64];
  ck_assert_int_lt(k->nbuf, 63);
  for (int i = 0; i <= k->nbuf; i++) {
    pointer[i] = i < k->nbuf ? bufs[i] : (void *)(uintptr_t)step;
    args[i] = &pointer[i];
  }
  ShimLaunch s = {l->grid, l->block, (size_t)l->shared, order, 7};
  kernel(&s, args);
}

static void check_kernel(Arena *a, const Kernel *k, const CudaLaunch *l, void *side, const DataStep *step) {
  KStepEnv env = data_env(step);
  ShimRun *kernel = side_find(side, l->name);
  ck_assert_msg(kernel != NULL, "%s is not in the side library", l->name);
  void **start = data_buffers(a, k, 2), **want = data_copy(a, k, start), **first = data_copy(a, k, start);
  kern_interp(k, want, &env, false);
  run(k, l, kernel, first, &step->block, SHIM_FORWARD);
  ck_assert_msg(data_finite(k, want) > 0.5, "%s: the data says nothing", k->name);
  ck_assert_msg(data_compare(k, first, want) == 0, "%s differs from the interpreter", k->name);
  for (ShimOrder order = SHIM_REVERSE; order <= SHIM_RANDOM; order++) {
    void **other = data_copy(a, k, start);
    run(k, l, kernel, other, &step->block, order);
    ck_assert_msg(data_same(k, first, other), "%s depends on the threads' order", k->name);
  }
}

static void *build(const char *path, const char *text) {
  char folder[] = BUILD_DIR "/cuda_side", name[256];
  const char *base = strrchr(path, '/') + 1;
  mkdir(folder, 0777);
  snprintf(name, sizeof name, "%.*s", (int)strcspn(base, "."), base);
  return side_build(folder, name, text);
}

START_TEST(kernels_match_interpreter) {
  Arena *a = arena_new();
  Source *src = diag_read(a, cuda_file(_i));
  KernList *list = src ? kern_parse(a, src) : NULL;
  ck_assert_msg(list != NULL, "%s does not parse", cuda_file(_i));
  DataStep step = data_step(list, 1);
  CudaUnit *u = cuda_unit_new(a, step.setting, step.nsetting);
  for (int i = 0; i < list->n; i++) {
    ck_assert_msg(kern_verify(list->k[i]), "%s", list->k[i]->name);
    ck_assert(cuda_unit_add(u, list->k[i], true));
  }
  const CudaLaunch *launch;
  ck_assert_int_eq(cuda_unit_launches(u, &launch), list->n);
  void *side = build(cuda_file(_i), cuda_unit_text(u));
  ck_assert_msg(side != NULL, "%s does not compile on the host", cuda_file(_i));
  for (int i = 0; i < list->n; i++)
    if (data_work(list->k[i]) <= most_work) check_kernel(a, list->k[i], &launch[i], side, &step);
  arena_free(a);
}
END_TEST

int main(void) {
  int n = cuda_find_files();
  Suite *s = suite_create("cuda_kernels");
  TCase *c = tcase_create("kernels");
  tcase_set_timeout(c, 300);
  tcase_add_loop_test(c, kernels_match_interpreter, 0, n);
  suite_add_tcase(s, c);
  SRunner *r = srunner_create(s);
  srunner_run_all(r, CK_NORMAL);
  int failed = srunner_ntests_failed(r);
  srunner_free(r);
  return failed != 0;
}
