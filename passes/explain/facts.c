/* Facts: launches and their rows. */
#include "passes/explain/facts.h"

#include <string.h>

const char *const fact_memory[FM_COUNT] = {
#define X(e, text) text,
    FACT_MEMORY(X)
#undef X
};
const char *const fact_places[FP_COUNT] = {
#define X(e, text) text,
    FACT_PLACES(X)
#undef X
};

const char *fact_class(const FactEntry *e, const Node *n) {
  Arena *a = e->lower->arena;
  int class = e->decisions->classes->of[n->id];
  if (class >= 0) return e->decisions->classes->class[class].name;
  const char *path = graph_starred(a, n->path ? n->path : "");
  const char *name = n->name ? n->name : n->op == O_ELT ? elt_rows[n->at.elt].text : op_rows[n->op].text;
  return arena_printf(a, "%s%s%s", path, path[0] ? "." : "", name);
}

/* What the symbol of a kernel begins with; both halves of a reduction in partials count as one. */
static const char *kind_of(Arena *a, const Kernel *k) {
  const char *kind = arena_strndup(a, k->name, strcspn(k->name, "_"));
  return strcmp(kind, "combine") == 0 ? "partial" : kind;
}

static const char *last_part(const char *origin) {
  const char *dot = strrchr(origin, '.');
  return dot ? dot + 1 : origin;
}

static bool same_line(Loc a, Loc b) {
  return a.src == b.src && a.line == b.line;
}

/* The launches of one group stand in one row. */
static int find_row(Facts *f, FactEntry *e, const FactLaunch *l) {
  if (l->group && l != &e->launch[l->group->first]) return e->launch[l->group->first].row;
  const char *kind = kind_of(f->arena, l->launch->kernel), *name = last_part(l->class);
  bool backward = l->group && l->group->backward;
  for (int i = 0; i < e->nrow; i++) {
    const FactRow *r = &e->row[i];
    if (strcmp(r->kind, kind) == 0 && strcmp(r->name, name) == 0 && r->backward == backward &&
        same_line(r->loc, l->launch->loc))
      return i;
  }
  ARENA_GROW(f->arena, e->row, e->nrow, e->cap_row);
  e->row[e->nrow] = (FactRow){.kind = kind, .name = name, .loc = l->launch->loc, .backward = backward};
  return e->nrow++;
}

static FactClass *find_class(Facts *f, FactRow *r, const FactLaunch *l) {
  for (int i = 0; i < r->nclass; i++)
    if (r->class[i].kernel == l->launch->kernel_id && strcmp(r->class[i].origin, l->class) == 0)
      return &r->class[i];
  ARENA_GROW(f->arena, r->class, r->nclass, r->cap_class);
  FactClass *c = &r->class[r->nclass++];
  *c = (FactClass){.origin = l->class, .kernel = l->launch->kernel_id, .measured = -1};
  return c;
}

static void add_to_row(Facts *f, FactEntry *e, int i) {
  FactLaunch *l = &e->launch[i];
  l->row = find_row(f, e, l);
  if (!e->row) ice("launch %d stands in the row of one that comes later", i);
  FactRow *r = &e->row[l->row];
  ARENA_GROW(f->arena, r->launch, r->nlaunch, r->cap_launch);
  r->launch[r->nlaunch++] = i;
  FactClass *c = find_class(f, r, l);
  c->launches++;
  c->seconds += l->seconds;
  r->flop += l->launch->flop;
  r->operations += l->operations;
  r->bytes += l->launch->bytes;
  r->seconds += l->seconds;
}

/* What bounds most of the row's time. */
static void bound_row(const FactEntry *e, FactRow *r) {
  double seconds[RB_COUNT] = {0};
  for (int i = 0; i < r->nlaunch; i++)
    seconds[e->launch[r->launch[i]].bound] += e->launch[r->launch[i]].seconds;
  for (int b = 0; b < RB_COUNT; b++)
    if (seconds[b] > seconds[r->bound]) r->bound = (Bound)b;
  r->measured = -1;
}

