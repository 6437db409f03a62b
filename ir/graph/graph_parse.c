/* Reads a graph's text: header, settings, states, nodes and entries. Every line begins with a word or a
 * node's number, which say what it is. */
#include <string.h>

#include "ir/graph/graph_impl.h"
#include "ir/graph/graph_lex.h"

/* So many missing lines are made up for, so that the numbers after them still fit. */
enum { MOST_MISSING = 1000 };

/* A name that may be used before what it names is read: filled in at the end. */
typedef struct GraphFixup {
  Loc loc;
  int number;
  const State **state; /* one of the two */
  Node **node;
} GraphFixup;

typedef struct GraphParse {
  Graph *g;
  GraphLex lex;
  int nnode, cap_node;
  Node **node; /* by number in the text; NULL: its line was wrong */
  int nstate, cap_state;
  State **state;
  int nfix, cap_fix;
  GraphFixup *fix;
  int npath, cap_path;
  Source **path; /* files that places name */
  Entry *entry;  /* the one being read */
  EntryKind kind;
} GraphParse;

/* "s7", of a state read before. */
static bool parse_state_ref(GraphParse *p, const State **s) {
  int number;
  if (!graph_lex_ref(&p->lex, 's', &number)) return graph_lex_wrong(&p->lex, "a state such as s7");
  if (number >= p->nstate) {
    diag_error(graph_lex_loc(&p->lex), "found state s%d, expected one of an earlier line", number);
    p->lex.failed = true;
    return false;
  }
  *s = p->state[number];
  if (*s) return true;
  p->lex.failed = true;
  return false;
}

/* "s7" or "%7", of a line that may come later. */
static bool later(GraphParse *p, char sigil, const State **state, Node **node) {
  GraphFixup fix = {.loc = graph_lex_loc(&p->lex), .state = state, .node = node};
  if (!graph_lex_ref(&p->lex, sigil, &fix.number))
    return graph_lex_wrong(&p->lex, sigil == 's' ? "a state such as s7" : "a node such as %7");
  ARENA_GROW(p->g->arena, p->fix, p->nfix, p->cap_fix);
  p->fix[p->nfix++] = fix;
  return true;
}

static void fill_in(GraphParse *p) {
  for (int i = 0; i < p->nfix; i++) {
    const GraphFixup *f = &p->fix[i];
    if (f->state && f->number < p->nstate)
      *f->state = p->state[f->number];
    else if (f->node && f->number < p->nnode)
      *f->node = p->node[f->number];
    else
      diag_error(f->loc, "found %c%d, expected a %s of this graph", f->state ? 's' : '%', f->number,
                 f->state ? "state" : "node");
  }
}

static const Source *named_source(GraphParse *p, const char *path) {
  for (int i = 0; i < p->npath; i++)
    if (!strcmp(p->path[i]->path, path)) return p->path[i];
  ARENA_GROW(p->g->arena, p->path, p->npath, p->cap_path);
  return p->path[p->npath++] = diag_source(p->g->arena, path, "", 0);
}

static bool line_number(GraphParse *p, int *v) {
  int64_t wide;
  if (!graph_lex_need_int(&p->lex, &wide)) return false;
  *v = wide < 1 || wide > INT32_MAX ? 0 : (int)wide;
  return *v > 0 || graph_lex_wrong(&p->lex, "a line and a column, from 1 on, before this");
}

/* ' @"file":line:column', if there is one. */
static bool parse_loc(GraphParse *p, Loc *loc) {
  const char *path;
  *loc = (Loc){0};
  if (!graph_lex_char(&p->lex, '@')) return true;
  if (!graph_lex_need_string(&p->lex, &path)) return false;
  loc->src = named_source(p, path);
  if (!graph_lex_char(&p->lex, ':')) return true;
  return line_number(p, &loc->line) && graph_lex_expect(&p->lex, ':') && line_number(p, &loc->col);
}

