/* Kernels in this process: the very object that an artifact would get, linked into memory. */
#include <llvm-c/Error.h>

#include "codegen/cpu/cpu_impl.h"

static void must(LLVMErrorRef e) {
  if (e) ice("LLVM's JIT: %s", LLVMGetErrorMessage(e));
}

static void start(CpuModule *m) {
  cpu_module_finish(m);
  char *message = NULL;
  LLVMMemoryBufferRef object = NULL;
  if (LLVMTargetMachineEmitToMemoryBuffer(m->machine, m->mod, LLVMObjectFile, &message, &object))
    ice("LLVM: %s", message);
  must(LLVMOrcCreateLLJIT(&m->jit, NULL));
  LLVMOrcJITDylibRef lib = LLVMOrcLLJITGetMainJITDylib(m->jit);
  LLVMOrcDefinitionGeneratorRef process;
  char prefix = LLVMOrcLLJITGetGlobalPrefix(m->jit);
  must(LLVMOrcCreateDynamicLibrarySearchGeneratorForProcess(&process, prefix, NULL, NULL));
  LLVMOrcJITDylibAddGenerator(lib, process);
  must(LLVMOrcLLJITAddObjectFile(m->jit, lib, object));
}

void *cpu_module_jit(CpuModule *m, const char *symbol) {
  if (!m->jit) start(m);
  LLVMOrcExecutorAddress at = 0;
  LLVMErrorRef e = LLVMOrcLLJITLookup(m->jit, &at, symbol);
  if (e) {
    LLVMConsumeError(e);
    return NULL;
  }
  return (void *)(uintptr_t)at;
}
