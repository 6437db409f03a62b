/* What the parts of the kernel interpreter share. Values are doubles while they are computed, whatever their
 * type. */
#ifndef IR_KERN_RUN_H
#define IR_KERN_RUN_H

#include "ir/kernel/kern.h"

/* Where an element is: base + the affine terms + rest. With `checked` the indices are compared with the
 * extents first, since their ranges alone do not show that they are inside. */
typedef struct KAddr {
  int64_t base;
  int n;
  int axis[KERN_MAX_AXES];
  int64_t coef[KERN_MAX_AXES];
  const Ix *rest; /* or NULL */
  bool checked;
  int nidx;
  const Ix *const *idx;
  const int64_t *dim;
  const char *name;
} KAddr;

/* An expression ready to be evaluated. */
typedef struct KCode KCode;
struct KCode {
  KExprKind kind;
  DType dtype, from; /* from: of the memory read, of the operand of a cast */
  EltOp elt;
  KCode *arg[3];
  double value;
  const Ix *ix;
  const void *memory;  /* READ; VALUE whose array exists: doubles */
  KAddr addr;          /* of both */
  const KVal *inlined; /* VALUE evaluated at each use, its indices in addr.idx */
  uint64_t key;        /* RANDOM */
};

typedef struct KRun {
  const Kernel *k;
  Arena *arena; /* gone after the run */
  void *const *bufs;
  const KStepEnv *env;
  bool f64;
  double **array; /* each value's elements, row-major over its axes; NULL: evaluated at each use */
  KCode **code;   /* of each value */
  int64_t at[KERN_MAX_AXES];
} KRun;

/* ir/kernel/kern_run_code.c */
KCode *krun_compile(KRun *r, const KExpr *e);
double krun_eval(KRun *r, const KCode *c);
int64_t krun_address(KRun *r, const KAddr *a);
/* The address of idx within dims with strides. */
KAddr krun_addr(KRun *r, const char *name, int rank, const int64_t *dim, const int64_t *stride,
                const Ix *const *idx);
/* An index expression at the current point, with its reads. */
int64_t krun_ix(KRun *r, const Ix *x);
/* Row-major strides over a value's axes. */
void krun_value_layout(const Kernel *k, const KVal *v, int64_t *dim, int64_t *stride);

/* ir/kernel/kern_run_type.c: elements in memory, rounding and conversion. With f64, floats in memory are
 * doubles and are not rounded. */
double krun_load(DType t, bool f64, const void *memory, int64_t at);
void krun_store(DType t, bool f64, void *memory, int64_t at, double v);
double krun_round(DType t, bool f64, double v);
double krun_cast(DType to, bool f64, double v);
/* An elementwise operation on operands of type t; integers wrap at 32 bits. */
double krun_elt(EltOp op, DType t, const double *arg);

#endif
