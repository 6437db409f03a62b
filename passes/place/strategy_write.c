/* Decisions as a strategy file. */

#include "passes/place/strategy.h"

/* A class' rows of all entries as one. */
typedef struct Members {
  int members, inlined;
} Members;

static void print_kinds(FILE *f, const char *word, unsigned kinds) {
  const char *before = ":";
  fputs(word, f);
  for (int k = 0; kinds != STRATEGY_ALL_KINDS && k < DK_COUNT; k++) {
    if (!(kinds >> k & 1)) continue;
    fprintf(f, "%s%s", before, decide_kinds[k]);
    before = ",";
  }
}

/* What the class' own row says, where the members differ and only the same words decide them alike. */
static void print_row(FILE *f, const StrategyRow *r) {
  bool all = r->inline_into == STRATEGY_ALL_KINDS && r->join == STRATEGY_ALL_KINDS;
  if (all || (!r->inline_into && !r->join)) {
    fputs(all ? "auto" : "buffer", f);
    return;
  }
  if (r->inline_into) print_kinds(f, "inline", r->inline_into);
  if (r->inline_into && r->join) fputc(' ', f);
  if (r->join) print_kinds(f, "join", r->join);
}

static void print_place(FILE *f, const DClass *c, const Members *s) {
  StrategyRow r = {.inline_into = STRATEGY_ALL_KINDS, .join = STRATEGY_ALL_KINDS};
  if (c->row) r = *c->row;
  if (r.target) {
    fprintf(f, "join=%s", r.target);
    return;
  }
  if (s->inlined == s->members) r.join = 0, r.inline_into = STRATEGY_ALL_KINDS;
  if (!s->inlined && c->kind != DK_COPY) r.inline_into = 0;
  print_row(f, &r);
}

static void print_class(FILE *f, const DClass *c, const Members *s) {
  const Loc *at = &c->first->loc;
  fprintf(f, "%s ", c->name);
  print_place(f, c, s);
  if (c->row && c->row->save) fprintf(f, " %s", strategy_saves[c->row->save]);
  fprintf(f, "  # %d of the %s", s->members, decide_kinds[c->kind]);
  if (at->src) fprintf(f, ", %s:%d", at->src->path, at->line);
  fputc('\n', f);
}

static const DClasses *classes_of(const Decisions *const of[EN_COUNT]) {
  for (int e = 0; e < EN_COUNT; e++)
    if (of[e]) return of[e]->classes;
  return NULL;
}

char *strategy_print(Arena *a, const Decisions *const of[EN_COUNT]) {
  const DClasses *classes = classes_of(of);
  Members *sum = ARENA_ARRAY(a, classes ? classes->n + 1 : 1, Members);
  for (int e = 0; e < EN_COUNT; e++)
    for (int i = 0; of[e] && i < of[e]->nrow; i++) {
      Members *s = &sum[of[e]->row[i].class - classes->class];
      s->members += of[e]->row[i].members;
      s->inlined += of[e]->row[i].inlined_members;
    }
  ArenaText text;
  arena_text_open(&text);
  fputs("tessera fusion 1\n", text.f);
  for (int i = 0; classes && i < classes->n; i++)
    if (sum[i].members) print_class(text.f, &classes->class[i], &sum[i]);
  return arena_text_close(a, &text);
}