/* "%7": sets *n, which is NULL when the node's line was wrong. False, reported, when there is none. */
static bool parse_node_ref(GraphParse *p, Node **n) {
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
  return parse_state_ref(p, &n->at.state);
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
NO_ATTRS(STOP_GRADIENT)

static bool parse_attrs(GraphParse *p, Node *n) {
  static bool (*const parse[OP_COUNT])(GraphParse *, Node *) = {
#define OP(N, ...) [O_##N] = parse_##N,
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
    if (!parse_node_ref(p, &n->in[n->nin])) return false;
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
  if (!parse_loc(p, &place->loc)) return false;
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

/* "%12 = op ..", the percent sign and number already seen to be there. */
static void parse_node(GraphParse *p) {
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

static bool is_then_int(GraphParse *p, const char *word, int64_t *v) {
  return !graph_lex_is(&p->lex, word) || graph_lex_need_int(&p->lex, v);
}

static bool is_then_real(GraphParse *p, const char *word, double *v) {
  return !graph_lex_is(&p->lex, word) || graph_lex_need_real(&p->lex, v);
}

static bool is_then_string(GraphParse *p, const char *word, const char **s) {
  return !graph_lex_is(&p->lex, word) || graph_lex_need_string(&p->lex, s);
}

/* graph "name" batch N accumulate N finite sN */
static void parse_header(GraphParse *p) {
  Graph *g = p->g;
  if (!graph_lex_need_string(&p->lex, &g->name_of_block)) return;
  if (!is_then_int(p, "batch", &g->batch) || !is_then_int(p, "accumulate", &g->accumulate)) return;
  if (graph_lex_is(&p->lex, "finite")) later(p, 's', &g->finite, NULL);
}

/* setting "name" number help "text" */
static void parse_setting(GraphParse *p) {
  const char *name, *help = "";
  double v;
  p->g->loc = graph_lex_loc(&p->lex);
  if (!graph_lex_need_string(&p->lex, &name) || !graph_lex_need_real(&p->lex, &v)) return;
  if (is_then_string(p, "help", &help)) graph_setting(p->g, name, v, help);
}

static bool state_kind(GraphParse *p, StateKind *kind) {
  for (int i = 0; i <= ST_GROUP; i++)
    if (graph_lex_is(&p->lex, graph_state_kinds[i])) {
      *kind = (StateKind)i;
      return true;
    }
  return graph_lex_wrong(&p->lex, "param, frozen, grad, slot, temp or group");
}

static bool state_aliases(GraphParse *p, State *s) {
  int n = 0, cap = 0;
  const char **alias = NULL, *name;
  while (graph_lex_is(&p->lex, "alias")) {
    if (!graph_lex_need_string(&p->lex, &name)) return false;
    ARENA_GROW(p->g->arena, alias, n + 1, cap);
    alias[n++] = name;
    alias[n] = NULL;
  }
  s->alias = alias;
  return true;
}

static bool state_rest(GraphParse *p, State *s) {
  if (!is_then_string(p, "module", &s->module) || !state_aliases(p, s)) return false;
  if (graph_lex_is(&p->lex, "group") &&
      (!later(p, 's', &s->group, NULL) || !is_then_int(p, "at", &s->offset)))
    return false;
  if (graph_lex_is(&p->lex, "of") && !later(p, 's', &s->of, NULL)) return false;
  if (graph_lex_is(&p->lex, "init") && !later(p, '%', NULL, &s->init)) return false;
  if (graph_lex_is(&p->lex, "from") && !later(p, 's', &s->from, NULL)) return false;
  return parse_loc(p, &s->loc);
}

static void add_state(GraphParse *p, State *s) {
  ARENA_GROW(p->g->arena, p->state, p->nstate, p->cap_state);
  p->state[p->nstate++] = s;
}

/* state sN kind "name" : type, then what else it has */
static void parse_state(GraphParse *p) {
  const char *name;
  int number = -1;
  StateKind kind = ST_PARAM;
  DType t;
  Shape shape;
  State *s = NULL;
  Loc at = graph_lex_loc(&p->lex);
  if (!graph_lex_ref(&p->lex, 's', &number) || number != p->nstate)
    graph_lex_wrong(&p->lex,
                    arena_printf(p->g->arena, "s%d before this: states are numbered in order", p->nstate));
  for (; p->nstate < number && number <= p->nstate + MOST_MISSING;) add_state(p, NULL);
  if (state_kind(p, &kind) && graph_lex_need_string(&p->lex, &name) &&
      graph_lex_need_type(&p->lex, &t, &shape)) {
    p->g->loc = at;
    s = graph_state(p->g, kind, name, t, shape, NULL);
    if (s) s->loc = (Loc){0};
    if (s && !state_rest(p, s)) s = NULL;
  }
  if (!s) p->lex.failed = true;
  if (number >= p->nstate) add_state(p, s);
}

static void parse_entry(GraphParse *p) {
  for (int e = 0; e < EN_COUNT; e++)
    if (graph_lex_is(&p->lex, graph_entry_names[e])) {
      p->kind = (EntryKind)e;
      p->entry = &p->g->entry[e];
      p->entry->present = true;
      return;
    }
  graph_lex_wrong(&p->lex, "init, prepare, micro, update or eval");
}

static bool inside_entry(GraphParse *p) {
  return p->entry || graph_lex_wrong(&p->lex, "an \"entry\" line before this one");
}

/* assign sN = %N */
static void parse_assign(GraphParse *p) {
  const State *s = NULL;
  Node *n = NULL;
  Loc place, at = graph_lex_loc(&p->lex);
  if (!inside_entry(p) || !parse_state_ref(p, &s) || !graph_lex_expect(&p->lex, '=') ||
      !parse_node_ref(p, &n) || !parse_loc(p, &place))
    return;
  int before = p->entry->nassign;
  p->g->loc = at;
  graph_assign(p->g, p->kind, s, n);
  if (p->entry->nassign > before) p->entry->assign[before].loc = place;
}

static unsigned value_flags(GraphParse *p) {
  unsigned flags = 0;
  for (const GraphFlag *f = graph_flags; f->text; f++)
    if (graph_lex_is(&p->lex, f->text)) flags |= f->bit;
  return flags;
}

/* value "name" = %N flags, then what the data source needs */
static void parse_value(GraphParse *p) {
  const char *name;
  Node *n = NULL;
  Value v = {0};
  Loc at = graph_lex_loc(&p->lex);
  if (!inside_entry(p) || !graph_lex_need_string(&p->lex, &name) || !graph_lex_expect(&p->lex, '=') ||
      !parse_node_ref(p, &n))
    return;
  v.flags = value_flags(p);
  if (!is_then_string(p, "source", &v.source) || !is_then_real(p, "shift", &v.shift) ||
      !is_then_real(p, "flip", &v.flip) || !is_then_int(p, "classes", &v.classes) || !parse_loc(p, &v.loc))
    return;
  p->g->loc = at;
  Value *made = graph_value(p->g, p->kind, name, n, v.flags);
  if (!made) return;
  v.name = made->name;
  v.node = n;
  *made = v;
}

static void parse_line(GraphParse *p) {
  static const struct {
    const char *word;
    void (*parse)(GraphParse *);
  } lines[] = {{"graph", parse_header}, {"setting", parse_setting}, {"state", parse_state},
               {"entry", parse_entry},  {"assign", parse_assign},   {"value", parse_value}};
  GraphLex before = p->lex;
  int number;
  if (graph_lex_at_end(&p->lex)) return;
  if (graph_lex_ref(&p->lex, '%', &number)) {
    p->lex = before;
    parse_node(p);
    return;
  }
  for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
    if (graph_lex_is(&p->lex, lines[i].word)) {
      lines[i].parse(p);
      return;
    }
  graph_lex_wrong(&p->lex, "graph, setting, state, a node such as %7, entry, assign or value");
}

Graph *graph_parse(Arena *a, const Source *src) {
  int errors = diag_count();
  GraphParse p = {.g = graph_new(a), .lex = graph_lex(a, src)};
  do parse_line(&p);
  while (graph_lex_next_line(&p.lex));
  fill_in(&p);
  p.g->loc = (Loc){0};
  return diag_count() == errors ? p.g : NULL;
}
