/* Whole programs for CUDA: built by the driver, run unmodified on the stand-in for the CUDA driver. */
#include <math.h>

#include "tests/runtime/rt_run.h"
#include "tests/suite.h"

#define TESSERA BUILD_DIR "/tessera"
#define MODELS SOURCE_DIR "/models"
#define GOLDEN SOURCE_DIR "/../shared/golden"
#define LAYERS SOURCE_DIR "/tests/e2e/layers.safetensors"
#define E2E SOURCE_DIR "/tests/e2e"
#define FASHION "/usr/share/datasets/fashion-mnist"
#define SIDE BUILD_DIR "/tests/cuda_side_tool . side stage/p.cu"

/* The program finds the stand-in; NVRTC is not needed any more. */
#define RUN "STANDIN_SIDE=$PWD/side.so LD_LIBRARY_PATH=" BUILD_DIR "/cuda_standin "

#define OK(...) ck_assert_msg(run(__VA_ARGS__) == 0, "%s%s", run_out, run_err)
#define ENDS(status, ...) ck_assert_msg(run(__VA_ARGS__) == (status), "%s%s", run_out, run_err)
#define SAYS(text) ck_assert_msg(strstr(run_err, text) != NULL, "expected \"%s\" in:\n%s", text, run_err)
#define PRINTS(text) ck_assert_msg(strstr(run_out, text) != NULL, "expected \"%s\" in:\n%s", text, run_out)

#define SMALL_VIT                                                                                            \
  TESSERA " build " MODELS                                                                                   \
          "/vit_classify.tess -D batch=8 -D embed_dim=16 -D depth=1 -D heads=2 -D layer_decay=1 -o p"

/* A program for both architectures as ./p, and its kernels for the host as ./side.so. */
static void build(const char *description, const char *options) {
  OK(TESSERA " build " MODELS "/%s.tess %s --target cuda:sm_80,sm_90a --emit=cuda stage -o p", description,
     options);
  OK(SIDE);
}

#define BOTH " --target cuda:sm_80,sm_90a --emit=cuda stage"

/* The small model as such a program, built once for all tests. */
static char shared_dir[sizeof run_dir];

static void build_shared(void) {
  run_fresh();
  OK(SMALL_VIT BOTH);
  OK(SIDE);
  memcpy(shared_dir, run_dir, sizeof run_dir);
}

static void remove_shared(void) {
  memcpy(run_dir, shared_dir, sizeof run_dir);
  run_clean();
}

static void small_vit(void) {
  OK("cp -r %s/. .", shared_dir);
}

/* Twelve test images of noise, as IDX files. */
static void write_images(void) {
  static uint8_t pixel[12 * 28 * 28], label[12];
  for (size_t i = 0; i < sizeof pixel; i++) pixel[i] = (uint8_t)(i * 2654435761u >> 13);
  for (size_t i = 0; i < sizeof label; i++) label[i] = (uint8_t)(i % 10);
  run_write_idx("t10k-images-idx3-ubyte", 3, (uint32_t[]){12, 28, 28}, pixel);
  run_write_idx("t10k-labels-idx1-ubyte", 1, (uint32_t[]){12}, label);
}

static void replays(const char *description, const char *file, const char *options, const char *environment) {
  char all[512];
  if (access(GOLDEN, F_OK) != 0) return;
  snprintf(all, sizeof all, "-D @" GOLDEN "/%s.safetensors %s", file, options);
  build(description, all);
  OK("%s " RUN "./p replay " GOLDEN "/%s.safetensors", environment, file);
  PRINTS("\"ok\":true");
}

START_TEST(digpt_replays) {
  replays("digpt", "digpt_tiny_a", "", "");
}
END_TEST

START_TEST(clip_replays_on_hopper) {
  replays("clip_visual", "clip_visual_tiny_a", "", "STANDIN_CAPABILITY=9.0 STANDIN_ORDER=random");
}
END_TEST

/* What the library has beside those: pooling, grouped convolutions, sorts, running sums, lookups. */
START_TEST(layers_replay) {
  build("../tests/e2e/layers", "-D @" LAYERS);
  OK(RUN "STANDIN_ORDER=random ./p replay " LAYERS);
  PRINTS("\"ok\":true");
}
END_TEST

