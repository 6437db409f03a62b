/* An entry's decisions, gathered from its placement: rows by class, kernels that compute the same classes,
 * and the neighbours that are not in one kernel, with the reason. */
#include "passes/place/decisions.h"

#include <stdlib.h>
#include <string.h>

#include "passes/place/fit.h"
#include "passes/place/group.h"
#include "passes/place/strategy.h"

const char *const decision_roles[DP_COUNT] = {
#define X(r, text) [DP_##r] = text,
    DECISION_ROLES(X)
#undef X
};

typedef struct Gather {
  Lower *l;
  Decisions *d;
  int *row_of_class; /* one more than the row, 0: none */
  int *kernel_of;    /* by group id: one more than the kernel class, 0: none */
  const Node *consumer;
  const Group *group; /* the consumer's */
  int cap_pair;
} Gather;

/* What a kernel was begun for: its first reduction, or its earliest value. */
static const Node *lead_of(const Group *g) {
  if (g->ncore) return g->core[0];
  const Node *lead = NULL;
  for (int i = 0; i < g->nroot + g->nheld; i++) {
    const Node *n = i < g->nroot ? g->root[i] : g->held[i - g->nroot];
    if (!lead || n->id < lead->id) lead = n;
  }
  return lead;
}

static DecisionRole role_of(const Lower *l, const Node *n) {
  const Site *s = site_of(l, n);
  const Group *g = group_of(s);
  if (s->where == W_INLINE || !g) return DP_INLINE;
  if (lead_of(g) == n) return DP_LEAD;
  if (s->row) return DP_ROW;
  return !g->ncore || group_has_core(g, n) ? DP_SIBLING : DP_EPILOGUE;
}

static void begin_row(Gather *x, const Node *n) {
  int *at = &x->row_of_class[x->l->classes->of[n->id]];
  const Site *s = site_of(x->l, n);
  DecisionRow *r = &x->d->row[x->d->nrow];
  *at = ++x->d->nrow;
  *r = (DecisionRow){.class = &x->l->classes->class[x->l->classes->of[n->id]], .first = n, .kernel = -1};
  r->role = role_of(x->l, n);
  r->stored = s->where == W_BUFFER;
  r->bytes = node_bytes(n);
  if (r->role != DP_INLINE) r->inlining = kind_inlines(r->class->kind) ? DR_TAKEN : DR_REDUCED;
}

static void add_row(Gather *x, const Node *n) {
  const int *at = &x->row_of_class[x->l->classes->of[n->id]];
  if (!*at) begin_row(x, n);
  DecisionRow *r = &x->d->row[*at - 1];
  double inlined, storing;
  Reason why = noted_inlining(x->l, n, &inlined, &storing);
  if (why && (!r->inlining || r->inlining == DR_TAKEN)) r->inlining = why;
  r->inlined += inlined;
  r->storing += storing;
  r->members++;
  r->inlined_members += role_of(x->l, n) == DP_INLINE;
  r->mixed |= role_of(x->l, n) != r->role || (site_of(x->l, n)->where == W_BUFFER) != r->stored;
  x->d->row_of[n->id] = *at - 1;
}

static void make_rows(Gather *x) {
  for (int i = 0; i < x->l->graph->nnode; i++) {
    x->d->row_of[i] = -1;
    if (x->l->site[i].where != W_DEAD && x->l->classes->of[i] >= 0) add_row(x, x->l->graph->node[i]);
  }
}

static int by_number(const void *a, const void *b) {
  return *(const int *)a - *(const int *)b;
}

/* The rows that a group computes, rising, each once. */
static int *group_rows(Gather *x, const Group *g, int *count) {
  int most = g->ncore + g->nroot + g->nheld, n = 0, kept = 0;
  int *row = ARENA_ARRAY(x->l->arena, most + 1, int);
  for (int i = 0; i < g->ncore; i++) row[n++] = x->d->row_of[g->core[i]->id];
  for (int i = 0; i < g->nroot; i++) row[n++] = x->d->row_of[g->root[i]->id];
  for (int i = 0; i < g->nheld; i++) row[n++] = x->d->row_of[g->held[i]->id];
  qsort(row, (size_t)n, sizeof *row, by_number);
  for (int i = 0; i < n; i++)
    if (row[i] >= 0 && (!kept || row[kept - 1] != row[i])) row[kept++] = row[i];
  *count = kept;
  return row;
}

static DecisionKernel *kernel_like(Decisions *d, int lead, const int *row, int n) {
  for (int i = 0; i < d->nkernel; i++) {
    DecisionKernel *k = &d->kernel[i];
    if (k->lead == lead && k->nrow == n && memcmp(k->row, row, sizeof *row * (size_t)n) == 0) return k;
  }
  return NULL;
}

