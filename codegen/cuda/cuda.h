/* The CUDA target: kernels to CUDA C, CUDA C to cubins by NVRTC, and what is inside a cubin. No GPU, driver
 * or toolkit is needed to build tessera; NVRTC alone is looked for when cubins are asked for. */
#ifndef CODEGEN_CUDA_H
#define CODEGEN_CUDA_H

#include "ir/target.h"

/* The target of architectures, "sm_80,sm_90a"; NULL after reporting one that is none. */
const Target *cuda_target(Arena *a, const char *archs);

/* What plans for it may say, and their numbers, of a dot on tensor cores. */
extern const KPlanRules cuda_plans;
typedef enum CudaNumber {
  CUDA_BM,    /* rows of a block's tile */
  CUDA_BN,    /* its columns */
  CUDA_BK,    /* its depth */
  CUDA_RING,  /* stages of the shared-memory ring */
  CUDA_WARPS, /* of a block; without it the dot goes by the plain rule */
  CUDA_NUMBERS
} CudaNumber;

/* How a kernel is launched: functions of its plan and shape alone. It takes one pointer a buffer, in order,
 * then the step block's, then its words. */
typedef struct CudaLaunch {
  const char *name; /* the function's: "k_" and the kernel's, since CUDA C has functions named norm and exp */
  int64_t grid;     /* blocks, along x */
  int block;        /* threads a block, along x; a multiple of 32 */
  int64_t shared;   /* bytes of dynamic shared memory */
  bool mma;         /* the kernel's contraction runs on tensor cores */
} CudaLaunch;

/* A translation unit: kernels are added, then its text is taken. Text and launches belong to the arena. */
typedef struct CudaUnit CudaUnit;
/* `setting` are the names of TessStep.setting (abi/program.h) in order, for KE_STEP. */
CudaUnit *cuda_unit_new(Arena *a, const char *const *setting, int nsetting);
/* Emits one `extern "C" __global__` function: by its plan where that asks for a dot which the
 * emitter knows, else by the plain rule (codegen/cuda/text/cuda_plain.h). The kernel is sound (kern_verify).
 * `aligned`: every launch gives it buffers at multiples of 16 bytes, which the dot asks for. */
void cuda_unit_add(CudaUnit *u, const Kernel *k, bool aligned);
const char *cuda_unit_text(CudaUnit *u);
int cuda_unit_launches(const CudaUnit *u, const CudaLaunch **launch);

/* Machine code for one architecture. */
typedef struct CudaImage {
  const char *arch; /* "sm_80", "sm_90a" */
  const void *bytes;
  size_t size;
} CudaImage;

/* Whether `arch` is "sm_" and digits, with an optional "a" or "f": the spelling, not whether NVRTC knows it.
 */
bool cuda_arch_ok(const char *arch);
/* Compiles text to a cubin for arch with NVRTC, looked for in the loader's path and in the toolkit's folder.
 * An absent NVRTC and each error in its log are reported with diag_error, the latter at the text's line. */
bool cuda_compile(Arena *a, const Source *text, const char *arch, CudaImage *out);

/* A kernel in a cubin. */
typedef struct CudaCode {
  const char *name;
  int registers;   /* a thread */
  int frame;       /* bytes of stack a thread: spills and indexed local arrays */
  int shared;      /* bytes of static shared memory a block, the architecture's own share included */
  int max_threads; /* the block size it was compiled for; 0: not said */
  int nparam;
  int param_bytes;
  int param_offset[64], param_size[64]; /* of the first 64 */
  const unsigned char *text;            /* 16-byte instructions */
  size_t text_bytes;
} CudaCode;

/* Opcodes: the low 12 bits of an instruction. */
enum { CUDA_HMMA = 0x23c, CUDA_HGMMA = 0x9f0, CUDA_LDGSTS = 0xfae, CUDA_LDL = 0x983, CUDA_STL = 0x387 };

/* The kernels of a cubin; -1 with no message when the bytes are not one. */
int cuda_cubin(Arena *a, const void *bytes, size_t size, CudaCode **code);
/* Instructions of that opcode. */
int cuda_count(const CudaCode *c, unsigned opcode);
/* Whether the image holds every launch's kernel with the parameters that the launcher packs, a block that
 * fits the register file, and, where a tensor-core dot was promised, its instructions and no spills; reports
 * what does not hold at `text` as a whole. nparam[i] is the number of parameters of launch i. */
bool cuda_check(Arena *a, const CudaImage *image, const Source *text, int n, const CudaLaunch *launch,
                const int *nparam);
/* Parameters of a kernel's function, of 8 bytes each. */
int cuda_params(const Kernel *k);

#endif
