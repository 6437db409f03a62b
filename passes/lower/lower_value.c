/* A kernel's values: what stands alone because it is used more than once, belongs to the kernel's own group,
 * or is stored. */
#include <string.h>

#include "passes/lower/kbuild.h"

static bool same_indices(const Node *n, const Ix *const *x, const Ix *const *y) {
  for (int i = 0; i < n->shape.rank; i++)
    if (!ix_same(x[i], y[i])) return false;
  return true;
}

static const KExpr *recall(KBuild *b, const Node *n, const Ix *const *idx) {
  for (int i = 0; i < b->nmemo; i++)
    if (b->memo[i].node == n && same_indices(n, b->memo[i].idx, idx)) return b->memo[i].expr;
  return NULL;
}

static const KExpr *remember(KBuild *b, const Node *n, const Ix *const *idx, const KExpr *e) {
  ARENA_GROW(b->arena, b->memo, b->nmemo, b->cap_memo);
  KMemo *m = &b->memo[b->nmemo++];
  m->node = n;
  m->idx = arena_copy(b->arena, idx, sizeof *idx * (size_t)n->shape.rank);
  m->expr = e;
  return e;
}

/* A name that no other value of the kernel has. */
static const char *value_name(KBuild *b, const char *base) {
  const char *name = base;
  for (int again = 2;; again++) {
    bool taken = false;
    for (int i = 0; i < b->k->nval && !taken; i++) taken = !strcmp(b->k->val[i].name, name);
    if (!taken) return name;
    name = arena_printf(b->arena, "%s_%d", base, again);
  }
}

static int define(KBuild *b, const char *base, DType t, int naxes, const int *axis, KReduce reduce, int nred,
                  const KRed *red, const KExpr *e) {
  if (!nred) reduce = KR_NONE; /* all reduced extents are 1 */
  int v = kern_val(b->k, value_name(b, base), t, naxes, axis, reduce, nred, red, e);
  if (b->at.src) b->k->val[v].loc = b->at;
  return v;
}

int kb_value(KBuild *b, const char *name, DType t, const char *const *roles, KReduce reduce, const char *over,
             const KExpr *e) {
  int axis[KERN_MAX_AXES], n = 0, nred = 0;
  KRed red[KERN_MAX_AXES];
  for (; *roles; roles++) {
    const Role *r = kb_find_role(b, *roles);
    for (int i = 0; r && i < r->naxes; i++) axis[n++] = r->axis[i];
  }
  const Role *r = over ? kb_find_role(b, over) : NULL;
  for (; r && nred < r->naxes; nred++) red[nred] = (KRed){.axis = r->axis[nred]};
  return define(b, name, t, n, axis, reduce, nred, red, e);
}

/* An inline value over the axes that the indices use, so that shared work is written once. */
static const KExpr *share(KBuild *b, const Node *n, const Ix *const *idx, const KExpr *e) {
  int axis[KERN_MAX_AXES], naxes = 0;
  for (int a = 0; a < b->k->naxes; a++) {
    bool used = false;
    for (int i = 0; i < n->shape.rank && !used; i++) used = ix_uses_axis(idx[i], a);
    if (used) axis[naxes++] = a;
  }
  if (naxes > KERN_MAX_DOMAIN) return e;
  return kb_ref(b, define(b, n->name ? n->name : "v", n->dtype, naxes, axis, KR_NONE, 0, NULL, e));
}

static bool inside(const Node *n, const Ix *const *idx) {
  for (int i = 0; i < n->shape.rank; i++) {
    int64_t lo, hi;
    ix_range(idx[i], &lo, &hi);
    if (lo < 0 || hi >= n->shape.dim[i]) return false;
  }
  return true;
}

/* A value that stands alone is evaluated without the conditions around its uses, so its indices have to be
 * inside whatever they are. */
static bool worth_sharing(const KBuild *b, const Node *n, const Ix *const *idx) {
  if (n->op != O_ELT && n->op != O_CAST && n->op != O_RANDOM) return false;
  return site_of(b->l, n)->uses > 1 && inside(n, idx);
}

static bool in_group(const KBuild *b, const Site *s) {
  return (s->where == W_HELD || s->where == W_BUFFER) && group_of(s) == b->group;
}

/* A sum beside a contraction: its point is the contraction's row. */
static bool is_beside(const KBuild *b, const Node *n) {
  const Group *g = b->group;
  return !g->chain && group_has_core(b->group, n) && g->core[0]->op == O_CONTRACT && n != g->core[0];
}

/* The part of a chain that makes n. */
static int part_of(const KBuild *b, const Node *n) {
  const Chain *c = b->group->chain;
  for (const Group *g = site_of(b->l, n)->group; c && g; g = g->merged)
    for (int i = 0; i < c->npart; i++)
      if (c->part[i].of == g) return i;
  return 0;
}

