/* The search of `tessera fit`. Each batch is planned by the passes themselves, so that what is found is what
 * a build announces; scratch follows from the kernels' plans, without code. */
#include <stdio.h>

#include "passes/explain.h"
#include "tools/tessera_fit.h"

static int64_t images(const Prog *p) {
  bool trains = p->entry[EN_MICRO].present && p->entry[EN_UPDATE].present;
  return p->graph->batch * (trains ? p->graph->accumulate : 1);
}

static bool plan(const FitOptions *o, int64_t batch, bool predict, FitPoint *out) {
  Arena *a = arena_new();
  BuildOptions build = o->build;
  build.define = ARENA_ARRAY(a, build.ndefine + 1, const char *);
  for (int i = 0; i < build.ndefine; i++) build.define[i] = o->build.define[i];
  build.define[build.ndefine++] = arena_printf(a, "batch=%lld", (long long)batch);
  Build b = {.arena = a, .o = &build};
  bool ok = build_target(&b) && build_describe(&b) && build_plan(&b);
  if (ok) {
    Roofline r = roofline_of(b.target, o->cores);
    *out = (FitPoint){.batch = batch,
                      .images = images(b.prog),
                      .bytes = build_memory(&b),
                      .arena = b.prog->arena_bytes,
                      .scratch = build_scratch(&b),
                      .seconds = predict ? facts_make(a, b.prog, b.lower, &r)->step : 0};
    snprintf(out->target, sizeof out->target, "%s", b.target);
  } else {
    diag_note((Loc){0}, "this was tried with -D batch=%lld", (long long)batch);
  }
  arena_free(a);
  return ok;
}

bool fit_predict(const FitOptions *o, FitPoint *p) {
  return plan(o, p->batch, true, p);
}

/* Between a batch that fits and one that does not: memory grows nearly in proportion, so a guess along the
 * line between them comes close; every other time the middle, which bounds the number of guesses. */
static int64_t guess(const FitOptions *o, const FitPoint *fits, const FitPoint * not, int turn) {
  int64_t between = not->batch - fits->batch, step = between / 2;
  if (turn % 2 == 0 && not->bytes > fits->bytes)
    step =
        (int64_t)((double)(o->memory - fits->bytes) / (double)(not->bytes - fits->bytes) * (double)between);
  if (step < 1) step = 1;
  if (step > between - 1) step = between - 1;
  return fits->batch + step;
}

FitResult fit_search(const FitOptions *o, FitPoint *best) {
  FitPoint not, p;
  if (!plan(o, 1, false, best)) return FIT_FAILED;
  if (best->bytes > o->memory) return FIT_NONE;
  for (not= *best; not.bytes <= o->memory;) {
    *best = not;
    if (best->batch == FIT_MOST_BATCH) return FIT_ALL;
    if (!plan(o, 2 * best->batch, false, &not)) return FIT_FAILED;
  }
  for (int turn = 0; not.batch - best->batch > 1; turn++) {
    if (!plan(o, guess(o, best, &not, turn), false, &p)) return FIT_FAILED;
    *(p.bytes <= o->memory ? best : &not) = p;
  }
  return FIT_FOUND;
}
