/* Writing: a draft's kernel, over the axes that were found for it. What stands alone because it is used more
 * than once, belongs to the kernel's own group, or is stored, is a value of the kernel; everything else is
 * written into what reads it. */
#include "passes/lower/write.h"

#include "passes/lower/lower.h"
#include "passes/place/group.h"

static const KExpr *recall(const Writer *w, const Node *n, const Ix *const *idx) {
  for (int i = 0; i < w->nmemo; i++) {
    const Memo *m = &w->memo[i];
    if (m->node == n && (!idx || (m->idx && index_same(n, m->idx, idx)))) return m->expr;
  }
  return NULL;
}

static const KExpr *remember(Writer *w, const Node *n, const Ix *const *idx, const KExpr *e) {
  ARENA_GROW(w->arena, w->memo, w->nmemo, w->cap_memo);
  Memo *m = &w->memo[w->nmemo++];
  *m = (Memo){.node = n, .expr = e};
  if (idx) m->idx = arena_copy(w->arena, idx, sizeof *idx * (size_t)n->shape.rank);
  return e;
}

static int define(Writer *w, const char *base, DType t, int naxes, const int *axis, KReduce reduce, int nred,
                  const KRed *red, const KExpr *e) {
  if (!nred) reduce = KR_NONE; /* all reduced extents are 1 */
  int v = kern_val(w->k, base, t, naxes, axis, reduce, nred, red, e);
  if (w->at.src) w->k->val[v].loc = w->at;
  return v;
}

/* The kernel's roles that the part's own ones are. */
static RoleSet kernel_roles(const Writer *w, int part, RoleSet own) {
  const Part *p = &w->d->group->part[part];
  RoleSet set = 0;
  for (int r = 0; r < ROLE_COUNT; r++)
    for (int i = 0; own >> r & 1 && i < p->role[r].n; i++) set |= 1u << p->role[r].as[i];
  return set;
}

int write_define(Writer *w, const char *name, DType t, int part, RoleSet own, KReduce reduce, KRole over,
                 const KExpr *e) {
  int axis[KERN_MAX_AXES], n = 0, nred = 0;
  KRed red[KERN_MAX_AXES];
  RoleSet domain = kernel_roles(w, part, own), gone = over < 0 ? 0 : kernel_roles(w, part, 1u << over);
  for (int i = 0; i < ROLE_COUNT; i++) {
    const Role *r = &w->d->axes.role[i];
    for (int j = 0; domain >> i & 1 && j < r->naxes; j++) axis[n++] = r->axis[j];
    for (int j = 0; gone >> i & 1 && j < r->naxes; j++) red[nred++] = (KRed){.axis = r->axis[j]};
  }
  return define(w, name, t, n, axis, reduce, nred, red, e);
}

const KExpr *write_ref(Writer *w, int v) {
  return kexpr_value(w->k, v, kval_own_axes(w->arena, w->k, &w->k->val[v]));
}

int write_buffer(Writer *w, PBuf *buf, int64_t at, DType t, int64_t count, bool out) {
  Draft *d = w->d;
  for (int i = 0; i < d->nbound; i++) {
    if (d->bound[i].buf != buf || d->bound[i].at != at || w->k->buf[i].dim[0] != count) continue;
    if (out != (w->k->buf[i].kind == KB_OUT)) w->k->buf[i].kind = KB_INOUT;
    return i;
  }
  ARENA_GROW(w->arena, d->bound, d->nbound, d->cap_bound);
  d->bound[d->nbound++] = (Bound){buf, at};
  const char *name = arena_printf(w->arena, "%s%d", out ? "y" : "x", d->nbound - 1);
  return kern_buf(w->k, name, out ? KB_OUT : KB_IN, t, 1, &count, NULL);
}

void write_store(Writer *w, int value, int buffer, const Ix *address) {
  kern_store(w->k, value, buffer, arena_copy(w->arena, &address, sizeof(const Ix *)));
}

static const KExpr *read(Writer *w, const Node *n, const Ix *const *idx) {
  const Site *s = site_of(w->l, n);
  const Ix *at = index_address(w->arena, w->l, n, idx);
  int buf = write_buffer(w, s->buf, s->at, n->dtype, index_memory_count(w->l, n), false);
  return kexpr_read(w->k, buf, arena_copy(w->arena, &at, sizeof(const Ix *)));
}

/* An inline value over the axes that the indices use, so that shared work is written once. */
static const KExpr *share(Writer *w, const Node *n, const Ix *const *idx, const KExpr *e) {
  int axis[KERN_MAX_AXES], naxes = 0;
  for (int a = 0; a < w->k->naxes; a++) {
    bool used = false;
    for (int i = 0; i < n->shape.rank && !used; i++) used = ix_uses_axis(idx[i], a);
    if (used) axis[naxes++] = a;
  }
  if (naxes > KERN_MAX_DOMAIN) return e;
  return write_ref(w, define(w, n->name ? n->name : "v", n->dtype, naxes, axis, KR_NONE, 0, NULL, e));
}

/* A value that stands alone is evaluated without the conditions around its uses, so its indices have to be
 * inside whatever they are. */
