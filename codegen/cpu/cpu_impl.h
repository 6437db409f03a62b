/* What the CPU emitter's files share among themselves and skeletons need not know. */
#ifndef CODEGEN_CPU_IMPL_H
#define CODEGEN_CPU_IMPL_H

#include "codegen/cpu/cpu_emit.h"
#include "codegen/host/host_llvm.h"

/* Values already computed (cpu_expr.c). A hit was computed earlier in the same straight-line code, at the
 * same point and under the same or no guard. */
CpuMemo *cpu_memo_new(Arena *a);
LLVMValueRef cpu_memo_find(CpuFn *f, const void *what, int val, const Ix *const *idx, int nidx);
void cpu_memo_add(CpuFn *f, const void *what, int val, const Ix *const *idx, int nidx, LLVMValueRef v);
/* The block that straight-line code started in; and: what comes now still belongs to it. */
LLVMBasicBlockRef cpu_memo_region(CpuFn *f);
void cpu_memo_extend(CpuFn *f, LLVMBasicBlockRef region);

/* Line tables (cpu_debug.c). */
void cpu_debug_function(HostModule *m, CpuFn *f, const char *symbol);

#endif
