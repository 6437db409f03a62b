/* Axes: cutting flat roles into the atoms that their accesses need. */
#include "passes/lower/kbuild.h"

#include <string.h>

void kb_role(KBuild *b, const char *name, int64_t extent) {
  Role *r = &b->role[b->nrole++];
  r->name = name;
  r->extent = extent;
}

Role *kb_find_role(KBuild *b, const char *name) {
  for (int i = 0; i < b->nrole; i++)
    if (!strcmp(b->role[i].name, name)) return &b->role[i];
  return NULL;
}

static void add_atom(KBuild *b, Role *r, int64_t extent, int64_t stride) {
  Arena *a = b->arena;
  if (extent == 1) return;
  int axis = kern_axis(b->k, arena_printf(a, "%c%d", r->name[0], r->naxes), extent);
  r->axis[r->naxes++] = axis;
  r->linear = ix_add(a, r->linear, ix_scale(a, ix_axis(a, axis, extent), stride));
}

static void role_axes(KBuild *b, Role *r) {
  r->naxes = 0;
  r->linear = ix_const(b->arena, 0);
  int64_t above = r->extent;
  for (int i = r->ncut - 1; i >= 0; i--) {
    add_atom(b, r, above / r->cut[i], r->cut[i]);
    above = r->cut[i];
  }
  add_atom(b, r, above, 1);
}

void kb_axes(KBuild *b) {
  for (int i = 0; i < b->nrole; i++) role_axes(b, &b->role[i]);
}

/* Whether results lie along the role: all but what one contraction sums over. */
static bool of_results(const KBuild *b, const Role *r) {
  return b->group->chain || strcmp(r->name, "k") != 0;
}

/* A value has so many axes at most. */
static bool has_room(const KBuild *b, const Role *r) {
  int n = 0;
  for (int i = 0; i < b->nrole; i++)
    if (b->role[i].extent > 1 && of_results(b, &b->role[i])) n += b->role[i].ncut + 1;
  return r->ncut < MOST_CUTS && (n < KERN_MAX_DOMAIN || !of_results(b, r));
}

void kb_cut(KBuild *b, Role *r, int64_t at) {
  if (at <= 1 || at >= r->extent || r->extent % at || !has_room(b, r)) return;
  int i = 0;
  for (; i < r->ncut && r->cut[i] < at; i++)
    if (at % r->cut[i]) return;
  if (i < r->ncut && (r->cut[i] == at || r->cut[i] % at)) return;
  for (int j = r->ncut; j > i; j--) r->cut[j] = r->cut[j - 1];
  r->cut[i] = at;
  r->ncut++;
  b->recut = true;
}

static bool holds(const Role *r, int axis, int64_t *stride) {
  for (int i = 0; i < r->naxes; i++)
    if (r->axis[i] == axis) return ix_coef(r->linear, axis, stride);
  return false;
}

/* If x is a role's flat index divided by some number, that number; else 0. */
static int64_t scale_of(const Role *r, const Ix *x) {
  int64_t scale = 0;
  for (int i = 0; i < x->nterm; i++) {
    const IxAtom *atom = x->term[i].atom;
    int64_t stride;
    if (atom->kind != IX_AXIS || !holds(r, atom->id, &stride) || stride % x->term[i].coef) return 0;
    if (scale && scale != stride / x->term[i].coef) return 0;
    scale = stride / x->term[i].coef;
  }
  return x->base == 0 ? scale : 0;
}

static void note_atom(KBuild *b, const IxAtom *atom) {
  if (atom->kind == IX_READ)
    for (int i = 0; i < atom->nidx; i++) kb_note(b, atom->idx[i]);
  if (atom->kind != IX_DIV && atom->kind != IX_MOD) return;
  kb_note(b, atom->arg);
  for (int i = 0; i < b->nrole; i++) {
    int64_t scale = scale_of(&b->role[i], atom->arg);
    if (scale > 0) kb_cut(b, &b->role[i], scale * atom->extent);
  }
}

void kb_note(KBuild *b, const Ix *x) {
  for (int i = 0; i < x->nterm; i++) note_atom(b, x->term[i].atom);
}
