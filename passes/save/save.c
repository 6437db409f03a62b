/* The saved set: a trial placement tells which values of the forward pass have memory and which the backward
 * pass reads; classes of them are then kept or made again, whichever costs less. */
#include "passes/save/save.h"

#include "passes/lower/lower.h"

/* Placement with everything kept, for a look at it. A strategy file speaks of the graph as it becomes: it has
 * no say here. */
static Lower *try_placement(Arena *a, Graph *g, const PassOptions *o, void (*place)(Lower *)) {
  PassOptions *free = ARENA_NEW(a, PassOptions);
  *free = (PassOptions){.target = o->target};
  Prog *p = ARENA_NEW(a, Prog);
  p->arena = a;
  p->graph = g;
  prog_add_values(p);
  Lower *l = lower_open(a, p, free, EN_MICRO, NULL);
  l->classes = classes_of(a, g);
  place(l);
  return l;
}

static bool is_candidate(const Save *s, const Node *n) {
  const Site *site = site_of(s->trial, n);
  return site->where != W_DEAD && !site->backward && !save_is_free(n);
}

static int new_class(Save *s, const Node *n) {
  s->class[s->nclass] = (SaveClass){.first = n, .keepable = true};
  return s->nclass++;
}

static void add_member(Save *s, const Node *n, int class) {
  const Site *site = site_of(s->trial, n);
  SaveClass *c = &s->class[class];
  s->class_of[n->id] = class;
  c->members++;
  c->bytes += shape_count(&n->shape) * dtype_size(n->dtype);
  c->keepable = c->keepable && (site->where == W_BUFFER || site->where == W_HELD);
  c->keep += save_keep_cost(s->trial, n);
  c->again += save_again_cost(s->trial, n);
}

/* A value that has memory of its own anyway is no member of its class: it costs nothing to keep. */
static void collect(Save *s) {
  const Graph *g = s->graph;
  int *first = ARENA_ARRAY(s->arena, g->nnode + 1, int), *number = ARENA_ARRAY(s->arena, g->nnode + 1, int);
  graph_classes(g, first);
  for (int i = 0; i < g->nnode; i++) number[i] = s->class_of[i] = -1;
  for (int i = 0; i < g->nnode; i++) {
    const Node *n = g->node[i];
    if (!is_candidate(s, n)) continue;
    bool alone = site_of(s->trial, n)->forced;
    int class = alone ? -1 : number[first[i]];
    if (class < 0) class = new_class(s, n);
    if (!alone) number[first[i]] = class;
    add_member(s, n, class);
  }
}

static void add_need(Save *s, int class, int needs) {
  SaveClass *c = &s->class[class];
  for (int i = 0; i < c->ndep; i++)
    if (c->dep[i] == needs) return;
  ARENA_GROW(s->arena, c->dep, c->ndep, c->cap_dep);
  c->dep[c->ndep++] = needs;
}

static void connect(Save *s, const Node *n) {
  for (int i = 0; i < n->nin; i++) {
    int needs = s->class_of[n->in[i]->id];
    if (needs < 0) continue;
    if (s->class_of[n->id] >= 0) add_need(s, s->class_of[n->id], needs);
    if (site_of(s->trial, n)->backward) s->class[needs].required = true;
  }
}

/* What the file's rows say of the classes. */
static void ask(Save *s, const Strategy *strategy) {
  const ValueClasses *classes = s->trial->classes;
  strategy_bind_early(strategy, s->trial->classes);
  for (int i = 0; i < s->nclass; i++) {
    int class = classes->of[s->class[i].first->id];
    const StrategyRow *r = class >= 0 ? classes->class[class].row : NULL;
    if (r) s->class[i].asked = r->save;
  }
}

Save *save_look(Arena *a, Graph *g, const PassOptions *o, void (*place)(Lower *)) {
  Save *s = ARENA_NEW(a, Save);
  *s = (Save){.arena = a, .graph = g, .class_of = ARENA_ARRAY(a, g->nnode + 1, int)};
  if (!g->entry[EN_MICRO].present) return s;
  s->class = ARENA_ARRAY(a, g->nnode, SaveClass);
  s->trial = try_placement(a, g, o, place);
  collect(s);
  for (int i = 0; i < g->nnode; i++) connect(s, g->node[i]);
  if (o->strategy) ask(s, o->strategy);
  return s;
}

bool save_decide(Save *s, int64_t price) {
  bool changed = false;
  for (int i = 0; i < s->nclass; i++) {
    SaveClass *c = &s->class[i];
    c->kept_always = c->asked == SS_KEEP && c->keepable;
  }
  do save_cut(s, price);
  while (save_break_circle(s));
  for (int i = 0; i < s->nclass; i++) {
    SaveClass *c = &s->class[i];
    bool again = c->need && c->recompute;
    changed = changed || again != c->decided;
    c->decided = again;
  }
  return changed;
}

/* Half a byte of traffic and up, in steps of about the square root of two. */
int64_t save_price(int i) {
  if (i == 0) return 0;
  return (int64_t)(i % 2 ? SAVE_UNIT / 2 : SAVE_UNIT * 3 / 4) << (i - 1) / 2;
}

void save_record(const Save *s, Prog *p) {
  p->saved = ARENA_ARRAY(p->arena, s->nclass + 1, PSaved);
  for (int i = 0; i < s->nclass; i++) {
    const SaveClass *c = &s->class[i];
    if (!c->need || !c->keepable) continue;
    p->saved[p->nsaved++] = (PSaved){.first = c->first,
                                     .members = c->members,
                                     .bytes = c->bytes,
                                     .kept = !c->recompute,
                                     .keep = (double)c->keep / SAVE_UNIT,
                                     .again = (double)c->again / SAVE_UNIT};
  }
}
