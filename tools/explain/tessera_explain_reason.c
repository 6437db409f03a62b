/* Why values are where they are, in sentences that name what is the cause. */
#include <string.h>

#include "passes/place/strategy.h"
#include "tools/explain/tessera_explain.h"

const char *explain_strategy_row(Arena *a, const StrategyRow *r) {
  const char *slash = strrchr(r->loc.src->path, '/'), *line = explain_line(a, r->loc);
  char *text = arena_strdup(a, line), *to = text;
  for (const char *p = text; *p && !(*p == '#' && p > text && to[-1] == ' '); p++)
    if (*p == '\t' || *p == '\r' || *p == ' ') {
      if (to > text && to[-1] != ' ') *to++ = ' ';
    } else
      *to++ = *p;
  while (to > text && to[-1] == ' ') to--;
  *to = 0;
  return arena_printf(a, "%s:%d: %s", slash ? slash + 1 : r->loc.src->path, r->loc.line, text);
}

/* Where a value of the class is that placement put into a kernel. */
static const char *where_taken(Arena *a, const FactEntry *e, const DRow *r) {
  if (r->kernel < 0) return decide_reasons[DR_TAKEN].text;
  const char *kernel = e->decisions->kernel[r->kernel].name,
             *then = r->stored ? " and stored from there" : "";
  switch (r->role) {
  case DP_EPILOGUE: return arena_printf(a, "is already an epilogue of %s's kernel%s", kernel, then);
  case DP_ROW: return arena_printf(a, "is already computed along the rows of %s's kernel%s", kernel, then);
  case DP_SIBLING: return arena_printf(a, "already shares the pass of %s's kernel%s", kernel, then);
  default: return "is what its own kernel was begun for";
  }
}

/* What only this program says of a reason. */
static ExplainWhy why(Arena *a, DReason reason, const char *taken, const StrategyRow *row) {
  const DReasonRow *r = &decide_reasons[reason];
  if (reason == DR_TAKEN) return (ExplainWhy){taken, ""};
  if (reason == DR_OVERRIDE && row)
    return (ExplainWhy){arena_printf(a, "%s (%s)", r->text, explain_strategy_row(a, row)), ""};
  return (ExplainWhy){r->text, r->rule};
}

ExplainWhy explain_joining(Arena *a, const FactEntry *e, const DPair *p) {
  const DRow *r = &e->decisions->row[p->consumer];
  return why(a, p->joining, arena_printf(a, "its reader %s %s", r->class->name, where_taken(a, e, r)),
             p->row);
}

ExplainWhy explain_inlining(Arena *a, const FactEntry *e, const DRow *r) {
  return why(a, r->inlining, arena_printf(a, "it %s", where_taken(a, e, r)), r->class->row);
}

static const char *cited(Arena *a, ExplainWhy w) {
  return w.rule[0] ? arena_printf(a, "%s (%s)", w.text, w.rule) : w.text;
}

static const char *inlining(Arena *a, const FactEntry *e, const DPair *p) {
  const DRow *row = &e->decisions->row[p->producer];
  const char *text = cited(a, explain_inlining(a, e, row));
  if (p->inlining != DR_COST) return text;
  return arena_printf(a, "%s: %s of traffic for writing it in, %s for storing it", text,
                      explain_size(a, row->inlined), explain_size(a, row->storing));
}

const char *explain_reason(const Explain *x, const FactEntry *e, const FactNeighbour *n) {
  if (!n->why) return "placement had no choice: a copy, or partial results";
  const char *apart = cited(x->arena, explain_joining(x->arena, e, n->why));
  if (n->why->inlining == DR_NONE) return apart;
  return arena_printf(x->arena, "%s; not written in: %s", apart, inlining(x->arena, e, n->why));
}
