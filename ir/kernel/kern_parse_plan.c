/* Parsing plans.
 *
 *   plan = KERNEL TARGET SKELETON "{" { clause [";"] } "}"
 *   clause = "role" ROLE ":" AXIS { "," AXIS } | "num" NUMBER INT | "place" VALUE PLACE
 */
#include <string.h>

#include "ir/kernel/kern_name.h"
#include "ir/kernel/kern_parser.h"

static const int64_t most_num = (int64_t)1 << 40;

/* Which of the names comes next, or -1. */
static int parse_one_of(KParser *p, const char *what, const char *const *names, int n) {
  Loc loc = p->tok.loc;
  const char *name = kparse_name(p, arena_printf(p->arena, "a %s", what));
  for (int i = 0; name && i < n; i++)
    if (!strcmp(name, names[i])) return i;
  if (name) kparse_unknown(p, loc, what, name, names, n);
  return -1;
}

static KRole parse_role_name(KParser *p) {
  const char *names[ROLE_COUNT];
  for (int i = 0; i < ROLE_COUNT; i++) names[i] = kern_role_name((KRole)i);
  return (KRole)parse_one_of(p, "role", names, ROLE_COUNT);
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
  const char *names[NUM_COUNT];
  Loc loc = p->tok.loc;
  for (int i = 0; i < NUM_COUNT; i++) names[i] = kern_num_name((KNum)i);
  int n = parse_one_of(p, "number", names, NUM_COUNT);
  int64_t v = n < 0 ? 0 : kparse_int(p, 1, most_num, "a number");
  if (n >= 0 && plan->num[n]) kparse_error(p, loc, "number '%s' is given twice", names[n]);
  if (!p->panic) kplan_num(plan, (KNum)n, v);
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
  for (int i = 0; i < KP_COUNT; i++) names[i] = kern_place_name((KPlace)i);
  int place = p->panic ? -1 : parse_one_of(p, "place", names, KP_COUNT);
  if (place >= 0) plan->place[val] = (KPlace)place;
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
  for (int i = 0; i < SK_COUNT; i++) names[i] = kern_skeleton_name((KSkeleton)i);
  int s = parse_one_of(p, "skeleton", names, SK_COUNT);
  return s < 0 ? SK_COUNT : (KSkeleton)s;
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