static void add_kernel(Gather *x, Group *g) {
  Decisions *d = x->d;
  int n, lead = d->row_of[lead_of(g)->id];
  int *row = group_rows(x, g, &n);
  DecisionKernel *k = kernel_like(d, lead, row, n);
  if (!k) {
    k = &d->kernel[d->nkernel++];
    *k = (DecisionKernel){
        .name = lead < 0 ? "" : d->row[lead].class->name, .lead = lead, .nrow = n, .row = row};
    k->group = ARENA_ARRAY(x->l->arena, x->l->ngroup, Group *);
  }
  k->group[k->ngroup++] = g;
  x->kernel_of[g->id] = (int)(k - d->kernel) + 1;
}

static bool is_kernel(const Group *g) {
  return !g->merged && g->nroot;
}

static void make_kernels(Gather *x) {
  x->d->kernel = ARENA_ARRAY(x->l->arena, x->l->ngroup + 1, DecisionKernel);
  x->kernel_of = ARENA_ARRAY(x->l->arena, x->l->ngroup + 1, int);
  for (int i = 0; i < x->l->ngroup; i++)
    if (is_kernel(x->l->group[i])) add_kernel(x, x->l->group[i]);
  for (int i = 0; i < x->d->nrow; i++) {
    const Group *g = group_of(site_of(x->l, x->d->row[i].first));
    if (g && x->d->row[i].role != DP_INLINE) x->d->row[i].kernel = x->kernel_of[g->id] - 1;
  }
}

/* Why the consumer is not in a kernel that placement did not try. */
static Reason untried(Lower *l, const Node *consumer, Group *producer) {
  Reason why;
  switch (consumer->op) {
  case O_ELT:
  case O_CAST: return DR_TAKEN;
  case O_REDUCE: why = group_may_reduce(l, producer, consumer); return why ? why : DR_FAR;
  default: return DR_BEGINS;
  }
}

static bool pair_visit(Lower *l, const Node *read, bool aligned, void *ctx) {
  Gather *x = ctx;
  Decisions *d = x->d;
  Group *g = group_of(site_of(l, read));
  int from = d->row_of[read->id], to = d->row_of[x->consumer->id];
  (void)aligned;
  if (!g || g == x->group || from < 0 || to < 0) return true;
  Reason why = refusal_of(l, x->consumer, g);
  if (!why) why = untried(l, x->consumer, g);
  ARENA_GROW(l->arena, d->pair, d->npair, x->cap_pair);
  DecisionPair *p = &d->pair[d->npair++];
  *p = (DecisionPair){
      .consumer = to, .producer = from, .count = 1, .joining = why, .inlining = d->row[from].inlining};
  if (why == DR_OVERRIDE) p->row = strategy_parting(l, g, x->group, x->consumer);
  return true;
}

static int by_pair(const void *a, const void *b) {
  const DecisionPair *x = a, *y = b;
  if (x->consumer != y->consumer) return x->consumer - y->consumer;
  if (x->producer != y->producer) return x->producer - y->producer;
  return (int)x->joining - (int)y->joining;
}

static void pairs_of(Gather *x, Group *g, const Node *const *n, int count) {
  x->group = g;
  for (int i = 0; i < count; i++) {
    x->consumer = n[i];
    each_read(x->l, n[i], pair_visit, x);
  }
}

static void make_pairs(Gather *x) {
  Decisions *d = x->d;
  for (int i = 0; i < x->l->ngroup; i++) {
    Group *g = x->l->group[i];
    if (!is_kernel(g)) continue;
    for (int c = 0; c < g->ncore; c++) pairs_of(x, g, g->core + c, 1);
    pairs_of(x, g, g->root, g->nroot);
    pairs_of(x, g, g->held, g->nheld);
  }
  if (d->npair) qsort(d->pair, (size_t)d->npair, sizeof *d->pair, by_pair);
  int kept = 0;
  for (int i = 0; i < d->npair; i++) {
    DecisionPair *last = kept ? &d->pair[kept - 1] : NULL;
    if (last && last->consumer == d->pair[i].consumer && last->producer == d->pair[i].producer)
      last->count++;
    else
      d->pair[kept++] = d->pair[i];
  }
  d->npair = kept;
}

Decisions *decisions_make(Lower *l) {
  Gather x = {.l = l, .d = ARENA_NEW(l->arena, Decisions)};
  x.d->row = ARENA_ARRAY(l->arena, l->classes->n + 1, DecisionRow);
  x.d->row_of = ARENA_ARRAY(l->arena, l->graph->nnode + 1, int);
  x.row_of_class = ARENA_ARRAY(l->arena, l->classes->n + 1, int);
  x.d->classes = l->classes;
  make_rows(&x);
  make_kernels(&x);
  make_pairs(&x);
  return x.d;
}
