/* The classes of values that people name in strategy files: those of ir/graph/graph_class.c that are
 * computed, each with a name of its own. Edits of the description that leave a class alone leave its name
 * alone: it is the call path and the op or `let`, and a number only among classes of one name. */
#include <ctype.h>
#include <string.h>

#include "passes/lower/lower.h"
#include "passes/place/decide.h"

const char *const decide_kinds[DK_COUNT] = {
#define X(k, text) [DK_##k] = text,
    DECIDE_KINDS(X)
#undef X
};

DKind decide_kind(const Node *n) {
  switch (n->op) {
  case O_ELT:
  case O_CAST: return DK_MAP;
  case O_REDUCE: return DK_REDUCTION;
  case O_CONTRACT: return DK_CONTRACTION;
  case O_RANDOM: return DK_DRAW;
  case O_GATHER: return DK_GATHER;
  case O_SCATTER: return DK_SCATTER;
  case O_CONCAT: return DK_CONCAT;
  default: return DK_COPY;
  }
}

bool decide_can_inline(DKind kind) {
  return kind == DK_MAP || kind == DK_DRAW || kind == DK_GATHER;
}

static void mark_given(bool *copied, const Node *n) {
  copied[n->id] = n->op != O_STATE && n->op != O_INPUT;
}

/* Values that entries name or assign, and indices of gathers, have memory though they be views. */
static bool *copies(Arena *a, const Graph *g) {
  bool *copied = ARENA_ARRAY(a, g->nnode + 1, bool);
  for (int e = 0; e < EN_COUNT; e++) {
    for (int i = 0; i < g->entry[e].nvalue; i++) mark_given(copied, g->entry[e].value[i].node);
    for (int i = 0; i < g->entry[e].nassign; i++) mark_given(copied, g->entry[e].assign[i].value);
  }
  for (int i = 0; i < g->nnode; i++)
    if (g->node[i]->op == O_GATHER || g->node[i]->op == O_SCATTER)
      mark_given(copied, lower_index_base(g->node[i]));
  return copied;
}

const char *decide_word(Arena *a, const Node *n) {
  static const char *const elt[] = {
#define ELT(N, text, arity, result, prec, formula, cuda) [E_##N] = #N,
#include "ir/eltwise.def"
#undef ELT
  };
  if (n->op != O_ELT) return op_rows[n->op].text;
  char *word = arena_strdup(a, elt[n->at.elt]);
  for (char *p = word; *p; p++) *p = (char)tolower((unsigned char)*p);
  return word;
}

static const char *base_name(Arena *a, const Node *n) {
  const char *op = decide_word(a, n);
  const char *path = graph_starred(a, n->path ? n->path : ""), *last = n->name ? n->name : op;
  return arena_printf(a, "%s%s%s%s", path, *path ? "." : "", last, n->at.again ? ".again" : "");
}

/* The number-th of its name. */
static const char *name_of(Arena *a, const char *const *base, int at) {
  int number = 1;
  for (int i = 0; i < at; i++) number += strcmp(base[i], base[at]) == 0;
  return number == 1 ? base[at] : arena_printf(a, "%s#%d", base[at], number);
}

DClasses *decide_classes(Arena *a, const Graph *g) {
  DClasses *c = ARENA_NEW(a, DClasses);
  int *first = ARENA_ARRAY(a, g->nnode + 1, int), *at = ARENA_ARRAY(a, g->nnode + 1, int);
  const bool *copied = copies(a, g);
  const char **base = ARENA_ARRAY(a, g->nnode + 1, const char *);
  c->class = ARENA_ARRAY(a, g->nnode + 1, DClass);
  c->of = ARENA_ARRAY(a, g->nnode + 1, int);
  graph_classes(g, first);
  for (int i = 0; i < g->nnode; i++) {
    const Node *n = g->node[i];
    c->of[i] = -1;
    if (decide_kind(n) == DK_COPY && !copied[i]) continue;
    int *k = &at[first[i]]; /* one more than its index, 0: new */
    if (!*k) {
      base[c->n] = base_name(a, n);
      c->class[c->n] = (DClass){.name = name_of(a, base, c->n), .first = n, .kind = decide_kind(n)};
      *k = ++c->n;
    }
    c->class[c->of[i] = *k - 1].members++;
  }
  return c;
}
