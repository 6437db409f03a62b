/* The pipeline: every pass in order, on one screen. The runner verifies and dumps after each. */
#include <string.h>

#include "passes/dump_diff.h"
#include "passes/lower/draft.h"
#include "passes/lower/lower.h"
#include "passes/place/place.h"
#include "passes/place/strategy.h"
#include "passes/prog_text.h"
#include "passes/rewrite/simplify.h"
#include "passes/rewrite/states.h"
#include "passes/save/save.h"

typedef struct Ctx {
  Arena *arena;
  Graph *graph;
  const PassOptions *options;
  Save *saved;
  int64_t price;  /* of a byte kept for the backward pass */
  unsigned holds; /* what the passes so far have ensured */
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
  states_first_values(c->graph);
  states_keep_old(c->graph);
}

static void pass_save(Ctx *c) {
  save_decide(c->saved, c->price);
  save_clone(c->graph, c->saved);
}

/* The world's tables: states with their memory, named values. */
static void pass_tables(Ctx *c) {
  Prog *p = c->prog = ARENA_NEW(c->arena, Prog);
  p->arena = c->arena;
  p->graph = c->graph;
  PBuf **states = prog_add_states(p);
  prog_add_values(p);
  save_record(c->saved, p);
  for (int e = 0; e < EN_COUNT; e++)
    if (c->graph->entry[e].present) {
      p->entry[e].present = true;
      c->entry[e] = lower_open(c->arena, p, c->options, (EntryKind)e, states);
    }
}

static void pass_classes(Ctx *c) {
  ValueClasses *classes = classes_of(c->arena, c->graph);
  if (c->options->strategy && !strategy_bind(c->options->strategy, classes)) return;
  for (int e = 0; e < EN_COUNT; e++)
    if (c->entry[e]) c->entry[e]->classes = classes;
}

static void pass_liveness(Ctx *c) {
  each_entry(c, place_liveness);
}

static void pass_place(Ctx *c) {
  each_entry(c, place_values);
}

static void pass_chains(Ctx *c) {
  each_entry(c, place_chains);
}

static void pass_trim(Ctx *c) {
  each_entry(c, place_trim);
  for (int e = 0; c->options->decisions && e < EN_COUNT; e++)
    if (c->entry[e]) c->options->decisions[e] = decisions_make(c->entry[e]);
}

static void pass_assign(Ctx *c) {
  each_entry(c, lower_assign);
}

static void pass_layout(Ctx *c) {
  each_entry(c, lower_layout);
}

static void pass_order(Ctx *c) {
  each_entry(c, lower_order);
}

static void pass_axes(Ctx *c) {
  each_entry(c, lower_axes);
}

static void pass_write(Ctx *c) {
  each_entry(c, lower_write);
}

static void pass_plan(Ctx *c) {
  each_entry(c, lower_plan);
}

static void pass_launch(Ctx *c) {
  each_entry(c, lower_launch);
  share_alike(c->prog);
  each_entry(c, prog_bind_values);
}

static void pass_memory(Ctx *c) {
  prog_memory(c->prog);
}

/* What a pass leaves behind, which is what its dump shows and its verifier checks. */
typedef enum Stage { GRAPH, PLACES, DRAFTS, PROGRAM } Stage;