/* The index of a value of the group at the current point. */
static const Ix *const *own_index(KBuild *b, const Node *n) {
  if (is_beside(b, n)) return kb_unflatten(b, &n->shape, kb_find_role(b, "m")->linear);
  const Points *p = &b->points[part_of(b, n)];
  const Space *at = site_of(b->l, n)->row ? &p->row : &p->result;
  return shape_same(&n->shape, at->shape) ? at->idx : kb_unflatten(b, &n->shape, at->linear);
}

static const KExpr *evaluate(KBuild *b, const Node *n, const Ix *const *idx) {
  const KExpr *e = recall(b, n, idx);
  if (e) return e;
  int part = b->part;
  Loc at = b->at;
  b->at = n->loc;
  if (in_group(b, site_of(b->l, n))) b->part = part_of(b, n);
  e = group_has_core(b->group, n) ? kb_ref(b, b->define(b, n)) : share(b, n, idx, kb_rule(b, n, idx));
  b->part = part;
  b->at = at;
  return remember(b, n, idx, e);
}

/* Whether n is a sum over a chain's rows, or is made of one: nobody has it before the last block of rows. */
static bool ends_batch(const KBuild *b, const Node *n) {
  const Chain *c = b->group->chain;
  const Renamed *summed = c ? &c->part[part_of(b, n)].role[3] : NULL;
  return summed && summed->own && strcmp(summed->as[0], "m") == 0;
}

static const KExpr *at_point(KBuild *b, const Node *n, const Ix *const *idx) {
  bool here = same_indices(n, own_index(b, n), idx) && !is_beside(b, n);
  if (b->dry) {
    b->misfit |= !here || (b->factor && ends_batch(b, n));
    return kexpr_const(b->arena, n->dtype, 0);
  }
  if (!here)
    ice("node %d (%s) is read away from its point inside its own kernel", n->id, op_rows[n->op].text);
  return evaluate(b, n, idx);
}

const KExpr *kb_expr(KBuild *b, const Node *n, const Ix *const *idx) {
  const Site *s = site_of(b->l, n);
  if (in_group(b, s)) return at_point(b, n, idx);
  if (s->where != W_INLINE) return kb_read(b, n, idx);
  return worth_sharing(b, n, idx) ? evaluate(b, n, idx) : kb_rule(b, n, idx);
}

/* Whether a reduction's or contraction's operands read the group's values at their points. */
static void dry_core(KBuild *b, const Node *n) {
  const Ix *idx[MAX_RANK] = {0};
  b->part = part_of(b, n);
  if (n->op == O_REDUCE) kb_expr(b, n->in[0], kb_at(b)->row.idx);
  b->factor = n->op == O_CONTRACT;
  for (int side = 0; b->factor && side < 2; side++) {
    const Node *of = kb_side(b, n, side, idx);
    kb_expr(b, of, idx);
  }
  b->factor = false;
}

bool kb_dry_group(KBuild *b) {
  const Group *g = b->group;
  b->misfit = false;
  for (int i = 0; i < g->ncore; i++) dry_core(b, g->core[i]);
  for (int i = 0; i < g->nroot; i++)
    if (!group_has_core(b->group, g->root[i])) kb_rule(b, g->root[i], own_index(b, g->root[i]));
  return !b->misfit;
}

bool kb_dry_fits(KBuild *b, const Node *n, const Space *at) {
  const Ix *const *idx = shape_same(&n->shape, at->shape) ? at->idx : kb_unflatten(b, &n->shape, at->linear);
  b->misfit = false;
  kb_expr(b, n, idx);
  return !b->misfit;
}

/* The value to store has to be a value of the kernel over all its points. */
static int whole_value(KBuild *b, const Node *n, const Ix *const *idx) {
  static const char *const points[] = {"points", "outer", "batch", "m", "n", NULL};
  static const char *const row[] = {"outer", "row", NULL};
  const char *domain[MOST_ROLES + 1];
  const KExpr *e = evaluate(b, n, idx);
  if (group_has_core(b->group, n)) return e->ref;
  kb_domain(b, site_of(b->l, n)->row ? row : points, domain);
  return kb_value(b, n->name ? n->name : "out", n->dtype, domain, KR_NONE, NULL, e);
}

void kb_store_root(KBuild *b, const Node *n) {
  const Site *s = site_of(b->l, n);
  const Ix *const *idx = own_index(b, n);
  b->part = part_of(b, n);
  b->at = n->loc;
  int v = whole_value(b, n, idx);
  b->at = (Loc){0};
  const Ix **at = ARENA_NEW(b->arena, const Ix *);
  *at = kb_address(b, n, idx);
  kb_note(b, *at);
  kern_store(b->k, v, kb_buf(b, s->buf, s->at, n->dtype, kb_count(b, n), true), at);
}
