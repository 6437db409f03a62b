/* Node lines of a graph's text. */
#include <string.h>

#include "ir/graph/graph_parse.h"

bool graph_parse_operand(GraphParse *p, Node **n) {
  int number;
  if (!graph_lex_ref(&p->lex, '%', &number)) return graph_lex_wrong(&p->lex, "a node such as %7");
  if (number < p->nnode) {
    *n = p->node[number];
    return true;
  }
  diag_error(graph_lex_loc(&p->lex), "found node %%%d, expected one of an earlier line", number);
  p->lex.failed = true;
  return false;
}

static bool need_word(GraphParse *p, const char *word) {
  return graph_lex_is(&p->lex, word) || graph_lex_wrong(&p->lex, word);
}

/* "word 1 2 3": n numbers. */
static bool ints(GraphParse *p, const char *word, int64_t *v, int n) {
  if (!need_word(p, word)) return false;
  for (int i = 0; i < n; i++)
    if (!graph_lex_need_int(&p->lex, &v[i])) return false;
  return true;
}

static bool small_int(GraphParse *p, const char *word, int *v) {
  int64_t wide;
  if (!ints(p, word, &wide, 1)) return false;
  *v = wide < 0 || wide > MAX_LABELS ? -1 : (int)wide;
  return true;
}

static bool map(GraphParse *p, const char *word, int *v, int n) {
  int64_t wide[MAX_RANK];
  if (!ints(p, word, wide, n)) return false;
  for (int i = 0; i < n; i++) v[i] = wide[i] < 0 || wide[i] > MAX_RANK ? -1 : (int)wide[i];
  return true;
}

/* What follows the operands, by op; the operands are there and none is NULL. */
#define PARSE(NAME) static bool parse_##NAME(GraphParse *p, Node *n)
#define NO_ATTRS(NAME)                                                                                       \
  PARSE(NAME) {                                                                                              \
    (void)p, (void)n;                                                                                        \
    return true;                                                                                             \
  }

PARSE(CONST) {
  return graph_lex_need_real(&p->lex, &n->at.value);
}
PARSE(IOTA) {
  return small_int(p, "axis", &n->at.axis);
}
PARSE(STEP) {
  return graph_lex_need_string(&p->lex, &n->at.name);
}
PARSE(RANDOM) {
  return graph_lex_need_hex(&p->lex, &n->at.stream);
}
PARSE(INPUT) {
  return graph_lex_need_string(&p->lex, &n->at.name);
}
PARSE(STATE) {
  return graph_parse_state_ref(p, &n->at.state);
}
NO_ATTRS(ELT)
NO_ATTRS(CAST)

PARSE(CONTRACT) {
  const char *labels;
  return graph_lex_need_string(&p->lex, &labels) &&
         graph_read_labels(p->g, labels, n->in[0], n->in[1], &n->at, &n->shape);
}

PARSE(REDUCE) {
  n->at.reduce = graph_lex_is(&p->lex, "max") ? GR_MAX : GR_SUM;
  if (n->at.reduce == GR_SUM && !need_word(p, "sum")) return false;
  for (int64_t axis; graph_lex_int(&p->lex, &axis);) {
    if (axis < 0 || axis >= MAX_RANK) return graph_lex_wrong(&p->lex, "axes of the operand before this");
    n->at.axes |= 1u << axis;
  }
  return true;
}

PARSE(BROADCAST) {
  return map(p, "map", n->at.map, n->in[0]->shape.rank);
}
NO_ATTRS(RESHAPE)
PARSE(PERMUTE) {
  return map(p, "perm", n->at.map, n->in[0]->shape.rank);
}
PARSE(SLICE) {
  return ints(p, "start", n->at.lo, n->in[0]->shape.rank);
}
PARSE(PAD) {
  int rank = n->in[0]->shape.rank;
  return ints(p, "lo", n->at.lo, rank) && ints(p, "hi", n->at.hi, rank) &&
         ints(p, "between", n->at.between, rank);
}
PARSE(CONCAT) {
  return small_int(p, "axis", &n->at.axis);
}
PARSE(WINDOW) {
  return small_int(p, "axis", &n->at.axis) && ints(p, "size", &n->at.size, 1) &&
         ints(p, "stride", &n->at.stride, 1);
}
NO_ATTRS(GATHER)
PARSE(SCATTER) {
  return ints(p, "extent", &n->at.size, 1);
}
NO_ATTRS(STOP)

static bool parse_attrs(GraphParse *p, Node *n) {
  static bool (*const parse[OP_COUNT])(GraphParse *, Node *) = {
#define OP(N, text, operands) [O_##N] = parse_##N,
#include "ir/graph/graph_ops.def"
#undef OP
  };
  if (!parse[n->op](p, n)) return false;
  n->at.again = graph_lex_is(&p->lex, "again");
  return true;
}

