/* The points of a group's parts in terms of its kernel's roles: the index of each of its values. */
#include "passes/axes/axes.h"

#include "passes/place/group.h"

const Ix *axes_own(const Axes *x, int part, KRole own) {
  const RoleMap *m = &x->group->part[part].role[own];
  const Ix *flat = ix_const(x->arena, 0);
  for (int i = 0; i < m->n; i++) {
    const Role *r = &x->role[m->as[i]];
    flat = ix_add(x->arena, ix_scale(x->arena, flat, r->extent), r->linear);
  }
  return flat;
}

/* Contractions. */

/* Labels of one role that are not neighbours in the result are axes of their own from the start. */
static void cut_labels(Axes *x, int part, const Node *n, const Contract *c, KRole role) {
  int64_t below = contract_extent(c, role);
  int r = role - ROLE_BATCH;
  for (int i = 0; i + 1 < c->n[r]; i++) {
    below /= c->extent[r][i];
    int here = find_label(n->at.label[2], n->shape.rank, c->label[r][i]);
    int next = find_label(n->at.label[2], n->shape.rank, c->label[r][i + 1]);
    if (next != here + 1 || x->fine) axes_cut(x, part, role, below);
  }
}

static void cut_contract(Axes *x, int part, const Node *n) {
  Contract c = node_contract(n);
  for (KRole r = ROLE_BATCH; r < ROLE_K; r++) cut_labels(x, part, n, &c, r);
}

static const Ix *label_index(const Axes *x, int part, const Contract *c, uint8_t label) {
  const Ix *idx[MAX_RANK] = {0};
  for (int r = 0; r < CONTRACT_ROLES; r++) {
    int i = find_label(c->label[r], c->n[r], label);
    if (i < 0) continue;
    ix_unflatten(x->arena, axes_own(x, part, (KRole)(ROLE_BATCH + r)), c->n[r], c->extent[r], idx);
    return idx[i];
  }
  ice("a label of a contraction has no role");
}

const Node *axes_side(const Axes *x, int part, const Node *contract, int side, const Ix **idx) {
  Contract c = node_contract(contract);
  for (int i = 0; i < c.side[side]->shape.rank; i++) idx[i] = label_index(x, part, &c, c.side_label[side][i]);
  return c.side[side];
}

static Space contract_points(const Axes *x, int part, const Node *n) {
  Contract c = node_contract(n);
  Space s = {.shape = &n->shape, .idx = ARENA_ARRAY(x->arena, MAX_RANK, const Ix *)};
  for (int i = 0; i < n->shape.rank; i++) s.idx[i] = label_index(x, part, &c, n->at.label[2][i]);
  s.linear = index_flatten(x->arena, n, s.idx);
  return s;
}

/* Reductions and maps. */

static void cut_shape(Axes *x, int part, KRole role, const Shape *s) {
  int64_t below = 1;
  for (int i = s->rank - 1; i > 0; i--) axes_cut(x, part, role, below *= s->dim[i]);
}

static void cut_sum(Axes *x, int part, const Node *n) {
  Sum s = node_sum(n);
  cut_shape(x, part, ROLE_OUTER, &n->shape);
  if (s.parts == 1) cut_shape(x, part, ROLE_ROW, &s.gone);
}

const Ix *axes_term(const Axes *x, int part, const Sum *s) {
  const Ix *row = axes_own(x, part, ROLE_ROW);
  if (s->parts == 1) return row;
  return ix_add(x->arena, ix_scale(x->arena, axes_own(x, part, ROLE_PART), s->chunk), row);
}

static Space row_points(const Axes *x, int part, const Node *n) {
  Sum s = node_sum(n);
  const Ix *kept[MAX_RANK] = {0}, *gone[MAX_RANK] = {0};
  const Node *of = n->in[0];
  Space row = {.shape = &of->shape, .idx = ARENA_ARRAY(x->arena, MAX_RANK, const Ix *)};
  ix_unflatten(x->arena, axes_own(x, part, ROLE_OUTER), s.kept.rank, s.kept.dim, kept);
  ix_unflatten(x->arena, axes_term(x, part, &s), s.gone.rank, s.gone.dim, gone);
  for (int i = 0, k = 0, g = 0; i < of->shape.rank; i++)
    row.idx[i] = n->at.axes >> i & 1 ? gone[g++] : kept[k++];
  row.linear = index_flatten(x->arena, of, row.idx);
  return row;
}

static Space flat_points(const Axes *x, int part, const Shape *s, KRole role) {
  const Ix *linear = axes_own(x, part, role);
  return (Space){.shape = s, .linear = linear, .idx = index_unflatten(x->arena, s, linear)};
}

/* Parts. */

static void cut_part(Axes *x, int part) {
  const Part *p = &x->group->part[part];
  if (!p->flat && p->lead->op == O_CONTRACT)
    cut_contract(x, part, p->lead);
  else if (x->fine && p->flat)
    cut_shape(x, part, ROLE_POINTS, &p->lead->shape);
  else if (x->fine)
    cut_sum(x, part, p->lead);
}

void axes_cut_points(Axes *x) {
  for (int i = 0; i < x->group->npart; i++) cut_part(x, i);
}

static Points part_points(const Axes *x, int part) {
  const Part *p = &x->group->part[part];
  const Shape *s = &p->lead->shape;
  if (p->flat) return (Points){.result = flat_points(x, part, s, ROLE_POINTS)};
  if (p->lead->op == O_CONTRACT) return (Points){.result = contract_points(x, part, p->lead)};
  Points of_sum = {.result = flat_points(x, part, s, ROLE_OUTER)};
  if (p->lead->op == O_REDUCE && !x->combines) of_sum.row = row_points(x, part, p->lead);
  return of_sum;
}

void axes_points(Axes *x) {
  x->points = ARENA_ARRAY(x->arena, x->group->npart, Points);
  for (int i = 0; i < x->group->npart; i++) x->points[i] = part_points(x, i);
}

const Ix *const *axes_reshaped(const Axes *x, const Space *at, const Shape *s) {
  return shape_same(s, at->shape) ? at->idx : index_unflatten(x->arena, s, at->linear);
}

const Ix *const *axes_at(const Axes *x, const Lower *l, const Node *n) {
  const Site *s = site_of(l, n);
  if (group_sums_beside(l, x->group, n))
    return index_unflatten(x->arena, &n->shape, axes_own(x, s->part, ROLE_M));
  const Points *p = &x->points[s->part];
  return axes_reshaped(x, s->row ? &p->row : &p->result, &n->shape);
}
