/* Why neighbours are not one kernel, in a sentence. */
#include <stdlib.h>

#include "tools/tessera_explain.h"

static const char *cited(Arena *a, DReason r) {
  const DReasonRow *row = &decide_reasons[r];
  return row->rule[0] ? arena_printf(a, "%s (%s)", row->text, row->rule) : row->text;
}

static const char *inlining(Arena *a, const FactEntry *e, const DPair *p) {
  const DRow *row = &e->decisions->row[p->producer];
  if (p->inlining != DR_COST) return cited(a, p->inlining);
  return arena_printf(a, "%s: %s of traffic for writing it in, %s for storing it", cited(a, p->inlining),
                      explain_size(a, row->inlined), explain_size(a, row->storing));
}

const char *explain_reason(const Explain *x, const FactEntry *e, const FactNeighbour *n) {
  if (!n->why) return "placement had no choice: a copy, or partial results";
  const char *apart = cited(x->arena, n->why->joining);
  if (n->why->inlining == DR_NONE) return apart;
  return arena_printf(x->arena, "%s; not written in: %s", apart, inlining(x->arena, e, n->why));
}

static int by_rows(const void *x, const void *y) {
  const FactNeighbour *a = x, *b = y;
  if (a->to != b->to) return a->to - b->to;
  if (a->from != b->from) return a->from - b->from;
  if (a->bytes != b->bytes) return a->bytes < b->bytes ? 1 : -1;
  return a->value - b->value;
}

/* What one pair of rows shares: the largest class of values stands for all. */
static void show_pair(const Explain *x, const FactEntry *e, const FactNeighbour *n, int count, FILE *out) {
  int64_t bytes = 0;
  for (int i = 0; i < count; i++) bytes += n[i].bytes;
  fprintf(out, "%4d -> %-4d %10s  %s", n->from, n->to, explain_size(x->arena, (double)bytes),
          e->value[n->value].name);
  if (n->count > 1) fprintf(out, " x%d", n->count);
  if (count > 1) fprintf(out, " and %d more", count - 1);
  fprintf(out, ": %s\n", explain_reason(x, e, n));
}

void explain_neighbours(const Explain *x, const FactEntry *e, FILE *out) {
  if (!e->nneighbour) return;
  FactNeighbour *n = arena_copy(x->arena, e->neighbour, sizeof *n * (size_t)e->nneighbour);
  qsort(n, (size_t)e->nneighbour, sizeof *n, by_rows);
  fprintf(out, "\n%s: rows that read what other rows have stored, and why they are not one kernel\n",
          explain_entries[e->kind]);
  for (int i = 0, end; i < e->nneighbour; i = end) {
    for (end = i + 1; end < e->nneighbour && n[end].from == n[i].from && n[end].to == n[i].to; end++) {
    }
    show_pair(x, e, &n[i], end - i, out);
  }
}
