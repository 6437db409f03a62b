/* tessera explain: what would be built, and why. */
#include "tools/explain/explain.h"
#include "passes/place/strategy.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/files/infile.h"
#include "codegen/host/host.h"
#include "tools/cli/output.h"
#include "tools/report/report.h"
#include "tools/verbs.h"

const char *const explain_entries[EN_COUNT] = {
#define X(e, text) text,
    GRAPH_ENTRIES(X)
#undef X
};

typedef struct Options {
  BuildOptions build;
  const char *entry, *profile, *value, *write, *report;
  int cores;
  bool json, memory, all, force;
} Options;

static void check_entry(Args *args, const char *name) {
  for (int e = 0; e < EN_COUNT; e++)
    if (strcmp(explain_entries[e], name) == 0) return;
  args_fail(args, "--entry wants init, prepare, micro, update or eval, found \"%s\"", name);
}

static bool understand(Arena *a, Args *args, Options *o) {
  const char *text = NULL;
  o->build = build_defaults(a, args);
  o->cores = 1;
  while (args_more(args)) {
    if (build_common_option(args, &o->build)) continue;
    if (args_option(args, "--entry", &o->entry) || args_option(args, "--profile", &o->profile) ||
        args_option(args, "--value", &o->value) || args_option(args, "--write", &o->write) ||
        args_option(args, "--report", &o->report))
      continue;
    if (args_option(args, "--cores", &text))
      o->cores = args->wrong ? 1 : (int)args_number(args, "--cores", text, 1);
    else if (args_flag(args, "--force"))
      o->force = true;
    else if (args_flag(args, "--json"))
      o->json = true;
    else if (args_flag(args, "--memory"))
      o->memory = true;
    else if (args_flag(args, "--all"))
      o->all = true;
    else
      build_set_description(args, &o->build, args_word(args));
  }
  if (!args->wrong && !o->build.description) args_fail(args, "which description?");
  if (!args->wrong && o->entry) check_entry(args, o->entry);
  if (!args->wrong && (o->value != NULL) + o->memory + o->json > 1)
    args_fail(args, "--value, --memory and --json show different things: one at a time");
  return !args->wrong;
}

/* A strategy that builds this very program. */
static bool write_strategy(const Explain *x, const char *path) {
  const Decisions *of[EN_COUNT] = {0};
  Output file;
  for (int e = 0; e < EN_COUNT; e++)
    if (x->facts->entry[e].lower) of[e] = x->facts->entry[e].decisions;
  if (!output_open(path, &file)) return false;
  fputs(strategy_print(x->arena, of), file.f);
  return output_close(&file);
}

static char *facts_text(const Explain *x) {
  TextStream text;
  arena_text_open(&text);
  explain_json(x, text.f);
  return arena_text_close(x->arena, &text);
}

char *explain_facts(Build *b, int cores) {
  Roofline r = roofline_of(b->target, cores);
  Explain x = {.arena = b->arena, .build = b, .facts = facts_make(b->arena, b->prog, b->lower, &r)};
  return facts_text(&x);
}

static bool write_report(const Explain *x, const char *path) {
  ReportBuild build = {.label = x->build->graph->name_of_block, .facts = facts_text(x), .seconds = NAN};
  return report_write(x->arena, path, &build, 1);
}

static bool has_entry(const Build *b, const char *name) {
  const char *list = "";
  Source file = {.path = b->o->description};
  for (int e = 0; e < EN_COUNT; e++) {
    if (!b->lower[e]) continue;
    if (strcmp(explain_entries[e], name) == 0) return true;
    list = arena_printf(b->arena, "%s%s%s", list, *list ? ", " : "", explain_entries[e]);
  }
  diag_error((Loc){.src = &file}, "train block \"%s\" has no entry %s; expected %s", b->graph->name_of_block,
             name, list);
  return false;
}

/* What was edited by hand is not lost to a second --write. */
static bool may_write(const Options *o) {
  if (o->write && !(output_possible(o->write) && (o->force || output_is_new(o->write)))) return false;
  if (o->report && !output_possible(o->report)) return false;
  return !o->write || !o->report || output_differ(o->write, o->report);
}

static bool explain(Arena *a, const Options *o) {
  Build b = {.arena = a, .o = &o->build};
  build_note_inputs(a, &o->build);
  if (o->profile) infile_note(o->profile, o->profile);
  if (!may_write(o) || !build_target(&b) || !build_describe(&b) || !may_write(o) || !build_plan(&b))
    return false;
  Profile *profile = o->profile ? profile_read(a, o->profile) : NULL;
  if (o->profile && !profile) return false;
  if (o->entry && !has_entry(&b, o->entry)) return false;
  Roofline r = roofline_of(b.target, profile ? (int)profile->threads : o->cores);
  Facts *f = facts_make(a, b.prog, b.lower, &r);
  if (profile && !profile_fits(profile, &b, f)) return false;
  if (profile) profile_apply(profile, f);
  Explain x = {.arena = a, .build = &b, .facts = f, .entry = o->entry, .all = o->all};
  if (o->write && !write_strategy(&x, o->write)) return false;
  if ((o->json || o->report) && !build_text(&b)) return false;
  if (o->report && !write_report(&x, o->report)) return false;
  if (o->value) return explain_value(&x, o->value, stdout);
  if (o->json)
    explain_json(&x, stdout);
  else if (o->memory)
    explain_memory(&x, stdout);
  else if (!o->write && !o->report)
    explain_text(&x, stdout);
  return true;
}

int verb_explain(int argc, char **argv) {
  Arena *a = arena_new();
  Args args = args_start("explain", argc, argv);
  Options o = {0};
  bool understood = understand(a, &args, &o), ok = understood && explain(a, &o);
  arena_free(a);
  return understood ? !ok : 2;
}
