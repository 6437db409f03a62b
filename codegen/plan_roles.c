/* Which skeleton, and the axes' roles. Which axis vector lanes run along is the emitter's choice, by what the
 * accesses cost. */
#include "codegen/plan_roles.h"

/* Zen 5 with 7 cores busy (codegen/cpu/cpu_target.c), but for elementwise operations: flat kernels take about
 * a cycle for 16, half of what is possible. A core alone moves about 6 bytes a cycle from its second cache.
 *
 * flop / far decides about attention: 25.6 is also Zen 4's with 11 cores; with one busy core it would be 14
 * and
 * 8. At 8 the scores would be kept: memory that grows with the square of the tokens, for what a chain kernel
 * makes again without traffic. */
const TargetCost plan_roles_cost = {.flop = 64, .operations = 16, .near = 6.4, .far = 2.5, .launch = 3125};

static void add_roles(KPlan *p, const KRoleAxes *role, int n, const KRole *which) {
  for (int i = 0; i < n; i++) kplan_role(p, which[i], role[which[i]].naxes, role[which[i]].axis);
}

static void plan_dot(KPlan *p, const KRoleAxes *role, int contraction) {
  static const KRole roles[] = {ROLE_BATCH, ROLE_M, ROLE_N, ROLE_K};
  add_roles(p, role, 4, roles);
  p->place[contraction] = PLAN_ACC;
}

/* Partials are rows of their own. */
static void plan_rows(KPlan *p, const KRoleAxes *role) {
  static const KRole outer[] = {ROLE_PART, ROLE_OUTER}, row[] = {ROLE_ROW};
  int axis[KERN_MAX_AXES], n = 0;
  for (int i = 0; i < 2; i++)
    for (int j = 0; j < role[outer[i]].naxes; j++) axis[n++] = role[outer[i]].axis[j];
  kplan_role(p, ROLE_OUTER, n, axis);
  add_roles(p, role, 1, row);
}

/* Which pass over a block of rows evaluates a value: that of the reduction, resident value or store that
 * reads it, perhaps through values written into it. */
enum { NO_PASS = -1, MANY_PASSES = -2 };

static void read_in(int *pass, int val, int by) {
  pass[val] = pass[val] == NO_PASS || pass[val] == by ? by : MANY_PASSES;
}

static void note_reads(const KExpr *e, int *pass, int by) {
  if (!e) return;
  if (e->kind == KE_VALUE) read_in(pass, e->ref, by);
  for (int i = 0; i < 3; i++) note_reads(e->arg[i], pass, by);
}

/* What is made of a block of rows and read by more than one pass stays resident. */
static void plan_chain(Kernel *k, KPlan *p, const KRoleAxes *role) {
  static const KRole roles[] = {ROLE_BATCH, ROLE_M, ROLE_N, ROLE_K, ROLE_D};
  int *pass = ARENA_ARRAY(k->arena, k->nval, int);
  add_roles(p, role, 5, roles);
  for (int v = 0; v < k->nval; v++) pass[v] = NO_PASS;
  for (int i = 0; i < k->nstore; i++) read_in(pass, k->store[i].val, k->nval + i);
  for (int v = k->nval - 1; v >= 0; v--) {
    const KVal *val = &k->val[v];
    bool reduced = val->reduce != KR_NONE;
    bool resident = !reduced && kval_is_over(val, &role[ROLE_M]) && kval_is_over(val, &role[ROLE_N]);
    resident = resident && pass[v] == MANY_PASSES && val->dtype != DT_U64;
    if (resident) p->place[v] = PLAN_ROW;
    note_reads(val->expr, pass, reduced || resident ? v : pass[v]);
  }
}

static KSkeleton skeleton_of(const KRoleAxes *role, bool chain) {
  if (chain) return SK_CHAIN;
  return role[ROLE_K].naxes ? SK_DOT : role[ROLE_ROW].naxes ? SK_ROWS : SK_FLAT;
}

void plan_by_roles(const Target *t, Kernel *k, const KRoleAxes role[ROLE_COUNT], bool chain,
                   int contraction) {
  KSkeleton s = skeleton_of(role, chain);
  KPlan *p = kern_plan(k, t->plans, s);
  if (s == SK_DOT)
    plan_dot(p, role, contraction);
  else if (s == SK_ROWS)
    plan_rows(p, role);
  else if (s == SK_CHAIN)
    plan_chain(k, p, role);
}
