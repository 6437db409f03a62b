/* What a machine can do at most, for predicting the time of a launch: the longest of its contractions at
 * their peak, its elementwise operations at theirs and its bytes at memory's speed, and the cost of
 * launching. */
#ifndef PASSES_ROOFLINE_H
#define PASSES_ROOFLINE_H

#include "ir/target.h"

typedef struct Roofline {
  const char *target;  /* as in --target: "cpu:znver4", "cuda:sm_80" */
  const char *machine; /* which one the numbers are of, and where they come from */
  int threads;         /* that they hold for together; of a GPU 1 */
  double flop;         /* a second, of contractions, a multiply and an add counting two */
  double operations;   /* a second, elementwise, in additions (see kern_operations) */
  double bytes;        /* a second, from and to memory */
  double launch;       /* seconds a launch */
} Roofline;

/* Of that target, on so many threads where it has any. */
Roofline roofline_of(const Target *t, int threads);

/* What bounds a launch. */
#define ROOFLINE_BOUNDS(X) X(FLOP, "flop") X(OPERATIONS, "operations") X(BYTES, "bytes") X(LAUNCH, "launch")
typedef enum Bound {
#define X(e, text) RB_##e,
  ROOFLINE_BOUNDS(X)
#undef X
      RB_COUNT
} Bound;
extern const char *const roofline_bounds[RB_COUNT];

/* Seconds of one launch, and what bounds it. `bound` may be NULL. */
double roofline_seconds(const Roofline *r, double flop, double operations, double bytes, Bound *bound);

/* Elementwise operations of a kernel over its whole domain, each counted as so many additions
 * (ir/eltwise.def); the multiply and the add of a contraction are left out. */
double kern_operations(const Kernel *k);

#endif
