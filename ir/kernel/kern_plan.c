/* Plans: building them, and which roles, numbers and places each skeleton takes on which target, the tables
 * that they are checked against (rules K20 to K25). An emitter's author adds a row here for each number it
 * reads. */
#include <string.h>

#include "ir/kernel/kern_check.h"
#include "ir/kernel/kern_impl.h"

KPlan *kern_plan(Kernel *k, const char *target, KSkeleton s) {
  if (k->nplan == KERN_MAX_PLANS) ice("kernel %s: more than %d plans", k->name, KERN_MAX_PLANS);
  if (!k->plan) k->plan = ARENA_ARRAY(k->arena, KERN_MAX_PLANS, KPlan);
  KPlan *p = &k->plan[k->nplan++];
  *p = (KPlan){.target = arena_strdup(k->arena, target), .skeleton = s, .loc = k->loc};
  p->place = ARENA_ARRAY(k->arena, k->nval, KPlace);
  return p;
}

void kplan_role(KPlan *p, KRole r, int naxes, const int *axis) {
  if (naxes < 0 || naxes > KERN_MAX_DOMAIN) ice("role %s of %d axes", kern_role_name(r), naxes);
  if (p->role[r].naxes) ice("role %s is given twice", kern_role_name(r));
  p->role[r].naxes = naxes;
  for (int i = 0; i < naxes; i++) p->role[r].axis[i] = axis[i];
}

void kplan_num(KPlan *p, KNum n, int64_t value) {
  if (value < 1) ice("number %s is %lld", kern_num_name(n), (long long)value);
  if (p->num[n]) ice("number %s is given twice", kern_num_name(n));
  p->num[n] = value;
}

int64_t kplan_get(const KPlan *p, KNum n, int64_t otherwise) {
  return p->num[n] ? p->num[n] : otherwise;
}

bool krole_has(const KRoleAxes *r, int axis) {
  for (int i = 0; i < r->naxes; i++)
    if (r->axis[i] == axis) return true;
  return false;
}

bool kval_is_over(const KVal *v, const KRoleAxes *r) {
  for (int i = 0; i < v->naxes; i++)
    if (krole_has(r, v->axis[i])) return true;
  return false;
}

bool kval_reduces(const KVal *v, const KRoleAxes *r) {
  for (int i = 0; i < v->nred; i++)
    if (!krole_has(r, v->red[i].axis)) return false;
  return v->nred > 0;
}

int64_t kern_role_extent(const Kernel *k, const KRoleAxes *r) {
  int64_t n = 1;
  for (int i = 0; i < r->naxes; i++) n *= k->axis[r->axis[i]].extent;
  return n;
}

const char *kern_role_name(KRole r) {
  static const char *const names[ROLE_COUNT] = {
#define X(e, text) [ROLE_##e] = text,
      KERN_ROLES(X)
#undef X
  };
  return names[r];
}

const char *kern_num_name(KNum n) {
  static const char *const names[NUM_COUNT] = {
#define X(e, text) [NUM_##e] = text,
      KERN_NUMS(X)
#undef X
  };
  return names[n];
}

const char *kern_skeleton_name(KSkeleton s) {
  static const char *const names[SK_COUNT] = {
#define X(e, text) [SK_##e] = text,
      KERN_SKELETONS(X)
#undef X
  };
  return names[s];
}

const char *kern_place_name(KPlace p) {
  static const char *const names[KP_COUNT] = {
#define X(e, text) [KP_##e] = text,
      KERN_PLACES(X)
#undef X
  };
  return names[p];
}

const KPlan *kern_plan_for(const Kernel *k, const char *target) {
  for (int i = 0; i < k->nplan; i++)
    if (!strcmp(k->plan[i].target, target)) return &k->plan[i];
  return NULL;
}

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

static void check_all_roles(KCheck *c, const KPlan *p) {
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
    check_all_roles(c, p);
    check_numbers(c, p);
    check_places(c, p);
    check_fit(c, p);
  }
}
