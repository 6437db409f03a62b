/* Prints what this machine can do at most: peak [THREADS] [SECONDS]. One JSON line. */
#include <stdio.h>
#include <stdlib.h>

#include "base/machine/peak.h"

int main(int argc, char **argv) {
  int threads = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 1;
  double seconds = argc > 2 ? strtod(argv[2], NULL) : 0.5;
  double f32 = peak_flops_threads(PEAK_F32, threads, seconds);
  double bf16 = peak_flops_threads(PEAK_BF16, threads, seconds);
  double copy = peak_copy(threads, 128L << 20, seconds);
  printf("{\"threads\": %d, \"f32_gflops\": %.1f, \"bf16_gflops\": %.1f, \"copy_gbytes\": %.1f}\n", threads,
         f32 * 1e-9, bf16 * 1e-9, copy * 1e-9);
  return 0;
}
