/* The shim finds the faults it is there to find: each is planted into a small kernel. */
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "codegen/cuda/text/cuda_emit.h"
#include "tests/codegen/cuda/side.h"
#include "tests/runtime/rt_run.h"
#include "tests/suite.h"

enum { THREADS = 64 };
static float in[THREADS], out[THREADS];

/* Compiles `body` as kernel k_f(const float *x, float *y) behind the usual prelude and runs one block of it.
 */
static void run_kernel(const char *name, const char *body, ShimOrder order, size_t shared) {
  Arena *a = arena_new();
  CudaText t = {.a = a};
  for (const char *const *s = cuda_prelude; *s; s++) ctext_add(&t, *s);
  ctext_printf(&t,
               "extern \"C\" __global__ void __launch_bounds__(64) k_f(const float *x, float *y) {\n%s\n}\n",
               body);
  void *side = side_build(run_dir, name, t.s);
  ck_assert_ptr_nonnull(side);
  ShimRun *run = side_find(side, "k_f");
  ck_assert(run != NULL);
  const float *x = in;
  float *y = out;
  for (int i = 0; i < THREADS; i++) in[i] = (float)i, out[i] = -1;
  run(&(ShimLaunch){1, THREADS, shared, order, 3}, (void *[]){&x, &y});
  arena_free(a);
}

#define NEIGHBOUR(barrier)                                                                                   \
  "  __shared__ float s[64];\n"                                                                              \
  "  int t = threadIdx.x;\n"                                                                                 \
  "  s[t] = x[t];\n" barrier "  y[t] = s[63 - t];\n"

/* Whether y is x from behind. */
static bool reversed(void) {
  for (int i = 0; i < THREADS; i++)
    if (!(out[i] == (float)(THREADS - 1 - i))) return false;
  return true;
}

START_TEST(missing_barrier) {
  run_kernel("good", NEIGHBOUR("  __syncthreads();\n"), SHIM_RANDOM, 0);
  ck_assert(reversed());
  for (ShimOrder order = SHIM_FORWARD; order <= SHIM_RANDOM; order++) {
    run_kernel("bad", NEIGHBOUR(""), order, 0);
    ck_assert(!reversed());
  }
}
END_TEST

#define COPY(wait)                                                                                           \
  "  float *s = (float *)dynamic_shared();\n"                                                                \
  "  int t = threadIdx.x;\n"                                                                                 \
  "  if (t < 16) copy_async(s + 4 * t, x + 4 * t, 16);\n"                                                    \
  "  copy_commit();\n" wait "  __syncthreads();\n"                                                           \
  "  y[t] = s[63 - t];\n"

START_TEST(missing_wait) {
  run_kernel("good", COPY("  copy_wait<0>();\n"), SHIM_REVERSE, 256);
  ck_assert(reversed());
  run_kernel("bad", COPY("  copy_wait<1>();\n"), SHIM_REVERSE, 256);
  for (int i = 0; i < THREADS; i++) ck_assert(isnan(out[i]));
}
END_TEST

/* What a copy does not read becomes zero. */
START_TEST(short_copies_are_filled_up) {
  run_kernel("f",
             "  float *s = (float *)dynamic_shared();\n  int t = threadIdx.x;\n"
             "  if (t < 16) copy_async(s + 4 * t, x + 4 * t, t == 3 ? 8 : 16);\n"
             "  copy_commit();\n  copy_wait<0>();\n  __syncthreads();\n  y[t] = s[t];\n",
             SHIM_FORWARD, 256);
  for (int i = 0; i < THREADS; i++) ck_assert(out[i] == (i == 14 || i == 15 ? 0 : (float)i));
}
END_TEST

START_TEST(shared_memory_starts_undefined) {
  run_kernel("f", "  __shared__ float s[64];\n  int t = threadIdx.x;\n  if (t) s[t] = 1;\n  y[t] = s[t];\n",
             SHIM_FORWARD, 0);
  ck_assert(isnan(out[0]));
  ck_assert(out[1] == 1);
}
END_TEST

START_TEST(different_barriers) {
  run_kernel("f", "  if (threadIdx.x < 8) __syncthreads();\n  else\n  __syncthreads();\n", SHIM_FORWARD, 0);
}
END_TEST

