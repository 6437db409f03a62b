/* Plans that follow from the roles of a kernel's axes alone: which skeleton, and what stays resident; and the
 * costs by which kernels are cut for such plans. */
#ifndef CODEGEN_PLAN_ROLES_H
#define CODEGEN_PLAN_ROLES_H

#include "ir/target.h"

/* Where such plans have values live. The target's rules have these rows, in a dot and in a chain. */
enum {
  PLAN_ACC = KPLAN_INLINE + 1, /* the contraction's accumulators */
  PLAN_ROW,                    /* scratch: one element, or one row, a resident row */
  PLAN_PLACES
};

/* Target.plan, by t->plans. */
void plan_by_roles(const Target *t, Kernel *k, const KRoleAxes role[ROLE_COUNT], bool chain, int contraction);

extern const TargetCost plan_roles_cost;

#endif
