/* CPU plans: which skeleton, the axes' roles, and which axis the vector lanes run along. */
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

/* How well lanes along an axis suit the expression: whole vectors where they read memory in a row, nothing
 * lost where they share an element, a slow gather elsewhere. */
static double lane_score(const Kernel *k, const KExpr *e, int axis) {
  double score = 0;
  for (int i = 0; i < 3 && e->kind != KE_READ && e->kind != KE_VALUE; i++)
    if (e->arg[i]) score += lane_score(k, e->arg[i], axis);
  if (e->kind != KE_READ) return score;
  int64_t coef;
  if (!ix_coef(e->idx[0], axis, &coef)) return -4;
  return coef == 1 ? 2 : coef == 0 ? 0.5 : -4;
}

static double axis_score(const Kernel *k, int axis, int lanes) {
  double score = 0;
  for (int i = 0; i < k->nval; i++) score += lane_score(k, k->val[i].expr, axis);
  int64_t coef;
  for (int i = 0; i < k->nstore; i++)
    if (ix_coef(k->store[i].idx[0], axis, &coef)) score += coef == 1 ? 1 : coef == 0 ? 0 : -4;
  int64_t n = k->axis[axis].extent, whole = (n + lanes - 1) / lanes * lanes;
  return score - 6.0 * (double)(whole - n) / (double)whole;
}

/* Candidates are the innermost axes of the roles; the kernel's last role wins ties. */
static int choose_lane(const KBuild *b) {
  int best = -1;
  double most = 0;
  for (int i = b->nrole - 1; i >= 0; i--) {
    const Role *r = &b->role[i];
    for (int j = r->naxes - 1; j >= 0; j--) {
      double s = axis_score(b->k, r->axis[j], b->l->options->lanes);
      if (best < 0 || s > most) best = r->axis[j], most = s;
    }
  }
  return best;
}

static void add_lane(KBuild *b, KPlan *p) {
  int lane = choose_lane(b);
  if (lane >= 0) kplan_role(p, "lane", 1, &lane);
}

static void plan_rows(KBuild *b, KPlan *p) {
  int outer[KERN_MAX_AXES], n = 0;
  for (int i = 0; i < b->nrole; i++)
    for (int j = 0; strcmp(b->role[i].name, "row") && j < b->role[i].naxes; j++)
      outer[n++] = b->role[i].axis[j];
  if (n) kplan_role(p, "outer", n, outer);
  add_role(p, b, "row", "row");
  add_lane(b, p);
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
  else
    add_lane(b, p);
}
