/* Reductions and scatters: sums or maxima over rows of terms, perhaps in partials and a combination. */
#include "passes/lower/kbuild.h"

static const char *const outer[] = {"outer", NULL}, *const part[] = {"part", "outer", NULL};

KReduce kb_reduce(const Node *n) {
  return n->op == O_REDUCE && n->at.reduce == GR_MAX ? KR_MAX : KR_SUM;
}

/* The term is the element if its index is the result's place, else zero. */
static const KExpr *scatter_term(KBuild *b, const Node *n, const Ix *term) {
  Arena *a = b->arena;
  int nbatch = n->in[1]->shape.rank - 1;
  const Ix **idx = kb_unflatten(b, &n->shape, kb_at(b)->result.linear);
  const KExpr *place = kexpr_index(a, DT_I32, idx[nbatch]);
  idx[nbatch] = term;
  const KExpr *hit = kexpr_elt(a, E_EQ, kb_expr(b, n->in[1], idx), place, NULL);
  return kexpr_elt(a, E_SELECT, hit, kb_expr(b, n->in[0], idx), kexpr_const(a, n->dtype, 0));
}

/* What a maximum or sum of nothing is. */
static double neutral(const Node *n) {
  if (kb_reduce(n) == KR_SUM) return 0;
  return n->dtype == DT_I32 ? INT32_MIN : -__builtin_inf();
}

/* The last partial may be short: what is beyond the terms counts as nothing. */
static const KExpr *inside(KBuild *b, const Node *n, const Sum *s, const Ix *term, const KExpr *e) {
  Arena *a = b->arena;
  if (s->parts * s->chunk == s->terms) return e;
  const KExpr *in =
      kexpr_elt(a, E_LT, kexpr_index(a, DT_I32, term), kexpr_const(a, DT_I32, (double)s->terms), NULL);
  return kexpr_elt(a, E_SELECT, in, e, kexpr_const(a, n->dtype, neutral(n)));
}

static const KExpr *term(KBuild *b, const Node *n) {
  Sum s = kb_sum(n);
  const Ix *at = kb_term(b, &s);
  const KExpr *e = n->op == O_SCATTER ? scatter_term(b, n, at) : kb_expr(b, n->in[0], kb_at(b)->row.idx);
  return inside(b, n, &s, at, e);
}

static int define_whole(KBuild *b, const Node *n) {
  return kb_value(b, n->name ? n->name : "sum", n->dtype, outer, kb_reduce(n), "row", term(b, n));
}

/* Partials are of the type that the reduction accumulates in: rounding each would lose what the sum keeps. */
static DType partial_type(const Node *n) {
  return kern_acc(kb_reduce(n), n->dtype);
}

/* Where the partials of each of the group's reductions are. */
typedef struct Partials {
  Sum sum;
  PBuf **buf;
} Partials;

static int number_of(const Group *g, const Node *core) {
  for (int i = 0; i < g->ncore; i++)
    if (g->core[i] == core) return i;
  ice("node %d is no reduction of its kernel", core->id);
}

static const Ix **place(KBuild *b, const Sum *s, const char *role) {
  const Ix **at = ARENA_NEW(b->arena, const Ix *);
  const Ix *first = ix_scale(b->arena, kb_find_role(b, role)->linear, s->results);
  *at = ix_add(b->arena, first, kb_find_role(b, "outer")->linear);
  return at;
}

static int partial_buf(KBuild *b, const Node *n, bool out) {
  const Partials *p = b->ctx;
  return kb_buf(b, p->buf[number_of(b->group, n)], 0, partial_type(n), p->sum.parts * p->sum.results, out);
}

static void partial_body(KBuild *b) {
  const Partials *p = b->ctx;
  for (int i = 0; i < b->group->ncore; i++) {
    const Node *n = b->group->core[i];
    const KExpr *e = kexpr_cast(b->arena, partial_type(n), term(b, n));
    int v = kb_value(b, "partial", partial_type(n), part, kb_reduce(n), "row", e);
    kern_store(b->k, v, partial_buf(b, n, true), place(b, &p->sum, "part"));
  }
}

static int define_combined(KBuild *b, const Node *n) {
  const Partials *p = b->ctx;
  const char *name = n->name ? n->name : "sum";
  const KExpr *e = kexpr_read(b->k, partial_buf(b, n, false), place(b, &p->sum, "row"));
  int v = kb_value(b, name, e->dtype, outer, kb_reduce(n), "row", e);
  if (e->dtype == n->dtype) return v;
  return kb_value(b, name, n->dtype, outer, KR_NONE, NULL, kexpr_cast(b->arena, n->dtype, kb_ref(b, v)));
}

static Partials new_partials(Lower *l, const Group *g) {
  Partials p = {.sum = kb_sum(g->core[0]), .buf = ARENA_ARRAY(l->arena, g->ncore, PBuf *)};
  const char *name = arena_printf(l->arena, "%s.partials", kb_origin(l, g));
  for (int i = 0; i < g->ncore; i++)
    p.buf[i] = lower_buf(l, name, partial_type(g->core[i]), p.sum.parts * p.sum.results, g->core[i]->loc);
  return p;
}

static void lower_partials(Lower *l, Group *g) {
  Partials p = new_partials(l, g);
  KBuild b = kb_new(l, g, l->arena);
  b.ctx = &p;
  kb_write(&b, "partial", partial_body);
  kb_launch(&b, 0, kb_guard(l, g));
  b = kb_new(l, g, l->arena);
  kb_combine_roles(&b, &p.sum);
  b.ctx = &p;
  b.define = define_combined;
  kb_write(&b, "combine", kb_store_roots);
  kb_launch(&b, 0, kb_guard(l, g));
}

void lower_sum(Lower *l, Group *g) {
  if (kb_sum(g->core[0]).parts > 1) {
    lower_partials(l, g);
    return;
  }
  KBuild b = kb_new(l, g, l->arena);
  b.define = define_whole;
  kb_write(&b, "reduce", kb_store_roots);
  kb_launch(&b, 0, kb_guard(l, g));
}
