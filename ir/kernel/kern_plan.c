/* Which roles, numbers and places each skeleton takes on which target: the tables that plans are checked
 * against (rules K20 to K25). An emitter's author adds a row here for each number it reads. */
#include <string.h>

#include "ir/kernel/kern_check.h"
#include "ir/kernel/kern_name.h"

enum { CPU = 1, SM80 = 2, SM90 = 4, GPU = SM80 | SM90, ANY = CPU | GPU };
enum { FLAT = 1 << SK_FLAT, ROWS = 1 << SK_ROWS, DOT = 1 << SK_DOT, CHAIN = 1 << SK_CHAIN };

static const struct {
  const char *name;
  unsigned bit;
} targets[] = {{"cpu", CPU}, {"sm80", SM80}, {"sm90", SM90}};

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
  const char *name;
  unsigned skeletons, targets;
  int64_t lo, hi;
} numbers[] = {
    {"mr", DOT | CHAIN, CPU, 1, 32},                       /* rows of the register tile */
    {"nr", DOT | CHAIN, CPU, 1, 128},                      /* its columns */
    {"kc", DOT | CHAIN, CPU, 1, 1 << 20},                  /* elements of k in a block */
    {"mc", DOT | CHAIN, CPU, 1, 1 << 20},                  /* rows of a task */
    {"nc", DOT | CHAIN, CPU, 1, 1 << 20},                  /* columns of a task */
    {"tasks", FLAT | ROWS | DOT | CHAIN, CPU, 1, 1 << 16}, /* of a launch */
    {"rows", ROWS | CHAIN, ANY, 1, 1 << 20},               /* rows resident together */
    {"threads", FLAT | ROWS, GPU, 32, 1024},               /* of a block */
    {"bm", DOT | CHAIN, GPU, 8, 512},                      /* rows of a block's tile */
    {"bn", DOT | CHAIN, GPU, 8, 512},                      /* its columns */
    {"bk", DOT | CHAIN, GPU, 8, 512},                      /* its depth */
    {"ring", DOT | CHAIN, GPU, 1, 16},                     /* stages of the shared-memory ring */
    {"warps", DOT | CHAIN, GPU, 1, 32},                    /* of a block */
    {"swizzle", DOT | CHAIN, GPU, 0, 128},                 /* bytes of the shared tiles' swizzle; 0: none */
    {"warpgroups", DOT | CHAIN, SM90, 1, 4},               /* that multiply */
    {"producers", DOT | CHAIN, SM90, 0, 2},                /* warpgroups that only copy */
    {"wgmma", DOT | CHAIN, SM90, 0, 1},                    /* wgmma instead of mma.sync */
    {"tma_a", DOT | CHAIN, SM90, 0, 1},                    /* the left operand's tile comes by TMA */
    {"tma_b", DOT | CHAIN, SM90, 0, 1},                    /* and the right one's */
    {"tma_store", DOT | CHAIN, SM90, 0, 1},                /* the result goes by TMA */
    {"cluster", DOT | CHAIN, SM90, 1, 8},                  /* blocks that share a multicast */
};

static const unsigned places[KP_COUNT] = {
    [KP_INLINE] = FLAT | ROWS | DOT | CHAIN,
    [KP_REG] = FLAT | ROWS | DOT | CHAIN,
    [KP_ACC] = DOT | CHAIN,
    [KP_ROW] = ROWS | DOT | CHAIN,
    [KP_TILE] = ROWS | DOT | CHAIN,
    [KP_STAGE_A] = DOT | CHAIN,
    [KP_STAGE_B] = DOT | CHAIN,
};

#define COUNT(t) ((int)(sizeof(t) / sizeof *(t)))

static unsigned target_bit(const char *name) {
  for (int i = 0; i < COUNT(targets); i++)
    if (!strcmp(targets[i].name, name)) return targets[i].bit;
  return 0;
}

static void check_target(KCheck *c, const KPlan *p) {
  if (!target_bit(p->target))
    kcheck_fail(c, 20, "no target is named '%s', expected cpu, sm80 or sm90", p->target);
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

static void check_number(KCheck *c, const KPlan *p, const KNum *n) {
  for (int i = 0; i < COUNT(numbers); i++) {
    if (strcmp(numbers[i].name, n->name) != 0 || !(numbers[i].skeletons >> p->skeleton & 1) ||
        !(numbers[i].targets & target_bit(p->target)))
      continue;
    if (n->value < numbers[i].lo || n->value > numbers[i].hi)
      kcheck_fail(c, 23, "number '%s' is %lld, expected %lld .. %lld", n->name, (long long)n->value,
                  (long long)numbers[i].lo, (long long)numbers[i].hi);
    return;
  }
  kcheck_fail(c, 23, "the %s skeleton has no number '%s' on %s", kern_skeleton_name(p->skeleton), n->name,
              p->target);
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
    for (int n = 0; n < p->nnum; n++) check_number(c, p, &p->num[n]);
    check_places(c, p);
    check_fit(c, p);
  }
}
