/* What a library of host-compiled kernels offers: for each kernel NAME a function shim_NAME of type ShimRun.
 */
#ifndef TESTS_CUDA_LAUNCH_H
#define TESTS_CUDA_LAUNCH_H

#include <stddef.h>
#include <stdint.h>

typedef enum ShimOrder { SHIM_FORWARD, SHIM_REVERSE, SHIM_RANDOM } ShimOrder;

typedef struct ShimLaunch {
  int64_t grid;
  int block;
  size_t shared;   /* bytes of dynamic shared memory */
  ShimOrder order; /* in which blocks, and between barriers their threads, run */
  uint32_t seed;   /* of SHIM_RANDOM */
} ShimLaunch;

/* args[i] points to argument i, as for cuLaunchKernel. A kernel that breaks a rule of the machine (threads at
 * different barriers, a write past dynamic shared memory) ends the process with a message. */
typedef void ShimRun(const ShimLaunch *launch, void *const *args);

#endif
