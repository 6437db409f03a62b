/* The pipeline: every pass in order, on one screen. The runner verifies and dumps after each. */
#include <string.h>

#include "passes/dump_diff.h"
#include "passes/lower.h"
#include "passes/save.h"
#include "passes/simplify.h"

typedef struct Ctx {
  Arena *arena;
  Graph *graph;
  const PassOptions *options;
  Save *saved;
  Prog *prog;
  Lower *entry[EN_COUNT];
} Ctx;

static void each_entry(Ctx *c, void (*pass)(Lower *)) {
  for (int e = 0; e < EN_COUNT; e++)
    if (c->entry[e]) pass(c->entry[e]);
}

static void pass_simplify(Ctx *c) {
  simplify(c->graph, SL_ALL);
}

static void pass_states(Ctx *c) {
  prog_first_values(c->graph);
  prog_keep_old(c->graph);
}

static void pass_save(Ctx *c) {
  c->saved = save_choose(c->arena, c->graph, c->options);
  save_clone(c->graph, c->saved);
}

/* The world's tables: states with their memory, named values. */
static void pass_tables(Ctx *c) {
  Prog *p = c->prog = ARENA_NEW(c->arena, Prog);
  p->arena = c->arena;
  p->graph = c->graph;
  PBuf **states = prog_states(p);
  prog_values(p);
  for (int e = 0; e < EN_COUNT; e++)
    if (c->graph->entry[e].present) {
      p->entry[e].present = true;
      c->entry[e] = lower_open(c->arena, p, c->options, (EntryKind)e, states);
    }
}

static void pass_uses(Ctx *c) {
  each_entry(c, lower_uses);
}

static void pass_place(Ctx *c) {
  DClasses *classes = decide_classes(c->arena, c->graph);
  if (c->options->strategy && !strategy_bind(c->options->strategy, classes)) return;
  for (int e = 0; e < EN_COUNT; e++) {
    if (!c->entry[e]) continue;
    c->entry[e]->classes = classes;
    lower_place(c->entry[e]);
    if (c->options->decisions) c->options->decisions[e] = decisions_make(c->entry[e]);
  }
}

static void pass_assign(Ctx *c) {
  each_entry(c, lower_assign);
}

static void pass_layout(Ctx *c) {
  each_entry(c, lower_layout);
}

static void write_kernels(Lower *l) {
  int n;
  Group **order = lower_order(l, &n);
  for (int i = 0; i < n; i++) {
    order[i]->first = l->prog->entry[l->kind].nlaunch;
    if (order[i]->nroot) lower_group(l, order[i]);
    order[i]->last = l->prog->entry[l->kind].nlaunch - 1;
  }
  lower_copies(l);
  prog_bind_values(l);
}

static void pass_kernels(Ctx *c) {
  each_entry(c, write_kernels);
}

static void pass_memory(Ctx *c) {
  prog_memory(c->prog);
}

/* What a pass leaves behind, which is what its dump shows and its verifier checks. */
typedef enum Stage { GRAPH, PLACES, PROGRAM } Stage;

static const struct {
  const char *name;
  void (*run)(Ctx *);
  Stage leaves;
} pipeline[] = {
    {"simplify", pass_simplify, GRAPH}, /* local rewrites, pruning */
    {"states", pass_states, GRAPH},     /* first values assigned; old values that are kept apart */
    {"save", pass_save, GRAPH},      /* which forward values the backward pass keeps; the others made again */
    {"tables", pass_tables, GRAPH},  /* states and named values of the program */
    {"uses", pass_uses, PLACES},     /* live nodes, consumers, what must have memory */
    {"place", pass_place, PLACES},   /* where each value lives; which nodes one kernel computes */
    {"assign", pass_assign, PLACES}, /* which results go straight into their states */
    {"layout", pass_layout, PLACES}, /* order of dimensions in memory; buffers */
    {"kernels", pass_kernels, PROGRAM}, /* launch order, kernels and their plans */
    {"memory", pass_memory, PROGRAM},   /* offsets in the arena */
};

enum { PASSES = sizeof pipeline / sizeof *pipeline };

const char *const *passes_names(void) {
  static const char *names[PASSES + 1];
  for (int i = 0; i < PASSES; i++) names[i] = pipeline[i].name;
  return names;
}

static bool verified(const Ctx *c, Stage s) {
  if (s == GRAPH) return graph_verify(c->graph);
  return s == PLACES || prog_verify(c->prog);
}

/* What the pass leaves, as text: of a program not yet made, or of entries not yet placed, nothing. */
static char *stage_text(const Ctx *c, Stage s) {
  char *text = "";
  if (s == GRAPH) return graph_print(c->arena, c->graph);
  if (s == PROGRAM) return prog_print(c->arena, c->prog);
  for (int e = 0; e < EN_COUNT; e++)
    if (c->entry[e]) text = arena_printf(c->arena, "%s%s", text, place_print(c->entry[e]));
  return text;
}

static bool named(const char *asked, int pass) {
  return asked && strcmp(asked, pipeline[pass].name) == 0;
}

static void dump(const Ctx *c, int pass, const char *before) {
  const PassOptions *o = c->options;
  const char *name = pipeline[pass].name, *after;
  if (!before && !named(o->dump_after, pass)) return;
  after = stage_text(c, pipeline[pass].leaves);
  if (named(o->dump_after, pass)) fprintf(o->dump, "# after %s\n%s", name, after);
  if (before) fputs(dump_diff(c->arena, name, before, after), o->dump);
}

Prog *passes_run(Arena *a, Graph *g, const PassOptions *o) {
  Ctx c = {.arena = a, .graph = g, .options = arena_copy(a, o, sizeof *o)}; /* entries outlive the caller's */
  for (int i = 0; i < PASSES; i++) {
    int errors = diag_count();
    const char *before = named(o->dump_diff, i) ? stage_text(&c, pipeline[i].leaves) : NULL;
    pipeline[i].run(&c);
    if (diag_count() > errors) return NULL;
    if (!verified(&c, pipeline[i].leaves)) ice("the program is wrong after pass %s", pipeline[i].name);
    dump(&c, i, before);
  }
  for (int e = 0; o->lowered && e < EN_COUNT; e++) o->lowered[e] = c.entry[e];
  return c.prog;
}