START_TEST(barrier_not_reached_by_all) {
  run_kernel("f", "  if (threadIdx.x == 5) return;\n  __syncthreads();\n", SHIM_FORWARD, 0);
}
END_TEST

START_TEST(write_past_shared_memory) {
  run_kernel("f", "  float *s = (float *)dynamic_shared();\n  s[threadIdx.x + 1] = 0;\n", SHIM_FORWARD, 256);
}
END_TEST

START_TEST(lane_missing_from_warp) {
  run_kernel("f",
             "  float c[4] = {};\n  u32 a[4] = {}, b[2] = {};\n  if (threadIdx.x != 40) mma_bf16(c, a, b);\n"
             "  y[threadIdx.x] = c[0];\n",
             SHIM_FORWARD, 0);
}
END_TEST

START_TEST(copy_not_aligned) {
  run_kernel("f", "  copy_async(dynamic_shared(), x + 1, 16);\n", SHIM_FORWARD, 256);
}
END_TEST

/* Every bf16 and f16 pattern there and back, and rounding against the compiler's own. */
START_TEST(half_precision) {
  Arena *a = arena_new();
  CudaText t = {.a = a};
  for (const char *const *s = cuda_prelude; *s; s++) ctext_add(&t, *s);
  ctext_add(&t, "extern \"C\" __global__ void __launch_bounds__(256) k_f(const float *x, float *b, float *h, "
                "int *same) {\n"
                "  for (int i = threadIdx.x; i < 65536; i += 256) {\n"
                "    float f = bf16_to_f32(i), g = f16_to_f32(i);\n"
                "    same[i] = (f != f || f32_to_bf16(f) == i) && (g != g || f32_to_f16(g) == i);\n"
                "    b[i] = bf16_round(x[i]);\n    h[i] = f16_round(x[i]);\n  }\n}\n");
  void *side = side_build(run_dir, "half", t.s);
  ck_assert_ptr_nonnull(side);
  enum { N = 65536 };
  static float x[N], b[N], h[N];
  static int same[N];
  for (int i = 0; i < N; i++) x[i] = ldexpf((float)draw_real(-0.5, 0.5), (int)draw_below(60) - 40);
  x[0] = INFINITY, x[1] = -INFINITY, x[2] = NAN, x[3] = 65520, x[4] = 65519.996f, x[5] = 0x1p-25f,
  x[6] = -0.0f;
  const float *px = x;
  float *pb = b, *ph = h;
  int *ps = same;
  side_find(side, "k_f")(&(ShimLaunch){1, 256, 0, SHIM_FORWARD, 0}, (void *[]){&px, &pb, &ph, &ps});
  for (int i = 0; i < N; i++) {
    float wb = dtype_round(DT_BF16, x[i]), wh = dtype_round(DT_F16, x[i]);
    ck_assert_msg(same[i], "pattern %#x", (unsigned)i);
    ck_assert_msg(b[i] == wb || (isnan(b[i]) && isnan(wb)), "bf16 of %a: %a, expected %a", x[i], b[i], wb);
    ck_assert_msg(h[i] == wh || (isnan(h[i]) && isnan(wh)), "f16 of %a: %a, expected %a", x[i], h[i], wh);
  }
  arena_free(a);
}
END_TEST

SUITE("cuda_shim") {
  tcase_add_checked_fixture(t, run_fresh, run_clean);
  tcase_add_test(t, missing_barrier);
  tcase_add_test(t, missing_wait);
  tcase_add_test(t, short_copies_are_filled_up);
  tcase_add_test(t, shared_memory_starts_undefined);
  tcase_add_test_raise_signal(t, different_barriers, SIGABRT);
  tcase_add_test_raise_signal(t, barrier_not_reached_by_all, SIGABRT);
  tcase_add_test_raise_signal(t, write_past_shared_memory, SIGABRT);
  tcase_add_test_raise_signal(t, lane_missing_from_warp, SIGABRT);
  tcase_add_test_raise_signal(t, copy_not_aligned, SIGABRT);
  tcase_add_test(t, half_precision);
}
