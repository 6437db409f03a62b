/* The points of a group's kernel: the roles that its axes play, and the index of each of its values. */
#include <string.h>

#include "passes/lower/kbuild.h"

/* A reduction with few results and many terms is cut into partials, so that threads can share it; one along
 * rows needs fewer results for that than one by columns, which reads better in long pieces. How many is a
 * function of shape alone. */
enum {
  FEW_ROWS = 256,
  FEW_COLUMNS = 4096,
  MANY_ELEMENTS = 1 << 16,
  TERMS_A_PARTIAL = 1 << 15,
  MOST_PARTIALS = 64,
  LEAST_PARTIALS = 8
};

static int64_t choose_parts(int64_t results, int64_t terms, bool rows) {
  if (results >= (rows ? FEW_ROWS : FEW_COLUMNS) || results * terms < MANY_ELEMENTS ||
      terms < 2 * LEAST_PARTIALS)
    return 1;
  int64_t most = results * terms / TERMS_A_PARTIAL;
  if (most > MOST_PARTIALS) most = MOST_PARTIALS;
  if (most < LEAST_PARTIALS) most = LEAST_PARTIALS;
  if (most > terms) most = terms;
  for (int64_t p = most; p > most / 2; p--)
    if (terms % p == 0) return p;
  return most;
}

Sum kb_sum(const Node *n) {
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
  bool rows = n->op == O_REDUCE && x->shape.rank > 0 && n->at.axes >> (x->shape.rank - 1) & 1;
  s.parts = choose_parts(s.results, s.terms, rows);
  s.chunk = (s.terms + s.parts - 1) / s.parts;
  return s;
}

/* Contractions. Labels fall into four roles by where they stand. */

typedef struct Labels {
  int n[4];
  uint8_t label[4][MAX_RANK];
  int64_t extent[4][MAX_RANK];
  const Node *side[2]; /* the operand with the m labels, and the one with the n labels */
  const uint8_t *side_label[2];
} Labels;

enum { BATCH, M, N, K };
static const char *const role_names[] = {"batch", "m", "n", "k"};

const char *const chain_role[CHAIN_ROLES] = {"batch", "m", "n", "k", "d"};

/* The kernel's roles that one of the group's own is, outermost first. */
static const char *const *roles_as(const KBuild *b, const char *own, const char **one) {
  const Chain *c = b->group->chain;
  one[0] = c ? NULL : own, one[1] = NULL;
  for (int i = 0; c && i < 4; i++) {
    const Renamed *r = &c->part[b->part].role[i];
    if (r->own && !strcmp(r->own, own)) return r->as;
  }
  return one;
}

const Ix *kb_own(KBuild *b, const char *own) {
  const char *one[2], *const *as = roles_as(b, own, one);
  const Ix *flat = ix_const(b->arena, 0);
  for (; *as; as++) {
    const Role *r = kb_find_role(b, *as);
    flat = ix_add(b->arena, ix_scale(b->arena, flat, r->extent), r->linear);
  }
  return flat;
}

/* Cuts one of the group's own roles at a divisor of its extent. */
static void cut_own(KBuild *b, const char *own, int64_t at) {
  const char *one[2], *const *as = roles_as(b, own, one);
  int n = 0;
  while (as[n]) n++;
  for (int i = n - 1; i >= 0; i--) {
    Role *r = kb_find_role(b, as[i]);
    if (at < r->extent || i == 0) {
      kb_cut(b, r, at);
      return;
    }
    if (at % r->extent) return;
    at /= r->extent;
  }
}

void kb_domain(const KBuild *b, const char *const *own, const char **out) {
  bool is[CHAIN_ROLES] = {false};
  int n = 0;
  for (; *own; own++) {
    const char *one[2], *const *as = roles_as(b, *own, one);
    for (; *as; as++) {
      if (!b->group->chain) out[n++] = *as;
      for (int i = 0; i < CHAIN_ROLES; i++) is[i] |= !strcmp(*as, chain_role[i]);
    }
  }
  for (int i = 0; b->group->chain && i < CHAIN_ROLES; i++)
    if (is[i]) out[n++] = chain_role[i];
  out[n] = NULL;
}

static int find_label(const uint8_t *labels, int rank, uint8_t x) {
  for (int i = 0; i < rank; i++)
    if (labels[i] == x) return i;
  return -1;
}

static void add_label(Labels *x, int role, uint8_t label, int64_t extent) {
  x->label[role][x->n[role]] = label;
  x->extent[role][x->n[role]++] = extent;
}

