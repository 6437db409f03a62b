/* Parsing plans.
 *
 *   plan = KERNEL TARGET SKELETON "{" { clause [";"] } "}"
 *   clause = "role" ROLE ":" AXIS { "," AXIS } | "num" NAME INT | "place" VALUE PLACE
 */
#include <string.h>

#include "ir/kernel/kern_name.h"
#include "ir/kernel/kern_parser.h"

static const int64_t most_num = (int64_t)1 << 40;

static KRole parse_role_name(KParser *p) {
  const char *names[ROLE_COUNT];
  Loc loc = p->tok.loc;
  const char *name = kparse_name(p, "a role");
  KRole r = name ? kern_role_named(name) : ROLE_NONE;
  for (int i = 0; i < ROLE_COUNT; i++) names[i] = kern_role_name((KRole)i);
  if (name && r == ROLE_NONE) kparse_unknown(p, loc, "role", name, names, ROLE_COUNT);
  return r;
}

static void parse_role(KParser *p, KPlan *plan) {
  int axis[KERN_MAX_DOMAIN], n = 0;
  Loc loc = p->tok.loc;
  KRole r = parse_role_name(p);
  if (r == ROLE_NONE || !kparse_expect(p, ":")) return;
  do {
    if (n == KERN_MAX_DOMAIN) kparse_error(p, p->tok.loc, "more than %d axes", KERN_MAX_DOMAIN);
    if (p->panic || (axis[n++] = kparse_axis(p)) < 0) return;
  } while (kparse_accept(p, ","));
  if (plan->role[r].naxes)
    kparse_error(p, loc, "role '%s' is given twice", kern_role_name(r));
  else
    kplan_role(plan, r, n, axis);
}

static void parse_num(KParser *p, KPlan *plan) {
  Loc loc = p->tok.loc;
  const char *name = kparse_name(p, "a number's name");
  if (!name) return;
  int64_t v = kparse_int(p, -most_num, most_num, "a number");
  for (int i = 0; i < plan->nnum; i++)
    if (!strcmp(plan->num[i].name, name)) kparse_error(p, loc, "number '%s' is given twice", name);
  if (plan->nnum == KERN_MAX_NUMS) kparse_error(p, loc, "more than %d numbers", KERN_MAX_NUMS);
  if (!p->panic) kplan_num(plan, name, v);
}

static void parse_place_of(KParser *p, KPlan *plan) {
  const char *names[KP_COUNT];
  int n;
  Loc loc = p->tok.loc;
  const char *name = kparse_name(p, "a value");
  if (!name) return;
  int val = kern_find_val(p->k, name);
  const char *const *tensors = kparse_tensors(p, &n);
  if (val < 0) kparse_unknown(p, loc, "value", name, tensors + p->k->nbuf, p->k->nval);
  loc = p->tok.loc;
  const char *place = p->panic ? NULL : kparse_name(p, "a place");
  if (!place) return;
  for (int i = 0; i < KP_COUNT; i++) {
    names[i] = kern_place_name((KPlace)i);
    if (!strcmp(place, names[i])) {
      plan->place[val] = (KPlace)i;
      return;
    }
  }
  kparse_unknown(p, loc, "place", place, names, KP_COUNT);
}

static void parse_clauses(KParser *p, KPlan *plan) {
  while (!p->panic && !ktok_is(&p->tok, "}")) {
    if (kparse_accept(p, "role"))
      parse_role(p, plan);
    else if (kparse_accept(p, "num"))
      parse_num(p, plan);
    else if (kparse_accept(p, "place"))
      parse_place_of(p, plan);
    else if (!kparse_accept(p, ";"))
      kparse_expected(p, "role, num, place or '}'");
  }
}

static Kernel *kernel_named(const KernList *list, const char *name) {
  for (int i = 0; i < list->n; i++)
    if (!strcmp(list->k[i]->name, name)) return list->k[i];
  return NULL;
}

static KSkeleton parse_skeleton(KParser *p) {
  const char *names[SK_COUNT];
  Loc loc = p->tok.loc;
  const char *name = kparse_name(p, "a skeleton");
  for (int i = 0; i < SK_COUNT; i++) {
    names[i] = kern_skeleton_name((KSkeleton)i);
    if (name && !strcmp(name, names[i])) return (KSkeleton)i;
  }
  if (name) kparse_unknown(p, loc, "skeleton", name, names, SK_COUNT);
  return SK_COUNT;
}

void kparse_plan(KParser *p, const KernList *list) {
  Loc loc = p->tok.loc;
  const char **names = ARENA_ARRAY(p->arena, list->n, const char *);
  for (int i = 0; i < list->n; i++) names[i] = list->k[i]->name;
  const char *name = kparse_name(p, "a kernel's name");
  if (!name) return;
  p->k = kernel_named(list, name);
  if (!p->k) kparse_unknown(p, loc, "kernel", name, names, list->n);
  const char *target = p->panic ? NULL : kparse_name(p, "a target");
  KSkeleton s = target ? parse_skeleton(p) : SK_COUNT;
  if (p->panic || !kparse_expect(p, "{")) return;
  if (p->k->nplan == KERN_MAX_PLANS) {
    kparse_error(p, loc, "kernel '%s' has more than %d plans", name, KERN_MAX_PLANS);
    return;
  }
  KPlan *plan = kern_plan(p->k, target, s);
  plan->loc = loc;
  parse_clauses(p, plan);
  if (!p->panic) kparse_expect(p, "}");
}
