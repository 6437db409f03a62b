/* Functions of f32 vectors (or scalars) made of IEEE operations only, so that their bits depend on no
 * library. Each says its greatest error; NaN gives NaN. */
#ifndef CODEGEN_CPU_MATH_H
#define CODEGEN_CPU_MATH_H

#include "codegen/cpu/cpu_emit.h"

LLVMValueRef cpu_math_exp(CpuFn *f, LLVMValueRef x);
LLVMValueRef cpu_math_log(CpuFn *f, LLVMValueRef x);
LLVMValueRef cpu_math_erf(CpuFn *f, LLVMValueRef x);
LLVMValueRef cpu_math_tanh(CpuFn *f, LLVMValueRef x);
LLVMValueRef cpu_math_sin(CpuFn *f, LLVMValueRef x);
LLVMValueRef cpu_math_cos(CpuFn *f, LLVMValueRef x);

#endif
