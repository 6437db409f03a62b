/* Graph values as kernel expressions: one rule an op, giving the value at an index. Views change the index,
 * elementwise ops build expressions, stored nodes are reads. */
#include "passes/kbuild.h"

#include <string.h>

typedef const KExpr *LowerRule(KBuild *b, const Node *n, const Ix *const *idx);

static Arena *mem(KBuild *b) {
  return b->arena;
}

const Ix **kb_unflatten(KBuild *b, const Shape *s, const Ix *linear) {
  const Ix **idx = ARENA_ARRAY(mem(b), MAX_RANK, const Ix *);
  ix_unflatten(mem(b), linear, s->rank, s->dim, idx);
  return idx;
}

static const Ix *flat(KBuild *b, const Node *n, const Ix *const *idx) {
  return ix_flatten(mem(b), n->shape.rank, n->shape.dim, idx);
}

const Ix *kb_address(KBuild *b, const Node *n, const Ix *const *idx) {
  const Site *s = site_of(b->l, n);
  int64_t dim[MAX_RANK];
  const Ix *in_memory[MAX_RANK] = {0};
  for (int i = 0; i < n->shape.rank; i++) {
    dim[i] = n->shape.dim[s->order[i]];
    in_memory[i] = idx[s->order[i]];
  }
  return ix_flatten(mem(b), n->shape.rank, dim, in_memory);
}

int kb_buf(KBuild *b, PBuf *buf, int64_t at, DType t, int64_t count, bool out) {
  for (int i = 0; i < b->nbuf; i++) {
    if (b->bound[i].buf != buf || b->bound[i].at != at || b->k->buf[i].dim[0] != count) continue;
    if (out != (b->k->buf[i].kind == KB_OUT)) b->k->buf[i].kind = KB_INOUT;
    return i;
  }
  ARENA_GROW(mem(b), b->bound, b->nbuf, b->cap_buf);
  b->bound[b->nbuf].buf = buf;
  b->bound[b->nbuf++].at = at;
  const char *name = arena_printf(mem(b), "%s%d", out ? "y" : "x", b->nbuf - 1);
  return kern_buf(b->k, name, out ? KB_OUT : KB_IN, t, 1, &count, NULL);
}

static const KExpr *read(KBuild *b, const Node *n, const Ix *const *idx) {
  const Site *s = site_of(b->l, n);
  if (b->dry) return kexpr_const(mem(b), n->dtype, 0);
  const Ix **at = ARENA_NEW(mem(b), const Ix *);
  *at = kb_address(b, n, idx);
  kb_note(b, *at);
  return kexpr_read(b->k, kb_buf(b, s->buf, s->at, n->dtype, shape_count(&n->shape), false), at);
}

const KExpr *kb_ref(KBuild *b, int v) {
  const KVal *val = &b->k->val[v];
  const Ix **idx = ARENA_ARRAY(mem(b), KERN_MAX_DOMAIN, const Ix *);
  for (int i = 0; i < val->naxes; i++)
    idx[i] = ix_axis(mem(b), val->axis[i], b->k->axis[val->axis[i]].extent);
  return kexpr_value(b->k, v, idx);
}

static const KExpr *lower_CONST(KBuild *b, const Node *n, const Ix *const *idx) {
  (void)idx;
  return kexpr_const(mem(b), n->dtype, n->at.value);
}

static const KExpr *lower_IOTA(KBuild *b, const Node *n, const Ix *const *idx) {
  kb_note(b, idx[n->at.axis]);
  return kexpr_index(mem(b), n->dtype, idx[n->at.axis]);
}

static const KExpr *lower_STEP(KBuild *b, const Node *n, const Ix *const *idx) {
  (void)idx;
  return kexpr_step(mem(b), n->at.name);
}

static const KExpr *lower_RANDOM(KBuild *b, const Node *n, const Ix *const *idx) {
  const Ix *element = flat(b, n, idx);
  kb_note(b, element);
  return kexpr_random(mem(b), n->at.stream, element);
}

static const KExpr *lower_INPUT(KBuild *b, const Node *n, const Ix *const *idx) {
  return read(b, n, idx);
}

static const KExpr *lower_STATE(KBuild *b, const Node *n, const Ix *const *idx) {
  return read(b, n, idx);
}

static const KExpr *lower_ELT(KBuild *b, const Node *n, const Ix *const *idx) {
  const KExpr *x[3] = {NULL, NULL, NULL};
  for (int i = 0; i < n->nin; i++) x[i] = kb_expr(b, n->in[i], idx);
  return kexpr_elt(mem(b), n->at.elt, x[0], x[1], x[2]);
}

static const KExpr *lower_CAST(KBuild *b, const Node *n, const Ix *const *idx) {
  return kexpr_cast(mem(b), n->dtype, kb_expr(b, n->in[0], idx));
}

