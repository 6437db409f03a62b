/* The functions of a program's entries, which launch its kernels in order. */
#ifndef CODEGEN_HOST_ENTRY_H
#define CODEGEN_HOST_ENTRY_H

#include <llvm-c/Core.h>

#include "ir/prog.h"

/* Adds them to the module, which holds every kernel under its name; fn[e] is NULL where the program has no
 * entry e. `poisoned`: memory is filled with 0xff, which is NaN, while the plan calls it dead. */
void host_entries(const Prog *p, LLVMModuleRef mod, bool poisoned, LLVMValueRef fn[EN_COUNT]);

#endif