START_TEST(finetune_replays_in_reverse) {
  replays("vit_classify", "finetune_tiny_a", "", "STANDIN_CAPABILITY=8.9 STANDIN_ORDER=reverse");
}
END_TEST

/* Running statistics, averages, a queue and micro-batches against PyTorch's numbers; the same with updates of
 * each parameter against the interpreter's. */
START_TEST(states_replay) {
  static const char build[] =
      TESSERA " build " E2E "/states.tess -D @%s --target cuda:sm_80,sm_90a --emit=cuda stage -o p";
  OK("cp " E2E "/states_golden.safetensors a && " BUILD_DIR "/tests/make_replay " E2E
     "/states.tess b -D batch=8 -D accumulate=2 -D img=12 -D classes=3 -D each=1 -D lr=1e-3 --steps 2 --raw");
  for (const char *file = "a"; *file; file = *file == 'a' ? "b" : "") {
    OK(build, file);
    OK(SIDE);
    OK("STANDIN_ORDER=random " RUN "./p replay %s", file);
    PRINTS("\"ok\":true");
  }
}
END_TEST

/* The device clamps an index that is out of range, and the host names it before the update. */
START_TEST(indices_out_of_range_are_named) {
  static const char text[] = "import \"lib/optim.tess\"\n"
                             "module net() { param a [4, 2] = 1  fn (i i32 [B]) = sum(gather(a, i)) }\n"
                             "train t(batch = 2) {\n"
                             "  data i i32 [batch] = tensor()\n"
                             "  model m = net()\n"
                             "  minimise m(i)\n"
                             "  optimizer sgd(lr = 0.5, momentum = 0)\n"
                             "}\n";
  run_write("pick.tess", text, sizeof text - 1);
  OK("printf '\\0\\0\\14\\1\\0\\0\\0\\2\\0\\0\\0\\3\\0\\0\\0\\4' > i");
  OK(TESSERA " build pick.tess --target cuda:sm_80,sm_90a --emit=cuda stage -o p");
  OK(SIDE);
  ENDS(1, RUN "./p train --data i=i --steps 1");
  SAYS("pick.tess:2: step 0, micro-batch 0: found index 4 (element ");
}
END_TEST

/* Bits of weights don't depend on the order in which threads run, nor on a stop in between. */
START_TEST(same_bits_in_any_order) {
  small_vit();
  OK(RUN "./p train --data " FASHION " --limit 64 --steps 4 --checkpoint whole");
  OK("STANDIN_ORDER=random " RUN "./p train --data " FASHION " --limit 64 --steps 4 --checkpoint other");
  OK("cmp whole other");
  OK("STANDIN_SIDE=$PWD/side.so LD_LIBRARY_PATH=" BUILD_DIR "/cuda_standin ./p train --data " FASHION
     " --limit 64 --steps 4 --every 1 --checkpoint c & "
     "while ! test -s c; do sleep 0.01; done; kill -9 $!; wait; true");
  OK(RUN "./p train --data " FASHION " --limit 64 --steps 4 --resume c --checkpoint c && cmp c whole");
  write_images();
  OK(RUN "./p eval --data . --init c --json");
  PRINTS("\"images\":12");
  OK(RUN "./p bench --steps 1 --profile");
}
END_TEST

/* Each weight starts with draws of its own stream, as on the CPU: 6e-8 apart at most, a rounding. */
START_TEST(weights_start_as_on_the_cpu) {
  size_t n, m;
  OK(SMALL_VIT);
  OK("./p train --data " FASHION " --limit 8 --steps 1 --lr 0 --checkpoint cpu");
  small_vit();
  OK(RUN "./p train --data " FASHION " --limit 8 --steps 1 --lr 0 --checkpoint gpu");
  float *cpu = run_floats("cpu", &n), *gpu = run_floats("gpu", &m);
  ck_assert_uint_eq(n, m);
  for (size_t i = 0; i < n; i++)
    ck_assert_msg(fabsf(cpu[i] - gpu[i]) <= 3e-7f, "element %zu: %g, expected %g", i, (double)gpu[i],
                  (double)cpu[i]);
  free(cpu);
  free(gpu);
}
END_TEST

START_TEST(missing_driver_is_named) {
  small_vit();
  ENDS(1, "LD_LIBRARY_PATH= ./p bench --steps 1");
  SAYS("this program needs an NVIDIA GPU and its driver: libcuda.so.1");
  OK("./p info");
}
END_TEST