/* The operand that holds the result's innermost dimension gives the n role, so that lanes run along it. */
static void choose_sides(const Node *n, Labels *x) {
  int last = n->shape.rank - 1;
  bool swap = last >= 0 && find_label(n->at.label[1], n->in[1]->shape.rank, n->at.label[2][last]) < 0;
  x->side[0] = n->in[swap], x->side_label[0] = n->at.label[swap];
  x->side[1] = n->in[!swap], x->side_label[1] = n->at.label[!swap];
}

static Labels labels_of(const Node *n) {
  Labels x = {0};
  choose_sides(n, &x);
  for (int i = 0; i < n->shape.rank; i++) {
    uint8_t a = n->at.label[2][i];
    bool left = find_label(x.side_label[0], x.side[0]->shape.rank, a) >= 0;
    bool right = find_label(x.side_label[1], x.side[1]->shape.rank, a) >= 0;
    add_label(&x, left && right ? BATCH : left ? M : N, a, n->shape.dim[i]);
  }
  for (int i = 0; i < x.side[0]->shape.rank; i++)
    if (find_label(n->at.label[2], n->shape.rank, x.side_label[0][i]) < 0)
      add_label(&x, K, x.side_label[0][i], x.side[0]->shape.dim[i]);
  return x;
}

static int64_t extent_of(const Labels *x, int role) {
  int64_t n = 1;
  for (int i = 0; i < x->n[role]; i++) n *= x->extent[role][i];
  return n;
}

void kb_extents(const Node *contract, int64_t extent[4]) {
  Labels x = labels_of(contract);
  for (int r = 0; r < 4; r++) extent[r] = extent_of(&x, r);
}

double kb_flop(const Node *contract) {
  Labels x = labels_of(contract);
  double flop = 2;
  for (int r = 0; r < 4; r++) flop *= (double)extent_of(&x, r);
  return flop;
}

/* Labels of one role that are not neighbours in the result are axes of their own from the start. */
static void cut_labels(KBuild *b, const Node *n, const Labels *x, int role) {
  int64_t below = extent_of(x, role);
  for (int i = 0; i + 1 < x->n[role]; i++) {
    below /= x->extent[role][i];
    int here = find_label(n->at.label[2], n->shape.rank, x->label[role][i]);
    int next = find_label(n->at.label[2], n->shape.rank, x->label[role][i + 1]);
    if (next != here + 1 || b->dry) cut_own(b, role_names[role], below);
  }
}

static const Ix *label_index(KBuild *b, const Labels *x, uint8_t label) {
  const Ix *idx[MAX_RANK] = {0};
  for (int r = 0; r < 4; r++) {
    int i = find_label(x->label[r], x->n[r], label);
    if (i < 0) continue;
    ix_unflatten(b->arena, kb_own(b, role_names[r]), x->n[r], x->extent[r], idx);
    return idx[i];
  }
  ice("a label of a contraction has no role");
}

const Node *kb_side(KBuild *b, const Node *contract, int side, const Ix **idx) {
  Labels x = labels_of(contract);
  for (int i = 0; i < x.side[side]->shape.rank; i++) idx[i] = label_index(b, &x, x.side_label[side][i]);
  return x.side[side];
}

static bool is_role(const Labels *x, int role, uint8_t label) {
  return find_label(x->label[role], x->n[role], label) >= 0;
}

bool group_sums_beside(const Node *contract, const Node *n) {
  Labels x = labels_of(contract);
  if (n->op != O_REDUCE || n->at.reduce != GR_SUM || n->in[0] != x.side[0]) return false;
  for (int i = 0, rows = 0; i < n->in[0]->shape.rank; i++) {
    uint8_t label = x.side_label[0][i];
    bool gone = n->at.axes >> i & 1;
    if (!is_role(&x, gone ? K : M, label) || (!gone && x.label[M][rows++] != label)) return false;
  }
  return x.n[BATCH] == 0;
}

static void cut_contract(KBuild *b, const Node *n) {
  Labels x = labels_of(n);
  for (int r = 0; r < 4; r++)
    if (r != K) cut_labels(b, n, &x, r);
}

static void contract_roles(KBuild *b, const Node *n) {
  Labels x = labels_of(n);
  for (int r = 0; r < 4; r++) kb_role(b, role_names[r], extent_of(&x, r));
  cut_contract(b, n);
}

static Space contract_points(KBuild *b, const Node *n) {
  Labels x = labels_of(n);
  Space s = {.shape = &n->shape, .idx = ARENA_ARRAY(b->arena, MAX_RANK, const Ix *)};
  for (int i = 0; i < n->shape.rank; i++) s.idx[i] = label_index(b, &x, n->at.label[2][i]);
  s.linear = ix_flatten(b->arena, n->shape.rank, n->shape.dim, s.idx);
  return s;
}

