/* Reads a graph's text: header, settings, states and entries; node lines are graph_parse_node.c's. Every line
 * begins with a word that says what it is. */
#include "ir/graph/graph_parse.h"

#include <string.h>

bool graph_parse_state_ref(GraphParse *p, const State **s) {
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

bool graph_parse_loc(GraphParse *p, Loc *loc) {
  const char *path;
  *loc = (Loc){0};
  if (!graph_lex_char(&p->lex, '@')) return true;
  if (!graph_lex_need_string(&p->lex, &path)) return false;
  loc->src = named_source(p, path);
  if (!graph_lex_char(&p->lex, ':')) return true;
  return line_number(p, &loc->line) && graph_lex_expect(&p->lex, ':') && line_number(p, &loc->col);
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
  return graph_parse_loc(p, &s->loc);
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
  if (!inside_entry(p) || !graph_parse_state_ref(p, &s) || !graph_lex_expect(&p->lex, '=') ||
      !graph_parse_operand(p, &n) || !graph_parse_loc(p, &place))
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
      !graph_parse_operand(p, &n))
    return;
  v.flags = value_flags(p);
  if (!is_then_string(p, "source", &v.source) || !is_then_real(p, "shift", &v.shift) ||
      !is_then_real(p, "flip", &v.flip) || !is_then_int(p, "classes", &v.classes) ||
      !graph_parse_loc(p, &v.loc))
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
    graph_parse_node(p);
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
