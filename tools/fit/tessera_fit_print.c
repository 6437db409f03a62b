/* What `tessera fit` found, as a table or as JSON. */
#include <stdio.h>

#include "tools/fit/tessera_fit.h"
#include "tools/report/tessera_json_tree.h"

static const char *const labels[FIT_MODES] = {[FIT_FASTEST] = "fastest", [FIT_AGAIN] = "largest"};

static double mib(int64_t bytes) {
  return (double)bytes / (1 << 20);
}

static void print_head(const FitOptions *o, const FitPoint *p) {
  printf("%s for %s within %.1f MiB (%lld bytes)", o->build.description, p->target, mib(o->memory),
         (long long)o->memory);
  if (p->scratch) printf(", with %d threads", o->build.threads);
  printf("\n%-8s %8s %14s %10s %10s %12s %10s %10s\n", "", "batch", "bytes", "MiB", "arena", "each thread",
         "s/step", "images/s");
}

/* Without a saved set that is made smaller, batch 1 may be too large: then the row says what it takes. */
static void print_point(FitMode mode, FitResult result, const FitPoint *p) {
  if (result == FIT_NONE) {
    printf("%-8s %8s %14lld %10.1f   with batch=1\n", labels[mode], "none", (long long)p->bytes,
           mib(p->bytes));
    return;
  }
  printf("%-8s %8lld %14lld %10.1f %10.1f %12.2f %10.4g %10.4g\n", labels[mode], (long long)p->batch,
         (long long)p->bytes, mib(p->bytes), mib(p->arena), mib(p->scratch), p->seconds,
         (double)p->images / p->seconds);
}

void fit_print(const FitOptions *o, const FitResult result[FIT_MODES], const FitPoint point[FIT_MODES]) {
  print_head(o, &point[FIT_AGAIN]);
  for (FitMode m = FIT_FASTEST; m < FIT_MODES; m++) print_point(m, result[m], &point[m]);
}

static void json_point(JsonTree *j, FitMode mode, FitResult result, const FitPoint *p) {
  bool fits = result != FIT_NONE;
  tree_open(j, NULL, '{');
  tree_text(j, "program", labels[mode]);
  tree_known(j, "batch", fits ? (double)p->batch : -1);
  tree_int(j, "bytes", p->bytes);
  tree_known(j, "arena_bytes", fits ? (double)p->arena : -1);
  tree_known(j, "thread_bytes", fits ? (double)p->scratch : -1);
  tree_known(j, "images_a_step", fits ? (double)p->images : -1);
  tree_known(j, "step_s", fits ? p->seconds : -1);
  tree_known(j, "images_per_s", fits ? (double)p->images / p->seconds : -1);
  tree_bool(j, "next_tried", result != FIT_ALL);
  tree_close(j, '}');
}

void fit_print_json(const FitOptions *o, const FitResult result[FIT_MODES], const FitPoint point[FIT_MODES]) {
  JsonTree j = {.out = stdout};
  tree_open(&j, NULL, '{');
  tree_int(&j, "tessera_fit", 1);
  tree_text(&j, "description", o->build.description);
  tree_text(&j, "target", point[FIT_AGAIN].target);
  tree_int(&j, "memory", o->memory);
  tree_int(&j, "threads", o->build.threads);
  tree_int(&j, "cores", o->cores);
  tree_open(&j, "programs", '[');
  for (FitMode m = FIT_FASTEST; m < FIT_MODES; m++) json_point(&j, m, result[m], &point[m]);
  tree_close(&j, ']');
  tree_close(&j, '}');
}
