/* Machine code of a processor: a module that becomes text, an object file, or code in this process. Its
 * insides are in host_llvm.h. */
#ifndef CODEGEN_HOST_MODULE_H
#define CODEGEN_HOST_MODULE_H

#include "codegen/host/processor.h"

/* A module of the program's object: host code, and what a target adds for its kernels. */
typedef struct HostModule HostModule;
HostModule *host_module_new(Arena *a, const Processor *t, const char *name);
void host_module_free(HostModule *m);
/* The settings' names in the order of TessStep.setting, for KE_STEP; kept by reference until the module goes.
 */
void host_module_settings(HostModule *m, const char *const *names, int n);
/* Verifies, runs the pass pipeline and writes a relocatable object; false with an error reported. */
bool host_module_object(HostModule *m, const char *path);
/* The assembly and the LLVM IR, for people and for counting spills; arena-owned. */
char *host_module_asm(HostModule *m);
char *host_module_ir(HostModule *m);
/* Compiles into this process (tests, `tessera kernel`): the address of a symbol, or NULL. The module is
 * consumed by the first call; addresses live until host_module_free. */
void *host_module_jit(HostModule *m, const char *symbol);

#endif
