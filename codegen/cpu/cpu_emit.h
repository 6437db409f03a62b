/* The shared part of the CPU emitter: a kernel under construction, and the evaluation of compute expressions
 * at the current point. Skeletons (cpu_flat.c, cpu_rows_loop.c, cpu_dot_loop.c,
 * cpu_chain_loop.c) build loops, set the
 * current point and call cpu_expr. All state is per kernel; nothing is global. */
#ifndef CODEGEN_CPU_EMIT_H
#define CODEGEN_CPU_EMIT_H

#include <llvm-c/Core.h>

#include "codegen/cpu/cpu.h"
#include "ir/kernel/kern.h"

/* A skeleton may number axes of its own (several axes run as one) from the kernel's naxes on. */
enum { CPU_MAX_AXES = KERN_MAX_AXES + 8 };

typedef struct CpuFn CpuFn;

/* Asked for every KE_VALUE first: lets a skeleton answer from where the value lives (accumulator, scratch).
 * `idx` are the indices asked for. NULL means "inline it": its definition is evaluated at the indices. The
 * answer has f->lanes elements, which may be 1 where the value is the same in all lanes. */
typedef LLVMValueRef CpuPlaced(CpuFn *f, void *ctx, int val, const Ix *const *idx);

/* What is already computed at a point (cpu_expr.c). */
typedef struct CpuMemo CpuMemo;

struct CpuFn {
  const Kernel *k;
  const KPlan *plan;
  const Processor *cpu;
  Arena *arena;
  LLVMContextRef cx;
  LLVMModuleRef mod;
  LLVMBuilderRef b;
  LLVMValueRef fn;
  LLVMValueRef *buf;               /* pointer of each buffer argument */
  LLVMValueRef *word;              /* of each: a stream's i64, a number's float */
  LLVMValueRef step, scratch;      /* const TessStep *, char * aligned to 64 */
  LLVMValueRef task, end;          /* i64 */
  LLVMValueRef axis[CPU_MAX_AXES]; /* i64: the current value of each axis; NULL: not in a loop over it */
  int lanes;                       /* elements evaluated at once; 1: scalars */
  int lane_axis;                   /* lane l stands for axis value axis[lane_axis] + l; -1 when lanes is 1 */
  int lane_align;                  /* axis[lane_axis] is a multiple of this; 1: nothing is known */
  LLVMValueRef mask;               /* <lanes x i1> of lanes that exist, or NULL: all */
  LLVMValueRef guard;              /* lanes (i1 when lanes is 1) whose reads are wanted, or NULL: all */
  const Ix *const *sub;            /* axis i stands for sub[i] (NULL: itself), over axes not replaced */
  int nsub;
  CpuPlaced *placed;
  void *placed_ctx;
  bool red_zones;
  const char *const *setting; /* names of TessStep.setting */
  int nsetting;
  LLVMMetadataRef scope; /* the function's DISubprogram */
  void *dib;             /* LLVMDIBuilderRef */
  LLVMValueRef *alias;   /* alias scope lists: one a buffer, then scratch; then the same for noalias */
  CpuMemo *memo;
};

/* The expression at the current point: <lanes x T>, or T when lanes is 1. bool is i1, bf16 and f16 values are
 * computed as float and rounded where the dtype says so. Masked lanes hold anything but are never loaded. */
LLVMValueRef cpu_expr(CpuFn *f, const KExpr *e);
/* Value number val at idx, asking `placed` first; idx NULL: at its own axes. */
LLVMValueRef cpu_value(CpuFn *f, int val, const Ix *const *idx);
/* The definition of value number val at its own axes, rounded to its dtype, `placed` not asked for it: what a
 * skeleton accumulates or puts into scratch. A reduction's is its summand, not rounded. */
LLVMValueRef cpu_define(CpuFn *f, int val);
/* The index expression at the current point: an i64 when it does not depend on the lane axis, else a
 * <lanes x i64>. */
LLVMValueRef cpu_index(CpuFn *f, const Ix *ix);
/* The same at lane 0: always an i64. */
LLVMValueRef cpu_index_base(CpuFn *f, const Ix *ix);
/* How ix moves with the lane: true and `slope` (an element a lane) when it is affine in it over a block. */
bool cpu_slope(const CpuFn *f, const Ix *ix, int64_t *slope);
/* ix with f->sub applied. */
const Ix *cpu_subst(const CpuFn *f, const Ix *ix);
/* Sum of idx[d] * stride[d], with f->sub applied. */
const Ix *cpu_linear(const CpuFn *f, int rank, const int64_t *stride, const Ix *const *idx);

