/* The facts as a table: a row for each line of the description that kernels compute, then the pairs of rows
 * that are not one kernel, and why. */
#include <stdlib.h>
#include <string.h>

#include "passes/place/strategy.h"
#include "tools/explain/explain.h"

enum { MOST_LISTED = 5, MOST_SHOWN = 15 };

static const double mib = 1 << 20;

const char *explain_line(Arena *a, Loc at) {
  if (!at.src || at.line < 1) return "";
  const char *s = at.src->text;
  for (int i = 1; i < at.line && s; i++) s = strchr(s, '\n') ? strchr(s, '\n') + 1 : NULL;
  if (!s) return "";
  s += strspn(s, " \t");
  return arena_strndup(a, s, strcspn(s, "\n"));
}

const char *explain_short(Arena *a, const char *class) {
  static const char again[] = ".again";
  char *name = arena_strdup(a, class), *at = strstr(name, again);
  if (at) memmove(at, at + sizeof again - 1, strlen(at + sizeof again - 1) + 1);
  const char *dot = strrchr(name, '.');
  return dot ? dot + 1 : name;
}

const char *explain_size(Arena *a, double bytes) {
  static const char *const units[] = {"bytes", "KiB", "MiB", "GiB"};
  int unit = 0;
  for (; bytes >= 1024 && unit < 3; unit++) bytes /= 1024;
  return arena_printf(a, unit ? "%.1f %s" : "%.0f %s", bytes, units[unit]);
}

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
static const char *where_taken(Arena *a, const FactEntry *e, const DecisionRow *r) {
  if (r->kernel < 0) return reason_rows[DR_TAKEN].text;
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
static ExplainWhy why(Arena *a, Reason reason, const char *taken, const StrategyRow *row) {
  const ReasonRow *r = &reason_rows[reason];
  if (reason == DR_TAKEN) return (ExplainWhy){taken, ""};
  if (reason == DR_OVERRIDE && row)
    return (ExplainWhy){arena_printf(a, "%s (%s)", r->text, explain_strategy_row(a, row)), ""};
  return (ExplainWhy){r->text, r->rule};
}

ExplainWhy explain_joining(Arena *a, const FactEntry *e, const DecisionPair *p) {
  const DecisionRow *r = &e->decisions->row[p->consumer];
  return why(a, p->joining, arena_printf(a, "its reader %s %s", r->class->name, where_taken(a, e, r)),
             p->row);
}

ExplainWhy explain_inlining(Arena *a, const FactEntry *e, const DecisionRow *r) {
  return why(a, r->inlining, arena_printf(a, "it %s", where_taken(a, e, r)), r->class->row);
}

static const char *cited(Arena *a, ExplainWhy w) {
  return w.rule[0] ? arena_printf(a, "%s (%s)", w.text, w.rule) : w.text;
}

static const char *inlining(Arena *a, const FactEntry *e, const DecisionPair *p) {
  const DecisionRow *row = &e->decisions->row[p->producer];
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

static const char *percent(Arena *a, double part, double whole) {
  return part < 0 || whole <= 0 ? "" : arena_printf(a, "%.1f%%", 100 * part / whole);
}

static const char *milliseconds(Arena *a, double seconds) {
  return seconds < 0 ? "" : arena_printf(a, "%.3f", seconds * 1e3);
}

static void show_head(const Explain *x, FILE *out) {
  const Facts *f = x->facts;
  const Roofline *r = &f->roof;
  const Prog *p = f->prog;
  int launches = 0;
  for (int e = 0; e < EN_COUNT; e++) launches += (f->entry[e].times > 0) * p->entry[e].nlaunch;
  fprintf(out, "%s of %s for %s, batch %lld: %d kernels, %d launches a step, %.1f MiB of memory\n",
          p->graph->name_of_block, x->build->front.source[0].relative, x->build->target->name,
          (long long)p->graph->batch, p->nkernel, launches, (double)p->arena_bytes / mib);
  fprintf(out, "predicted %.4g s a step", f->step);
  if (f->measured >= 0) fprintf(out, ", measured %.4g s", f->measured);
  fprintf(out, "\n  %d thread%s of %s: %.4g GFLOP/s, %.4g G additions/s, %.4g GB/s, %.3g us a launch\n",
          r->threads, r->threads == 1 ? "" : "s", r->machine, r->flop * 1e-9, r->operations * 1e-9,
          r->bytes * 1e-9, r->launch * 1e6);
}

static const char *module_of(Arena *a, const char *origin) {
  const char *dot = strrchr(origin, '.');
  return dot ? arena_strndup(a, origin, (size_t)(dot - origin)) : "the top";
}

/* Where in the model: modules with the launches of each. */
static void show_modules(const Explain *x, const FactRow *r, FILE *out) {
  const char **module = ARENA_ARRAY(x->arena, r->nclass + 1, const char *);
  int *count = ARENA_ARRAY(x->arena, r->nclass + 1, int), n = 0;
  for (int i = 0; i < r->nclass; i++) {
    const char *m = module_of(x->arena, r->class[i].origin);
    int at = 0;
    while (at < n && strcmp(module[at], m) != 0) at++;
    if (at == n) module[n++] = m;
    count[at] += r->class[i].launches;
  }
  if (n == 1 && strcmp(module[0], "the top") == 0) return;
  fprintf(out, "        in ");
  for (int i = 0; i < n && i < MOST_LISTED; i++) fprintf(out, "%s%s x%d", i ? ", " : "", module[i], count[i]);
  if (n > MOST_LISTED) fprintf(out, " and %d more", n - MOST_LISTED);
  fprintf(out, "\n");
}

static const char *value_text(const Explain *x, const FactValue *v, bool shape) {
  const char *name = explain_short(x->arena, v->name), *what = v->kept         ? " (kept)"
                                                               : v->recomputed ? " (made again)"
                                                                               : "";
  char text[128];
  if (!shape) return name;
  return arena_printf(x->arena, "%s %s%s%s", name, dtype_name(v->first->dtype),
                      shape_text(&v->first->shape, text, sizeof text), what);
}

static void show_values(const Explain *x, const FactEntry *e, const FactRow *r, FactPlace place, FILE *out) {
  static const char *const verbs[] = {[FP_STORED] = "stores",
                                      [FP_HELD] = "holds",
                                      [FP_INLINE] = "writes in",
                                      [FP_RECOMPUTED] = "makes again"};
  int n = 0;
  const char **shown = ARENA_ARRAY(x->arena, r->nuse + 1, const char *);
  for (int i = 0; i < r->nuse; i++) {
    if (r->use[i].place != place) continue;
    const char *text = value_text(x, &e->value[r->use[i].value], place == FP_STORED);
    int at = 0;
    while (at < n && strcmp(shown[at], text) != 0) at++;
    if (at == n) shown[n++] = text;
  }
  if (!n) return;
  fprintf(out, "        %s ", verbs[place]);
  for (int i = 0; i < n && i < MOST_LISTED; i++) fprintf(out, "%s%s", i ? ", " : "", shown[i]);
  if (n > MOST_LISTED) fprintf(out, " and %d more", n - MOST_LISTED);
  fprintf(out, "\n");
}

static void show_row(const Explain *x, const FactEntry *e, int i, FILE *out) {
  const Facts *f = x->facts;
  const FactRow *r = &e->row[i];
  fprintf(out, "%4d %6s", i, percent(x->arena, e->times * r->seconds, e->times > 0 ? f->step : 0));
  if (f->measured >= 0)
    fprintf(out, " %6s", percent(x->arena, e->times * r->measured, e->times > 0 ? f->measured : 0));
  fprintf(out, " %12.3f", r->seconds * 1e3);
  if (f->measured >= 0) fprintf(out, " %11s", milliseconds(x->arena, r->measured));
  fprintf(out, " %5d %8.2f %8.1f  %-10s %-8s %s%s:%d  %s\n", r->nlaunch, r->flop * 1e-9, r->bytes / mib,
          roofline_bounds[r->bound], r->kind, r->backward ? "backward of " : "",
          r->loc.src ? r->loc.src->path : "", r->loc.line, explain_line(x->arena, r->loc));
  show_modules(x, r, out);
  for (int p = 0; p < FP_COUNT; p++) show_values(x, e, r, (FactPlace)p, out);
}

/* Measured shares and times stand beside the predicted ones where a profile gives them. */
static void show_columns(bool measured, FILE *out) {
  fprintf(out, "\n%4s %6s", "row", "share");
  if (measured) fprintf(out, " %6s", "real");
  fprintf(out, " %12s", "predicted ms");
  if (measured) fprintf(out, " %11s", "measured ms");
  fprintf(out, " %5s %8s %8s  %-10s %-8s %s\n", "count", "GFLOP", "MiB", "bound by", "kernel", "line");
}

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

/* Pairs of rows of which one reads what the other has stored, and why: those that move most come first. */
static void show_neighbours(const Explain *x, const FactEntry *e, FILE *out) {
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

static void show_entry(const Explain *x, const FactEntry *e, FILE *out) {
  fprintf(out, "\n%s: %d launches in %d rows, predicted %.4g s", explain_entries[e->kind], e->nlaunch,
          e->nrow, e->seconds);
  if (e->measured >= 0) fprintf(out, ", measured %.4g s", e->measured);
  if (e->times > 1) fprintf(out, ", %.0f times a step", e->times);
  show_columns(x->facts->measured >= 0, out);
  for (int i = 0; i < e->nrow; i++) show_row(x, e, i, out);
  show_neighbours(x, e, out);
}

bool explain_shows(const Explain *x, const FactEntry *e) {
  return e->lower && (x->entry ? strcmp(x->entry, explain_entries[e->kind]) == 0 : e->times > 0);
}

void explain_text(const Explain *x, FILE *out) {
  show_head(x, out);
  for (int i = 0; i < EN_COUNT; i++) {
    const FactEntry *e = &x->facts->entry[i];
    if (explain_shows(x, e)) show_entry(x, e, out);
  }
}
