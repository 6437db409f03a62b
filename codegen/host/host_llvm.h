/* A host module as LLVM has it, for those who add code to it. */
#ifndef CODEGEN_HOST_LLVM_H
#define CODEGEN_HOST_LLVM_H

#include <llvm-c/Core.h>
#include <llvm-c/LLJIT.h>
#include <llvm-c/TargetMachine.h>

#include "codegen/host/host_module.h"

struct HostModule {
  Arena *arena;
  const Processor *cpu;
  LLVMContextRef cx;
  LLVMModuleRef mod;
  LLVMTargetMachineRef machine;
  LLVMOrcLLJITRef jit;
  bool optimised;
  const char *const *setting; /* names of TessStep.setting */
  int nsetting;
  void *dib; /* LLVMDIBuilderRef; one compile unit a module */
  LLVMMetadataRef unit;
};

#endif
