/* Assignments: a result may be stored straight into its state when every kernel that reads the old value can
 * run before. Otherwise it gets memory of its own and is copied at the end of the entry. */
#include "passes/lower.h"

typedef struct Old {
  const State *state; /* being overwritten */
  Group *writer;
  bool possible;
} Old;

static const State *owner(const State *s) {
  return s->group ? s->group : s;
}

static bool overlap(const State *a, const State *b) {
  if (owner(a) != owner(b)) return false;
  int64_t a0 = a->group ? a->offset : 0, b0 = b->group ? b->offset : 0;
  return a0 < b0 + shape_count(&b->shape) && b0 < a0 + shape_count(&a->shape);
}

/* Inside the writer's own kernel the old value may only be read at the point being written. */
static bool own_visit(Lower *l, const Node *read, bool aligned, void *ctx) {
  (void)l;
  const Old *o = ctx;
  if (read->op != O_STATE || !overlap(read->at.state, o->state)) return true;
  return aligned && read->at.state == o->state;
}

static bool other_visit(Lower *l, const Node *read, bool aligned, void *ctx) {
  (void)l, (void)aligned;
  const Old *o = ctx;
  return read->op != O_STATE || !overlap(read->at.state, o->state);
}

static bool reads_old(Lower *l, Group *g, Old *o) {
  for (int i = 0; i < g->nroot; i++)
    if (!lower_reads(l, g->root[i], other_visit, o)) return true;
  for (int i = 0; i < g->ncore; i++)
    if (!lower_reads(l, g->core[i], other_visit, o)) return true;
  return false;
}

static bool own_reads_fit(Lower *l, Old *o) {
  for (int i = 0; i < o->writer->nroot; i++)
    if (!lower_reads(l, o->writer->root[i], own_visit, o)) return false;
  for (int i = 0; i < o->writer->ncore; i++)
    if (!lower_reads(l, o->writer->core[i], other_visit, o)) return false;
  return true;
}

/* Another assignment copies the old value at the end of the entry. */
static bool copied_later(const Lower *l, const State *s) {
  for (int i = 0; i < l->entry->nassign; i++) {
    const Assign *a = &l->entry->assign[i];
    if (a->value->op == O_STATE && a->state != s && overlap(a->value->at.state, s)) return true;
  }
  return false;
}

/* Readers of the old value must not need the new one. */
static bool readers_fit(Lower *l, Old *o) {
  if (copied_later(l, o->state)) return false;
  for (int i = 0; i < l->ngroup; i++) {
    Group *g = l->group[i];
    if (g->merged || g == o->writer || !reads_old(l, g, o)) continue;
    if (group_before(l, o->writer, g)) return false;
  }
  return true;
}

static void order_readers(Lower *l, Old *o) {
  for (int i = 0; i < l->ngroup; i++) {
    Group *g = l->group[i];
    if (!g->merged && g != o->writer && reads_old(l, g, o)) group_add_dep(l, o->writer, g);
  }
}

/* The result is in row-major order of its own dimensions, which the state's memory needs. */
static void in_place(Lower *l, const Assign *a) {
  Site *s = site_of(l, a->value);
  Old o = {.state = a->state, .writer = group_of(s)};
  if (s->where != W_BUFFER || s->assign || s->supply) return;
  if (!own_reads_fit(l, &o) || !readers_fit(l, &o)) return;
  order_readers(l, &o);
  s->assign = a;
}

void lower_assign(Lower *l) {
  for (int i = 0; i < l->entry->nassign; i++) in_place(l, &l->entry->assign[i]);
}
