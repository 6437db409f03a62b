/* The CPU target: kernels to LLVM IR to an object file or to memory. */
#ifndef CODEGEN_CPU_H
#define CODEGEN_CPU_H

#include "codegen/host/processor.h"
#include "ir/kernel/kern.h"
#include "ir/target.h"

/* The target of the processor named so, "znver4" or "native"; NULL: there is none. */
const Target *cpu_target(const char *name);

/* How many tasks a launch of the kernel has, and how many bytes of scratch a thread needs: functions of the
 * plan and shape alone. */
int64_t cpu_tasks(const Kernel *k, const KPlan *p);
int64_t cpu_scratch(const Kernel *k, const KPlan *p, const Processor *t);

/* The argument array of TessKernel: a word a buffer, then one a stream; stream NULL: what the kernel's text
 * says. */
void **cpu_arguments(Arena *a, const Kernel *k, void *const *bufs, const uint64_t *stream);

/* A module that kernels are added to. */
typedef struct CpuModule CpuModule;
CpuModule *cpu_module_new(Arena *a, const Processor *t, const char *name);
void cpu_module_free(CpuModule *m);
/* The settings' names in the order of TessStep.setting, for KE_STEP; kept by reference until the module goes.
 */
void cpu_module_settings(CpuModule *m, const char *const *names, int n);
/* Emits the kernel's "cpu" plan as a function of type TessKernel (abi/program.h) named `symbol`. With
 * red_zones, every access is checked against the buffer's extent and a bad one traps (tests). */
void cpu_module_add(CpuModule *m, const Kernel *k, const char *symbol, bool red_zones);
/* LLVM's module (an LLVMModuleRef), for the host code emitter. */
void *cpu_module_llvm(CpuModule *m);
/* Verifies, runs the pass pipeline and writes a relocatable object; false with an error reported. */
bool cpu_module_object(CpuModule *m, const char *path);
/* The assembly and the LLVM IR, for people and for counting spills; arena-owned. */
char *cpu_module_asm(CpuModule *m);
char *cpu_module_ir(CpuModule *m);
/* Compiles into this process (tests, `tessera kernel`): the address of a symbol, or NULL. The module is
 * consumed by the first call; addresses live until cpu_module_free. */
void *cpu_module_jit(CpuModule *m, const char *symbol);

#endif
