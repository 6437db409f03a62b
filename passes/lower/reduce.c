/* Reductions in kernels: contractions with sums beside them, sums and maxima of rows, scatters; whole, or as
 * partials and their combination. */
#include "passes/lower/write.h"
#include "passes/place/group.h"

static const RoleSet result = ROLE_BIT(BATCH) | ROLE_BIT(M) | ROLE_BIT(N);

static int part_number(const Writer *w, const Node *n) {
  return site_of(w->l, n)->part;
}

static const KExpr *factor(Writer *w, int part, const Node *contract, int side) {
  const Ix *idx[MAX_RANK] = {0};
  const Node *of = axes_side(&w->d->axes, part, contract, side, idx);
  return write_value(w, of, idx);
}

static int define_dot(Writer *w, const Node *n) {
  int part = part_number(w, n);
  const KExpr *right = factor(w, part, n, 1), *left = factor(w, part, n, 0);
  int v = write_define(w, n->name ? n->name : "dot", n->dtype, part, result, KR_SUM, ROLE_K,
                       kexpr_elt(w->arena, E_MUL, left, right, NULL));
  if (w->d->acc < 0) w->d->acc = v;
  return v;
}

/* A sum over the rows of the contraction's left side. */
static int define_beside(Writer *w, const Node *n) {
  int part = part_number(w, n);
  const KExpr *e = factor(w, part, w->d->group->part[part].lead, 0);
  return write_define(w, "beside", n->dtype, part, ROLE_BIT(M), KR_SUM, ROLE_K, e);
}

/* The term is the element if its index is the result's place, else zero. */
static const KExpr *scatter_term(Writer *w, const Node *n, const Ix *term) {
  Arena *a = w->arena;
  int nbatch = n->in[1]->shape.rank - 1;
  const Ix **idx = index_unflatten(a, &n->shape, w->d->axes.points[part_number(w, n)].result.linear);
  const KExpr *place = kexpr_index(a, DT_I32, idx[nbatch]);
  idx[nbatch] = term;
  const KExpr *hit = kexpr_elt(a, E_EQ, write_value(w, n->in[1], idx), place, NULL);
  return kexpr_elt(a, E_SELECT, hit, write_value(w, n->in[0], idx), kexpr_const(a, n->dtype, 0));
}

/* What a maximum or sum of nothing is. */
static double neutral(const Node *n) {
  if (node_reduce(n) == KR_SUM) return 0;
  return n->dtype == DT_I32 ? INT32_MIN : -__builtin_inf();
}

/* The last partial may be short: what is beyond the terms counts as nothing. */
static const KExpr *within(Writer *w, const Node *n, const Sum *s, const Ix *term, const KExpr *e) {
  if (s->parts * s->chunk == s->terms) return e;
  const KExpr *in = write_compare(w, E_LT, term, s->terms);
  return kexpr_elt(w->arena, E_SELECT, in, e, kexpr_const(w->arena, n->dtype, neutral(n)));
}

static const KExpr *term(Writer *w, const Node *n) {
  Sum s = node_sum(n);
  int part = part_number(w, n);
  const Ix *at = axes_term(&w->d->axes, part, &s);
  const KExpr *e =
      n->op == O_SCATTER ? scatter_term(w, n, at) : write_value(w, n->in[0], w->d->axes.points[part].row.idx);
  return within(w, n, &s, at, e);
}

static int define_sum(Writer *w, const Node *n) {
  const KExpr *e = term(w, n);
  return write_define(w, n->name ? n->name : "sum", n->dtype, part_number(w, n), ROLE_BIT(OUTER),
                      node_reduce(n), ROLE_ROW, e);
}

/* The memory of the partials of a reduction. */
static int partial_buffer(Writer *w, const Node *n, bool out) {
  const Group *g = w->d->group;
  int i = 0;
  while (g->core[i] != n) i++;
  return write_buffer(w, w->d->partial[i], 0, draft_partial_type(n),
                      g->extent[ROLE_PART] * g->extent[ROLE_OUTER], out);
}

/* The position in that memory, where `role` numbers the partials. */
static const Ix *partial_address(Writer *w, KRole role) {
  const Axes *x = &w->d->axes;
  const Ix *first = ix_scale(w->arena, x->role[role].linear, x->role[ROLE_OUTER].extent);
  return ix_add(w->arena, first, x->role[ROLE_OUTER].linear);
}

void write_partials(Writer *w) {
  for (int i = 0; i < w->d->group->ncore; i++) {
    const Node *n = w->d->group->core[i];
    DType t = draft_partial_type(n);
    const KExpr *e = kexpr_cast(w->arena, t, term(w, n));
    int v = write_define(w, "partial", t, 0, ROLE_BIT(PART) | ROLE_BIT(OUTER), node_reduce(n), ROLE_ROW, e);
    write_store(w, v, partial_buffer(w, n, true), partial_address(w, ROLE_PART));
  }
}

static int define_combined(Writer *w, const Node *n) {
  const char *name = n->name ? n->name : "sum";
  const Ix *at = partial_address(w, ROLE_ROW);
  const KExpr *e =
      kexpr_read(w->k, partial_buffer(w, n, false), arena_copy(w->arena, &at, sizeof(const Ix *)));
  int v = write_define(w, name, e->dtype, 0, ROLE_BIT(OUTER), node_reduce(n), ROLE_ROW, e);
  if (e->dtype == n->dtype) return v;
  return write_define(w, name, n->dtype, 0, ROLE_BIT(OUTER), KR_NONE, ROLE_NONE,
                      kexpr_cast(w->arena, n->dtype, write_ref(w, v)));
}

int write_core(Writer *w, const Node *n) {
  if (w->d->kind == DRAFT_COMBINE) return define_combined(w, n);
  if (group_sums_beside(w->l, w->d->group, n)) return define_beside(w, n);
  return n->op == O_CONTRACT ? define_dot(w, n) : define_sum(w, n);
}
