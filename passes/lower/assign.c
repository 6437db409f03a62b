/* Assignments: a result may be stored straight into its state when every kernel that reads the old value can
 * run before, and its own kernel reads it at the point at which it stores the new one (rules K17 and K26 of
 * kernels). Otherwise it gets memory of its own and is copied at the end of the entry. */
#include "passes/lower/lower.h"
#include "passes/place/group.h"
#include "passes/rewrite/states.h"

typedef struct Old {
  const State *state; /* being overwritten */
  const Node *value;  /* the new one */
  Group *writer;
  int look;     /* marks the writer's values that the old value is known to be read for (Site.carries) */
  bool carried; /* what was just looked at reads it */
} Old;

/* A group that reads a state's old value; the next of the same memory, in the groups' order. */
typedef struct Reader Reader;
struct Reader {
  const State *state;
  Group *group;
  Reader *next;
};

/* Who reads the old values, by id of the state that owns the memory. */
typedef struct Readers {
  Reader **first, **last;
  Group *group; /* being looked at */
} Readers;

static int owner_id(const State *s) {
  return s->group ? s->group->id : s->id;
}

static bool is_old(const Node *read, const Old *o) {
  return read->op == O_STATE && states_overlap(read->at.state, o->state);
}

static bool other_visit(Lower *l, const Node *read, bool aligned, void *ctx) {
  (void)l, (void)aligned;
  return !is_old(read, ctx);
}

static bool reads_old(Lower *l, Group *g, Old *o) {
  return !each_read_of(l, g->root, g->nroot, other_visit, o) ||
         !each_read_of(l, g->held, g->nheld, other_visit, o) ||
         !each_read_of(l, g->core, g->ncore, other_visit, o);
}

/* The old value itself, or a value of the writer that is made of it. */
static bool is_made_of_old(const Lower *l, const Node *read, const Old *o) {
  return is_old(read, o) || l->site[read->id].carries == o->look;
}

/* What is read beside its point is read after other points were written. */
static bool point_visit(Lower *l, const Node *read, bool aligned, void *ctx) {
  Old *o = ctx;
  if (!is_made_of_old(l, read, o)) return true;
  o->carried = true;
  return aligned && (read->op != O_STATE || read->at.state == o->state);
}

static bool reduced_visit(Lower *l, const Node *read, bool aligned, void *ctx) {
  (void)aligned;
  return !is_made_of_old(l, read, ctx);
}

/* A value of the writer that is made of the old one has to be computed at the points at which the new one is
 * stored: a kernel computes others at other times, before or after. */
static bool fits_beside(Lower *l, Old *o, const Node *n, bool *grew) {
  Site *s = site_of(l, n), *stored = site_of(l, o->value);
  o->carried = false;
  if (!each_read(l, n, point_visit, o)) return false;
  if (!o->carried || s->carries == o->look) return true;
  s->carries = o->look;
  *grew = true;
  return s->part == stored->part && s->row == stored->row;
}

static bool all_fit_beside(Lower *l, Old *o, const Node *const *n, int count, bool *grew) {
  for (int i = 0; i < count; i++)
    if (!fits_beside(l, o, n[i], grew)) return false;
  return true;
}

static bool own_reads_fit(Lower *l, Old *o) {
  const Group *g = o->writer;
  if (!reads_old(l, o->writer, o)) return true;
  o->look = ++l->mark;
  for (bool grew = true; grew;) {
    grew = false;
    if (!all_fit_beside(l, o, g->root, g->nroot, &grew)) return false;
    if (!all_fit_beside(l, o, g->held, g->nheld, &grew)) return false;
  }
  return each_read_of(l, g->core, g->ncore, reduced_visit, o);
}

static bool note_reader(Lower *l, const Node *read, bool aligned, void *ctx) {
  Readers *r = ctx;
  (void)aligned;
  if (read->op != O_STATE) return true;
  int owner = owner_id(read->at.state);
  Reader **last = &r->last[owner], *this;
  if (*last && (*last)->group == r->group && (*last)->state == read->at.state) return true;
  this = ARENA_NEW(l->arena, Reader);
  *this = (Reader){.state = read->at.state, .group = r->group};
  *(*last ? &(*last)->next : &r->first[owner]) = this;
  *last = this;
  return true;
}

static Readers find_readers(Lower *l) {
  Readers r = {.first = ARENA_ARRAY(l->arena, l->graph->nstate + 1, Reader *),
               .last = ARENA_ARRAY(l->arena, l->graph->nstate + 1, Reader *)};
  for (int i = 0; i < l->ngroup; i++) {
    Group *g = r.group = l->group[i];
    if (g->merged) continue;
    each_read_of(l, g->root, g->nroot, note_reader, &r);
    each_read_of(l, g->held, g->nheld, note_reader, &r);
    each_read_of(l, g->core, g->ncore, note_reader, &r);
  }
  return r;
}

static bool reads_before(const Reader *r, const Old *o) {
  return r->group != o->writer && states_overlap(r->state, o->state);
}

/* Readers of the old value must not need the new one. */
static bool readers_fit(Lower *l, const Readers *r, const Old *o) {
  for (const Reader *x = r->first[owner_id(o->state)]; x; x = x->next)
    if (reads_before(x, o) && group_before(l, o->writer, x->group)) return false;
  return true;
}

static void order_readers(Lower *l, const Readers *r, const Old *o) {
  for (const Reader *x = r->first[owner_id(o->state)]; x; x = x->next)
    if (reads_before(x, o)) group_add_dep(l, o->writer, x->group);
}

/* The result is in row-major order of its own dimensions, which the state's memory needs. */
static void in_place(Lower *l, const Readers *r, const Assign *a) {
  Site *s = site_of(l, a->value);
  Old o = {.state = a->state, .value = a->value, .writer = group_of(s)};
  if (s->where != W_BUFFER || s->assign || s->supply) return;
  if (!own_reads_fit(l, &o) || !readers_fit(l, r, &o)) return;
  order_readers(l, r, &o);
  s->assign = a;
}

void lower_assign(Lower *l) {
  Readers r = find_readers(l);
  for (int i = 0; i < l->entry->nassign; i++) in_place(l, &r, &l->entry->assign[i]);
}
