/* tessera fit: the largest batch whose program fits into a memory, found by planning it. */
#include <string.h>

#include "tools/fit/tessera_fit.h"

static void read_one(Args *args, FitOptions *o) {
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

static bool read_options(Arena *a, Args *args, FitOptions *o) {
  *o = (FitOptions){.build = build_defaults(a, args), .cores = 1};
  while (args_more(args)) read_one(args, o);
  if (!args->wrong && !o->build.description) args_fail(args, "which description?");
  if (!args->wrong && !o->memory) args_fail(args, "--memory says into what");
  if (!args->wrong && o->build.max_memory) args_fail(args, "--memory is the limit, without --max-memory");
  for (int i = 0; !args->wrong && i < o->build.ndefine; i++)
    if (strncmp(o->build.define[i], "batch=", 6) == 0) args_fail(args, "batch is what fit looks for");
  return !args->wrong;
}

static bool none_fits(const FitOptions *o, const FitPoint *least) {
  Source description = {.path = o->build.description};
  diag_error((Loc){.src = &description},
             "not even batch=1 fits into %lld bytes: it takes at least %lld (%.1f MiB)", (long long)o->memory,
             (long long)least->bytes, (double)least->bytes / (1 << 20));
  return false;
}

static bool fit(const FitOptions *o) {
  FitPoint point[FIT_MODES];
  FitResult result[FIT_MODES];
  for (FitMode m = FIT_FASTEST; m < FIT_MODES; m++) {
    result[m] = fit_search(o, m, &point[m]);
    if (result[m] == FIT_FAILED) return false;
  }
  if (result[FIT_AGAIN] == FIT_NONE) return none_fits(o, &point[FIT_AGAIN]);
  (o->json ? fit_print_json : fit_print)(o, result, point);
  if (result[FIT_AGAIN] == FIT_ALL) diag_note((Loc){0}, "batches above %d were not tried", FIT_MOST_BATCH);
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
