/* CPU plans: which skeleton, and the axes' roles. Which axis vector lanes run along is the emitter's choice,
 * by what the accesses cost (codegen/cpu/loops/cpu_rows_plan.c). */
#include <string.h>

#include "passes/lower/kbuild.h"

static void add_role(KPlan *p, const KBuild *b, KRole r) {
  for (int i = 0; i < b->nrole; i++)
    if (!strcmp(b->role[i].name, kern_role_name(r))) kplan_role(p, r, b->role[i].naxes, b->role[i].axis);
}

static void plan_dot(KBuild *b, KPlan *p) {
  static const KRole roles[] = {ROLE_BATCH, ROLE_M, ROLE_N, ROLE_K};
  for (int i = 0; i < 4; i++) add_role(p, b, roles[i]);
  p->place[b->acc] = KP_ACC;
}

static void plan_rows(KBuild *b, KPlan *p) {
  int outer[KERN_MAX_AXES], n = 0;
  for (int i = 0; i < b->nrole; i++)
    for (int j = 0; strcmp(b->role[i].name, "row") != 0 && j < b->role[i].naxes; j++)
      outer[n++] = b->role[i].axis[j];
  kplan_role(p, ROLE_OUTER, n, outer);
  add_role(p, b, ROLE_ROW);
}

static bool over(const KVal *v, const Role *r) {
  for (int i = 0; i < v->naxes; i++)
    for (int j = 0; r && j < r->naxes; j++)
      if (r->axis[j] == v->axis[i]) return true;
  return false;
}

/* Which pass over a block of rows evaluates a value: that of the reduction, resident value or store that
 * reads it, perhaps through values written into it. */
enum { NO_PASS = -1, MANY_PASSES = -2 };

static void read_in(int *pass, int val, int by) {
  pass[val] = pass[val] == NO_PASS || pass[val] == by ? by : MANY_PASSES;
}

static void reads_in(const KExpr *e, int *pass, int by) {
  if (!e) return;
  if (e->kind == KE_VALUE) read_in(pass, e->ref, by);
  for (int i = 0; i < 3; i++) reads_in(e->arg[i], pass, by);
}

/* What is made of a block of rows and read by more than one pass stays resident. */
static void plan_chain(KBuild *b, KPlan *p) {
  const Kernel *k = b->k;
  const Role *m = kb_find_role(b, "m"), *n = kb_find_role(b, "n");
  int *pass = ARENA_ARRAY(b->arena, k->nval, int);
  for (int i = 0; i < CHAIN_ROLES; i++) add_role(p, b, kern_role_named(chain_role[i]));
  for (int v = 0; v < k->nval; v++) pass[v] = NO_PASS;
  for (int i = 0; i < k->nstore; i++) read_in(pass, k->store[i].val, k->nval + i);
  for (int v = k->nval - 1; v >= 0; v--) {
    const KVal *val = &k->val[v];
    bool reduced = val->reduce != KR_NONE, resident = !reduced && over(val, m) && over(val, n);
    resident = resident && pass[v] == MANY_PASSES && val->dtype != DT_U64;
    if (resident) p->place[v] = KP_ROW;
    reads_in(val->expr, pass, reduced || resident ? v : pass[v]);
  }
}

static KSkeleton skeleton_of(const KBuild *b) {
  if (b->group->chain) return SK_CHAIN;
  for (int i = 0; i < b->nrole; i++) {
    if (!b->role[i].naxes) continue;
    if (!strcmp(b->role[i].name, "k")) return SK_DOT;
    if (!strcmp(b->role[i].name, "row")) return SK_ROWS;
  }
  return SK_FLAT;
}

void kb_plan(KBuild *b) {
  KSkeleton s = skeleton_of(b);
  KPlan *p = kern_plan(b->k, b->l->options->target, s);
  if (s == SK_DOT)
    plan_dot(b, p);
  else if (s == SK_ROWS)
    plan_rows(b, p);
  else if (s == SK_CHAIN)
    plan_chain(b, p);
}
