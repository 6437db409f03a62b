/* The search of `tessera fit`. Each batch is planned by the passes themselves, so that what is found is what
 * a build announces; scratch follows from the kernels' plans, without code. */
#include <stdio.h>

#include "passes/explain/facts.h"
#include "tools/fit/tessera_fit.h"

static int64_t images(const Prog *p) {
  bool trains = p->entry[EN_MICRO].present && p->entry[EN_UPDATE].present;
  return p->graph->batch * (trains ? p->graph->accumulate : 1);
}

/* One batch being planned. */
typedef struct Try {
  Build b;
  const FitOptions *o;
  FitMode mode;
  bool predict;
  FitPoint *out;
} Try;

/* Keeps the first program that fits, which is the one that a build would take; without, the least bytes. */
static bool visit(void *ctx, const Prog *p, Lower *const *entry) {
  Try *t = ctx;
  int64_t bytes = build_takes(&t->b, p);
  bool fits = bytes <= t->o->memory, first = !t->out->bytes;
  Roofline r = roofline_of(t->b.target, t->o->cores);
  if (first || bytes < t->out->bytes)
    *t->out =
        (FitPoint){.batch = t->out->batch, .images = images(p), .bytes = bytes, .arena = p->arena_bytes};
  if (fits && t->predict) {
    Arena *a = arena_new();
    t->out->seconds = facts_make(a, p, entry, &r)->step;
    arena_free(a);
  }
  return t->mode == FIT_AGAIN && !fits;
}

static bool plan(const FitOptions *o, FitMode mode, int64_t batch, bool predict, FitPoint *out) {
  Arena *a = arena_new();
  BuildOptions build = o->build;
  build.define = ARENA_ARRAY(a, build.ndefine + 1, const char *);
  for (int i = 0; i < build.ndefine; i++) build.define[i] = o->build.define[i];
  build.define[build.ndefine++] = arena_printf(a, "batch=%lld", (long long)batch);
  *out = (FitPoint){.batch = batch};
  Try t = {{.arena = a, .o = &build}, o, mode, predict, out};
  bool ok = build_target(&t.b) && build_describe(&t.b) && build_try(&t.b, visit, &t);
  if (ok) {
    int64_t beside = out->bytes - out->arena;
    out->scratch = t.b.narch ? 0 : beside / build.threads;
    snprintf(out->target, sizeof out->target, "%s", t.b.target);
  } else {
    diag_note((Loc){0}, "this was tried with -D batch=%lld", (long long)batch);
  }
  arena_free(a);
  return ok;
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

/* Leaves the largest batch that fits in *best. */
static FitResult search(const FitOptions *o, FitMode mode, FitPoint *best) {
  FitPoint not, p;
  if (!plan(o, mode, 1, false, best)) return FIT_FAILED;
  if (best->bytes > o->memory) return FIT_NONE;
  for (not= *best; not.bytes <= o->memory;) {
    *best = not;
    if (best->batch == FIT_MOST_BATCH) return FIT_ALL;
    if (!plan(o, mode, 2 * best->batch, false, &not)) return FIT_FAILED;
  }
  for (int turn = 0; not.batch - best->batch > 1; turn++) {
    if (!plan(o, mode, guess(o, best, &not, turn), false, &p)) return FIT_FAILED;
    *(p.bytes <= o->memory ? best : &not) = p;
  }
  return FIT_FOUND;
}

FitResult fit_search(const FitOptions *o, FitMode mode, FitPoint *best) {
  FitResult r = search(o, mode, best);
  if (r == FIT_FAILED || r == FIT_NONE) return r;
  return plan(o, mode, best->batch, true, best) ? r : FIT_FAILED;
}
