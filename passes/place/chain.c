/* Chains: a contraction, reductions of its result's rows and contractions of those rows with something else
 * are one kernel that keeps a block of rows resident, so that the rows need no memory: attention forward and
 * backward, and whatever else has that form. A chain starts from a contraction and takes over, one at a time,
 * groups that read its rows at their own points; what does not fit stays a kernel of its own. */
#include <string.h>

#include "passes/place/fit.h"
#include "passes/place/place.h"
#include "passes/place/strategy.h"

/* Parts of a chain, at most. */
enum { MOST_PARTS = 16 };

/* Which roles of the chain a group's own roles would be. */
typedef struct Match {
  int64_t extent[ROLE_COUNT]; /* the chain's, with the feature role that this part may have added */
  RoleMap role[ROLE_COUNT];
} Match;

static Match match_of(const Group *chain) {
  Match m = {0};
  memcpy(m.extent, chain->extent, sizeof m.extent);
  return m;
}

/* A feature role of that extent: one that is there, else a new one; none: both are taken. */
static KRole feature(int64_t *extent, int64_t n) {
  static const KRole features[] = {ROLE_K, ROLE_D};
  for (int i = 0; i < 2; i++) {
    int64_t *at = &extent[features[i]];
    if (!*at) *at = n;
    if (*at == n) return features[i];
  }
  return ROLE_NONE;
}

/* A contraction with its own roles m, n and k as the given ones of the chain; FEATURE: whichever fits, none
 * for a single one. */
static const KRole FEATURE = ROLE_NONE;

static bool match_contract(const Group *chain, const Group *g, const KRole as[3], Match *out) {
  *out = match_of(chain);
  if (g->extent[ROLE_BATCH] != chain->extent[ROLE_BATCH]) return false;
  out->role[ROLE_BATCH] = (RoleMap){1, {ROLE_BATCH}};
  for (int i = 0; i < 3; i++) {
    KRole own = (KRole)(ROLE_M + i);
    if (as[i] == FEATURE && g->extent[own] == 1) continue;
    KRole r = as[i] == FEATURE ? feature(out->extent, g->extent[own]) : as[i];
    if (r == ROLE_NONE || out->extent[r] != g->extent[own]) return false;
    out->role[own] = (RoleMap){1, {r}};
  }
  return true;
}

/* A reduction of as[1], for each batch and as[0]. */
static bool match_sum(const Group *chain, const Group *g, const KRole as[2], Match *out) {
  *out = match_of(chain);
  if (g->extent[ROLE_ROW] != chain->extent[as[1]]) return false;
  if (g->extent[ROLE_OUTER] != chain->extent[ROLE_BATCH] * chain->extent[as[0]]) return false;
  out->role[ROLE_OUTER] = (RoleMap){2, {ROLE_BATCH, as[0]}};
  out->role[ROLE_ROW] = (RoleMap){1, {as[1]}};
  return true;
}

/* Points of each batch, as[0] and as[1]. */
static bool match_flat(const Group *chain, const Group *g, const KRole as[2], Match *out) {
  *out = match_of(chain);
  if (g->extent[ROLE_POINTS] != chain->extent[ROLE_BATCH] * chain->extent[as[0]] * chain->extent[as[1]])
    return false;
  out->role[ROLE_POINTS] = (RoleMap){3, {ROLE_BATCH, as[0], as[1]}};
  return true;
}

/* Whether a group outside would have to run between members if c joined. */
static bool stands_between(Lower *l, Group *chain, Group *c) {
  return !group_direct(l, chain, c) || !group_direct(l, c, chain);
}

static bool contracts(const Part *p) {
  return !p->flat && p->lead->op == O_CONTRACT;
}

/* A plain group that chains can begin with or take over. */
static bool is_free(const Group *g) {
  if (g->merged || g->alone || g->npart > 1) return false;
  return !contracts(&g->part[0]) || (g->ncore == 1 && g->core[0]->dtype == DT_F32);
}

/* The chain's scratch for a batch, in bytes: for each contraction a block of rows, which it makes or reads,
 * and of the x features that it sums over or has as columns an operand or a result of n by x, and the other
 * one of a block by x. */
static double resident(const TargetChain *t, const Group *chain) {
  double elements = 0, m = (double)chain->extent[ROLE_M], n = (double)chain->extent[ROLE_N];
  double block = (double)t->block_rows;
  for (int i = 0; i < chain->npart; i++) {
    const int64_t *own = chain->part[i].of->extent;
    if (!contracts(&chain->part[i])) continue;
    double x = (double)own[ROLE_M] * (double)own[ROLE_N] * (double)own[ROLE_K] / (m * n);
    elements += block * n + x * (n + block);
  }
  return elements * (double)t->element_bytes;
}

