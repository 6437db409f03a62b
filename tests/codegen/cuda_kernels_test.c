/* Every kernel text under tests/ir/kern and tests/codegen/cuda, and every kernel of a small D-iGPT's training
 * step and of one with the library's other layers, as CUDA C run on the CPU, against the interpreter. */

#include "tests/codegen/cuda/compare.h"
#include "tests/codegen/cuda/files.h"
#include "tests/runtime/rt_run.h"
#include "tests/suite.h"

/* Interpreting more than this takes too long here. */
static const double most_work = 4e7;

START_TEST(kernels_match_interpreter) {
  ck_assert_int_ge(cuda_compare_file(cuda_file(_i), BUILD_DIR "/cuda_side", most_work), 0);
}
END_TEST

/* Forward, backward, optimizer, initial values and evaluation, with a teacher that is part of the program. */
START_TEST(kernels_of_a_step_match_interpreter) {
  char path[400];
  int status =
      run(BUILD_DIR "/tessera build " SOURCE_DIR "/models/digpt.tess %s %s --emit=kernels . -o p",
          "-D batch=2 -D patch=7 -D embed_dim=16 -D depth=4 -D heads=2 -D 'taps=(1, 2, 3, 4)' -D teacher=vit",
          "-D decoder_dim=16 -D decoder_depth=1 -D decoder_heads=2 -D teacher_dim=16 -D teacher_grid=4 "
          "-D teacher_depth=1 -D shift=2");
  ck_assert_msg(status == 0, "%s%s", run_out, run_err);
  snprintf(path, sizeof path, "%s/p.kern", run_dir);
  ck_assert_int_ge(cuda_compare_file(path, run_dir, most_work), 50);
}
END_TEST

START_TEST(kernels_of_layers_match_interpreter) {
  char path[400];
  int status = run(BUILD_DIR "/tessera build " SOURCE_DIR "/tests/e2e/layers.tess --emit=kernels . -o p");
  ck_assert_msg(status == 0, "%s%s", run_out, run_err);
  snprintf(path, sizeof path, "%s/p.kern", run_dir);
  ck_assert_int_ge(cuda_compare_file(path, run_dir, most_work), 50);
}
END_TEST

SUITE("cuda_kernels") {
  int n = cuda_find_files();
  tcase_add_checked_fixture(t, run_fresh, run_clean);
  tcase_add_loop_test(t, kernels_match_interpreter, 0, n);
  tcase_add_test(t, kernels_of_a_step_match_interpreter);
  tcase_add_test(t, kernels_of_layers_match_interpreter);
}
