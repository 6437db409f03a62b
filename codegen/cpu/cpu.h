/* The CPU target: kernels to LLVM IR. */
#ifndef CODEGEN_CPU_H
#define CODEGEN_CPU_H

#include "codegen/host/host_module.h"
#include "ir/kernel/kern.h"
#include "ir/target.h"

/* The target of the processor named so, "znver4" or "native"; NULL: there is none. */
const Target *cpu_target(const char *name);
/* The same, reporting the names that there are. */
const Target *cpu_target_open(Arena *a, const char *name);

/* What plans for it may say, and their numbers. */
extern const KPlanRules cpu_plans;
typedef enum CpuNumber {
  CPU_MR,    /* rows of the register tile */
  CPU_NR,    /* its columns */
  CPU_KC,    /* elements of k in a block */
  CPU_MC,    /* rows of a task */
  CPU_NC,    /* columns of a task */
  CPU_TASKS, /* of a launch */
  CPU_NUMBERS
} CpuNumber;

/* How many tasks a launch of the kernel has, and how many bytes of scratch a thread needs: functions of the
 * plan and shape alone. */
int64_t cpu_tasks(const Kernel *k, const KPlan *p);
int64_t cpu_scratch(const Kernel *k, const KPlan *p, const Processor *t);

/* The argument array of TessKernel: a word a buffer, then the launch's words; NULL: what the kernel's text
 * says. */
void **cpu_arguments(Arena *a, const Kernel *k, void *const *bufs, const uint64_t *word);

/* Emits the kernel's "cpu" plan as a function of type TessKernel (abi/program.h) named `symbol`. With
 * red_zones, every access is checked against the buffer's extent and a bad one traps (tests). */
void cpu_add_kernel(HostModule *m, const Kernel *k, const char *symbol, bool red_zones);

#endif
