/* CPU plans: which skeleton, and the axes' roles. Which axis vector lanes run along is the emitter's choice,
 * by what the accesses cost (codegen/cpu_axes.c). */
#include <string.h>

#include "passes/kbuild.h"

static void add_role(KPlan *p, const KBuild *b, const char *from, const char *as) {
  for (int i = 0; i < b->nrole; i++)
    if (!strcmp(b->role[i].name, from) && b->role[i].naxes)
      kplan_role(p, as, b->role[i].naxes, b->role[i].axis);
}

static void plan_dot(KBuild *b, KPlan *p) {
  static const char *const roles[] = {"batch", "m", "n", "k", NULL};
  for (int i = 0; roles[i]; i++) add_role(p, b, roles[i], roles[i]);
  p->place[b->acc] = KP_ACC;
}

static void plan_rows(KBuild *b, KPlan *p) {
  int outer[KERN_MAX_AXES], n = 0;
  for (int i = 0; i < b->nrole; i++)
    for (int j = 0; strcmp(b->role[i].name, "row") != 0 && j < b->role[i].naxes; j++)
      outer[n++] = b->role[i].axis[j];
  if (n) kplan_role(p, "outer", n, outer);
  add_role(p, b, "row", "row");
}

static KSkeleton skeleton_of(const KBuild *b) {
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
}