/* What holds once a pass has run, until the end. */
typedef enum Holds {
  SIMPLE = 1 << 0,   /* no rewrite applies; no node is dead */
  ASSIGNED = 1 << 1, /* whatever changes a state is an assignment; old values that are kept have nodes */
  SAVED = 1 << 2,    /* what the backward pass makes again has nodes of its own: the graph is final */
  TABLES = 1 << 3,   /* the program's states and named values; an entry each to work on */
  CLASSES = 1 << 4,  /* values that strategy files call by one name, with the file's rows */
  LIVE = 1 << 5,     /* live nodes, their readers, what must have memory */
  PLACED = 1 << 6,   /* every live node is inline, given, or of a group that stores it */
  GROUPS = 1 << 7,   /* the groups are final */
  TRIMMED = 1 << 8,  /* what only its own kernel reads is held */
  IN_PLACE = 1 << 9, /* results that go straight into their states; all dependences between groups */
  MEMORY = 1 << 10,  /* every stored value has a buffer, a place in it and an order of dimensions */
  ORDER = 1 << 11,   /* the groups in launch order */
  AXES = 1 << 12, /* the kernels to write; every access is affine in their axes, as far as cuts can make it */
  COMPUTES = 1 << 13, /* each kernel is written */
  PLANS = 1 << 14,    /* each kernel has the target's plan */
  LAUNCHES = 1 << 15, /* equal kernels and alike ones are one; buffers live from launch to launch */
  OFFSETS = 1 << 16   /* in the arena */
} Holds;

static const struct {
  const char *name;
  void (*run)(Ctx *);
  Stage leaves;
  unsigned needs, gives;
} pipeline[] = {
    {"simplify", pass_simplify, GRAPH, 0, SIMPLE},
    {"states", pass_states, GRAPH, 0, ASSIGNED},
    {"save", pass_save, GRAPH, SIMPLE | ASSIGNED, SAVED},
    {"tables", pass_tables, GRAPH, SAVED, TABLES},
    {"classes", pass_classes, GRAPH, TABLES, CLASSES},
    {"liveness", pass_liveness, PLACES, TABLES, LIVE},
    {"place", pass_place, PLACES, CLASSES | LIVE, PLACED},
    {"chains", pass_chains, PLACES, PLACED, GROUPS},
    {"trim", pass_trim, PLACES, GROUPS, TRIMMED},
    {"assign", pass_assign, PLACES, TRIMMED, IN_PLACE},
    {"layout", pass_layout, PLACES, IN_PLACE, MEMORY},
    {"order", pass_order, DRAFTS, MEMORY, ORDER},
    {"axes", pass_axes, DRAFTS, ORDER, AXES},
    {"write", pass_write, DRAFTS, AXES, COMPUTES},
    {"plan", pass_plan, DRAFTS, COMPUTES, PLANS},
    {"launch", pass_launch, PROGRAM, PLANS, LAUNCHES},
    {"memory", pass_memory, PROGRAM, LAUNCHES, OFFSETS},
};

enum { PASSES = sizeof pipeline / sizeof *pipeline };

const char *const *passes_names(void) {
  static const char *names[PASSES + 1];
  for (int i = 0; i < PASSES; i++) names[i] = pipeline[i].name;
  return names;
}

static bool verified(const Ctx *c, Stage s) {
  bool good = s == GRAPH ? graph_verify(c->graph) : s == PROGRAM ? prog_verify(c->prog) : true;
  for (int e = 0; e < EN_COUNT && (s == PLACES || s == DRAFTS); e++)
    if (c->entry[e]) good = good && place_verify(c->entry[e]);
  return good;
}

