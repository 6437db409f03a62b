/* A third target from outside the compiler: built and run like the others, it trains to the same weights. */
#include <math.h>

#include "tests/runtime/rt_run.h"
#include "tests/suite.h"

#define OK(...) ck_assert_msg(run(__VA_ARGS__) == 0, "%s%s", run_out, run_err)
#define ENDS(status, ...) ck_assert_msg(run(__VA_ARGS__) == (status), "%s%s", run_out, run_err)
#define SAYS(text) ck_assert_msg(strstr(run_err, text) != NULL, "expected \"%s\" in:\n%s", text, run_err)
#define BUILD                                                                                                \
  BUILD_DIR "/toy_tessera build " SOURCE_DIR                                                                 \
            "/models/vit_classify.tess -D batch=2 -D embed_dim=16 -D depth=2 -D heads=2 -D layer_decay=1"

/* Twelve images of noise to learn from. */
static void write_images(void) {
  static uint8_t pixel[12 * 28 * 28], label[12];
  for (size_t i = 0; i < sizeof pixel; i++) pixel[i] = (uint8_t)(i * 2654435761u >> 13);
  for (size_t i = 0; i < sizeof label; i++) label[i] = (uint8_t)(i % 10);
  run_write_idx("train-images-idx3-ubyte", 3, (uint32_t[]){12, 28, 28}, pixel);
  run_write_idx("train-labels-idx1-ubyte", 1, (uint32_t[]){12}, label);
}

/* Sums are added up in another order: 6e-8 was measured. */
START_TEST(trains_to_the_same_weights) {
  size_t n, m;
  write_images();
  OK(BUILD " --target cpu:x86-64-v3 -o cpu && ./cpu train --data . --steps 2 --lr 1e-3 --checkpoint a");
  OK(BUILD " --target toy: -o toy && ./toy train --data . --steps 2 --lr 1e-3 --checkpoint b");
  float *cpu = run_floats("a", &n), *toy = run_floats("b", &m);
  ck_assert_uint_eq(m, n);
  double most = 0;
  for (size_t i = 0; i < n; i++) most = fmax(most, fabs((double)cpu[i] - (double)toy[i]));
  ck_assert_msg(most <= 1e-6, "weights are up to %g apart", most);
  free(cpu);
  free(toy);
  OK("./toy bench --steps 1");
}
END_TEST

START_TEST(the_driver_speaks_of_it) {
  OK(BUILD " --target toy: --emit=toy stage -o toy && grep -q '^compute ' stage/toy.toy");
  OK("grep -q '^plan .* toy flat' stage/toy.toy && grep -q '  num turns 2;' stage/toy.toy && "
     "grep -q '  place .* heap;' stage/toy.toy");
  OK(BUILD_DIR "/toy_tessera build --help | grep -q -- '--target toy: *no machine: an interpreter$'");
  OK(BUILD_DIR "/toy_tessera build --help | grep -q 'graph, kernels, llvm, asm or toy into'");
  ENDS(1, BUILD " --target cpu:native --emit=toy stage -o p");
  SAYS("--emit=toy wants --target toy:; found \"cpu:native\"");
  ENDS(1, BUILD " --target train:set -o p");
  SAYS("unknown target \"train:set\"; expected cpu:NAME or toy:");
  ENDS(1, BUILD " --target toy: --debug-poison -o p");
  ENDS(2, BUILD " --emit=cuda stage -o p");
  SAYS("--emit wants graph, kernels, llvm, asm or toy, found \"cuda\"");
}
END_TEST

/* What it cannot evaluate in an operand has memory. */
START_TEST(placement_asks_it) {
  OK(BUILD_DIR "/toy_tessera explain " SOURCE_DIR
               "/models/vit_classify.tess -D batch=2 -D embed_dim=16 -D depth=2 -D heads=2 -D layer_decay=1 "
               "--target toy: --all | grep -q 'the target computes no such value while it multiplies'");
}
END_TEST

SUITE("toy") {
  tcase_add_checked_fixture(t, run_fresh, run_clean);
  tcase_add_test(t, trains_to_the_same_weights);
  tcase_add_test(t, the_driver_speaks_of_it);
  tcase_add_test(t, placement_asks_it);
}
