/* Visiting the index expressions, expressions and points of a kernel. */
#ifndef IR_KERN_WALK_H
#define IR_KERN_WALK_H

#include "ir/kernel/kern.h"

typedef void IxVisit(void *ctx, const Ix *x);
typedef void IxReadVisit(void *ctx, const IxAtom *read);

/* Every index expression of e, but not those inside index expressions. */
void kexpr_each_ix(const KExpr *e, IxVisit *visit, void *ctx);
/* Likewise of the whole kernel: expressions, bounds of reductions, stores. */
void kern_each_ix(const Kernel *k, IxVisit *visit, void *ctx);
/* Every IX_READ in x, those inside others' indices included; whether there is any. */
void ix_each_read(const Ix *x, IxReadVisit *visit, void *ctx);
bool ix_has_read(const Ix *x);
/* Moves `at` to the next point over n axes, the last fastest; false after the last point, back at zeros. */
bool kern_next_point(const Kernel *k, int n, const int *axis, int64_t *at);
/* For each buffer the bound that indexed reads of it promise (values are below it), 0 where none is read. */
int64_t *kern_read_bounds(Arena *a, const Kernel *k);
/* Elements of a buffer that the kernel reads plus those that it writes, each counted once however often it is
 * accessed: the traffic of a launch whose working set fits. */
int64_t kern_touched(const Kernel *k, int buf);

#endif
