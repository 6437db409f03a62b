/* Chains: a contraction, reductions of its result's rows and contractions of those rows with something else
 * are one kernel that keeps a block of rows resident, so that the rows need no memory: attention forward and
 * backward, and whatever else has that form. A chain starts from a contraction and takes over, one at a time,
 * groups that read its rows at their own points; what does not fit stays a kernel of its own. */
#include <string.h>

#include "passes/lower/kbuild.h"
#include "passes/place/strategy.h"

enum { BATCH, M, N, K, D };

/* Which roles of the chain a group's own roles would be. */
typedef struct Match {
  int64_t extent[CHAIN_ROLES]; /* the chain's, with the feature role that this part may have added */
  Renamed role[4];
} Match;

static Renamed renamed(const char *own, int a, int b, int c) {
  Renamed r = {.own = own};
  int n = 0, as[] = {a, b, c};
  for (int i = 0; i < 3; i++)
    if (as[i] >= 0) r.as[n++] = chain_role[as[i]];
  return r;
}

/* A feature role of that extent: one that is there, else a new one; -1: both are taken. */
static int feature(int64_t *extent, int64_t n) {
  for (int r = K; r <= D; r++) {
    if (!extent[r]) extent[r] = n;
    if (extent[r] == n) return r;
  }
  return -1;
}

/* A contraction with its own roles m, n and k as the given ones of the chain; FEATURE: whichever fits. */
enum { FEATURE = -2 };

static bool match_contract(const Chain *c, const Node *n, const int as[3], Match *out) {
  static const char *const own[] = {"m", "n", "k"};
  int64_t extent[4];
  kb_extents(n, extent);
  memcpy(out->extent, c->extent, sizeof out->extent);
  if (extent[0] != c->extent[BATCH]) return false;
  out->role[0] = renamed("batch", BATCH, -1, -1);
  for (int i = 0; i < 3; i++) {
    int r = as[i] == FEATURE ? feature(out->extent, extent[i + 1]) : as[i];
    if (r < 0 || out->extent[r] != extent[i + 1]) return false;
    out->role[i + 1] = renamed(own[i], r, -1, -1);
  }
  return true;
}

static bool match_sum(const Target *t, const Chain *c, const Node *n, Match *out) {
  Sum s = kb_sum(n);
  memcpy(out->extent, c->extent, sizeof out->extent);
  if (n->op != O_REDUCE || s.parts > 1 || s.terms != c->extent[N] ||
      dtype_size(n->dtype) > t->chain.element_bytes)
    return false;
  if (s.results != c->extent[BATCH] * c->extent[M]) return false;
  out->role[0] = renamed("outer", BATCH, M, -1);
  out->role[1] = renamed("row", N, -1, -1);
  return true;
}

static bool match_flat(const Chain *c, const Node *n, Match *out) {
  memcpy(out->extent, c->extent, sizeof out->extent);
  if (shape_count(&n->shape) != c->extent[BATCH] * c->extent[M] * c->extent[N]) return false;
  out->role[0] = renamed("points", BATCH, M, N);
  return true;
}

/* Whether a group outside would have to run between members if c joined. */
static bool stands_between(Lower *l, Group *chain, Group *c) {
  return !group_direct(l, chain, c) || !group_direct(l, c, chain);
}

static bool contracts(const Group *g) {
  return g->ncore && g->core[0]->op == O_CONTRACT;
}

static bool takes(const Group *g) {
  if (g->merged || g->alone || g->chain) return false;
  return !contracts(g) || (g->ncore == 1 && g->core[0]->dtype == DT_F32);
}

/* The chain's scratch for a batch, in bytes: for each part a block of rows; for a contraction to or from x
 * features an operand or a result of n by x, and the other one of a block by x. */
static int64_t resident(const TargetChain *t, const Chain *c, const int64_t *extent) {
  int64_t elements = 0, m = extent[M], n = extent[N];
  for (int i = 0; i < c->npart; i++) {
    const Group *g = c->part[i].of;
    elements += t->block_rows * n;
    if (!contracts(g)) continue;
    int64_t own[4];
    kb_extents(g->core[0], own);
    elements += own[1] * own[2] * own[3] / (m * n) * (n + t->block_rows);
  }
  return elements * t->element_bytes;
}

static void append(Arena *a, const Node ***list, int *n, int *cap, const Node **more, int nmore) {
  for (int i = 0; i < nmore; i++) {
    ARENA_GROW(a, *list, *n, *cap);
    (*list)[(*n)++] = more[i];
  }
}

/* The chain as it was before a part was taken over, for when it does not fit. */
typedef struct Before {
  int ncore, nroot, ndep;
  int64_t extent[CHAIN_ROLES];
} Before;

static Before take(Lower *l, Group *chain, Group *g, const Match *m) {
  Chain *c = chain->chain;
  Before was = {chain->ncore, chain->nroot, chain->ndep, {0}};
  memcpy(was.extent, c->extent, sizeof was.extent);
  memcpy(c->extent, m->extent, sizeof c->extent);
  Part *p = &c->part[c->npart++];
  p->of = g;
  memcpy(p->role, m->role, sizeof p->role);
  append(l->arena, &chain->core, &chain->ncore, &chain->cap_core, g->core, g->ncore);
  append(l->arena, &chain->root, &chain->nroot, &chain->cap_root, g->root, g->nroot);
  for (int i = 0; i < g->ndep; i++) group_add_dep(l, chain, g->dep[i]);
  g->merged = chain;
  return was;
}

static void give_back(Group *chain, const Before *was) {
  Chain *c = chain->chain;
  c->part[--c->npart].of->merged = NULL;
  memcpy(c->extent, was->extent, sizeof c->extent);
  chain->ncore = was->ncore, chain->nroot = was->nroot, chain->ndep = was->ndep;
}