/* Reductions are always stored or the group's core, so that their rule is never asked. */
static const KExpr *not_inline(const Node *n) {
  ice("%s (node %d) has no memory and is not its kernel's core", op_rows[n->op].text, n->id);
}

static const KExpr *lower_CONTRACT(KBuild *b, const Node *n, const Ix *const *idx) {
  (void)b, (void)idx;
  return not_inline(n);
}

static const KExpr *lower_REDUCE(KBuild *b, const Node *n, const Ix *const *idx) {
  (void)b, (void)idx;
  return not_inline(n);
}

static const KExpr *lower_SCATTER(KBuild *b, const Node *n, const Ix *const *idx) {
  (void)b, (void)idx;
  return not_inline(n);
}

static const KExpr *lower_CONCAT(KBuild *b, const Node *n, const Ix *const *idx) {
  (void)b, (void)idx;
  return not_inline(n);
}

static const KExpr *lower_BROADCAST(KBuild *b, const Node *n, const Ix *const *idx) {
  const Ix *of[MAX_RANK] = {0};
  const Shape *s = &n->in[0]->shape;
  for (int i = 0; i < s->rank; i++) of[i] = s->dim[i] == 1 ? ix_const(mem(b), 0) : idx[n->at.map[i]];
  return kb_expr(b, n->in[0], of);
}

static const KExpr *lower_RESHAPE(KBuild *b, const Node *n, const Ix *const *idx) {
  return kb_expr(b, n->in[0], kb_unflatten(b, &n->in[0]->shape, flat(b, n, idx)));
}

static const KExpr *lower_PERMUTE(KBuild *b, const Node *n, const Ix *const *idx) {
  const Ix *of[MAX_RANK] = {0};
  for (int i = 0; i < n->shape.rank; i++) of[n->at.map[i]] = idx[i];
  return kb_expr(b, n->in[0], of);
}

static const KExpr *lower_SLICE(KBuild *b, const Node *n, const Ix *const *idx) {
  const Ix *of[MAX_RANK] = {0};
  for (int i = 0; i < n->shape.rank; i++) of[i] = ix_add(mem(b), idx[i], ix_const(mem(b), n->at.lo[i]));
  return kb_expr(b, n->in[0], of);
}

static const KExpr *compare(KBuild *b, EltOp op, const Ix *x, int64_t with) {
  const KExpr *l = kexpr_index(mem(b), DT_I32, x), *r = kexpr_const(mem(b), DT_I32, (double)with);
  return kexpr_elt(mem(b), op, l, r, NULL);
}

static const KExpr *both(KBuild *b, const KExpr *x, const KExpr *y) {
  return x ? kexpr_elt(mem(b), E_AND, x, y, NULL) : y;
}

/* The conditions under which dimension i of a padded value is an element, added to `inside`. */
static const KExpr *pad_inside(KBuild *b, const Node *n, int i, const Ix *x, const KExpr *inside) {
  int64_t lo, hi, step = n->at.between[i] + 1, last = (n->in[0]->shape.dim[i] - 1) * step;
  ix_range(x, &lo, &hi);
  kb_note(b, x);
  if (lo < 0) inside = both(b, inside, compare(b, E_LE, ix_scale(mem(b), x, -1), 0));
  if (hi > last) inside = both(b, inside, compare(b, E_LE, x, last));
  if (step > 1) inside = both(b, inside, compare(b, E_EQ, ix_mod(mem(b), x, step), 0));
  return inside;
}

static const KExpr *lower_PAD(KBuild *b, const Node *n, const Ix *const *idx) {
  const Ix *of[MAX_RANK] = {0};
  const KExpr *inside = NULL;
  for (int i = 0; i < n->shape.rank; i++) {
    const Ix *x = ix_add(mem(b), idx[i], ix_const(mem(b), -n->at.lo[i]));
    inside = pad_inside(b, n, i, x, inside);
    of[i] = ix_div(mem(b), x, n->at.between[i] + 1);
  }
  const KExpr *value = kb_expr(b, n->in[0], of);
  if (!inside) return value;
  return kexpr_elt(mem(b), E_SELECT, inside, value, kexpr_const(mem(b), n->dtype, 0));
}

/* Dimension `axis` became [position, offset]. */
static const KExpr *lower_WINDOW(KBuild *b, const Node *n, const Ix *const *idx) {
  const Ix *of[MAX_RANK] = {0};
  int axis = n->at.axis;
  for (int i = 0; i < n->in[0]->shape.rank; i++) of[i] = idx[i < axis ? i : i + 1];
  of[axis] = ix_add(mem(b), ix_scale(mem(b), idx[axis], n->at.stride), idx[axis + 1]);
  return kb_expr(b, n->in[0], of);
}

/* Whether the group itself makes a gather's index, or a view of it on the way: an address needs memory. */
static bool makes_index(const KBuild *b, const Node *gather) {
  const Node *base = lower_index_base(gather);
  for (const Node *n = gather->in[1];; n = n->in[0]) {
    if (group_of(site_of(b->l, n)) == b->group) return true;
    if (n == base) return false;
  }
}

