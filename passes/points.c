/* The points of a group's kernel: the roles that its axes play, and the index of each of its values. */
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
  s.parts = choose_parts(s.results, s.terms);
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
    if (next != here + 1 || b->dry) kb_cut(b, kb_find_role(b, role_names[role]), below);
  }
}

static const Ix *label_index(KBuild *b, const Labels *x, uint8_t label) {
  const Ix *idx[MAX_RANK] = {0};
  for (int r = 0; r < 4; r++) {
    int i = find_label(x->label[r], x->n[r], label);
    if (i < 0) continue;
    ix_unflatten(b->arena, kb_find_role(b, role_names[r])->linear, x->n[r], x->extent[r], idx);
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

static void contract_roles(KBuild *b, const Node *n) {
  Labels x = labels_of(n);
  for (int r = 0; r < 4; r++) {
    kb_role(b, role_names[r], extent_of(&x, r));
    if (r != K) cut_labels(b, n, &x, r);
  }
}

static void contract_points(KBuild *b, const Node *n) {
  Labels x = labels_of(n);
  b->points.shape = &n->shape;
  b->points.idx = ARENA_ARRAY(b->arena, MAX_RANK, const Ix *);
  for (int i = 0; i < n->shape.rank; i++) b->points.idx[i] = label_index(b, &x, n->at.label[2][i]);
  b->points.linear = ix_flatten(b->arena, n->shape.rank, n->shape.dim, b->points.idx);
}

/* Reductions. */

static void cut_shape(KBuild *b, const char *role, const Shape *s) {
  int64_t below = 1;
  for (int i = s->rank - 1; i > 0; i--) kb_cut(b, kb_find_role(b, role), below *= s->dim[i]);
}

static void sum_roles(KBuild *b, const Node *n) {
  Sum s = kb_sum(n);
  if (s.parts > 1) kb_role(b, "part", s.parts);
  kb_role(b, "outer", s.results);
  kb_role(b, "row", s.chunk);
  if (!b->dry) return;
  cut_shape(b, "outer", &n->shape);
  if (s.parts == 1) cut_shape(b, "row", &s.gone);
}

const Ix *kb_term(KBuild *b, const Sum *s) {
  const Ix *row = kb_find_role(b, "row")->linear;
  if (s->parts == 1) return row;
  return ix_add(b->arena, ix_scale(b->arena, kb_find_role(b, "part")->linear, s->chunk), row);
}

static void row_points(KBuild *b, const Node *n, const Sum *s) {
  const Ix *kept[MAX_RANK] = {0}, *gone[MAX_RANK] = {0};
  const Shape *of = &n->in[0]->shape;
  b->row.shape = of;
  b->row.idx = ARENA_ARRAY(b->arena, MAX_RANK, const Ix *);
  ix_unflatten(b->arena, kb_find_role(b, "outer")->linear, s->kept.rank, s->kept.dim, kept);
  ix_unflatten(b->arena, kb_term(b, s), s->gone.rank, s->gone.dim, gone);
  for (int i = 0, k = 0, g = 0; i < of->rank; i++)
    b->row.idx[i] = n->at.axes >> i & 1 ? gone[g++] : kept[k++];
  b->row.linear = ix_flatten(b->arena, of->rank, of->dim, b->row.idx);
}

static void sum_points(KBuild *b, const Node *n) {
  Sum s = kb_sum(n);
  b->points.shape = &n->shape;
  b->points.linear = kb_find_role(b, "outer")->linear;
  b->points.idx = kb_unflatten(b, &n->shape, b->points.linear);
  if (n->op == O_REDUCE && !b->combine) row_points(b, n, &s);
}

void kb_combine_roles(KBuild *b, const Sum *s) {
  b->nrole = 0;
  kb_role(b, "outer", s->results);
  kb_role(b, "row", s->parts);
  b->combine = true;
}

void kb_roles(KBuild *b) {
  const Group *g = b->group;
  if (!g->ncore) {
    kb_role(b, "points", shape_count(&g->root[0]->shape));
    if (b->dry) cut_shape(b, "points", &g->root[0]->shape);
  } else if (g->core[0]->op == O_CONTRACT) {
    contract_roles(b, g->core[0]);
  } else {
    sum_roles(b, g->core[0]);
  }
}

void kb_points(KBuild *b) {
  const Group *g = b->group;
  if (!g->ncore) {
    b->points.shape = &g->root[0]->shape;
    b->points.linear = kb_find_role(b, "points")->linear;
    b->points.idx = kb_unflatten(b, b->points.shape, b->points.linear);
  } else if (g->core[0]->op == O_CONTRACT) {
    contract_points(b, g->core[0]);
  } else {
    sum_points(b, g->core[0]);
  }
}