/* Goes over to lane 0 alone, for what is the same in all lanes; a guard becomes "some lane wants it". Hand
 * what it returns to cpu_vector to come back. */
typedef struct CpuLanes {
  int lanes;
  LLVMValueRef mask, guard;
} CpuLanes;
CpuLanes cpu_scalar(CpuFn *f);
void cpu_vector(CpuFn *f, const CpuLanes *saved);

/* Loads or stores bufs[buf][idx] at the current point: a vector access where the lane axis has stride 1, a
 * broadcast where it has stride 0, gather or scatter otherwise. Values are of the in-register type above. */
LLVMValueRef cpu_load(CpuFn *f, int buf, const Ix *const *idx);
void cpu_store(CpuFn *f, int buf, const Ix *const *idx, LLVMValueRef v);
/* Executes n of the kernel's stores at the current point: all values first, since a buffer may be read and
 * written. */
void cpu_store_together(CpuFn *f, const int *store, int n);
/* The same two for memory of the skeleton's own: element `lin` (f->sub applied by the caller) of type t at
 * ptr. `buf` says which buffer it belongs to for alias analysis: the number of a buffer, or k->nbuf for
 * scratch. */
LLVMValueRef cpu_load_at(CpuFn *f, LLVMValueRef ptr, DType t, int buf, const Ix *lin);
void cpu_store_at(CpuFn *f, LLVMValueRef ptr, DType t, int buf, const Ix *lin, LLVMValueRef v);
/* A thread's scratch as a skeleton uses it by itself: the address of element `index` of an area that begins
 * `at` bytes from the start, and what is there, at a multiple of `align` bytes. */
LLVMValueRef cpu_scratch_at(CpuFn *f, int64_t at, LLVMTypeRef t, LLVMValueRef index);
LLVMValueRef cpu_scratch_load(CpuFn *f, LLVMTypeRef t, int64_t align, LLVMValueRef ptr);
void cpu_scratch_store(CpuFn *f, LLVMValueRef v, int64_t align, LLVMValueRef ptr);

/* One elementwise operation on in-register values (codegen/cpu/value/cpu_eltwise.c; polynomials with their
 * error). */
LLVMValueRef cpu_elt(CpuFn *f, EltOp op, LLVMValueRef x, LLVMValueRef y, LLVMValueRef z);
/* Conversions (cpu_eltwise.c): memory form to in-register form and back (scalars or vectors), from one
 * dtype's in-register form to another's, and a float rounded to the values of dtype t. */
LLVMValueRef cpu_widen(CpuFn *f, DType t, LLVMValueRef raw);
LLVMValueRef cpu_narrow(CpuFn *f, DType t, LLVMValueRef v);
LLVMValueRef cpu_cast(CpuFn *f, DType from, DType to, LLVMValueRef v);
LLVMValueRef cpu_round(CpuFn *f, DType t, LLVMValueRef v);
/* A float or double truncated to integer type t; what does not fit becomes the nearest that does, NaN 0. */
LLVMValueRef cpu_truncate(CpuFn *f, LLVMTypeRef t, LLVMValueRef v, bool is_signed);
/* f32 step scalar `name`; uniform random numbers of the kernel's stream number `stream` at element ix. */
LLVMValueRef cpu_step(CpuFn *f, const char *name);
LLVMValueRef cpu_random(CpuFn *f, int stream, const Ix *ix);

/* Loops. `for (i = lo; i < hi; i += by)`: opens a loop, returns i; cpu_loop_end closes it. What a loop
 * carries goes through cpu_alloca, which the pass pipeline turns into registers. */
typedef struct CpuLoop {
  LLVMBasicBlockRef head, body, exit;
  LLVMValueRef i, next;
} CpuLoop;
CpuLoop cpu_loop(CpuFn *f, LLVMValueRef lo, LLVMValueRef hi, int64_t by, const char *name);
void cpu_loop_end(CpuFn *f, CpuLoop *l);
/* if (cond) { ... }: returns the block to go on in; cpu_if_end goes there. */
LLVMBasicBlockRef cpu_if(CpuFn *f, LLVMValueRef cond, const char *name);
void cpu_if_end(CpuFn *f, LLVMBasicBlockRef after);
/* A variable of the function; cpu_load_at and friends are not for it. */
LLVMValueRef cpu_alloca(CpuFn *f, LLVMTypeRef t, const char *name);
/* Moves the builder before the entry block's end, and back. */
LLVMBasicBlockRef cpu_at_entry(CpuFn *f);
void cpu_at_end(CpuFn *f, LLVMBasicBlockRef bb);

