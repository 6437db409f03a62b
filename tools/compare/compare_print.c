/* What `tessera compare` found, as a table or as JSON. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tools/compare/compare_strategies.h"
#include "tools/report/json_tree.h"

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
  fprintf(out, "%s for %s: %ld round%s of %ld step%s each, in turn\n", c->o->build.description, c->target,
          c->o->rounds, c->o->rounds == 1 ? "" : "s", c->o->steps, c->o->steps == 1 ? "" : "s");
  fprintf(out, "%-*s %9s %9s %9s %7s %10s %10s %9s %9s %8s %9s\n", width, "", "ms/step", "least", "most",
          "ratio", "MiB", "MiB", "MB/step", "outside", "", "launches");
  fprintf(out, "%-*s %9s %9s %9s %7s %10s %10s %9s %9s %8s %9s\n", width, "strategy", "(median)", "", "", "",
          "announced", "real", "moved", "dots", "kernels", "a step");
  for (int i = 0; i < c->o->nstrategy; i++) print_side(c, i, width, out);
  compare_print_rows(c, out);
}

static void json_side(JsonTree *j, const Comparison *c, int i) {
  const Side *s = &c->side[i];
  bool ran = s->nround > 0;
  tree_open(j, NULL, '{');
  tree_text(j, "strategy", s->name);
  tree_text(j, "failed", s->failed);
  tree_open(j, "seconds", '[');
  for (int r = 0; r < s->nround; r++) tree_number(j, NULL, s->seconds[r]);
  tree_close(j, ']');
  tree_number(j, "median", compare_median(s));
  tree_number(j, "ratio", compare_ratio(c, i));
  tree_known(j, "memory_announced", ran ? s->planned : -1);
  tree_known(j, "memory_real", ran ? s->memory : -1);
  tree_known(j, "gflop", s->built ? s->step.flop * 1e-9 : -1);
  tree_known(j, "bytes", s->built ? s->step.bytes : -1);
  tree_known(j, "bytes_outside_contractions", s->built ? s->step.outside : -1);
  tree_known(j, "kernels", s->built ? s->step.kernels : -1);
  tree_known(j, "launches", s->built ? s->step.launches : -1);
  tree_close(j, '}');
}

/* The classes on which strategies differ, with each one's placement in the order of the strategies. */
static void json_rows(JsonTree *j, const Comparison *c) {
  for (int i = 0; i < c->nrow; i++) {
    const CompareRow *r = &c->row[i];
    if (!compare_differs(c, r)) continue;
    tree_open(j, NULL, '{');
    tree_text(j, "class", r->name);
    tree_text(j, "source", r->source);
    tree_open(j, "places", '[');
    for (int k = 0; k < c->o->nstrategy; k++) tree_text(j, NULL, r->place[k]);
    tree_close(j, ']');
    tree_close(j, '}');
  }
}

void compare_print_json(const Comparison *c, FILE *out) {
  JsonTree j = {.out = out};
  tree_open(&j, NULL, '{');
  tree_text(&j, "description", c->o->build.description);
  tree_text(&j, "target", c->target);
  tree_int(&j, "rounds", c->o->rounds);
  tree_int(&j, "steps", c->o->steps);
  tree_open(&j, "strategies", '[');
  for (int i = 0; i < c->o->nstrategy; i++) json_side(&j, c, i);
  tree_close(&j, ']');
  tree_int(&j, "classes", c->nrow);
  tree_open(&j, "differ", '[');
  json_rows(&j, c);
  tree_close(&j, ']');
  tree_close(&j, '}');
}
