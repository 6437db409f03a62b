/* The processors that machine code can be made for: host code for any target, and the kernels of a CPU. */
#ifndef CODEGEN_PROCESSOR_H
#define CODEGEN_PROCESSOR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"

/* What emitters need to know of a processor. */
typedef struct Processor {
  const char *name;     /* "znver4" */
  const char *llvm_cpu; /* target-cpu */
  const char *tune;     /* tune-cpu */
  const char *features; /* LLVM's, "+avx512f,.." */
  const char *needs;    /* features as in /proc/cpuinfo, checked by the artifact before it runs */
  int lanes;            /* f32 in a vector register */
  int vregs;
  int64_t l1, l2; /* bytes a core */
  bool bf16_dot;  /* vdpbf16ps */
} Processor;

/* The row named `name` ("native": the machine this runs on), or NULL. */
const Processor *processor_named(const char *name);
/* Whether this machine has all that the row needs. */
bool processor_runs_here(const Processor *t);
/* The rows' names, NULL-ended, for messages. */
const char *const *processor_list(Arena *a);

/* What every x86-64 machine has: for host code beside kernels that run elsewhere. */
extern const Processor processor_any;

#endif
