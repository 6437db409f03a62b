/* Random memory for a kernel's buffers, and the comparison of two runs. */
#ifndef TESTS_CUDA_DATA_H
#define TESTS_CUDA_DATA_H

#include "abi/program.h"
#include "ir/kernel/kern.h"

/* A random step block, and the names of its settings: the step block's fields that the kernels read and that
 * are none of its own. */
typedef struct DataStep {
  TessStep block;
  int nsetting;
  const char *setting[TESS_MAX_SETTINGS];
} DataStep;
DataStep data_step(const KernList *list);
/* The same as the interpreter sees it. */
KStepEnv data_env(const DataStep *step);

/* One array a buffer, arena-owned: floats from `least` to 1, whole numbers within what the kernel's indexed
 * reads promise. */
void **data_buffers(Arena *a, const Kernel *k, double least);
/* A copy of all of them. */
void **data_copy(Arena *a, const Kernel *k, void *const *bufs);
/* Multiplications, additions and the like that the kernel asks for, without inlining. */
double data_work(const Kernel *k);

/* How far outputs differ: 0 within tolerance, else the number of elements beyond it, with the first one told
 * on standard error. A tolerance is relative to the element and to the output's root mean square. NaN equals
 * NaN. */
int64_t data_compare(const Kernel *k, void *const *got, void *const *want);
/* Whether outputs have the same bits. */
bool data_same(const Kernel *k, void *const *x, void *const *y);
/* The share of output elements that are finite. */
double data_finite(const Kernel *k, void *const *bufs);

#endif
