/* Plans: building them, and checking them (rules K20 to K25) against which roles a skeleton has and what the
 * target's rules say of skeletons, numbers and places. */
#include <string.h>

#include "ir/kernel/kern_check.h"
#include "ir/kernel/kern_impl.h"

KPlan *kern_plan(Kernel *k, const KPlanRules *rules, KSkeleton s) {
  if (k->nplan == KERN_MAX_PLANS) ice("kernel %s: more than %d plans", k->name, KERN_MAX_PLANS);
  if (!k->plan) k->plan = ARENA_ARRAY(k->arena, KERN_MAX_PLANS, KPlan);
  KPlan *p = &k->plan[k->nplan++];
  *p = (KPlan){.rules = rules, .skeleton = s, .loc = k->loc};
  p->place = ARENA_ARRAY(k->arena, k->nval, int);
  return p;
}

void kplan_role(KPlan *p, KRole r, int naxes, const int *axis) {
  if (naxes < 0 || naxes > KERN_MAX_DOMAIN) ice("role %s of %d axes", kern_role_name(r), naxes);
  if (p->role[r].naxes) ice("role %s is given twice", kern_role_name(r));
  p->role[r].naxes = naxes;
  for (int i = 0; i < naxes; i++) p->role[r].axis[i] = axis[i];
}

void kplan_num(KPlan *p, int n, int64_t value) {
  if (value < 1) ice("number %s is %lld", p->rules->number[n].name, (long long)value);
  if (p->num[n]) ice("number %s is given twice", p->rules->number[n].name);
  p->num[n] = value;
}

int64_t kplan_get(const KPlan *p, int n, int64_t otherwise) {
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

const char *kern_skeleton_name(KSkeleton s) {
  static const char *const names[SK_COUNT] = {
#define X(e, text) [SK_##e] = text,
      KERN_SKELETONS(X)
#undef X
  };
  return names[s];
}

const KPlan *kern_plan_for(const Kernel *k, const KPlanRules *rules) {
  for (int i = 0; i < k->nplan; i++)
    if (k->plan[i].rules == rules) return &k->plan[i];
  return NULL;
}

void kern_misfit(const Kernel *k, const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  const char *why = arena_vprintf(k->arena, fmt, ap);
  va_end(ap);
  if (!k->text) ice("kernel %s: %s", k->name, why);
  const Loc place = k->nplan ? k->plan[0].loc : k->loc;
  diag_error(place, "kernel %s does not fit its plan: %s", k->name, why);
  diag_stop();
}

enum { FLAT = 1 << SK_FLAT, ROWS = 1 << SK_ROWS, DOT = 1 << SK_DOT, CHAIN = 1 << SK_CHAIN };

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

static void check_target(KCheck *c, const KPlan *p) {
  if (!(p->rules->skeletons >> p->skeleton & 1))
    kcheck_fail(c, 20, "%s has no %s skeleton", p->rules->word, kern_skeleton_name(p->skeleton));
  else if (kern_plan_for(c->k, p->rules) != p)
    kcheck_fail(c, 20, "two plans for %s", p->rules->word);
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

static void check_number(KCheck *c, const KPlan *p, const KPlanNumber *n, int64_t value) {
  if (!(n->skeletons >> p->skeleton & 1))
    kcheck_fail(c, 23, "the %s skeleton has no number '%s' on %s", kern_skeleton_name(p->skeleton), n->name,
                p->rules->word);
  else if (value > n->most)
    kcheck_fail(c, 23, "number '%s' is %lld, expected 1 .. %lld", n->name, (long long)value,
                (long long)n->most);
}

static void check_all_numbers(KCheck *c, const KPlan *p) {
  for (int n = 0; n < p->rules->nnumber; n++)
    if (p->num[n]) check_number(c, p, &p->rules->number[n], p->num[n]);
}

static void check_place(KCheck *c, const KPlan *p, const KVal *v, int at) {
  const KPlanPlace *place = at > 0 && at < p->rules->nplace ? &p->rules->place[at] : NULL;
  if (!place || !(place->skeletons >> p->skeleton & 1))
    kcheck_fail(c, 24, "'%s' can't live in that place in the %s skeleton", v->name,
                kern_skeleton_name(p->skeleton));
  else if (place->sums && v->reduce != KR_SUM)
    kcheck_fail(c, 24, "'%s' is accumulated but is no sum", v->name);
}

static void check_all_places(KCheck *c, const KPlan *p) {
  for (int i = 0; i < c->k->nval; i++)
    if (p->place[i] != KPLAN_INLINE) check_place(c, p, &c->k->val[i], p->place[i]);
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
    check_all_numbers(c, p);
    check_all_places(c, p);
    check_fit(c, p);
  }
}