/* Types and constants. */
LLVMTypeRef cpu_type(const CpuFn *f, DType t);           /* in memory */
LLVMTypeRef cpu_vec(const CpuFn *f, DType t, int lanes); /* in registers */
LLVMValueRef cpu_i64(const CpuFn *f, int64_t v);
LLVMValueRef cpu_splat(CpuFn *f, LLVMValueRef scalar, int lanes);
/* v itself, or its splat when it is a scalar and f->lanes is not 1. */
LLVMValueRef cpu_fill(CpuFn *f, LLVMValueRef v);
/* Elements of v's type; 1 for a scalar. */
int cpu_width(LLVMValueRef v);
/* t with as many lanes as v has. */
LLVMTypeRef cpu_like(LLVMTypeRef t, LLVMValueRef v);
/* A float constant of v's shape, and an i32 one. */
LLVMValueRef cpu_f32(CpuFn *f, LLVMValueRef v, double c);
LLVMValueRef cpu_i32(CpuFn *f, LLVMValueRef v, int64_t c);
/* <lanes x i1>: lane l is set when at + l < hi (i64s). */
LLVMValueRef cpu_tail_mask(CpuFn *f, LLVMValueRef at, LLVMValueRef hi);
/* Arithmetic of i64s: indices and extents, which never overflow; divisions are of what is not negative. */
LLVMValueRef cpu_add(CpuFn *f, LLVMValueRef x, LLVMValueRef y);
LLVMValueRef cpu_sub(CpuFn *f, LLVMValueRef x, LLVMValueRef y);
LLVMValueRef cpu_mul(CpuFn *f, LLVMValueRef x, int64_t by);
LLVMValueRef cpu_div(CpuFn *f, LLVMValueRef x, int64_t by);
LLVMValueRef cpu_mod(CpuFn *f, LLVMValueRef x, int64_t by);
LLVMValueRef cpu_min(CpuFn *f, LLVMValueRef x, LLVMValueRef y);
LLVMValueRef cpu_max(CpuFn *f, LLVMValueRef x, LLVMValueRef y);
/* `total` items split evenly into `parts`: the first item of part i, total * i / parts. */
LLVMValueRef cpu_part(CpuFn *f, int64_t total, LLVMValueRef i, int64_t parts);
/* Calls intrinsic `name`, overloaded on type t (NULL: not overloaded). */
LLVMValueRef cpu_call(CpuFn *f, const char *name, LLVMTypeRef t, LLVMValueRef *arg, int narg);
LLVMValueRef cpu_fma(CpuFn *f, LLVMValueRef x, LLVMValueRef y, LLVMValueRef z);
/* Lanes of v combined in a fixed order, halves first. */
LLVMValueRef cpu_combine(CpuFn *f, KReduce r, LLVMValueRef v);
/* x + y, or their maximum as E_MAX says. */
LLVMValueRef cpu_accumulate(CpuFn *f, KReduce r, LLVMValueRef x, LLVMValueRef y);
/* What a reduction of that type starts from, with f->lanes lanes. */
LLVMValueRef cpu_identity(CpuFn *f, KReduce r, DType acc);

/* Later instructions belong to this place of the description. */
void cpu_at_loc(CpuFn *f, Loc loc);
/* A function that the kernel calls gets the kernel's place, and so does all that `b` builds from here on. */
void cpu_debug_helper(CpuFn *f, LLVMValueRef fn, LLVMBuilderRef b);

/* The skeletons: emit the whole body between task and end; how many tasks; bytes of scratch a thread. The
 * arena is for what they work out on the way. */
void cpu_flat(CpuFn *f);
void cpu_rows(CpuFn *f);
void cpu_dot(CpuFn *f);
void cpu_chain(CpuFn *f);
int64_t cpu_flat_tasks(Arena *a, const Kernel *k, const KPlan *p);
int64_t cpu_rows_tasks(Arena *a, const Kernel *k, const KPlan *p);
int64_t cpu_dot_tasks(Arena *a, const Kernel *k, const KPlan *p);
int64_t cpu_chain_tasks(Arena *a, const Kernel *k, const KPlan *p);
int64_t cpu_rows_scratch(Arena *a, const Kernel *k, const KPlan *p, const Processor *t);
int64_t cpu_dot_scratch(Arena *a, const Kernel *k, const KPlan *p, const Processor *t);
int64_t cpu_chain_scratch(Arena *a, const Kernel *k, const KPlan *p, const Processor *t);

#endif
