/* Plans that follow from the roles of a kernel's axes alone: which skeleton, and what stays resident; and the
 * costs by which kernels are cut for such plans. */
#ifndef CODEGEN_PLAN_ROLES_H
#define CODEGEN_PLAN_ROLES_H

#include "ir/target.h"

/* Target.plan, under t->plan_word. */
void plan_by_roles(const Target *t, Kernel *k, const KRoleAxes role[ROLE_COUNT], bool chain, int contraction);

extern const TargetCost plan_roles_cost;

#endif
