/* Elementwise operations in CUDA C, by the rows of ir/eltwise.def: operands as %1, %2, %3. */
#include "codegen/cuda/text/cuda_emit.h"

#define cuda_NEG "(-%1)"
#define cuda_EXP "expf(%1)"
#define cuda_LOG "logf(%1)"
#define cuda_SQRT "sqrtf(%1)"
#define cuda_RSQRT "(1.0f / sqrtf(%1))"
#define cuda_ERF "erff(%1)"
#define cuda_TANH "tanhf(%1)"
#define cuda_SIN "sinf(%1)"
#define cuda_COS "cosf(%1)"
#define cuda_ABS "fabsf(%1)"
#define cuda_FLOOR "floorf(%1)"
#define cuda_ISFINITE "(%1 - %1 == 0.0f)"
#define cuda_NOT "(!%1)"
#define cuda_ADD "(%1 + %2)"
#define cuda_SUB "(%1 - %2)"
#define cuda_MUL "(%1 * %2)"
#define cuda_DIV "(%1 / %2)"
#define cuda_MAX "(%1 > %2 || %1 != %1 ? %1 : %2)"
#define cuda_MIN "(%1 < %2 || %1 != %1 ? %1 : %2)"
#define cuda_LT "(%1 < %2)"
#define cuda_LE "(%1 <= %2)"
#define cuda_EQ "(%1 == %2)"
#define cuda_AND "(%1 && %2)"
#define cuda_OR "(%1 || %2)"
#define cuda_SELECT "(%1 ? %2 : %3)"

/* Abs is the one whose C name depends on the type. */
const char *cuda_elt_form(EltOp op, DType t) {
  static const char *const forms[ELT_COUNT] = {
#define ELT(N, ...) [E_##N] = cuda_##N,
#include "ir/eltwise.def"
#undef ELT
  };
  return op == E_ABS && t == DT_I32 ? "(%1 < 0 ? -%1 : %1)" : forms[op];
}
