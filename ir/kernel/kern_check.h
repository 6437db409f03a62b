/* What the parts of the kernel verifier share. */
#ifndef IR_KERN_CHECK_H
#define IR_KERN_CHECK_H

#include "ir/kernel/kern.h"

typedef struct KCheck {
  const Kernel *k;
  Arena *arena; /* gone after the check */
  Loc loc;      /* where errors are reported */
  int errors;
  int64_t tries;         /* points that may still be tried, for all rules together */
  const int64_t *bounds; /* of indexed reads, for each buffer */
  bool unsound;          /* references lead nowhere: what follows them must not be checked */
} KCheck;

/* Reports that rule K`rule` is broken. */
void kcheck_fail(KCheck *c, int rule, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* Whether x lies in 0 .. extent-1 at every point: by its range, or by trying all points when they are few. */
bool kcheck_within(KCheck *c, const Ix *x, int64_t extent);
/* Takes so many points off what may be tried; false when there are not enough left. */
bool kcheck_afford(KCheck *c, int64_t points);
/* x with the kernel's names. */
const char *kcheck_text(KCheck *c, const Ix *x);
/* Whether the sum of coefficients times numbers below the extents differs for all such numbers, at most
 * KERN_MAX_DOMAIN of them: each larger coefficient passes all that smaller ones reach. */
bool kcheck_one_to_one(int n, const int64_t *coef, const int64_t *extent);
/* The axes of a value, and those of an index expression; bit i: axis i. */
uint32_t kcheck_domain(const KVal *v);
uint32_t kcheck_axes_of(const Kernel *k, const Ix *x);

/* ir/kernel/kern_verify_store.c: K14 to K18, and K26. */
void kcheck_stores(KCheck *c);
/* ir/kernel/kern_plan.c: K20 to K25. */
void kcheck_plans(KCheck *c);

#endif
