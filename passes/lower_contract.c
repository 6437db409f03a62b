/* Contractions: an einsum's labels become the batch, m, n and k roles of a dot kernel. */
#include "passes/kbuild.h"

/* Labels fall into four roles by where they stand. */

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

/* Labels of one role that are not neighbours in the result are axes of their own from the start. */
static void cut_labels(KBuild *b, const Labels *x, int role) {
  const Node *n = b->group->core;
  int64_t below = extent_of(x, role);
  for (int i = 0; i + 1 < x->n[role]; i++) {
    below /= x->extent[role][i];
    int here = find_label(n->at.label[2], n->shape.rank, x->label[role][i]);
    int next = find_label(n->at.label[2], n->shape.rank, x->label[role][i + 1]);
    if (next != here + 1) kb_cut(b, kb_find_role(b, role_names[role]), below);
  }
}

static const Ix *label_index(KBuild *b, const Labels *x, uint8_t label) {
  const Ix *idx[MAX_RANK] = {0};
  for (int r = 0; r < 4; r++) {
    int i = find_label(x->label[r], x->n[r], label);
    if (i < 0) continue;
    ix_unflatten(b->l->arena, kb_find_role(b, role_names[r])->linear, x->n[r], x->extent[r], idx);
    return idx[i];
  }
  ice("a label of a contraction has no role");
}

static const KExpr *factor(KBuild *b, const Labels *x, int side) {
  const Ix *idx[MAX_RANK] = {0};
  const Node *n = x->side[side];
  for (int i = 0; i < n->shape.rank; i++) idx[i] = label_index(b, x, x->side_label[side][i]);
  return kb_expr(b, n, idx);
}

static void contract_body(KBuild *b, void *ctx) {
  static const char *const domain[] = {"batch", "m", "n", NULL};
  const Labels *x = ctx;
  const Node *n = b->group->core;
  Arena *a = b->l->arena;
  KRed red[MOST_CUTS + 1];
  const KExpr *e = kexpr_elt(a, E_MUL, factor(b, x, 0), factor(b, x, 1), NULL);
  b->core_idx = ARENA_ARRAY(a, MAX_RANK, const Ix *);
  for (int i = 0; i < n->shape.rank; i++) b->core_idx[i] = label_index(b, x, n->at.label[2][i]);
  b->point = ix_flatten(a, n->shape.rank, n->shape.dim, b->core_idx);
  int nred = kb_reduced(kb_find_role(b, "k"), red);
  b->core_value = kb_value(b, n->name ? n->name : "dot", n->dtype, KR_SUM, nred, red, e, domain);
  b->core = n;
  kb_store_roots(b);
}

void lower_contract(Lower *l, Group *g) {
  KBuild b = kb_new(l, g);
  Labels x = labels_of(g->core);
  double flop = 2;
  for (int r = 0; r < 4; r++) {
    kb_role(&b, role_names[r], extent_of(&x, r));
    if (r != K) cut_labels(&b, &x, r);
    flop *= (double)extent_of(&x, r);
  }
  kb_write(&b, "dot", contract_body, &x);
  kb_launch(&b, flop, kb_guard(l, g));
}
