/* Launch order: of two orders that the dependences allow, the one whose values need less memory at once.
 *   as written  groups in the order in which the graph was built
 *   late        the last groups of the backward pass, which no other needs, in that order, and each other
 * group just before the first that needs it: with several losses, one's backward pass frees what it kept
 * before the next one's forward pass begins */
#include "passes/lower/lower.h"
#include "passes/place/group.h"

/* An order that grows: each group after those that it needs. Those that wait for others are on the stack,
 * each with how many of the others it has seen come. */
typedef struct Line {
  int mark, n;
  Group **out;
  int nwait;
  Group **wait;
  int *seen;
} Line;

static Line begin(Lower *l) {
  Line x = {.mark = ++l->mark};
  x.out = ARENA_ARRAY(l->arena, l->ngroup + 1, Group *);
  x.wait = ARENA_ARRAY(l->arena, l->ngroup + 1, Group *);
  x.seen = ARENA_ARRAY(l->arena, l->ngroup + 1, int);
  return x;
}

static void wait_for(Line *x, Group *g) {
  g = group_current(g);
  if (g->mark == x->mark) return;
  g->mark = x->mark;
  x->seen[x->nwait] = 0;
  x->wait[x->nwait++] = g;
}

static void visit(Line *x, Group *g) {
  wait_for(x, g);
  while (x->nwait) {
    Group *last = x->wait[x->nwait - 1];
    int *seen = &x->seen[x->nwait - 1];
    if (*seen < last->ndep)
      wait_for(x, last->dep[(*seen)++]);
    else
      x->out[x->n++] = x->wait[--x->nwait];
  }
}

static Line as_written(Lower *l) {
  Line x = begin(l);
  for (int i = 0; i < l->ngroup; i++) visit(&x, l->group[i]);
  return x;
}

/* Marks the groups that others need. */
static int mark_needed(Lower *l) {
  int mark = ++l->mark;
  for (int i = 0; i < l->ngroup; i++) {
    const Group *g = l->group[i];
    for (int d = 0; !g->merged && d < g->ndep; d++)
      if (group_current(g->dep[d]) != g) group_current(g->dep[d])->mark = mark;
  }
  return mark;
}

static bool is_ready(const Group *g, int mark) {
  for (int i = 0; i < g->ndep; i++)
    if (group_current(g->dep[i]) != g && group_current(g->dep[i])->mark != mark) return false;
  return true;
}

/* Of the other last groups, a loss that is reported say, those that wait for nothing: waiting, they would
 * keep what they read. */
static void visit_ready(Line *x, Group **rest, int nrest) {
  for (int i = 0; i < nrest; i++)
    if (is_ready(rest[i], x->mark)) visit(x, rest[i]);
}

static Line late(Lower *l) {
  Group **end = ARENA_ARRAY(l->arena, l->ngroup + 1, Group *);
  Group **rest = ARENA_ARRAY(l->arena, l->ngroup + 1, Group *);
  int nend = 0, nrest = 0, needed = mark_needed(l);
  for (int i = 0; i < l->ngroup; i++) {
    Group *g = group_current(l->group[i]);
    if (g->mark == needed) continue;
    if (g->backward)
      end[nend++] = g;
    else
      rest[nrest++] = g;
  }
  Line x = begin(l);
  for (int i = 0; i < nend; i++) {
    visit(&x, end[i]);
    visit_ready(&x, rest, nrest);
  }
  for (int i = 0; i < l->ngroup; i++) visit(&x, l->group[i]);
  return x;
}

/* The lives of the values' memory, by id of the node that owns it: positions of the first and last group that
 * use it. */
typedef struct Lives {
  int at; /* the group that is being looked at */
  int *first, *last;
} Lives;

static void use(Lower *l, Lives *x, const Node *n) {
  const Site *s = site_of(l, n);
  if (s->where != W_BUFFER || s->assign || s->pinned) return;
  n = owner_of(l, n);
  if (x->first[n->id] < 0) x->first[n->id] = x->at;
  x->last[n->id] = x->at;
}

static bool use_visit(Lower *l, const Node *read, bool aligned, void *ctx) {
  (void)aligned;
  use(l, ctx, read);
  return true;
}

static void use_all(Lower *l, Lives *x, const Node *const *n, int count) {
  for (int i = 0; i < count; i++) {
    use(l, x, n[i]);
    each_read(l, n[i], use_visit, x);
  }
}

/* Most bytes of values at once, when the groups run in that order. */
static int64_t peak(Lower *l, Group *const *order, int n) {
  int nodes = l->graph->nnode;
  Lives x = {.first = ARENA_ARRAY(l->arena, nodes, int), .last = ARENA_ARRAY(l->arena, nodes, int)};
  int64_t *change = ARENA_ARRAY(l->arena, n + 1, int64_t), now = 0, most = 0;
  for (int i = 0; i < nodes; i++) x.first[i] = -1;
  for (x.at = 0; x.at < n; x.at++) {
    const Group *g = order[x.at];
    use_all(l, &x, g->core, g->ncore);
    use_all(l, &x, g->held, g->nheld);
    use_all(l, &x, g->root, g->nroot);
  }
  for (int i = 0; i < nodes; i++) {
    if (x.first[i] < 0) continue;
    const Node *node = l->graph->node[i];
    int64_t bytes = shape_count(&node->shape) * dtype_size(node->dtype);
    change[x.first[i]] += bytes;
    change[x.last[i] + 1] -= bytes;
  }
  for (int i = 0; i < n; i++) {
    now += change[i];
    if (now > most) most = now;
  }
  return most;
}

void lower_order(Lower *l) {
  Line written = as_written(l), other = late(l);
  bool later = peak(l, other.out, other.n) < peak(l, written.out, written.n);
  l->order = later ? other.out : written.out;
  l->norder = later ? other.n : written.n;
}
