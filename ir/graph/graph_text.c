/* Prints a graph: header, settings, states, nodes in order, entries. The grammar is in docs/graph-ir.md; what
 * is printed depends on the graph's contents alone, and graph_parse reads it back to the byte. */
#include <math.h>

#include "base/json.h"
#include "ir/graph/graph_impl.h"

const char *const graph_state_kinds[] = {
    [ST_PARAM] = "param", [ST_FROZEN] = "frozen", [ST_CARRIED] = "carried", [ST_GRAD] = "grad",
    [ST_SLOT] = "slot",   [ST_TEMP] = "temp",     [ST_GROUP] = "group",
};

const char *const graph_entry_names[EN_COUNT] = {
#define X(e, text) [EN_##e] = text,
    GRAPH_ENTRIES(X)
#undef X
};

const GraphFlag graph_flags[] = {{V_SUPPLY, "supply"}, {V_REPORT, "report"}, {V_DATA, "data"},
                                 {V_LOSS, "loss"},     {V_INDEX, "index"},   {0, NULL}};

/* In double quotes, every byte that could be mistaken escaped. */
static void put_string(FILE *f, const char *s) {
  fputc('"', f);
  for (; *s; s++) {
    unsigned char c = (unsigned char)*s;
    if (c == '"' || c == '\\')
      fprintf(f, "\\%c", c);
    else if (c < ' ' || c == 127)
      fprintf(f, "\\x%02x", c);
    else
      fputc(c, f);
  }
  fputc('"', f);
}

/* The shortest decimal that reads back as v. */
static void put_number(FILE *f, double v) {
  if (isfinite(v))
    json_put_number(f, v);
  else
    fputs(isnan(v) ? "nan" : v < 0 ? "-inf" : "inf", f);
}

static void put_ints(FILE *f, const char *word, const int64_t *v, int n) {
  fprintf(f, " %s", word);
  for (int i = 0; i < n; i++) fprintf(f, " %lld", (long long)v[i]);
}

static void put_map(FILE *f, const char *word, const int *v, int n) {
  fprintf(f, " %s", word);
  for (int i = 0; i < n; i++) fprintf(f, " %d", v[i]);
}

static void put_type(FILE *f, DType t, const Shape *s) {
  char text[200];
  fprintf(f, " : %s%s", dtype_name(t), shape_text(s, text, sizeof text));
}

static void put_loc(FILE *f, Loc loc) {
  if (!loc.src) return;
  fputs(" @", f);
  put_string(f, loc.src->path);
  if (loc.line > 0) fprintf(f, ":%d:%d", loc.line, loc.col);
}

static void put_word(FILE *f, const char *word, const char *s) {
  if (!s || !*s) return;
  fprintf(f, " %s ", word);
  put_string(f, s);
}

/* What follows the operands, by op. */
#define ATTRS(NAME) static void attrs_##NAME(FILE *f, const Node *n)
#define NO_ATTRS(NAME)                                                                                       \
  ATTRS(NAME) {                                                                                              \
    (void)f, (void)n;                                                                                        \
  }

ATTRS(CONST) {
  fputc(' ', f);
  put_number(f, n->at.value);
}
ATTRS(IOTA) {
  fprintf(f, " axis %d", n->at.axis);
}
ATTRS(STEP) {
  fputc(' ', f);
  put_string(f, n->at.name);
}
ATTRS(RANDOM) {
  fprintf(f, " 0x%016llx", (unsigned long long)n->at.stream);
}
ATTRS(INPUT) {
  fputc(' ', f);
  put_string(f, n->at.name);
}
ATTRS(STATE) {
  fprintf(f, " s%d", n->at.state->id);
}
NO_ATTRS(ELT)
NO_ATTRS(CAST)
ATTRS(CONTRACT) {
  char text[GRAPH_LABELS_TEXT];
  fprintf(f, " \"%s\"", graph_labels(n, text));
}
ATTRS(REDUCE) {
  fprintf(f, " %s", n->at.reduce == GR_SUM ? "sum" : "max");
  for (int i = 0; i < n->in[0]->shape.rank; i++)
    if (n->at.axes >> i & 1u) fprintf(f, " %d", i);
}
ATTRS(BROADCAST) {
  put_map(f, "map", n->at.map, n->in[0]->shape.rank);
}
NO_ATTRS(RESHAPE)
ATTRS(PERMUTE) {
  put_map(f, "perm", n->at.map, n->shape.rank);
}
ATTRS(SLICE) {
  put_ints(f, "start", n->at.lo, n->shape.rank);
}
ATTRS(PAD) {
  put_ints(f, "lo", n->at.lo, n->shape.rank);
  put_ints(f, "hi", n->at.hi, n->shape.rank);
  put_ints(f, "between", n->at.between, n->shape.rank);
}
ATTRS(CONCAT) {
  fprintf(f, " axis %d", n->at.axis);
}
ATTRS(WINDOW) {
  fprintf(f, " axis %d size %lld stride %lld", n->at.axis, (long long)n->at.size, (long long)n->at.stride);
}
NO_ATTRS(GATHER)
ATTRS(SCATTER) {
  fprintf(f, " extent %lld", (long long)n->at.size);
}
NO_ATTRS(STOP_GRADIENT)

