/* tessera fit: the largest batch whose program fits. Each batch is planned by the passes themselves, so that
 * what is found is what a build announces; scratch follows from the kernels' plans, without code. */
#include <stdio.h>
#include <string.h>

#include "passes/explain/facts.h"
#include "tools/build/build.h"
#include "tools/report/json_tree.h"
#include "tools/verbs.h"

enum { MOST_BATCH = 1 << 20 };

typedef struct Options {
  BuildOptions build;
  int64_t memory; /* bytes */
  int cores;      /* that the prediction is for */
  bool json;
} Options;

typedef enum Mode {
  FASTEST, /* the saved set of the least time: a build without limit */
  AGAIN,   /* as much made again as it takes: a build with --max-memory */
  MODES
} Mode;

/* A batch as it would be built; bytes as build announces them: the arena and the scratch of all threads. */
typedef struct Point {
  int64_t batch, images; /* images a step: of all its micro-batches */
  int64_t bytes;         /* where nothing fits, the least that there is; then the rest is not known */
  int64_t arena, scratch;
  double seconds; /* a step, predicted (passes/explain/roofline.h); 0: not asked for */
  char target[80];
} Point;

typedef enum Result {
  FAILED, /* errors were reported */
  NONE,   /* batch 1 does not fit */
  FOUND,  /* the batch fits and the next one does not */
  ALL     /* MOST_BATCH fits */
} Result;

static int64_t images(const Prog *p) {
  bool trains = p->entry[EN_MICRO].present && p->entry[EN_UPDATE].present;
  return p->graph->batch * (trains ? p->graph->accumulate : 1);
}

/* One batch being planned. */
typedef struct Try {
  Build b;
  const Options *o;
  Mode mode;
  bool predict;
  Point *out;
} Try;

/* Keeps the first program that fits, which is the one that a build would take; without, the least bytes. */
static bool visit(void *ctx, const Prog *p, Lower *const *entry) {
  Try *t = ctx;
  int64_t bytes = build_takes(&t->b, p);
  bool fits = bytes <= t->o->memory, first = !t->out->bytes;
  Roofline r = roofline_of(t->b.target, t->o->cores);
  if (first || bytes < t->out->bytes)
    *t->out = (Point){.batch = t->out->batch, .images = images(p), .bytes = bytes, .arena = p->arena_bytes};
  if (fits && t->predict) {
    Arena *a = arena_new();
    t->out->seconds = facts_make(a, p, entry, &r)->step;
    arena_free(a);
  }
  return t->mode == AGAIN && !fits;
}

static bool plan(const Options *o, Mode mode, int64_t batch, bool predict, Point *out) {
  Arena *a = arena_new();
  BuildOptions build = o->build;
  build.define = ARENA_ARRAY(a, build.ndefine + 1, const char *);
  for (int i = 0; i < build.ndefine; i++) build.define[i] = o->build.define[i];
  build.define[build.ndefine++] = arena_printf(a, "batch=%lld", (long long)batch);
  *out = (Point){.batch = batch};
  Try t = {{.arena = a, .o = &build}, o, mode, predict, out};
  bool ok = build_target(&t.b) && build_describe(&t.b) && build_try(&t.b, visit, &t);
  if (ok) {
    int64_t beside = out->bytes - out->arena;
    out->scratch = beside / (t.b.target->threaded ? build.threads : 1);
    snprintf(out->target, sizeof out->target, "%s", t.b.target->name);
  } else {
    diag_note((Loc){0}, "this was tried with -D batch=%lld", (long long)batch);
  }
  arena_free(a);
  return ok;
}

/* Between a batch that fits and one that does not: memory grows nearly in proportion, so a guess along the
 * line between them comes close; every other time the middle, which bounds the number of guesses. */
static int64_t guess(const Options *o, const Point *fits, const Point * not, int turn) {
  int64_t between = not->batch - fits->batch, step = between / 2;
  if (turn % 2 == 0 && not->bytes > fits->bytes)
    step =
        (int64_t)((double)(o->memory - fits->bytes) / (double)(not->bytes - fits->bytes) * (double)between);
  if (step < 1) step = 1;
  if (step > between - 1) step = between - 1;
  return fits->batch + step;
}

/* Leaves the largest batch that fits in *best. */
static Result search(const Options *o, Mode mode, Point *best) {
  Point not, p;
  if (!plan(o, mode, 1, false, best)) return FAILED;
  if (best->bytes > o->memory) return NONE;
  for (not= *best; not.bytes <= o->memory;) {
    *best = not;
    if (best->batch == MOST_BATCH) return ALL;
    if (!plan(o, mode, 2 * best->batch, false, &not)) return FAILED;
  }
  for (int turn = 0; not.batch - best->batch > 1; turn++) {
    if (!plan(o, mode, guess(o, best, &not, turn), false, &p)) return FAILED;
    *(p.bytes <= o->memory ? best : &not) = p;
  }
  return FOUND;
}

/* Plans programs of several batches. `best` is the largest that fits, with its prediction; for NONE it is
 * batch 1. */
static Result find_best(const Options *o, Mode mode, Point *best) {
  Result r = search(o, mode, best);
  if (r == FAILED || r == NONE) return r;
  return plan(o, mode, best->batch, true, best) ? r : FAILED;
}

