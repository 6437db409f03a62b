/* The shared part of the CPU emitter: a kernel under construction, and the evaluation of compute expressions
 * at the current point. Skeletons (cpu_flat.c, cpu_rows.c, cpu_dot.c, cpu_attn.c) build loops, set the
 * current point and call cpu_expr. All state is per kernel; nothing is global. */
#ifndef CODEGEN_CPU_EMIT_H
#define CODEGEN_CPU_EMIT_H

#include <llvm-c/Core.h>

#include "codegen/cpu.h"
#include "ir/kern.h"

typedef struct CpuFn CpuFn;

/* Asked for every KE_VALUE first: lets a skeleton answer from where the value lives (accumulator, scratch).
 * `idx` are the indices asked for. NULL means "inline it": its definition is evaluated at the indices. */
typedef LLVMValueRef CpuPlaced(CpuFn *f, void *ctx, int val, const Ix *const *idx);

struct CpuFn {
  const Kernel *k;
  const KPlan *plan;
  const CpuTarget *target;
  Arena *arena;
  LLVMContextRef cx;
  LLVMModuleRef mod;
  LLVMBuilderRef b;
  LLVMValueRef fn;
  LLVMValueRef *buf;                /* pointer of each buffer argument */
  LLVMValueRef step, scratch;       /* const TessStep *, char * */
  LLVMValueRef task, end;           /* i64 */
  LLVMValueRef axis[KERN_MAX_AXES]; /* i64: the current value of each axis; NULL: not in a loop over it */
  int lanes;                        /* elements evaluated at once; 1: scalars */
  int lane_axis;                    /* lane l stands for axis value axis[lane_axis] + l; -1 when lanes is 1 */
  LLVMValueRef mask;                /* <lanes x i1> of lanes that exist, or NULL: all */
  CpuPlaced *placed;
  void *placed_ctx;
};

/* The expression at the current point: <lanes x T>, or T when lanes is 1. bool is i1, bf16 and f16 values are
 * computed as float and rounded where the dtype says so. Masked lanes hold anything but are never loaded. */
LLVMValueRef cpu_expr(CpuFn *f, const KExpr *e);
/* The index expression at the current point: an i64 when it does not depend on the lane axis, else a
 * <lanes x i64>. */
LLVMValueRef cpu_index(CpuFn *f, const Ix *ix);
/* Loads or stores bufs[buf][idx] at the current point: a vector access where the lane axis has stride 1, a
 * broadcast where it has stride 0, gather or scatter otherwise. Values are of the in-register type above. */
LLVMValueRef cpu_load(CpuFn *f, int buf, const Ix *const *idx);
void cpu_store(CpuFn *f, int buf, const Ix *const *idx, LLVMValueRef v);
/* Executes the kernel's store number s at the current point. */
void cpu_do_store(CpuFn *f, int s);
/* One elementwise operation on in-register values (codegen/cpu_eltwise.c; polynomials with their error). */
LLVMValueRef cpu_elt(CpuFn *f, EltOp op, LLVMValueRef x, LLVMValueRef y, LLVMValueRef z);

/* Loops. `for (i = lo; i < hi; i += by)`: opens a loop, returns i; cpu_loop_end closes it. */
typedef struct CpuLoop {
  LLVMBasicBlockRef head, body, exit;
  LLVMValueRef i, next;
} CpuLoop;
CpuLoop cpu_loop(CpuFn *f, LLVMValueRef lo, LLVMValueRef hi, int64_t by, const char *name);
void cpu_loop_end(CpuFn *f, CpuLoop *l);

/* Types and constants. */
LLVMTypeRef cpu_type(const CpuFn *f, DType t);           /* in memory */
LLVMTypeRef cpu_vec(const CpuFn *f, DType t, int lanes); /* in registers */
LLVMValueRef cpu_i64(const CpuFn *f, int64_t v);
LLVMValueRef cpu_splat(CpuFn *f, LLVMValueRef scalar, int lanes);

/* The skeletons: emit the whole body between task and end. */
void cpu_flat(CpuFn *f);
void cpu_rows(CpuFn *f);
void cpu_dot(CpuFn *f);
void cpu_attn(CpuFn *f);

#endif
