/* A whole program for CUDA: one unit of text, an image an architecture, and both in the program's object. */
#ifndef CODEGEN_CUDA_PROGRAM_H
#define CODEGEN_CUDA_PROGRAM_H

#include "codegen/cpu/cpu.h"
#include "codegen/cuda/cuda.h"
#include "ir/prog.h"
#include "ir/target.h"

typedef struct CudaProgram {
  const Source *text;       /* "kernels.cu" */
  const CudaLaunch *launch; /* one a kernel of the program */
  int nimage;
  CudaImage *image;
} CudaProgram;

/* The target of architectures, "sm_80,sm_90a"; NULL after reporting one that is none. */
const Target *cuda_target(Arena *a, const char *archs);

/* "sm_80,sm_90a" to names; false after reporting one that is no architecture, or none at all. */
bool cuda_archs(Arena *a, const char *list, const char *const **arch, int *n);
/* Emits every kernel of the program. False with errors reported. */
bool cuda_program_emit(const Prog *p, CudaProgram *out);
/* The part of the text that is kernel i, its comment first. */
char *cuda_program_kernel(const Prog *p, const CudaProgram *c, int i);
/* Compiles the text for each architecture and checks what came out. False with errors reported. */
bool cuda_program_compile(const Prog *p, CudaProgram *c, const char *const *arch, int narch);
/* Adds the images and abi/program_cuda.h's tables to the module: a global a kernel, under its name, which
 * host_emit then passes to tess_launch, and `tess_cuda`. */
void cuda_program_embed(CpuModule *m, const Prog *p, const CudaProgram *c);

#endif