/* What the pass leaves, as text: of a program not yet made, or of entries not yet placed, nothing. */
static char *stage_text(const Ctx *c, Stage s) {
  char *text = "";
  if (s == GRAPH) return graph_print(c->arena, c->graph);
  if (s == PROGRAM) return prog_print(c->arena, c->prog);
  for (int e = 0; e < EN_COUNT; e++)
    if (c->entry[e])
      text = arena_printf(c->arena, "%s%s", text,
                          s == PLACES ? place_print(c->entry[e]) : drafts_print(c->entry[e]));
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

/* The pass that is run with several prices, with all that follow. */
static int save_pass(void) {
  int i = 0;
  while (pipeline[i].run != pass_save) i++;
  return i;
}

/* Runs passes from..to-1; false after reporting errors. */
static bool run(Ctx *c, int from, int to) {
  for (int i = from; i < to; i++) {
    int errors = diag_count();
    const char *before = named(c->options->dump_diff, i) ? stage_text(c, pipeline[i].leaves) : NULL;
    if (pipeline[i].needs & ~c->holds) ice("pass %s comes too early", pipeline[i].name);
    pipeline[i].run(c);
    if (diag_count() > errors) return false;
    if (!verified(c, pipeline[i].leaves)) ice("the program is wrong after pass %s", pipeline[i].name);
    dump(c, i, before);
    c->holds |= pipeline[i].gives;
  }
  return true;
}

/* The passes that place values, on one entry whose classes are known. */
static void place_trial(Lower *l) {
  Ctx c = {.arena = l->arena, .options = l->options};
  c.entry[EN_MICRO] = l;
  for (int i = 0; i < PASSES; i++)
    if (pipeline[i].gives & (LIVE | PLACED | GROUPS | TRIMMED)) pipeline[i].run(&c);
}

/* Passes on a graph that pass `save` has not rebuilt yet, with its classes looked at. */
static bool start(Ctx *c) {
  if (!run(c, 0, save_pass())) return false;
  c->saved = save_look(c->arena, c->graph, c->options, place_trial);
  return true;
}

/* One program, in memory of its own; the graph is put back. `go_on`: what the visitor says. */
static bool try_once(Ctx *c, const GraphShot *before, PassVisit *visit, void *ctx, bool *go_on) {
  Arena *a = arena_new();
  PassOptions quiet = *c->options;
  quiet.dump_after = quiet.dump_diff = NULL;
  quiet.decisions = NULL;
  Ctx t = {.arena = a, .graph = c->graph, .options = &quiet, .saved = c->saved, .price = c->price};
  t.holds = c->holds;
  bool ok = run(&t, save_pass(), PASSES);
  *go_on = ok && t.prog && visit(ctx, t.prog, t.entry);
  graph_restore(c->graph, before);
  arena_free(a);
  return ok;
}

/* Leaves the price of the last try in c->price. */
static bool try_all(Ctx *c, PassVisit *visit, void *ctx) {
  const GraphShot *before = graph_shot(c->arena, c->graph);
  bool go_on = true, ok = true;
  for (int i = 0; i < SAVE_PRICES && ok && go_on; i++) {
    c->price = save_price(i);
    if (save_decide(c->saved, c->price) || i == 0) ok = try_once(c, before, visit, ctx, &go_on);
  }
  return ok;
}

bool passes_try(Arena *a, Graph *g, const PassOptions *o, PassVisit *visit, void *ctx) {
  Ctx c = {.arena = a, .graph = g, .options = o};
  return start(&c) && try_all(&c, visit, ctx);
}

typedef struct Limit {
  const PassOptions *o;
  int64_t least;
  bool met;
} Limit;

static bool meets_limit(void *ctx, const Prog *p, Lower *const *entry) {
  Limit *l = ctx;
  (void)entry;
  int64_t takes = l->o->takes ? l->o->takes(l->o->takes_ctx, p) : p->arena_bytes;
  if (takes < l->least) l->least = takes;
  l->met = takes <= l->o->most_bytes;
  return !l->met;
}

/* The lowest price with which the program keeps to the limit. */
static bool find_price(Ctx *c) {
  Limit l = {.o = c->options, .least = INT64_MAX};
  if (!try_all(c, meets_limit, &l)) return false;
  if (!l.met)
    diag_error(c->graph->loc, "found a limit of %lld bytes of memory, expected at least %lld (%.1f MiB)",
               (long long)l.o->most_bytes, (long long)l.least, (double)l.least / (1 << 20));
  return l.met;
}

Prog *passes_run(Arena *a, Graph *g, const PassOptions *o) {
  Ctx c = {.arena = a, .graph = g, .options = arena_copy(a, o, sizeof *o)}; /* entries outlive the caller's */
  if (!start(&c) || (o->most_bytes && !find_price(&c)) || !run(&c, save_pass(), PASSES)) return NULL;
  for (int e = 0; o->lowered && e < EN_COUNT; e++) o->lowered[e] = c.entry[e];
  return c.prog;
}