static bool parse_op(GraphParse *p, Node *n) {
  const char *start;
  GraphLex before = p->lex;
  int len = graph_lex_token(&p->lex, &start), op = 0;
  while (op < OP_COUNT &&
         ((int)strlen(op_rows[op].text) != len || memcmp(op_rows[op].text, start, (size_t)len) != 0))
    op++;
  if (op == OP_COUNT) {
    p->lex = before;
    return graph_lex_wrong(&p->lex, "the name of an op");
  }
  n->op = (Op)op;
  if (n->op != O_ELT) return true;
  before = p->lex;
  len = graph_lex_token(&p->lex, &start);
  n->at.elt = elt_parse(start, len, 0);
  if (n->at.elt != ELT_COUNT) return true;
  p->lex = before;
  return graph_lex_wrong(&p->lex, "the name of an elementwise operation");
}

/* Sets *known to false when one of them stands for a line that was wrong. */
static bool parse_operands(GraphParse *p, Node *n, bool *known) {
  int cap = 0;
  GraphLex before = p->lex;
  if (!graph_lex_char(&p->lex, '%')) return true;
  p->lex = before;
  do {
    ARENA_GROW(p->g->arena, n->in, n->nin, cap);
    if (!graph_parse_operand(p, &n->in[n->nin])) return false;
    *known = *known && n->in[n->nin++];
  } while (graph_lex_char(&p->lex, ','));
  return true;
}

/* The number of operands is checked before the attributes, which look at them. */
static bool enough_operands(GraphParse *p, const Node *n) {
  int wanted = op_rows[n->op].operands;
  if (n->op == O_ELT) wanted = elt_rows[n->at.elt].arity;
  if (wanted < 0 ? n->nin > 0 : n->nin == wanted) return true;
  return graph_lex_wrong(&p->lex, "the op's number of operands before this");
}

static void skip_line(GraphParse *p) {
  p->lex.failed = true;
  while (p->lex.p < p->lex.end && *p->lex.p != '\n') p->lex.p++;
}

typedef struct Place {
  Loc loc;
  const char *name, *path;
} Place;

static bool parse_place(GraphParse *p, Place *place) {
  *place = (Place){.path = p->g->path};
  if (!graph_parse_loc(p, &place->loc)) return false;
  if (graph_lex_is(&p->lex, "name") && !graph_lex_need_string(&p->lex, &place->name)) return false;
  if (graph_lex_is(&p->lex, "path") && !graph_lex_need_string(&p->lex, &place->path)) return false;
  return graph_lex_at_end(&p->lex) || graph_lex_wrong(&p->lex, "the end of the line");
}

static Node *refuse(Loc at, const char *found, const char *expected) {
  diag_error(at, "found %s, expected %s", found, expected);
  return NULL;
}

/* Adds the node, which must be a new one of the type that its line claims. */
static Node *add_claimed(GraphParse *p, const Node *n, DType t, const Shape *s, Loc at, const Place *place) {
  int before = p->g->nnode;
  char claimed[200], found[200];
  p->g->loc = at;
  Node *made = graph_add(p->g, n);
  p->g->loc = (Loc){0};
  if (!made) return NULL;
  if (p->g->nnode == before) return refuse(at, "a node equal to an earlier one", "equal nodes once");
  if (made->dtype != t || !shape_same(&made->shape, s))
    return refuse(
        at, arena_printf(p->g->arena, "type %s%s", dtype_name(t), shape_text(s, claimed, 200)),
        arena_printf(p->g->arena, "%s%s", dtype_name(made->dtype), shape_text(&made->shape, found, 200)));
  made->loc = place->loc;
  made->name = place->name ? graph_intern(p->g, place->name) : NULL;
  made->path = graph_intern(p->g, place->path);
  return made;
}

static Node *parse_right_side(GraphParse *p, Loc at) {
  Node n;
  DType t;
  Shape s, from_labels;
  Place place;
  bool known = true;
  memset(&n, 0, sizeof n);
  if (!parse_op(p, &n) || !parse_operands(p, &n, &known) || !enough_operands(p, &n)) return NULL;
  if (!known) {
    skip_line(p);
    return NULL;
  }
  p->g->loc = at;
  bool ok = parse_attrs(p, &n);
  p->g->loc = (Loc){0};
  if (!ok) skip_line(p);
  if (!ok || !graph_lex_need_type(&p->lex, &t, &s) || !parse_place(p, &place)) return NULL;
  from_labels = n.shape;
  n.dtype = t;
  n.shape = n.op == O_CONTRACT ? from_labels : s;
  return add_claimed(p, &n, t, &s, at, &place);
}

static void add_node(GraphParse *p, Node *n) {
  ARENA_GROW(p->g->arena, p->node, p->nnode, p->cap_node);
  p->node[p->nnode++] = n;
}

void graph_parse_node(GraphParse *p) {
  int number = 0;
  Loc at = graph_lex_loc(&p->lex);
  graph_lex_ref(&p->lex, '%', &number);
  if (number != p->nnode)
    diag_error(at, "found node %%%d, expected %%%d: nodes are numbered in order", number, p->nnode);
  while (p->nnode < number && number <= p->nnode + MOST_MISSING) add_node(p, NULL);
  Node *made = graph_lex_expect(&p->lex, '=') ? parse_right_side(p, at) : NULL;
  if (!made) skip_line(p);
  if (number >= p->nnode) add_node(p, made);
}