/* Reductions. */

static void cut_shape(KBuild *b, const char *role, const Shape *s) {
  int64_t below = 1;
  for (int i = s->rank - 1; i > 0; i--) cut_own(b, role, below *= s->dim[i]);
}

static void cut_sum(KBuild *b, const Node *n) {
  Sum s = kb_sum(n);
  cut_shape(b, "outer", &n->shape);
  if (s.parts == 1) cut_shape(b, "row", &s.gone);
}

static void sum_roles(KBuild *b, const Node *n) {
  Sum s = kb_sum(n);
  if (s.parts > 1) kb_role(b, "part", s.parts);
  kb_role(b, "outer", s.results);
  kb_role(b, "row", s.chunk);
  if (b->dry) cut_sum(b, n);
}

const Ix *kb_term(KBuild *b, const Sum *s) {
  const Ix *row = kb_own(b, "row");
  if (s->parts == 1) return row;
  return ix_add(b->arena, ix_scale(b->arena, kb_own(b, "part"), s->chunk), row);
}

static Space row_points(KBuild *b, const Node *n, const Sum *s) {
  const Ix *kept[MAX_RANK] = {0}, *gone[MAX_RANK] = {0};
  const Shape *of = &n->in[0]->shape;
  Space row = {.shape = of, .idx = ARENA_ARRAY(b->arena, MAX_RANK, const Ix *)};
  ix_unflatten(b->arena, kb_own(b, "outer"), s->kept.rank, s->kept.dim, kept);
  ix_unflatten(b->arena, kb_term(b, s), s->gone.rank, s->gone.dim, gone);
  for (int i = 0, k = 0, g = 0; i < of->rank; i++) row.idx[i] = n->at.axes >> i & 1 ? gone[g++] : kept[k++];
  row.linear = ix_flatten(b->arena, of->rank, of->dim, row.idx);
  return row;
}

static Space flat_points(KBuild *b, const Shape *s, const char *role) {
  const Ix *linear = kb_own(b, role);
  return (Space){.shape = s, .linear = linear, .idx = kb_unflatten(b, s, linear)};
}

void kb_combine_roles(KBuild *b, const Sum *s) {
  b->nrole = 0;
  kb_role(b, "outer", s->results);
  kb_role(b, "row", s->parts);
  b->combine = true;
}

static const Node *first_of(const Group *g) {
  return g->ncore ? g->core[0] : g->root[0];
}

static void group_roles(KBuild *b, const Group *g) {
  const Node *n = first_of(g);
  if (!g->ncore) {
    kb_role(b, "points", shape_count(&n->shape));
    if (b->dry) cut_shape(b, "points", &n->shape);
  } else if (n->op == O_CONTRACT) {
    contract_roles(b, n);
  } else {
    sum_roles(b, n);
  }
}

/* The cuts that the parts' own shapes ask for. */
static void cut_part(KBuild *b, const Group *g) {
  const Node *n = first_of(g);
  if (!g->ncore) {
    if (b->dry) cut_shape(b, "points", &n->shape);
  } else if (n->op == O_CONTRACT) {
    cut_contract(b, n);
  } else if (b->dry) {
    cut_sum(b, n);
  }
}

static void chain_roles(KBuild *b, const Chain *c) {
  for (int i = 0; i < CHAIN_ROLES; i++)
    if (c->extent[i]) kb_role(b, chain_role[i], c->extent[i]);
  for (b->part = 0; b->part < c->npart; b->part++) cut_part(b, c->part[b->part].of);
  b->part = 0;
}

void kb_roles(KBuild *b) {
  if (b->group->chain)
    chain_roles(b, b->group->chain);
  else
    group_roles(b, b->group);
}

static Points group_points(KBuild *b, const Group *g) {
  Points p = {0};
  const Node *n = first_of(g);
  if (!g->ncore) {
    p.result = flat_points(b, &n->shape, "points");
  } else if (n->op == O_CONTRACT) {
    p.result = contract_points(b, n);
  } else {
    Sum s = kb_sum(n);
    p.result = flat_points(b, &n->shape, "outer");
    if (n->op == O_REDUCE && !b->combine) p.row = row_points(b, n, &s);
  }
  return p;
}

void kb_points(KBuild *b) {
  const Chain *c = b->group->chain;
  int n = c ? c->npart : 1;
  b->points = ARENA_ARRAY(b->arena, n, Points);
  for (b->part = 0; b->part < n; b->part++)
    b->points[b->part] = group_points(b, c ? c->part[b->part].of : b->group);
  b->part = 0;
}
