/* Reductions and scatters: a sum or maximum over a row of terms, perhaps in partials and a combination. */
#include "passes/kbuild.h"

/* A reduction with few results and many terms is cut into partials, so that threads can share it. How many
 * is a function of shape alone. */
enum {
  FEW_RESULTS = 4096,
  MANY_ELEMENTS = 1 << 16,
  TERMS_A_PARTIAL = 1 << 15,
  MOST_PARTIALS = 64,
  LEAST_PARTIALS = 8
};

typedef struct Sum {
  int64_t results, terms;
  int64_t parts, chunk; /* partials and terms in each; 1: not cut */
  PBuf *partial;
  Shape kept, gone; /* extents of the result's points and of the terms */
} Sum;

static int64_t choose_parts(int64_t results, int64_t terms) {
  if (results >= FEW_RESULTS || results * terms < MANY_ELEMENTS || terms < 2 * LEAST_PARTIALS) return 1;
  int64_t most = results * terms / TERMS_A_PARTIAL;
  if (most > MOST_PARTIALS) most = MOST_PARTIALS;
  if (most < LEAST_PARTIALS) most = LEAST_PARTIALS;
  if (most > terms) most = terms;
  for (int64_t p = most; p > most / 2; p--)
    if (terms % p == 0) return p;
  return most;
}

static Sum sum_of(const Node *n) {
  Sum s = {.results = shape_count(&n->shape)};
  const Node *x = n->in[0];
  if (n->op == O_SCATTER) {
    s.gone = shape_of(1, &x->shape.dim[n->in[1]->shape.rank - 1]);
  } else {
    for (int i = 0; i < x->shape.rank; i++) {
      Shape *to = n->at.axes >> i & 1 ? &s.gone : &s.kept;
      to->dim[to->rank++] = x->shape.dim[i];
    }
  }
  s.terms = shape_count(&s.gone);
  s.parts = choose_parts(s.results, s.terms);
  s.chunk = (s.terms + s.parts - 1) / s.parts;
  return s;
}

/* The term's number, over the partial and the row axes. */
static const Ix *term_index(KBuild *b, const Sum *s) {
  const Ix *row = kb_find_role(b, "row")->linear;
  if (s->parts == 1) return row;
  return ix_add(b->l->arena, ix_scale(b->l->arena, kb_find_role(b, "part")->linear, s->chunk), row);
}

static const KExpr *reduce_term(KBuild *b, const Node *n, const Sum *s, const Ix *term) {
  const Ix *kept[MAX_RANK] = {0}, *gone[MAX_RANK] = {0}, *idx[MAX_RANK] = {0};
  Arena *a = b->l->arena;
  ix_unflatten(a, kb_find_role(b, "outer")->linear, s->kept.rank, s->kept.dim, kept);
  ix_unflatten(a, term, s->gone.rank, s->gone.dim, gone);
  for (int i = 0, k = 0, g = 0; i < n->in[0]->shape.rank; i++)
    idx[i] = n->at.axes >> i & 1 ? gone[g++] : kept[k++];
  return kb_expr(b, n->in[0], idx);
}

/* The term is the element if its index is the result's place, else zero. */
static const KExpr *scatter_term(KBuild *b, const Node *n, const Ix *term) {
  Arena *a = b->l->arena;
  int nbatch = n->in[1]->shape.rank - 1;
  const Ix **idx = kb_unflatten(b, &n->shape, kb_find_role(b, "outer")->linear);
  const KExpr *place = kexpr_index(a, DT_I32, idx[nbatch]);
  idx[nbatch] = term;
  const KExpr *hit = kexpr_elt(a, E_EQ, kb_expr(b, n->in[1], idx), place, NULL);
  return kexpr_elt(a, E_SELECT, hit, kb_expr(b, n->in[0], idx), kexpr_const(a, n->dtype, 0));
}

static KReduce kind_of(const Node *n) {
  return n->op == O_REDUCE && n->at.reduce == GR_MAX ? KR_MAX : KR_SUM;
}