static const KExpr *lower_GATHER(KBuild *b, const Node *n, const Ix *const *idx) {
  const Node *x = n->in[0], *index = n->in[1];
  const Ix *of[MAX_RANK] = {0};
  int nbatch = index->shape.rank - 1;
  const KExpr *at = kb_expr(b, index, idx);
  if (at->kind != KE_READ && !b->dry) ice("the index of gather (node %d) is not in memory", n->id);
  for (int i = 0; i < x->shape.rank; i++) of[i] = idx[i];
  if (b->dry) {
    b->misfit |= makes_index(b, n);
    of[nbatch] = ix_const(mem(b), 0);
    return kb_expr(b, x, of);
  }
  of[nbatch] = ix_read(mem(b), at->ref, x->shape.dim[nbatch], at->nidx, at->idx);
  return kb_expr(b, x, of);
}

static const KExpr *lower_STOP(KBuild *b, const Node *n, const Ix *const *idx) {
  return kb_expr(b, n->in[0], idx);
}

static LowerRule *const rules[OP_COUNT] = {
#define OP(N, text, operands) [O_##N] = lower_##N,
#include "ir/graph_ops.def"
#undef OP
};

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
  ARENA_GROW(mem(b), b->memo, b->nmemo, b->cap_memo);
  KMemo *m = &b->memo[b->nmemo++];
  m->node = n;
  m->idx = arena_copy(mem(b), idx, sizeof *idx * (size_t)n->shape.rank);
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
    name = arena_printf(mem(b), "%s_%d", base, again);
  }
}

static int define(KBuild *b, const char *base, DType t, int naxes, const int *axis, KReduce reduce, int nred,
                  const KRed *red, const KExpr *e) {
  if (!nred) reduce = KR_NONE; /* all reduced extents are 1 */
  return kern_val(b->k, value_name(b, base), t, naxes, axis, reduce, nred, red, e);
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

static bool is_core(const KBuild *b, const Node *n) {
  for (int i = 0; i < b->group->ncore; i++)
    if (b->group->core[i] == n) return true;
  return false;
}

/* A sum beside a contraction: its point is the contraction's row. */
static bool is_beside(const KBuild *b, const Node *n) {
  return is_core(b, n) && b->group->core[0]->op == O_CONTRACT && n != b->group->core[0];
}

/* The index of a value of the group at the current point. */
static const Ix *const *own_index(KBuild *b, const Node *n) {
  if (is_beside(b, n)) return kb_unflatten(b, &n->shape, kb_find_role(b, "m")->linear);
  const Space *at = site_of(b->l, n)->row ? &b->row : &b->points;
  return shape_same(&n->shape, at->shape) ? at->idx : kb_unflatten(b, &n->shape, at->linear);
}

static const KExpr *evaluate(KBuild *b, const Node *n, const Ix *const *idx) {
  const KExpr *e = recall(b, n, idx);
  if (e) return e;
  e = is_core(b, n) ? kb_ref(b, b->define(b, n)) : share(b, n, idx, rules[n->op](b, n, idx));
  return remember(b, n, idx, e);
}

static const KExpr *at_point(KBuild *b, const Node *n, const Ix *const *idx) {
  bool here = same_indices(n, own_index(b, n), idx) && !is_beside(b, n);
  if (b->dry) {
    b->misfit |= !here;
    return kexpr_const(mem(b), n->dtype, 0);
  }
  if (!here)
    ice("node %d (%s) is read away from its point inside its own kernel", n->id, op_rows[n->op].text);
  return evaluate(b, n, idx);
}

const KExpr *kb_expr(KBuild *b, const Node *n, const Ix *const *idx) {
  const Site *s = site_of(b->l, n);
  if (in_group(b, s)) return at_point(b, n, idx);
  if (s->where != W_INLINE && site_is_read(s, b->group->backward)) return read(b, n, idx);
  if (!worth_sharing(b, n, idx)) return rules[n->op](b, n, idx);
  const KExpr *e = recall(b, n, idx);
  if (e) return e;
  return remember(b, n, idx, share(b, n, idx, rules[n->op](b, n, idx)));
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
  const KExpr *e = evaluate(b, n, idx);
  if (is_core(b, n)) return e->ref;
  return kb_value(b, n->name ? n->name : "out", n->dtype, site_of(b->l, n)->row ? row : points, KR_NONE, NULL,
                  e);
}

void kb_store_root(KBuild *b, const Node *n) {
  const Site *s = site_of(b->l, n);
  const Ix *const *idx = own_index(b, n);
  int v = whole_value(b, n, idx);
  const Ix **at = ARENA_NEW(mem(b), const Ix *);
  *at = kb_address(b, n, idx);
  kb_note(b, *at);
  kern_store(b->k, v, kb_buf(b, s->buf, s->at, n->dtype, shape_count(&n->shape), true), at);
}
