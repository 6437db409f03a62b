/* Roles cut into axes. */
#include "passes/axes/axes.h"

static Axes open(Arena *a, const Group *g, bool fine) {
  Axes x = {.arena = a, .group = g, .fine = fine};
  for (int r = 0; r < ROLE_COUNT; r++) x.role[r].extent = g->extent[r];
  return x;
}

Axes axes_open(Arena *a, const Group *g, bool fine) {
  Axes x = open(a, g, fine);
  axes_cut_points(&x);
  return x;
}

Axes axes_combining(Arena *a, const Group *g) {
  Axes x = open(a, g, false);
  x.role[ROLE_ROW].extent = g->extent[ROLE_PART];
  x.role[ROLE_PART].extent = 0;
  x.combines = true;
  return x;
}

static void add_atom(Axes *x, Role *r, int64_t extent, int64_t stride) {
  if (extent == 1) return;
  const Ix *axis = ix_axis(x->arena, x->naxes, extent);
  r->length[r->naxes] = extent;
  r->axis[r->naxes++] = x->naxes++;
  r->linear = ix_add(x->arena, r->linear, ix_scale(x->arena, axis, stride));
}

static void role_axes(Axes *x, Role *r) {
  r->naxes = 0;
  r->linear = ix_const(x->arena, 0);
  int64_t above = r->extent;
  for (int i = r->ncut - 1; i >= 0; i--) {
    add_atom(x, r, above / r->cut[i], r->cut[i]);
    above = r->cut[i];
  }
  add_atom(x, r, above, 1);
}

void axes_make(Axes *x) {
  x->naxes = 0;
  x->grew = false;
  for (int r = 0; r < ROLE_COUNT; r++)
    if (x->role[r].extent) role_axes(x, &x->role[r]);
  axes_points(x);
}

void axes_declare(const Axes *x, Kernel *k) {
  for (int i = 0; i < ROLE_COUNT; i++) {
    const Role *r = &x->role[i];
    for (int j = 0; j < r->naxes; j++)
      kern_axis(k, arena_printf(k->arena, "%c%d", kern_role_name((KRole)i)[0], j), r->length[j]);
  }
}

/* Whether results of some part lie along the role: all but what contractions sum over. */
static bool of_results(const Axes *x, int role) {
  for (int i = 0; i < x->group->npart; i++) {
    const Part *p = &x->group->part[i];
    for (int own = 0; own < ROLE_COUNT; own++)
      for (int j = 0; own != ROLE_K && j < p->role[own].n; j++)
        if ((int)p->role[own].as[j] == role) return true;
  }
  return false;
}

/* A value has so many axes at most. */
static bool has_room(const Axes *x, int role) {
  int n = 0;
  for (int i = 0; i < ROLE_COUNT; i++)
    if (x->role[i].extent > 1 && of_results(x, i)) n += x->role[i].ncut + 1;
  return x->role[role].ncut < MOST_CUTS && (n < KERN_MAX_DOMAIN || !of_results(x, role));
}

static void cut(Axes *x, int role, int64_t at) {
  Role *r = &x->role[role];
  if (at <= 1 || at >= r->extent || r->extent % at || !has_room(x, role)) return;
  int i = 0;
  for (; i < r->ncut && r->cut[i] < at; i++)
    if (at % r->cut[i]) return;
  if (i < r->ncut && (r->cut[i] == at || r->cut[i] % at)) return;
  for (int j = r->ncut; j > i; j--) r->cut[j] = r->cut[j - 1];
  r->cut[i] = at;
  r->ncut++;
  x->grew = true;
}

void axes_cut(Axes *x, int part, KRole own, int64_t at) {
  const RoleMap *m = &x->group->part[part].role[own];
  for (int i = m->n - 1; i >= 0; i--) {
    int64_t extent = x->role[m->as[i]].extent;
    if (at < extent || i == 0) {
      cut(x, (int)m->as[i], at);
      return;
    }
    if (at % extent) return;
    at /= extent;
  }
}

static bool holds(const Role *r, int axis, int64_t *stride) {
  for (int i = 0; i < r->naxes; i++)
    if (r->axis[i] == axis) return ix_coef(r->linear, axis, stride);
  return false;
}

/* If the index is a role's flat index divided by some number, that number; else 0. */
static int64_t scale_of(const Role *r, const Ix *index) {
  int64_t scale = 0;
  for (int i = 0; i < index->nterm; i++) {
    const IxAtom *atom = index->term[i].atom;
    int64_t stride;
    if (atom->kind != IX_AXIS || !holds(r, atom->id, &stride) || stride % index->term[i].coef) return 0;
    if (scale && scale != stride / index->term[i].coef) return 0;
    scale = stride / index->term[i].coef;
  }
  return index->base == 0 ? scale : 0;
}

static void note_atom(Axes *x, const IxAtom *atom) {
  if (atom->kind == IX_READ)
    for (int i = 0; i < atom->nidx; i++) axes_note(x, atom->idx[i]);
  if (atom->kind != IX_DIV && atom->kind != IX_MOD) return;
  axes_note(x, atom->arg);
  for (int r = 0; r < ROLE_COUNT; r++) {
    int64_t scale = scale_of(&x->role[r], atom->arg);
    if (scale > 0) cut(x, r, scale * atom->extent);
  }
}

void axes_note(Axes *x, const Ix *index) {
  for (int i = 0; i < index->nterm; i++) note_atom(x, index->term[i].atom);
}