static void set_part(Lower *l, const Group *g, int part) {
  for (int i = 0; i < g->ncore; i++) site_of(l, g->core[i])->part = part;
  for (int i = 0; i < g->nroot; i++) site_of(l, g->root[i])->part = part;
}

/* The chain as it was before a part was taken over, for when it does not fit. */
typedef struct Before {
  int ncore, nroot, ndep;
  int64_t extent[ROLE_COUNT];
} Before;

static Before before(const Group *chain) {
  Before was = {chain->ncore, chain->nroot, chain->ndep, {0}};
  memcpy(was.extent, chain->extent, sizeof was.extent);
  return was;
}

static void take(Lower *l, Group *chain, Group *g, const Match *m) {
  Part p = {.lead = g->part[0].lead, .flat = g->part[0].flat, .of = g};
  memcpy(p.role, m->role, sizeof p.role);
  memcpy(chain->extent, m->extent, sizeof chain->extent);
  ARENA_GROW(l->arena, chain->part, chain->npart, chain->cap_part);
  set_part(l, g, chain->npart);
  chain->part[chain->npart++] = p;
  group_append(l->arena, &chain->core, &chain->ncore, &chain->cap_core, g->core, g->ncore);
  group_append(l->arena, &chain->root, &chain->nroot, &chain->cap_root, g->root, g->nroot);
  for (int i = 0; i < g->ndep; i++) group_add_dep(l, chain, g->dep[i]);
  g->merged = chain;
}

static void give_back(Lower *l, Group *chain, const Before *was) {
  Group *g = chain->part[--chain->npart].of;
  g->merged = NULL;
  set_part(l, g, 0);
  memcpy(chain->extent, was->extent, sizeof chain->extent);
  chain->ncore = was->ncore, chain->nroot = was->nroot, chain->ndep = was->ndep;
}

static Reason misfit(Lower *l, Group *chain) {
  const TargetChain *t = &l->options->target->chain;
  if (resident(t, chain) > (double)t->most_resident) return DR_SCRATCH;
  if (group_too_large(l, chain, NULL, NULL)) return DR_LARGE;
  return group_fits(l, chain) ? DR_NONE : DR_AWAY;
}

static Reason try(Lower *l, Group *chain, Group *g, const Match *m) {
  Before was = before(chain);
  take(l, chain, g, m);
  Reason why = misfit(l, chain);
  if (why) give_back(l, chain, &was);
  return why;
}

/* Contractions of the rows: over a row's elements, or over the rows. The rows are either operand. */
static const KRole of_rows[][3] = {{ROLE_M, FEATURE, ROLE_N},
                                   {FEATURE, ROLE_M, ROLE_N},
                                   {ROLE_N, FEATURE, ROLE_M},
                                   {FEATURE, ROLE_N, ROLE_M}};
/* Contractions to the same points as the first: other rows that later parts need beside them. */
static const KRole to_rows[][3] = {{ROLE_M, ROLE_N, FEATURE}, {ROLE_N, ROLE_M, FEATURE}};

static Reason try_contract(Lower *l, Group *chain, Group *g, const KRole (*as)[3], int n) {
  Reason why = DR_POINTS;
  for (int i = 0; i < n; i++) {
    Match m;
    if (!match_contract(chain, g, as[i], &m)) continue;
    why = try(l, chain, g, &m);
    if (!why) break;
  }
  return why;
}

/* Reductions of a row's elements, of its results over features, or of either over the rows. */
static const KRole sums[][2] = {{ROLE_M, ROLE_N}, {ROLE_M, ROLE_K}, {ROLE_M, ROLE_D},
                                {ROLE_N, ROLE_M}, {ROLE_K, ROLE_M}, {ROLE_D, ROLE_M}};
/* The rows' elements, and their results over features. */
static const KRole points[][2] = {{ROLE_M, ROLE_N}, {ROLE_M, ROLE_K}, {ROLE_M, ROLE_D}};

/* Partials are of no batch; what is resident has elements of a size. */
static bool can_reduce(const Target *t, const Group *g) {
  if (g->part[0].lead->op != O_REDUCE || g->extent[ROLE_PART]) return false;
  for (int i = 0; i < g->ncore; i++)
    if (dtype_size(g->core[i]->dtype) > t->chain.element_bytes) return false;
  return true;
}

static Reason try_other(Lower *l, Group *chain, Group *g) {
  bool flat = g->part[0].flat;
  if (!flat && !can_reduce(l->options->target, g)) return DR_POINTS;
  Reason why = DR_POINTS;
  for (int i = 0; i < (flat ? 3 : 6); i++) {
    Match m;
    if (!(flat ? match_flat(chain, g, points[i], &m) : match_sum(chain, g, sums[i], &m))) continue;
    why = try(l, chain, g, &m);
    if (!why) break;
  }
  return why;
}