static DReason misfit(Lower *l, Group *chain) {
  const TargetChain *t = &l->options->target->chain;
  if (resident(t, chain->chain, chain->chain->extent) > t->most_resident) return DR_SCRATCH;
  Arena *a = arena_new();
  KBuild b = {.l = l, .group = chain, .arena = a, .dry = true};
  kb_roles(&b);
  b.k = kern_new(a, "dry", (Loc){0});
  kb_axes(&b);
  kb_points(&b);
  bool good = kb_dry_group(&b);
  arena_free(a);
  return good ? DR_NONE : DR_AWAY;
}

static DReason try(Lower *l, Group *chain, Group *g, const Match *m) {
  Before was = take(l, chain, g, m);
  DReason why = misfit(l, chain);
  if (why) give_back(chain, &was);
  return why;
}

/* Contractions of the rows: over a row's elements, or over the rows. The rows are either operand. */
static const int of_rows[][3] = {{M, FEATURE, N}, {FEATURE, M, N}, {N, FEATURE, M}, {FEATURE, N, M}};
/* Contractions to the same points as the first: other rows that later parts need beside them. */
static const int to_rows[][3] = {{M, N, FEATURE}, {N, M, FEATURE}};

static DReason try_contract(Lower *l, Group *chain, Group *g, const int (*as)[3], int n) {
  DReason why = DR_POINTS;
  for (int i = 0; i < n; i++) {
    Match m = {0};
    if (!match_contract(chain->chain, g->core[0], as[i], &m)) continue;
    why = try(l, chain, g, &m);
    if (!why) break;
  }
  return why;
}

static DReason try_group(Lower *l, Group *chain, Group *g) {
  Match m = {0};
  if (contracts(g)) return try_contract(l, chain, g, of_rows, 4);
  bool matches = g->ncore ? match_sum(l->options->target, chain->chain, g->core[0], &m)
                          : match_flat(chain->chain, g->root[0], &m);
  return matches ? try(l, chain, g, &m) : DR_POINTS;
}

/* Why g cannot stand in one kernel with the chain, whatever it computes. */
static DReason kept_apart(Lower *l, Group *chain, Group *g) {
  DReason parted = strategy_parts_groups(l, chain, g);
  if (parted) return parted;
  if (chain->backward != g->backward) return DR_PASSES;
  if (chain->chain->npart == MOST_PARTS) return DR_CORES;
  return stands_between(l, chain, g) ? DR_CYCLE : DR_NONE;
}

static bool depends(Group *g, const Group *on) {
  for (int i = 0; i < g->ndep; i++)
    if (group_now(g->dep[i]) == on) return true;
  return false;
}

/* Other contractions to the chain's points that g reads come in first. */
static void take_rows_of(Lower *l, Group *chain, Group *g) {
  for (int i = 0; i < g->ndep; i++) {
    Group *o = group_now(g->dep[i]);
    if (o == chain || !takes(o) || !contracts(o) || depends(o, chain)) continue;
    if (!kept_apart(l, chain, o)) try_contract(l, chain, o, to_rows, 2);
  }
}

/* Takes over g if it reads the chain; a contraction that came in for its sake alone goes out again. */
static bool grow(Lower *l, Group *chain, Group *g) {
  Chain *c = chain->chain;
  if (!takes(g) || !depends(g, chain)) return false;
  Before was = {chain->ncore, chain->nroot, chain->ndep, {0}};
  memcpy(was.extent, c->extent, sizeof was.extent);
  int parts = c->npart;
  take_rows_of(l, chain, g);
  DReason why = kept_apart(l, chain, g);
  if (!why) why = try_group(l, chain, g);
  if (!why) return true;
  while (c->npart > parts) give_back(chain, &was);
  decide_refuse(l, g->ncore ? g->core[0] : g->root[0], c->part[0].of, why);
  return false;
}

static Group *start(Lower *l, Group *g) {
  static const int first[3] = {M, N, K};
  Group *chain = ARENA_NEW(l->arena, Group);
  Chain *c = chain->chain = ARENA_NEW(l->arena, Chain);
  Match m = {0};
  int64_t own[4];
  kb_extents(g->core[0], own);
  memcpy(c->extent, own, sizeof own);
  chain->id = g->id;
  chain->backward = g->backward;
  match_contract(c, g->core[0], first, &m);
  take(l, chain, g, &m);
  return chain;
}

static int contractions(const Chain *c) {
  int n = 0;
  for (int i = 0; i < c->npart; i++) n += contracts(c->part[i].of);
  return n;
}

static bool starts(const Lower *l, const Group *g) {
  int64_t own[4];
  if (!takes(g) || !contracts(g)) return false;
  kb_extents(g->core[0], own);
  return own[0] >= l->options->target->chain.least_batches && own[1] > 1 && own[2] > 1 && own[3] > 1;
}

/* A chain is worth it once rows are contracted again; else its first group stays as it was. */
static void chain_from(Lower *l, Group *g) {
  Before none = {0};
  Group *chain = start(l, g);
  bool grown = !misfit(l, chain);
  while (grown) {
    grown = false;
    for (int i = 0; i < l->ngroup; i++) grown |= grow(l, chain, l->group[i]);
  }
  if (contractions(chain->chain) > 1) {
    ARENA_GROW(l->arena, l->group, l->ngroup, l->cap_group);
    l->group[l->ngroup++] = chain;
  } else {
    while (chain->chain->npart) give_back(chain, &none);
  }
}

void lower_chains(Lower *l) {
  for (int i = 0, n = l->ngroup; i < n; i++)
    if (starts(l, l->group[i])) chain_from(l, l->group[i]);
}