static const KExpr *sum_term(KBuild *b, const Sum *s) {
  const Node *n = b->group->core;
  Arena *a = b->l->arena;
  const Ix *term = term_index(b, s);
  const KExpr *e = n->op == O_SCATTER ? scatter_term(b, n, term) : reduce_term(b, n, s, term);
  if (s->parts * s->chunk == s->terms) return e;
  const KExpr *in =
      kexpr_elt(a, E_LT, kexpr_index(a, DT_I32, term), kexpr_const(a, DT_I32, (double)s->terms), NULL);
  double neutral = kind_of(n) == KR_MAX ? -__builtin_inf() : 0;
  return kexpr_elt(a, E_SELECT, in, e, kexpr_const(a, n->dtype, neutral));
}

static void core_at_outer(KBuild *b) {
  const Node *n = b->group->core;
  b->core = n;
  b->point = kb_find_role(b, "outer")->linear;
  b->core_idx = kb_unflatten(b, &n->shape, b->point);
}

static void whole_body(KBuild *b, void *ctx) {
  static const char *const domain[] = {"outer", NULL};
  const Node *n = b->group->core;
  KRed red[MOST_CUTS + 1];
  const KExpr *e = sum_term(b, ctx);
  int nred = kb_reduced(kb_find_role(b, "row"), red);
  b->core_value = kb_value(b, n->name ? n->name : "sum", n->dtype, kind_of(n), nred, red, e, domain);
  core_at_outer(b);
  kb_store_roots(b);
}

static const Ix **partial_place(KBuild *b, const Sum *s, const char *part) {
  Arena *a = b->l->arena;
  const Ix **at = ARENA_NEW(a, const Ix *);
  *at = ix_add(a, ix_scale(a, kb_find_role(b, part)->linear, s->results), kb_find_role(b, "outer")->linear);
  return at;
}

static void partial_body(KBuild *b, void *ctx) {
  static const char *const domain[] = {"part", "outer", NULL};
  const Sum *s = ctx;
  const Node *n = b->group->core;
  KRed red[MOST_CUTS + 1];
  const KExpr *e = sum_term(b, s);
  int nred = kb_reduced(kb_find_role(b, "row"), red);
  int v = kb_value(b, "partial", n->dtype, kind_of(n), nred, red, e, domain);
  int y = kb_buf(b, s->partial, 0, n->dtype, s->parts * s->results, true);
  kern_store(b->k, v, y, partial_place(b, s, "part"));
}

static void combine_body(KBuild *b, void *ctx) {
  static const char *const domain[] = {"outer", NULL};
  const Sum *s = ctx;
  const Node *n = b->group->core;
  KRed red[MOST_CUTS + 1];
  int x = kb_buf(b, s->partial, 0, n->dtype, s->parts * s->results, false);
  const KExpr *e = kexpr_read(b->k, x, partial_place(b, s, "row"));
  int nred = kb_reduced(kb_find_role(b, "row"), red);
  b->core_value = kb_value(b, n->name ? n->name : "sum", n->dtype, kind_of(n), nred, red, e, domain);
  core_at_outer(b);
  kb_store_roots(b);
}

static void lower_partials(Lower *l, Group *g, Sum *s) {
  KBuild b = kb_new(l, g);
  const char *name = arena_printf(l->arena, "%s.partials", kb_origin(l, g));
  s->partial = lower_buf(l, name, g->core->dtype, s->parts * s->results, g->core->loc);
  kb_role(&b, "part", s->parts);
  kb_role(&b, "outer", s->results);
  kb_role(&b, "row", s->chunk);
  kb_write(&b, "partial", partial_body, s);
  kb_launch(&b, 0, kb_guard(l, g));
  b = kb_new(l, g);
  kb_role(&b, "outer", s->results);
  kb_role(&b, "row", s->parts);
  kb_write(&b, "combine", combine_body, s);
  kb_launch(&b, 0, kb_guard(l, g));
}

void lower_sum(Lower *l, Group *g) {
  Sum s = sum_of(g->core);
  if (s.parts > 1) {
    lower_partials(l, g, &s);
    return;
  }
  KBuild b = kb_new(l, g);
  kb_role(&b, "outer", s.results);
  kb_role(&b, "row", s.terms);
  kb_write(&b, "reduce", whole_body, &s);
  kb_launch(&b, 0, kb_guard(l, g));
}