static void add_launches(Facts *f, FactEntry *e, const double *operations) {
  const PEntry *from = &f->prog->entry[e->kind];
  e->nlaunch = from->nlaunch;
  e->launch = ARENA_ARRAY(f->arena, e->nlaunch + 1, FactLaunch);
  for (int i = 0; i < e->nlaunch; i++) {
    FactLaunch *l = &e->launch[i];
    l->launch = &from->launch[i];
    l->class = graph_starred(f->arena, l->launch->origin);
    l->operations = operations[l->launch->kernel_id];
    l->seconds = roofline_seconds(&f->roof, l->launch->flop, l->operations, l->launch->bytes, &l->bound);
    l->measured = -1;
    e->seconds += l->seconds;
  }
}

static void add_groups(FactEntry *e) {
  for (int i = 0; i < e->lower->ngroup; i++) {
    Group *g = e->lower->group[i];
    for (int k = g->first; !g->merged && g->nroot && k <= g->last; k++) e->launch[k].group = g;
  }
}

static void add_entry(Facts *f, EntryKind kind, Lower *l, const double *operations) {
  FactEntry *e = &f->entry[kind];
  e->kind = kind;
  e->lower = l;
  e->decisions = decisions_make(l);
  e->measured = -1;
  add_launches(f, e, operations);
  add_groups(e);
  for (int i = 0; i < e->nlaunch; i++) add_to_row(f, e, i);
  for (int i = 0; i < e->nrow; i++) bound_row(e, &e->row[i]);
  facts_values(f, e);
}

/* A step is what `bench` times. */
static void count_step(Facts *f) {
  bool trains = f->entry[EN_MICRO].lower;
  for (int e = EN_MICRO; e < EN_COUNT; e++) {
    if (!f->entry[e].lower || trains == (e == EN_EVAL)) continue;
    f->entry[e].times = e == EN_MICRO && f->prog->graph->accumulate ? (double)f->prog->graph->accumulate : 1;
    f->step += f->entry[e].times * f->entry[e].seconds;
  }
}

Facts *facts_make(Arena *a, const Prog *p, Lower *const *lower, const Roofline *r) {
  Facts *f = ARENA_NEW(a, Facts);
  *f = (Facts){.arena = a, .prog = p, .roof = *r, .measured = -1};
  double *operations = ARENA_ARRAY(a, p->nkernel + 1, double);
  for (int i = 0; i < p->nkernel; i++) operations[i] = kern_operations(p->kernel[i]);
  for (int e = 0; e < EN_COUNT; e++)
    if (lower[e]) add_entry(f, (EntryKind)e, lower[e], operations);
  count_step(f);
  facts_memory(f);
  return f;
}

static void measure_row(FactEntry *e, FactRow *r) {
  r->measured = 0;
  for (int i = 0; i < r->nclass; i++) r->class[i].measured = 0;
  for (int i = 0; i < r->nlaunch; i++) {
    const FactLaunch *l = &e->launch[r->launch[i]];
    r->measured += l->measured;
    for (int c = 0; c < r->nclass; c++)
      if (r->class[c].kernel == l->launch->kernel_id && strcmp(r->class[c].origin, l->class) == 0)
        r->class[c].measured += l->measured;
  }
}

void facts_measured(Facts *f, double *const *seconds) {
  f->measured = 0;
  for (int k = 0; k < EN_COUNT; k++) {
    FactEntry *e = &f->entry[k];
    if (!e->lower || !seconds[k]) continue;
    e->measured = 0;
    for (int i = 0; i < e->nlaunch; i++) e->measured += e->launch[i].measured = seconds[k][i];
    for (int i = 0; i < e->nrow; i++) measure_row(e, &e->row[i]);
    f->measured += e->times * e->measured;
  }
}
