/* Kernels given as text, run through LLVM in this process. */
#ifndef TESTS_CPU_CASE_H
#define TESTS_CPU_CASE_H

#include "abi/program.h"
#include "codegen/cpu/cpu.h"

typedef struct CpuCase {
  Arena *arena;
  const Kernel *k;
  const Processor *target;
  HostModule *module;
  TessKernel *fn;
  int64_t tasks;
  char *scratch; /* aligned to 64 */
  TessStep step;
} CpuCase;

/* Parses, verifies and compiles the only kernel in `text`; the test fails when that fails. */
CpuCase cpu_case_open(const char *text, const char *target, bool red_zones);
void cpu_case_close(CpuCase *c);
/* Runs all tasks, `by` at a time, last ones first. */
void cpu_case_run(CpuCase *c, void **buf, int64_t by);

/* A random float, of many sizes. */
float cpu_case_float(void);
/* Elements that the buffer spans in memory, gaps included. */
int64_t cpu_case_span(const KBuf *b);
/* Memory for each buffer of k filled at random with what its type and its use as an index allow. */
void **cpu_case_buffers(Arena *a, const Kernel *k);
void **cpu_case_copy(Arena *a, const Kernel *k, void *const *buf);

/* Compiles the text for every target this machine can run, runs it split in several ways, which must agree in
 * all bits, and compares all memory with the interpreter's: |x - y| <= tolerance * max(1, |y|) for floats,
 * equal otherwise. */
void cpu_case_check(const char *text, double tolerance);
/* The same with every '$' in the text replaced by each of n numbers. */
void cpu_case_check_sizes(const char *text, const int *size, int n, double tolerance);

#endif
