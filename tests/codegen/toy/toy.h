/* A target for tests: its kernels stay text, which the reference interpreter runs. It shows what a target has
 * to say; nothing else in the compiler knows of it. */
#ifndef TESTS_TOY_H
#define TESTS_TOY_H

#include "codegen/plan_roles.h"
#include "ir/target.h"

/* The plans' only number: how many tasks a launch has. */
enum { TOY_TURNS };
extern const KPlanRules toy_plans;

/* "toy:" and nothing more. */
const Target *toy_target(Arena *a, const char *text);

#endif
