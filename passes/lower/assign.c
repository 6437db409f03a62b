/* Assignments: a result may be stored straight into its state when every kernel that reads the old value can
 * run before. Otherwise it gets memory of its own and is copied at the end of the entry. */
#include "passes/lower/lower.h"

typedef struct Old {
  const State *state; /* being overwritten */
  Group *writer;
} Old;

static bool is_old(const Node *read, const Old *o) {
  return read->op == O_STATE && states_overlap(read->at.state, o->state);
}

/* Inside the writer's own kernel the old value may only be read at the point being written. */
static bool own_visit(Lower *l, const Node *read, bool aligned, void *ctx) {
  (void)l;
  const Old *o = ctx;
  return !is_old(read, o) || (aligned && read->at.state == o->state);
}

static bool other_visit(Lower *l, const Node *read, bool aligned, void *ctx) {
  (void)l, (void)aligned;
  return !is_old(read, ctx);
}

/* A reduction reads points other than the one being written, also through its own kernel's values. */
static bool core_visit(Lower *l, const Node *read, bool aligned, void *ctx) {
  const Old *o = ctx;
  bool own = group_of(site_of(l, read)) == o->writer;
  return other_visit(l, read, aligned, ctx) && (!own || group_has_core(o->writer, read));
}

static bool each(Lower *l, const Node *const *n, int count, LowerVisit *visit, Old *o) {
  for (int i = 0; i < count; i++)
    if (!lower_reads(l, n[i], visit, o)) return false;
  return true;
}

static bool reads_old(Lower *l, Group *g, Old *o) {
  return !each(l, g->root, g->nroot, other_visit, o) || !each(l, g->held, g->nheld, other_visit, o) ||
         !each(l, g->core, g->ncore, other_visit, o);
}

static bool own_reads_fit(Lower *l, Old *o) {
  const Group *g = o->writer;
  if (!reads_old(l, o->writer, o)) return true;
  return each(l, g->root, g->nroot, own_visit, o) && each(l, g->held, g->nheld, own_visit, o) &&
         each(l, g->core, g->ncore, core_visit, o);
}

/* Readers of the old value must not need the new one. */
static bool readers_fit(Lower *l, Old *o) {
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
