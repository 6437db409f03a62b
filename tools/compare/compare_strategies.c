/* tessera compare: programs of one description by several strategies, built and run side by side. */
#include <stdio.h>
#include <string.h>

#include "base/files/infile.h"
#include "tools/cli/cleanup.h"
#include "tools/cli/output.h"
#include "tools/cli/shipped.h"
#include "tools/compare/compare_strategies.h"
#include "tools/report/report.h"
#include "tools/verbs.h"

enum { STEPS = 5, ROUNDS = 5, MOST_STEPS = 1000000, MOST_THREADS = 1024 };

static void add_word(Args *args, CompareOptions *o, const char *word) {
  if (args->wrong) return;
  if (!o->build.description)
    o->build.description = word;
  else if (o->nstrategy == COMPARE_MOST)
    args_fail(args, "at most %d strategies at a time", COMPARE_MOST);
  else
    o->strategy[o->nstrategy++] = word;
}

static long number(Args *args, const char *option, const char *text, long most) {
  long n = args->wrong ? 1 : args_number(args, option, text, 1);
  if (!args->wrong && n > most) args_fail(args, "%s is at most %ld", option, most);
  return n;
}

static void read_one(Args *args, CompareOptions *o) {
  const char *text = NULL;
  if (args_option(args, "--steps", &text))
    o->steps = number(args, "--steps", text, MOST_STEPS);
  else if (args_option(args, "--rounds", &text))
    o->rounds = number(args, "--rounds", text, COMPARE_MOST_ROUNDS);
  else if (args_option(args, "--threads", &text))
    o->build.threads = o->threads = (int)number(args, "--threads", text, MOST_THREADS);
  else if (args_flag(args, "--json"))
    o->json = true;
  else if (args_flag(args, "--rows"))
    o->rows = true;
  else if (args_option(args, "--report", &o->report))
    return;
  else if (!build_common_option(args, &o->build))
    add_word(args, o, args_word(args));
}

static bool read_options(Arena *a, Args *args, CompareOptions *o) {
  *o = (CompareOptions){.build = build_defaults(a, args), .steps = STEPS, .rounds = ROUNDS};
  while (args_more(args)) read_one(args, o);
  if (!args->wrong && !o->build.description) args_fail(args, "which description?");
  if (!args->wrong && o->build.fusion) args_fail(args, "strategies follow the description, without --fusion");
  if (!args->wrong && !o->nstrategy)
    args_fail(args, "which strategies? Files, or \"auto\" for the compiler's own");
  return !args->wrong;
}

/* "none" of "models/fusion/none.fuse". */
static const char *short_name(Arena *a, const char *name) {
  const char *slash = strrchr(name, '/'), *base = slash ? slash + 1 : name, *dot = strrchr(base, '.');
  return dot && strcmp(dot, ".fuse") == 0 ? arena_strndup(a, base, (size_t)(dot - base)) : base;
}

/* Names that are two sides' stay as typed. */
static void name_sides(Comparison *c) {
  for (int i = 0; i < c->o->nstrategy; i++) c->side[i].label = short_name(c->arena, c->o->strategy[i]);
  for (int i = 0; i < c->o->nstrategy; i++)
    for (int k = 0; k < c->o->nstrategy; k++)
      if (k != i &&
          strcmp(short_name(c->arena, c->o->strategy[i]), short_name(c->arena, c->o->strategy[k])) == 0)
        c->side[i].label = c->o->strategy[i];
}

static bool write_report(const Comparison *c) {
  ReportBuild *build = ARENA_ARRAY(c->arena, c->o->nstrategy, ReportBuild);
  int n = 0;
  for (int i = 0; c->o->report && i < c->o->nstrategy; i++) {
    const Side *s = &c->side[i];
    if (s->facts) build[n++] = (ReportBuild){s->label, s->facts, compare_median(s)};
  }
  return !n || report_write(c->arena, c->o->report, build, n);
}

static void note_inputs(Arena *a, const CompareOptions *o) {
  build_note_inputs(a, &o->build);
  for (int i = 0; i < o->nstrategy; i++) infile_note(shipped_path(a, o->strategy[i]), o->strategy[i]);
}

/* Known at once, and again when the files of the description are known. */
static bool can_write(const CompareOptions *o) {
  return !o->report || output_possible(o->report);
}

/* In the child: the exit status is 1 when some strategy has no times. */
static int work(const char *folder, void *ctx) {
  const CompareOptions *o = ctx;
  Arena *a = arena_new();
  Comparison c = {.arena = a, .o = o, .folder = folder, .side = ARENA_ARRAY(a, o->nstrategy, Side)};
  name_sides(&c);
  note_inputs(a, o);
  if (!can_write(o) || !compare_describe(&c) || !can_write(o)) return arena_free(a), 1;
  for (int i = 0; i < o->nstrategy; i++) compare_build(&c, i);
  compare_run(&c);
  (o->json ? compare_print_json : compare_print)(&c, stdout);
  bool ok = output_flush() && write_report(&c);
  for (int i = 0; i < o->nstrategy; i++) ok &= !c.side[i].failed;
  arena_free(a);
  return !ok;
}

int verb_compare(int argc, char **argv) {
  Arena *a = arena_new();
  Args args = args_start("compare", argc, argv);
  CompareOptions o;
  int status = read_options(a, &args, &o) ? cleanup_folder(work, &o) : 2;
  arena_free(a);
  return status;
}
