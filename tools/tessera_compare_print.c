/* What `tessera compare` found, as a table or as JSON. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tools/tessera_compare.h"
#include "tools/tessera_json.h"

static int ascending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* Sorts v. */
static double median(double *v, int n) {
  if (!n) return NAN;
  qsort(v, (size_t)n, sizeof *v, ascending);
  return (v[(n - 1) / 2] + v[n / 2]) / 2;
}

double compare_median(const Side *s) {
  double v[COMPARE_MOST_ROUNDS];
  memcpy(v, s->seconds, sizeof *v * (size_t)s->nround);
  return median(v, s->nround);
}

double compare_ratio(const Comparison *c, int i) {
  double v[COMPARE_MOST_ROUNDS];
  const Side *s = &c->side[i], *first = NULL;
  for (int k = 0; !first && k < c->o->nstrategy; k++)
    if (!c->side[k].failed) first = &c->side[k];
  int n = first && !s->failed ? s->nround : 0;
  for (int r = 0; r < n; r++) v[r] = s->seconds[r] / first->seconds[r];
  return median(v, n);
}

static double extreme(const Side *s, int sign) {
  double best = s->seconds[0];
  for (int r = 1; r < s->nround; r++)
    if (sign * s->seconds[r] > sign * best) best = s->seconds[r];
  return best;
}

static double mib(double bytes) {
  return bytes / (1 << 20);
}

static int longest_name(const Comparison *c) {
  size_t n = strlen("strategy");
  for (int i = 0; i < c->o->nstrategy; i++)
    if (strlen(c->side[i].label) > n) n = strlen(c->side[i].label);
  return (int)n;
}

static void print_side(const Comparison *c, int i, int width, FILE *out) {
  const Side *s = &c->side[i];
  if (s->failed) {
    fprintf(out, "%-*s  failed: %s\n", width, s->label, s->failed);
    return;
  }
  fprintf(out, "%-*s %9.2f %9.2f %9.2f %7.3f %10.1f %10.1f %9.1f %9.1f %8d %9d\n", width, s->label,
          1e3 * compare_median(s), 1e3 * extreme(s, -1), 1e3 * extreme(s, 1), compare_ratio(c, i),
          mib(s->planned), mib(s->memory), s->step.bytes * 1e-6, s->step.outside * 1e-6, s->step.kernels,
          s->step.launches);
}

void compare_print(const Comparison *c, FILE *out) {
  int width = longest_name(c);
  fprintf(out, "%s for %s: %ld round%s of %ld step%s each, in turn\n", c->o->build.description,
          c->target ? c->target : c->o->build.target, c->o->rounds, c->o->rounds == 1 ? "" : "s", c->o->steps,
          c->o->steps == 1 ? "" : "s");
  fprintf(out, "%-*s %9s %9s %9s %7s %10s %10s %9s %9s %8s %9s\n", width, "", "ms/step", "least", "most",
          "ratio", "MiB", "MiB", "MB/step", "outside", "", "launches");
  fprintf(out, "%-*s %9s %9s %9s %7s %10s %10s %9s %9s %8s %9s\n", width, "strategy", "(median)", "", "", "",
          "announced", "real", "moved", "dots", "kernels", "a step");
  for (int i = 0; i < c->o->nstrategy; i++) print_side(c, i, width, out);
  compare_print_rows(c, out);
}

static void json_side(const Comparison *c, int i, FILE *out) {
  const Side *s = &c->side[i];
  fprintf(out, "%s{\"strategy\":", i ? "," : "");
  json_text(out, s->name);
  fputs(",\"failed\":", out);
  json_text(out, s->failed);
  fputs(",\"seconds\":[", out);
  for (int r = 0; r < s->nround; r++) {
    if (r) fputc(',', out);
    json_number(out, s->seconds[r]);
  }
  fputs("],\"median\":", out);
  json_number(out, compare_median(s));
  fputs(",\"ratio\":", out);
  json_number(out, compare_ratio(c, i));
  fprintf(out, ",\"memory_announced\":%.0f,\"memory_real\":%.0f", s->planned, s->memory);
  fprintf(out, ",\"gflop\":%.9g,\"bytes\":%.0f,\"bytes_outside_contractions\":%.0f", s->step.flop * 1e-9,
          s->step.bytes, s->step.outside);
  fprintf(out, ",\"kernels\":%d,\"launches\":%d}", s->step.kernels, s->step.launches);
}

/* The classes on which strategies differ, with each one's placement in the order of the strategies. */
static void json_rows(const Comparison *c, FILE *out) {
  const char *comma = "";
  for (int i = 0; i < c->nrow; i++) {
    const CompareRow *r = &c->row[i];
    if (!compare_differs(c, r)) continue;
    fprintf(out, "%s{\"class\":", comma);
    json_text(out, r->name);
    fputs(",\"source\":", out);
    json_text(out, r->source);
    fputs(",\"places\":[", out);
    for (int k = 0; k < c->o->nstrategy; k++) {
      if (k) fputc(',', out);
      json_text(out, r->place[k]);
    }
    fputs("]}", out);
    comma = ",";
  }
}

void compare_print_json(const Comparison *c, FILE *out) {
  fputs("{\"description\":", out);
  json_text(out, c->o->build.description);
  fputs(",\"target\":", out);
  json_text(out, c->target);
  fprintf(out, ",\"rounds\":%ld,\"steps\":%ld,\"strategies\":[", c->o->rounds, c->o->steps);
  for (int i = 0; i < c->o->nstrategy; i++) json_side(c, i, out);
  fprintf(out, "],\"classes\":%d,\"differ\":[", c->nrow);
  json_rows(c, out);
  fputs("]}\n", out);
}