START_TEST(other_devices_are_refused) {
  small_vit();
  ENDS(1, "STANDIN_CAPABILITY=7.5 " RUN "./p bench --steps 1");
  SAYS("stand-in GPU has compute capability 7.5; this program was built for sm_80, sm_90a");
}
END_TEST

/* Each call of the start fails once: a message and an exit status, nothing left over (the stand-in checks
 * that when the context goes). */
START_TEST(failing_calls_are_reported) {
  small_vit();
  for (int call = 1; call < 16; call++) {
    ENDS(1, "STANDIN_FAIL=%d " RUN "./p bench --steps 1", call);
    SAYS("CUDA: ");
    SAYS("CUDA_ERROR_UNKNOWN (999)");
    ck_assert_msg(!strstr(run_err, "standin:"), "call %d: %s", call, run_err);
  }
  for (int call = 130; call < 300; call += 70) {
    ENDS(1, "STANDIN_FAIL=%d " RUN "./p bench --steps 6", call);
    SAYS("CUDA_ERROR_UNKNOWN (999)");
  }
}
END_TEST

START_TEST(wrong_targets_are_refused) {
  ENDS(1, SMALL_VIT " --target cuda:");
  SAYS("which CUDA architectures?");
  ENDS(1, SMALL_VIT " --target cuda:sm_80,hopper");
  SAYS("unknown CUDA architecture \"hopper\"");
  ENDS(1, SMALL_VIT " --target cuda:sm_80 --debug-poison");
  SAYS("--debug-poison is for programs that run on a CPU");
  ENDS(1, SMALL_VIT " --target cpu:native --emit=cuda stage");
  SAYS("--emit=cuda wants --target cuda:ARCH,..");
  ENDS(1, SMALL_VIT " --target cuda:sm_10");
  SAYS("sm_10");
  ENDS(1, "ls p 2>/dev/null | grep .");
}
END_TEST

/* Files that are no libraries stand where the loader looks first. */
START_TEST(missing_nvrtc_is_named) {
  OK("mkdir empty && echo > empty/libnvrtc.so.13 && echo > empty/libnvrtc.so.12");
  ENDS(1,
       "CUDA_HOME=/nowhere LD_LIBRARY_PATH=$PWD/empty " SMALL_VIT " --target cuda:sm_80 --emit=cuda stage");
  SAYS("a CUDA program needs NVRTC (libnvrtc.so.13), which was not found");
  ENDS(1, "ls p 2>/dev/null | grep .");
  OK("grep -q __global__ stage/p.cu");
}
END_TEST

START_TEST(two_builds_give_the_same_bytes) {
  OK(SMALL_VIT BOTH);
  OK("cmp p %s/p", shared_dir);
}
END_TEST

/* The text says which lines of which files each kernel computes. */
START_TEST(kernels_name_their_lines) {
  small_vit();
  OK("grep -c '^/\\* [a-z0-9_]*: [a-z_/]*[.]tess:[0-9]' stage/p.cu");
  int named = atoi(run_out);
  OK("grep -c '__global__' stage/p.cu");
  ck_assert_int_gt(named, 0);
  ck_assert_int_eq(named, atoi(run_out));
}
END_TEST

SUITE("cuda_program") {
  tcase_add_unchecked_fixture(t, build_shared, remove_shared);
  tcase_add_checked_fixture(t, run_fresh, run_clean);
  tcase_add_test(t, digpt_replays);
  tcase_add_test(t, clip_replays_on_hopper);
  tcase_add_test(t, layers_replay);
  tcase_add_test(t, finetune_replays_in_reverse);
  tcase_add_test(t, states_replay);
  tcase_add_test(t, indices_out_of_range_are_named);
  tcase_add_test(t, same_bits_in_any_order);
  tcase_add_test(t, weights_start_as_on_the_cpu);
  tcase_add_test(t, missing_driver_is_named);
  tcase_add_test(t, other_devices_are_refused);
  tcase_add_test(t, failing_calls_are_reported);
  tcase_add_test(t, wrong_targets_are_refused);
  tcase_add_test(t, missing_nvrtc_is_named);
  tcase_add_test(t, two_builds_give_the_same_bytes);
  tcase_add_test(t, kernels_name_their_lines);
}