static const char *const labels[MODES] = {[FASTEST] = "fastest", [AGAIN] = "largest"};

static double mib(int64_t bytes) {
  return (double)bytes / (1 << 20);
}

static void print_head(const Options *o, const Point *p) {
  printf("%s for %s within %.1f MiB (%lld bytes)", o->build.description, p->target, mib(o->memory),
         (long long)o->memory);
  if (p->scratch) printf(", with %d threads", o->build.threads);
  printf("\n%-8s %8s %14s %10s %10s %12s %10s %10s\n", "", "batch", "bytes", "MiB", "arena", "each thread",
         "s/step", "images/s");
}

/* Without a saved set that is made smaller, batch 1 may be too large: then the row says what it takes. */
static void print_point(Mode mode, Result result, const Point *p) {
  if (result == NONE) {
    printf("%-8s %8s %14lld %10.1f   with batch=1\n", labels[mode], "none", (long long)p->bytes,
           mib(p->bytes));
    return;
  }
  printf("%-8s %8lld %14lld %10.1f %10.1f %12.2f %10.4g %10.4g\n", labels[mode], (long long)p->batch,
         (long long)p->bytes, mib(p->bytes), mib(p->arena), mib(p->scratch), p->seconds,
         (double)p->images / p->seconds);
}

static void print_table(const Options *o, const Result result[MODES], const Point point[MODES]) {
  print_head(o, &point[AGAIN]);
  for (Mode m = FASTEST; m < MODES; m++) print_point(m, result[m], &point[m]);
}

static void json_point(JsonTree *j, Mode mode, Result result, const Point *p) {
  bool fits = result != NONE;
  tree_open(j, NULL, '{');
  tree_text(j, "program", labels[mode]);
  tree_known(j, "batch", fits ? (double)p->batch : -1);
  tree_int(j, "bytes", p->bytes);
  tree_known(j, "arena_bytes", fits ? (double)p->arena : -1);
  tree_known(j, "thread_bytes", fits ? (double)p->scratch : -1);
  tree_known(j, "images_a_step", fits ? (double)p->images : -1);
  tree_known(j, "step_s", fits ? p->seconds : -1);
  tree_known(j, "images_per_s", fits ? (double)p->images / p->seconds : -1);
  tree_bool(j, "next_tried", result != ALL);
  tree_close(j, '}');
}

static void print_json(const Options *o, const Result result[MODES], const Point point[MODES]) {
  JsonTree j = {.out = stdout};
  tree_open(&j, NULL, '{');
  tree_int(&j, "tessera_fit", 1);
  tree_text(&j, "description", o->build.description);
  tree_text(&j, "target", point[AGAIN].target);
  tree_int(&j, "memory", o->memory);
  tree_int(&j, "threads", o->build.threads);
  tree_int(&j, "cores", o->cores);
  tree_open(&j, "programs", '[');
  for (Mode m = FASTEST; m < MODES; m++) json_point(&j, m, result[m], &point[m]);
  tree_close(&j, ']');
  tree_close(&j, '}');
}

static void read_one(Args *args, Options *o) {
  const char *text = NULL;
  if (args_option(args, "--memory", &text))
    o->memory = args->wrong ? 0 : args_bytes(args, "--memory", text);
  else if (args_option(args, "--cores", &text))
    o->cores = args->wrong ? 1 : (int)args_number(args, "--cores", text, 1);
  else if (args_flag(args, "--json"))
    o->json = true;
  else if (!build_common_option(args, &o->build))
    build_set_description(args, &o->build, args_word(args));
}

static bool read_options(Arena *a, Args *args, Options *o) {
  *o = (Options){.build = build_defaults(a, args), .cores = 1};
  while (args_more(args)) read_one(args, o);
  if (!args->wrong && !o->build.description) args_fail(args, "which description?");
  if (!args->wrong && !o->memory) args_fail(args, "--memory says into what");
  if (!args->wrong && o->build.max_memory) args_fail(args, "--memory is the limit, without --max-memory");
  for (int i = 0; !args->wrong && i < o->build.ndefine; i++)
    if (strncmp(o->build.define[i], "batch=", 6) == 0) args_fail(args, "batch is what fit looks for");
  return !args->wrong;
}

static bool none_fits(const Options *o, const Point *least) {
  Source description = {.path = o->build.description};
  diag_error((Loc){.src = &description},
             "not even batch=1 fits into %lld bytes: it takes at least %lld (%.1f MiB)", (long long)o->memory,
             (long long)least->bytes, (double)least->bytes / (1 << 20));
  return false;
}

static bool fit(const Options *o) {
  Point point[MODES];
  Result result[MODES];
  for (Mode m = FASTEST; m < MODES; m++) {
    result[m] = find_best(o, m, &point[m]);
    if (result[m] == FAILED) return false;
  }
  if (result[AGAIN] == NONE) return none_fits(o, &point[AGAIN]);
  (o->json ? print_json : print_table)(o, result, point);
  if (result[AGAIN] == ALL) diag_note((Loc){0}, "batches above %d were not tried", MOST_BATCH);
  return true;
}

int verb_fit(int argc, char **argv) {
  Arena *a = arena_new();
  Args args = args_start("fit", argc, argv);
  Options o;
  int status = read_options(a, &args, &o) ? !fit(&o) : 2;
  arena_free(a);
  return status;
}
