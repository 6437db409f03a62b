#include "passes/node.h"

#include <ctype.h>

const char *const node_kinds[NK_COUNT] = {
#define X(k, text) [NK_##k] = text,
    NODE_KINDS(X)
#undef X
};

NodeKind node_kind(const Node *n) {
  switch (n->op) {
  case O_ELT:
  case O_CAST: return NK_MAP;
  case O_REDUCE: return NK_REDUCTION;
  case O_CONTRACT: return NK_CONTRACTION;
  case O_RANDOM: return NK_DRAW;
  case O_GATHER: return NK_GATHER;
  case O_SCATTER: return NK_SCATTER;
  case O_CONCAT: return NK_CONCAT;
  default: return NK_COPY;
  }
}

bool kind_inlines(NodeKind kind) {
  return kind == NK_MAP || kind == NK_DRAW || kind == NK_GATHER;
}

const char *node_op_name(Arena *a, const Node *n) {
  static const char *const elt[] = {
#define ELT(N, ...) [E_##N] = #N,
#include "ir/eltwise.def"
#undef ELT
  };
  if (n->op != O_ELT) return op_rows[n->op].text;
  char *word = arena_strdup(a, elt[n->at.elt]);
  for (char *p = word; *p; p++) *p = (char)tolower((unsigned char)*p);
  return word;
}

bool node_is_view(const Node *n) {
  switch (n->op) {
  case O_BROADCAST:
  case O_RESHAPE:
  case O_PERMUTE:
  case O_SLICE:
  case O_PAD:
  case O_WINDOW:
  case O_STOP_GRADIENT: return true;
  default: return false;
  }
}

bool node_keeps_order(const Node *n) {
  return n->op == O_RESHAPE || n->op == O_STOP_GRADIENT;
}

bool node_is_pointwise(const Node *n) {
  return n->op == O_ELT || n->op == O_CAST || node_keeps_order(n);
}

bool node_repeats_operand(const Node *n, int i) {
  for (int j = 0; j < i; j++)
    if (n->in[j] == n->in[i]) return true;
  return false;
}

Node *node_index_base(const Node *gather) {
  Node *n = gather->in[1];
  while (n->op == O_SLICE || n->op == O_RESHAPE || n->op == O_PERMUTE || n->op == O_BROADCAST ||
         n->op == O_STOP_GRADIENT)
    n = n->in[0];
  return n;
}

int64_t node_slice_start(const Node *concat, int part) {
  int64_t start = 0;
  for (int i = 0; i < part; i++) start += concat->in[i]->shape.dim[concat->at.axis];
  return start;
}

int64_t node_count(const Node *n) {
  return shape_count(&n->shape);
}

int64_t node_bytes(const Node *n) {
  return node_count(n) * dtype_size(n->dtype);
}

double node_work(const Node *n) {
  return n->op == O_ELT ? elt_rows[n->at.elt].work : op_rows[n->op].work;
}

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

Sum node_sum(const Node *n) {
  Sum s = {.results = node_count(n)};
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

KReduce node_reduce(const Node *n) {
  return n->op == O_REDUCE && n->at.reduce == GR_MAX ? KR_MAX : KR_SUM;
}

int find_label(const uint8_t *labels, int rank, uint8_t x) {
  for (int i = 0; i < rank; i++)
    if (labels[i] == x) return i;
  return -1;
}

static void add_label(Contract *c, KRole role, uint8_t label, int64_t extent) {
  int r = role - ROLE_BATCH;
  c->label[r][c->n[r]] = label;
  c->extent[r][c->n[r]++] = extent;
}

/* The operand that holds the result's innermost dimension gives the n role, so that lanes run along it. */
static void choose_sides(const Node *n, Contract *c) {
  int last = n->shape.rank - 1;
  bool swap = last >= 0 && find_label(n->at.label[1], n->in[1]->shape.rank, n->at.label[2][last]) < 0;
  c->side[0] = n->in[swap], c->side_label[0] = n->at.label[swap];
  c->side[1] = n->in[!swap], c->side_label[1] = n->at.label[!swap];
}

Contract node_contract(const Node *n) {
  Contract c = {0};
  choose_sides(n, &c);
  for (int i = 0; i < n->shape.rank; i++) {
    uint8_t a = n->at.label[2][i];
    bool left = find_label(c.side_label[0], c.side[0]->shape.rank, a) >= 0;
    bool right = find_label(c.side_label[1], c.side[1]->shape.rank, a) >= 0;
    add_label(&c, left && right ? ROLE_BATCH : left ? ROLE_M : ROLE_N, a, n->shape.dim[i]);
  }
  for (int i = 0; i < c.side[0]->shape.rank; i++)
    if (find_label(n->at.label[2], n->shape.rank, c.side_label[0][i]) < 0)
      add_label(&c, ROLE_K, c.side_label[0][i], c.side[0]->shape.dim[i]);
  return c;
}

int64_t contract_extent(const Contract *c, KRole role) {
  int64_t n = 1;
  int r = role - ROLE_BATCH;
  for (int i = 0; i < c->n[r]; i++) n *= c->extent[r][i];
  return n;
}

double node_flop(const Node *contract) {
  Contract c = node_contract(contract);
  double flop = 2;
  for (KRole r = ROLE_BATCH; r <= ROLE_K; r++) flop *= (double)contract_extent(&c, r);
  return flop;
}

static bool has_label(const Contract *c, KRole role, uint8_t label) {
  int r = role - ROLE_BATCH;
  return find_label(c->label[r], c->n[r], label) >= 0;
}

bool node_sums_beside(const Node *contract, const Node *n) {
  Contract c = node_contract(contract);
  int m = ROLE_M - ROLE_BATCH;
  if (n->op != O_REDUCE || n->at.reduce != GR_SUM || n->in[0] != c.side[0]) return false;
  for (int i = 0, rows = 0; i < n->in[0]->shape.rank; i++) {
    uint8_t label = c.side_label[0][i];
    bool gone = n->at.axes >> i & 1;
    if (!has_label(&c, gone ? ROLE_K : ROLE_M, label) || (!gone && c.label[m][rows++] != label)) return false;
  }
  return c.n[0] == 0;
}