static bool worth_sharing(const Writer *w, const Node *n, const Ix *const *idx) {
  if (n->op != O_ELT && n->op != O_CAST && n->op != O_RANDOM) return false;
  return site_of(w->l, n)->uses > 1 && index_inside(n, idx);
}

static const KExpr *write_shared(Writer *w, const Node *n, const Ix *const *idx) {
  const KExpr *e = recall(w, n, idx);
  if (e) return e;
  Loc at = w->at;
  w->at = n->loc;
  e = share(w, n, idx, write_rule(w, n, idx));
  w->at = at;
  return remember(w, n, idx, e);
}

/* A value of the group, at its own point: that is where the kernel's values read it. */
static const KExpr *own(Writer *w, const Node *n) {
  const KExpr *e = recall(w, n, NULL);
  if (e) return e;
  Loc at = w->at;
  w->at = n->loc;
  if (group_has_core(w->d->group, n)) {
    e = write_ref(w, write_core(w, n));
  } else {
    const Ix *const *idx = axes_at(&w->d->axes, w->l, n);
    e = share(w, n, idx, write_rule(w, n, idx));
  }
  w->at = at;
  return remember(w, n, NULL, e);
}

const KExpr *write_value(Writer *w, const Node *n, const Ix *const *idx) {
  const Site *s = site_of(w->l, n);
  bool made = s->where == W_HELD || s->where == W_BUFFER;
  if (made && group_of(s) == w->d->group) return own(w, n);
  if (s->where != W_INLINE) return read(w, n, idx);
  return worth_sharing(w, n, idx) ? write_shared(w, n, idx) : write_rule(w, n, idx);
}

/* The value to store has to be a value of the kernel over all its points. */
static int whole_value(Writer *w, const Node *n) {
  static const RoleSet points =
      ROLE_BIT(POINTS) | ROLE_BIT(OUTER) | ROLE_BIT(BATCH) | ROLE_BIT(M) | ROLE_BIT(N);
  static const RoleSet row = ROLE_BIT(OUTER) | ROLE_BIT(ROW);
  const Site *s = site_of(w->l, n);
  const KExpr *e = own(w, n);
  if (group_has_core(w->d->group, n)) return e->ref;
  return write_define(w, n->name ? n->name : "out", n->dtype, s->part, s->row ? row : points, KR_NONE,
                      ROLE_NONE, e);
}

static void store_root(Writer *w, const Node *n) {
  const Site *s = site_of(w->l, n);
  w->at = n->loc;
  int v = whole_value(w, n);
  w->at = (Loc){0};
  const Ix *at = index_address(w->arena, w->l, n, axes_at(&w->d->axes, w->l, n));
  write_store(w, v, write_buffer(w, s->buf, s->at, n->dtype, index_memory_count(w->l, n), true), at);
}

static void write_roots(Writer *w) {
  for (int i = 0; i < w->d->group->nroot; i++) store_root(w, w->d->group->root[i]);
}

static void write_copy(Writer *w) {
  const Copy *c = &w->d->copy;
  const Ix **idx = index_unflatten(w->arena, &c->from->shape, w->d->axes.points[0].result.linear);
  const KExpr *e = write_value(w, c->from, idx);
  int v = write_define(w, "copy", c->from->dtype, 0, ROLE_BIT(POINTS), KR_NONE, ROLE_NONE, e);
  const Ix *at = draft_copy_address(w->arena, w->l, c, idx);
  int64_t count = c->concat ? index_memory_count(w->l, c->concat) : node_count(c->from);
  write_store(w, v, write_buffer(w, c->to, c->at, c->from->dtype, count, true), at);
}

/* A C identifier made of the kind's word and the origin. */
static const char *symbol(Arena *a, DraftKind kind, const char *from) {
  char *s = arena_printf(a, "%s_%s", draft_word(kind), from);
  for (char *p = s; *p; p++)
    if (!((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9'))) *p = '_';
  return s;
}

static Kernel *new_kernel(Lower *l, const Draft *d) {
  const Group *g = d->group;
  const Node *last = group_last(g);
  const char **names = ARENA_ARRAY(l->arena, 2, const char *);
  names[0] = graph_starred(l->arena, d->origin);
  Kernel *k = kern_new(l->arena, symbol(l->arena, d->kind, names[0]), last->loc);
  k->origin = names;
  axes_declare(&d->axes, k);
  return k;
}

static void write(Lower *l, Draft *d) {
  static void (*const body[DRAFT_COUNT])(Writer *) = {
      [DRAFT_MAP] = write_roots,   [DRAFT_REDUCE] = write_roots,  [DRAFT_DOT] = write_roots,
      [DRAFT_CHAIN] = write_roots, [DRAFT_COMBINE] = write_roots, [DRAFT_PARTIAL] = write_partials,
      [DRAFT_CONCAT] = write_copy, [DRAFT_COPY] = write_copy};
  d->k = new_kernel(l, d);
  Writer w = {.l = l, .d = d, .k = d->k, .arena = l->arena};
  body[d->kind](&w);
}

void lower_write(Lower *l) {
  for (int i = 0; i < l->ndraft; i++) write(l, l->draft[i]);
}
