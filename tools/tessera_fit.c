/* tessera fit: the largest batch whose program fits into a memory, found by planning it. */
#include <stdio.h>
#include <string.h>

#include "tools/tessera_fit.h"

static void read_one(Args *args, FitOptions *o) {
  const char *text = NULL;
  if (args_option(args, "--memory", &text))
    o->memory = args->wrong ? 0 : args_bytes(args, "--memory", text);
  else if (args_option(args, "--cores", &text))
    o->cores = args->wrong ? 1 : (int)args_number(args, "--cores", text, 1);
  else if (!build_common_option(args, &o->build))
    build_set_description(args, &o->build, args_word(args));
}

static bool read_options(Arena *a, Args *args, FitOptions *o) {
  *o = (FitOptions){.build = build_defaults(a, args), .cores = 1};
  while (args_more(args)) read_one(args, o);
  if (!args->wrong && !o->build.description) args_fail(args, "which description?");
  if (!args->wrong && !o->memory) args_fail(args, "--memory says into what");
  for (int i = 0; !args->wrong && i < o->build.ndefine; i++)
    if (strncmp(o->build.define[i], "batch=", 6) == 0) args_fail(args, "batch is what fit looks for");
  return !args->wrong;
}

static double mib(int64_t bytes) {
  return (double)bytes / (1 << 20);
}

static const char *const labels[] = {[FIT_FASTEST] = "fastest", [FIT_AGAIN] = "largest"};

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

static bool fit(const FitOptions *o) {
  FitPoint fastest, again;
  FitResult first = fit_search(o, FIT_FASTEST, &fastest), second = FIT_FAILED;
  if (first != FIT_FAILED) second = fit_search(o, FIT_AGAIN, &again);
  if (second == FIT_FAILED) return false;
  if (second == FIT_NONE) {
    diag_error((Loc){0}, "not even batch=1 fits into %lld bytes: it takes at least %lld (%.1f MiB)",
               (long long)o->memory, (long long)again.bytes, mib(again.bytes));
    return false;
  }
  print_head(o, &again);
  print_point(FIT_FASTEST, first, &fastest);
  print_point(FIT_AGAIN, second, &again);
  if (second == FIT_ALL) diag_note((Loc){0}, "batches above %d were not tried", FIT_MOST_BATCH);
  return true;
}

int verb_fit(int argc, char **argv) {
  Arena *a = arena_new();
  Args args = args_start("fit", argc, argv);
  FitOptions o;
  int status = read_options(a, &args, &o) ? !fit(&o) : 2;
  arena_free(a);
  return status;
}