static void put_node(FILE *f, const Node *n) {
  static void (*const attrs[OP_COUNT])(FILE *, const Node *) = {
#define OP(N, ...) [O_##N] = attrs_##N,
#include "ir/graph/graph_ops.def"
#undef OP
  };
  fprintf(f, "%%%d = %s", n->id, op_rows[n->op].text);
  if (n->op == O_ELT) fprintf(f, " %s", elt_rows[n->at.elt].text);
  for (int i = 0; i < n->nin; i++) fprintf(f, "%s %%%d", i ? "," : "", n->in[i]->id);
  attrs[n->op](f, n);
  if (n->at.again) fputs(" again", f);
  put_type(f, n->dtype, &n->shape);
  put_loc(f, n->loc);
  put_word(f, "name", n->name);
  put_word(f, "path", n->path);
  fputc('\n', f);
}

static void put_state(FILE *f, const State *s) {
  fprintf(f, "state s%d %s ", s->id, graph_state_kinds[s->kind]);
  put_string(f, s->name);
  put_type(f, s->dtype, &s->shape);
  put_word(f, "module", s->module);
  for (const char *const *a = s->alias; a && *a; a++) {
    fputs(" alias ", f);
    put_string(f, *a);
  }
  if (s->group) fprintf(f, " group s%d at %lld", s->group->id, (long long)s->offset);
  if (s->of) fprintf(f, " of s%d", s->of->id);
  if (s->init) fprintf(f, " init %%%d", s->init->id);
  if (s->from) fprintf(f, " from s%d", s->from->id);
  put_loc(f, s->loc);
  fputc('\n', f);
}

static void put_value(FILE *f, const Value *v) {
  fputs("value ", f);
  put_string(f, v->name);
  fprintf(f, " = %%%d", v->node->id);
  for (const GraphFlag *flag = graph_flags; flag->text; flag++)
    if (v->flags & flag->bit) fprintf(f, " %s", flag->text);
  put_word(f, "source", v->source);
  if (v->shift > 0) fputs(" shift ", f), put_number(f, v->shift);
  if (v->flip > 0) fputs(" flip ", f), put_number(f, v->flip);
  if (v->classes) fprintf(f, " classes %lld", (long long)v->classes);
  put_loc(f, v->loc);
  fputc('\n', f);
}

static void put_entry(FILE *f, EntryKind e, const Entry *entry) {
  if (!entry->present) return;
  fprintf(f, "entry %s\n", graph_entry_names[e]);
  for (int i = 0; i < entry->nassign; i++) {
    fprintf(f, "assign s%d = %%%d", entry->assign[i].state->id, entry->assign[i].value->id);
    put_loc(f, entry->assign[i].loc);
    fputc('\n', f);
  }
  for (int i = 0; i < entry->nvalue; i++) put_value(f, &entry->value[i]);
}

static void put_header(FILE *f, const Graph *g) {
  fputs("graph ", f);
  put_string(f, g->name_of_block);
  fprintf(f, " batch %lld accumulate %lld", (long long)g->batch, (long long)g->accumulate);
  if (g->finite) fprintf(f, " finite s%d", g->finite->id);
  fputc('\n', f);
}

char *graph_print(Arena *a, const Graph *g) {
  TextStream text;
  arena_text_open(&text);
  FILE *f = text.f;
  put_header(f, g);
  for (int i = 0; i < g->nsetting; i++) {
    fputs("setting ", f);
    put_string(f, g->setting[i].name);
    fputc(' ', f);
    put_number(f, g->setting[i].value);
    put_word(f, "help", g->setting[i].help);
    fputc('\n', f);
  }
  for (int i = 0; i < g->nstate; i++) put_state(f, g->state[i]);
  for (int i = 0; i < g->nnode; i++) put_node(f, g->node[i]);
  for (int e = 0; e < EN_COUNT; e++) put_entry(f, (EntryKind)e, &g->entry[e]);
  return arena_text_close(a, &text);
}