static Reason try_group(Lower *l, Group *chain, Group *g) {
  return contracts(&g->part[0]) ? try_contract(l, chain, g, of_rows, 4) : try_other(l, chain, g);
}

/* Why g cannot stand in one kernel with the chain, whatever it computes. */
static Reason kept_apart(Lower *l, Group *chain, Group *g) {
  Reason parted = strategy_parts_groups(l, chain, g);
  if (parted) return parted;
  if (chain->backward != g->backward) return DR_PASSES;
  if (chain->npart == MOST_PARTS) return DR_CORES;
  return stands_between(l, chain, g) ? DR_CYCLE : DR_NONE;
}

static bool depends_on(Group *g, const Group *on) {
  for (int i = 0; i < g->ndep; i++)
    if (group_current(g->dep[i]) == on) return true;
  return false;
}

/* Other contractions to the chain's points that g reads come in first. */
static void take_rows_of(Lower *l, Group *chain, Group *g) {
  for (int i = 0; i < g->ndep; i++) {
    Group *o = group_current(g->dep[i]);
    if (o == chain || !is_free(o) || !contracts(&o->part[0]) || depends_on(o, chain)) continue;
    if (!kept_apart(l, chain, o)) try_contract(l, chain, o, to_rows, 2);
  }
}

/* Takes over g if it reads the chain; a contraction that came in for its sake alone goes out again. */
static bool grow(Lower *l, Group *chain, Group *g) {
  if (!is_free(g) || !depends_on(g, chain)) return false;
  Before was = before(chain);
  int parts = chain->npart;
  take_rows_of(l, chain, g);
  Reason why = kept_apart(l, chain, g);
  if (!why) why = try_group(l, chain, g);
  if (!why) return true;
  while (chain->npart > parts) give_back(l, chain, &was);
  note_refusal(l, g->part[0].lead, chain->part[0].of, why);
  return false;
}

static Group *start(Lower *l, Group *g) {
  static const KRole first[3] = {ROLE_M, ROLE_N, ROLE_K};
  Group *chain = ARENA_NEW(l->arena, Group);
  Match m;
  memcpy(chain->extent, g->extent, sizeof chain->extent);
  chain->id = g->id;
  chain->backward = g->backward;
  match_contract(chain, g, first, &m);
  take(l, chain, g, &m);
  return chain;
}

/* Whether some part contracts the rows, over their elements or over the rows themselves. */
static bool contracts_rows(const Group *chain) {
  for (int i = 0; i < chain->npart; i++) {
    const RoleMap *over = &chain->part[i].role[ROLE_K];
    if (contracts(&chain->part[i]) && over->n && (over->as[0] == ROLE_M || over->as[0] == ROLE_N))
      return true;
  }
  return false;
}

/* Rows are packed and results stored along their features, which costs more than a chain saves where features
 * are not the last dimension: the k^T v of a linear attention and what follows took 1.3 to 1.8 times as long
 * as in separate kernels, the token mixing of an MLP-Mixer 1.7 times. */
static bool rows_hold_features(const Node *contract) {
  Contract c = node_contract(contract);
  int last = c.side[0]->shape.rank - 1, k = ROLE_K - ROLE_BATCH;
  return last >= 0 && find_label(c.label[k], c.n[k], c.side_label[0][last]) >= 0;
}

static bool can_start(const Lower *l, const Group *g) {
  return is_free(g) && contracts(&g->part[0]) && rows_hold_features(g->part[0].lead) &&
         g->extent[ROLE_BATCH] >= l->options->target->chain.least_batches && g->extent[ROLE_M] > 1 &&
         g->extent[ROLE_N] > 1 && g->extent[ROLE_K] > 1;
}

/* What reads a chain that cannot begin stays apart from it for that reason. */
static void refuse_readers(Lower *l, Group *chain, Reason why) {
  for (int i = 0; i < l->ngroup; i++) {
    Group *g = l->group[i];
    if (is_free(g) && depends_on(g, chain)) note_refusal(l, g->part[0].lead, chain->part[0].of, why);
  }
}

/* A chain is worth it once rows are contracted again; else its first group stays as it was. */
static void chain_from(Lower *l, Group *g) {
  Before none = {0};
  Group *chain = start(l, g);
  Reason why = misfit(l, chain);
  if (why) refuse_readers(l, chain, why);
  bool grown = !why;
  while (grown) {
    grown = false;
    for (int i = 0; i < l->ngroup; i++) grown |= grow(l, chain, l->group[i]);
  }
  if (contracts_rows(chain)) {
    ARENA_GROW(l->arena, l->group, l->ngroup, l->cap_group);
    l->group[l->ngroup++] = chain;
  } else {
    while (chain->npart) give_back(l, chain, &none);
  }
}

void place_chains(Lower *l) {
  for (int i = 0, n = l->ngroup; i < n; i++)
    if (can_start(l, l->group[i])) chain_from(l, l->group[i]);
}
