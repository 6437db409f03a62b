/* Which roles, numbers and places each skeleton takes on which target: the tables that plans are checked
 * against (rules K20 to K25). An emitter's author adds a row here for each number it reads. */
#include <string.h>

#include "ir/kernel/kern_check.h"
#include "ir/kernel/kern_name.h"

enum { FLAT = 1 << SK_FLAT, ROWS = 1 << SK_ROWS, DOT = 1 << SK_DOT, CHAIN = 1 << SK_CHAIN };
enum { CPU, SM80, TARGETS };

static const struct {
  const char *name;
  unsigned skeletons;
} targets[TARGETS] = {[CPU] = {"cpu", FLAT | ROWS | DOT | CHAIN}, [SM80] = {"sm80", DOT}};

/* `shared` ones may be in another role too. */
static const struct {
  unsigned skeletons, required;
  bool shared;
} roles[ROLE_COUNT] = {
    [ROLE_POINTS] = {FLAT, 0, false},     [ROLE_OUTER] = {ROWS, 0, false},
    [ROLE_ROW] = {ROWS, ROWS, false},     [ROLE_BATCH] = {DOT | CHAIN, 0, false},
    [ROLE_M] = {DOT | CHAIN, 0, false},   [ROLE_N] = {DOT | CHAIN, 0, false},
    [ROLE_K] = {DOT | CHAIN, DOT, false}, [ROLE_D] = {CHAIN, 0, false},
    [ROLE_LANE] = {FLAT | ROWS, 0, true},
};

static const struct {
  int target;
  unsigned skeletons;
  int64_t most;
} numbers[NUM_COUNT] = {
    [NUM_MR] = {CPU, DOT | CHAIN, 32}, [NUM_NR] = {CPU, DOT, 128},
    [NUM_KC] = {CPU, DOT, 1 << 20},    [NUM_MC] = {CPU, DOT, 1 << 20},
    [NUM_NC] = {CPU, DOT, 1 << 20},    [NUM_TASKS] = {CPU, FLAT | ROWS, 1 << 16},
    [NUM_BM] = {SM80, DOT, 512},       [NUM_BN] = {SM80, DOT, 512},
    [NUM_BK] = {SM80, DOT, 512},       [NUM_RING] = {SM80, DOT, 16},
    [NUM_WARPS] = {SM80, DOT, 32},
};

static const unsigned places[KP_COUNT] = {
    [KP_INLINE] = FLAT | ROWS | DOT | CHAIN,
    [KP_ACC] = DOT,
    [KP_ROW] = ROWS | CHAIN,
};

/* The plan's target, TARGETS where there is none of that name. */
static int target_of(const KPlan *p) {
  int t = 0;
  while (t < TARGETS && strcmp(targets[t].name, p->target) != 0) t++;
  return t;
}

static void check_target(KCheck *c, const KPlan *p) {
  int t = target_of(p);
  if (t == TARGETS)
    kcheck_fail(c, 20, "no target is named '%s', expected cpu or sm80", p->target);
  else if (!(targets[t].skeletons >> p->skeleton & 1))
    kcheck_fail(c, 20, "%s has no %s skeleton", p->target, kern_skeleton_name(p->skeleton));
  else if (kern_plan_for(c->k, p->target) != p)
    kcheck_fail(c, 20, "two plans for %s", p->target);
}

static void check_role(KCheck *c, const KPlan *p, KRole role, uint32_t *seen) {
  const KRoleAxes *r = &p->role[role];
  const char *name = kern_role_name(role), *skeleton = kern_skeleton_name(p->skeleton);
  bool shared = roles[role].shared;
  if (r->naxes && !(roles[role].skeletons >> p->skeleton & 1))
    kcheck_fail(c, 21, "the %s skeleton has no role '%s'", skeleton, name);
  if (!r->naxes && (roles[role].required >> p->skeleton & 1))
    kcheck_fail(c, 21, "the %s skeleton needs the role '%s'", skeleton, name);
  if (shared && r->naxes > 1) kcheck_fail(c, 22, "role '%s' has %d axes, expected 1", name, r->naxes);
  for (int i = 0; i < r->naxes; i++) {
    if (r->axis[i] < 0 || r->axis[i] >= c->k->naxes) {
      kcheck_fail(c, 22, "role '%s' has axis %d of %d", name, r->axis[i], c->k->naxes);
    } else if (!shared) {
      if (*seen >> r->axis[i] & 1) kcheck_fail(c, 22, "axis '%s' has two roles", c->k->axis[r->axis[i]].name);
      *seen |= 1u << r->axis[i];
    }
  }
}

static void check_roles(KCheck *c, const KPlan *p) {
  uint32_t seen = 0;
  for (int r = 0; r < ROLE_COUNT; r++) check_role(c, p, (KRole)r, &seen);
}

static void check_numbers(KCheck *c, const KPlan *p) {
  for (int n = 0; n < NUM_COUNT; n++) {
    const char *name = kern_num_name((KNum)n);
    if (!p->num[n]) continue;
    if (numbers[n].target != target_of(p) || !(numbers[n].skeletons >> p->skeleton & 1))
      kcheck_fail(c, 23, "the %s skeleton has no number '%s' on %s", kern_skeleton_name(p->skeleton), name,
                  p->target);
    else if (p->num[n] > numbers[n].most)
      kcheck_fail(c, 23, "number '%s' is %lld, expected 1 .. %lld", name, (long long)p->num[n],
                  (long long)numbers[n].most);
  }
}

static void check_places(KCheck *c, const KPlan *p) {
  for (int i = 0; i < c->k->nval; i++) {
    const KVal *v = &c->k->val[i];
    if (p->place[i] >= KP_COUNT || !(places[p->place[i]] >> p->skeleton & 1))
      kcheck_fail(c, 24, "'%s' can't live in that place in the %s skeleton", v->name,
                  kern_skeleton_name(p->skeleton));
    else if (p->place[i] == KP_ACC && v->reduce != KR_SUM)
      kcheck_fail(c, 24, "'%s' is accumulated but is no sum", v->name);
  }
}

/* Flat plans reduce nothing; a dot plan has a sum over its k; the others reduce something. */
static void check_fit(KCheck *c, const KPlan *p) {
  int reductions = 0, sums_over_k = 0;
  for (int i = 0; i < c->k->nval; i++) {
    const KVal *v = &c->k->val[i];
    reductions += v->reduce != KR_NONE;
    sums_over_k += v->reduce == KR_SUM && kval_reduces(v, &p->role[ROLE_K]);
  }
  if (p->skeleton == SK_FLAT && reductions) kcheck_fail(c, 25, "a flat plan of a kernel that reduces");
  if (p->skeleton != SK_FLAT && !reductions)
    kcheck_fail(c, 25, "a %s plan of a kernel that reduces nothing", kern_skeleton_name(p->skeleton));
  if (p->skeleton == SK_DOT && reductions && !sums_over_k)
    kcheck_fail(c, 25, "a dot plan without a sum over the role k");
}

void kcheck_plans(KCheck *c) {
  for (int i = 0; i < c->k->nplan; i++) {
    const KPlan *p = &c->k->plan[i];
    c->loc = p->loc;
    check_target(c, p);
    check_roles(c, p);
    check_numbers(c, p);
    check_places(c, p);
    check_fit(c, p);
  }
}
