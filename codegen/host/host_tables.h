/* The tables that runtime/program.h names, one function each; the entries' functions come from host.c. */
#ifndef CODEGEN_HOST_TABLES_H
#define CODEGEN_HOST_TABLES_H

#include <llvm-c/Core.h>

#include "codegen/host/host.h"

/* The launches of one entry: an array of TessLaunch, or NULL when there are none. */
LLVMValueRef host_launches(const Prog *p, LLVMModuleRef mod, const PEntry *e);
/* Adds `tess_program`; entry[] are the entries' functions and launch tables (NULL: absent). */
void host_program(const Prog *p, LLVMModuleRef mod, const HostInfo *info, const LLVMValueRef *entry,
                  const LLVMValueRef *launches);

#endif
