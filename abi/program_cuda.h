/* What an object built for CUDA holds besides abi/program.h's tables: its kernels and their machine code.
 * In such an object the `kernel` that entries pass to tess_launch is a TessCudaKernel, and the addresses that
 * they compute lie in the device's memory. Included by the compiler too, which lays the tables out. */
#ifndef ABI_PROGRAM_CUDA_H
#define ABI_PROGRAM_CUDA_H

#include <stdint.h>

/* A kernel takes a pointer a buffer, in order, then the step block's, then the words that the launch passes.
 */
typedef struct TessCudaKernel {
  const char *name; /* in the images */
  uint32_t index;   /* into TessCuda.kernel */
  uint32_t nbuf;
  uint64_t grid;   /* blocks, along x */
  uint32_t block;  /* threads a block, along x */
  uint32_t shared; /* bytes of dynamic shared memory */
  uint32_t nword;
  uint32_t zero;
} TessCudaKernel;

/* A cubin. */
typedef struct TessCudaImage {
  const char *arch;      /* "sm_90a" */
  uint32_t major, minor; /* the compute capability that it was made for */
  uint32_t exact;        /* 1: for that one alone; 0: also for higher minor numbers */
  uint32_t zero;
  const unsigned char *bytes;
  uint64_t size;
} TessCudaImage;

typedef struct TessCuda {
  uint32_t nkernel, nimage;
  const TessCudaKernel *const *kernel;
  const TessCudaImage *image;
} TessCuda;

extern const TessCuda tess_cuda;

#endif
