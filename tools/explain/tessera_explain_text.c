/* The facts as a table: a row for each line of the description that kernels compute. */
#include <stdlib.h>
#include <string.h>

#include "tools/explain/tessera_explain.h"

enum { MOST_LISTED = 5 };

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
          p->graph->name_of_block, x->build->front.source[0].relative, x->build->target,
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

static void show_entry(const Explain *x, const FactEntry *e, FILE *out) {
  fprintf(out, "\n%s: %d launches in %d rows, predicted %.4g s", explain_entries[e->kind], e->nlaunch,
          e->nrow, e->seconds);
  if (e->measured >= 0) fprintf(out, ", measured %.4g s", e->measured);
  if (e->times > 1) fprintf(out, ", %.0f times a step", e->times);
  show_columns(x->facts->measured >= 0, out);
  for (int i = 0; i < e->nrow; i++) show_row(x, e, i, out);
  explain_neighbours(x, e, out);
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
