/* Pairs of rows of which one reads what the other has stored, and why: those that move most come first. */
#include <stdlib.h>

#include "tools/explain/tessera_explain.h"

enum { MOST_SHOWN = 15 };

/* What one pair of rows shares. */
typedef struct Pair {
  const FactNeighbour *first; /* the largest class of values, which stands for all */
  int count;
  int64_t bytes;
} Pair;

static int by_rows(const void *x, const void *y) {
  const FactNeighbour *a = x, *b = y;
  if (a->to != b->to) return a->to - b->to;
  if (a->from != b->from) return a->from - b->from;
  if (a->bytes != b->bytes) return a->bytes < b->bytes ? 1 : -1;
  return a->value - b->value;
}

static int by_bytes(const void *x, const void *y) {
  const Pair *a = x, *b = y;
  if (a->bytes != b->bytes) return a->bytes < b->bytes ? 1 : -1;
  return by_rows(a->first, b->first);
}

/* Sorts the neighbours by rows and makes pairs of them. */
static int gather(FactNeighbour *n, int count, Pair *pair) {
  int npair = 0;
  qsort(n, (size_t)count, sizeof *n, by_rows);
  for (int i = 0; i < count; i++) {
    Pair *p = npair ? &pair[npair - 1] : NULL;
    if (!p || p->first->from != n[i].from || p->first->to != n[i].to) {
      p = &pair[npair++];
      *p = (Pair){.first = &n[i]};
    }
    p->count++;
    p->bytes += n[i].bytes;
  }
  return npair;
}

static void show_pair(const Explain *x, const FactEntry *e, const Pair *p, FILE *out) {
  const FactNeighbour *n = p->first;
  fprintf(out, "%4d -> %-4d %10s  %s", n->from, n->to, explain_size(x->arena, (double)p->bytes),
          e->value[n->value].name);
  if (n->count > 1) fprintf(out, " x%d", n->count);
  if (p->count > 1) fprintf(out, " and %d more", p->count - 1);
  fprintf(out, ": %s\n", explain_reason(x, e, n));
}

static void show_rest(const Explain *x, const Pair *p, int count, FILE *out) {
  int64_t bytes = 0;
  for (int i = 0; i < count; i++) bytes += p[i].bytes;
  fprintf(out, "     and %d more, %s in all: --all lists them\n", count,
          explain_size(x->arena, (double)bytes));
}

void explain_neighbours(const Explain *x, const FactEntry *e, FILE *out) {
  if (!e->nneighbour) return;
  FactNeighbour *n = arena_copy(x->arena, e->neighbour, sizeof *n * (size_t)e->nneighbour);
  Pair *pair = ARENA_ARRAY(x->arena, e->nneighbour, Pair);
  int npair = gather(n, e->nneighbour, pair);
  qsort(pair, (size_t)npair, sizeof *pair, by_bytes);
  int shown = x->all || npair <= MOST_SHOWN ? npair : MOST_SHOWN;
  fprintf(out, "\n%s: rows that read what other rows have stored, and why they are not one kernel\n",
          explain_entries[e->kind]);
  for (int i = 0; i < shown; i++) show_pair(x, e, &pair[i], out);
  if (shown < npair) show_rest(x, pair + shown, npair - shown, out);
}
