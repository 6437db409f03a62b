/* tessera build: what it is told, and from a description to a program. */
#include <stdio.h>
#include <string.h>

#include "base/files/infile.h"
#include "passes/passes.h"
#include "passes/rewrite/simplify.h"
#include "tools/build/build.h"
#include "tools/cli/output.h"
#include "tools/cli/shipped.h"
#include "tools/verbs.h"

enum { THREADS = 64, MOST_THREADS = 1024, LISTED = 1024 };

static void add_emit(Arena *a, Args *args, BuildOptions *o, const char *kind) {
  Emit none = {0};
  if (!build_emit(&none, kind, ""))
    args_fail(args, "--emit wants %s, found \"%s\"", build_emit_kinds(a), kind);
  else if (args->at == args->argc)
    args_fail(args, "--emit=%s wants a folder", kind);
  else
    build_emit(&o->emit, kind, args_value(args, "--emit=KIND"));
}

static void set_threads(Args *args, BuildOptions *o, const char *text) {
  long n = args_number(args, "--threads", text, 1);
  if (n > MOST_THREADS) args_fail(args, "--threads is at most %d", MOST_THREADS);
  o->threads = (int)n;
}

/* A name more in a text of LISTED bytes. */
static void add_name(char *list, const char *name) {
  size_t n = strlen(list);
  snprintf(list + n, LISTED - n, "%s%s", n ? ", " : " ", name);
}

static void refuse_licence(Args *args, BuildOptions *o, const char *name) {
  for (const SimplifyLicenceRow *l = simplify_licences; l->name; l++)
    if (strcmp(l->name, name) == 0) {
      o->refused |= l->bit;
      return;
    }
  char list[LISTED] = "";
  for (const SimplifyLicenceRow *l = simplify_licences; l->name; l++) add_name(list, l->name);
  args_fail(args, "no licence is called \"%s\"; expected%s", name, list);
}

void build_set_description(Args *args, BuildOptions *o, const char *word) {
  if (args->wrong) return;
  if (o->description)
    args_fail(args, "one description at a time; found \"%s\" after \"%s\"", word, o->description);
  o->description = word;
}

bool build_common_option(Args *args, BuildOptions *o) {
  const char *text = NULL;
  if (args_option(args, "-D", &text)) {
    if (!args->wrong) o->define[o->ndefine++] = text;
  } else if (args_option(args, "--threads", &text)) {
    if (!args->wrong) set_threads(args, o, text);
  } else if (args_option(args, "--max-memory", &text)) {
    if (!args->wrong) o->max_memory = args_bytes(args, "--max-memory", text);
  } else if (args_option(args, "--no-licence", &text)) {
    if (!args->wrong) refuse_licence(args, o, text);
  } else {
    return args_option(args, "--block", &o->block) || args_option(args, "--fusion", &o->fusion) ||
           args_option(args, "--target", &o->target);
  }
  return true;
}

static void read_one(Arena *a, Args *args, BuildOptions *o) {
  const char *text = NULL;
  if (build_common_option(args, o) || args_option(args, "-o", &o->out) ||
      args_option(args, "--dump-after", &o->dump_after) || args_option(args, "--dump-diff", &o->dump_diff))
    return;
  if (args_option(args, "--emit", &text)) {
    if (!args->wrong) add_emit(a, args, o, text);
  } else if (args_flag(args, "--debug-poison")) {
    o->poison = true;
  } else {
    build_set_description(args, o, args_word(args));
  }
}

static void check_pass(Args *args, const char *name) {
  char list[LISTED] = "";
  for (const char *const *pass = passes_names(); *pass; pass++) {
    if (strcmp(*pass, name) == 0) return;
    add_name(list, *pass);
  }
  args_fail(args, "no pass is called \"%s\"; expected%s", name, list);
}

static const char *file_name(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash ? slash + 1 : path;
}

BuildOptions build_defaults(Arena *a, const Args *args) {
  BuildOptions o = {.target = "cpu:native", .threads = THREADS};
  o.define = ARENA_ARRAY(a, args->argc + 1, const char *);
  return o;
}

bool build_options(Arena *a, Args *args, BuildOptions *o) {
  *o = build_defaults(a, args);
  while (args_more(args)) read_one(a, args, o);
  if (!args->wrong && !o->description) args_fail(args, "which description?");
  if (!args->wrong && !o->out) args_fail(args, "-o says where the program goes");
  if (!args->wrong && o->dump_after) check_pass(args, o->dump_after);
  if (!args->wrong && o->dump_diff) check_pass(args, o->dump_diff);
  if (o->out) o->emit.name = file_name(o->out);
  return !args->wrong;
}

void build_note_inputs(Arena *a, const BuildOptions *o) {
  infile_note(shipped_path(a, o->description), o->description);
  if (o->fusion) infile_note(shipped_path(a, o->fusion), o->fusion);
  for (int i = 0; i < o->ndefine; i++)
    if (o->define[i][0] == '@') infile_note(o->define[i] + 1, o->define[i] + 1);
  shipped_note(a);
}

static void announce(const Build *b) {
  const Prog *p = b->prog;
  int launches = 0;
  for (int e = 0; e < EN_COUNT; e++) launches += p->entry[e].nlaunch;
  printf("%s: %s of %s for %s; %d nodes, %d kernels, %d launches\n", b->o->out, p->graph->name_of_block,
         b->front.source[0].relative, b->target->name, p->graph->nnode, p->nkernel, launches);
  printf("%s: memory %.1f MiB, and %.2f MiB more for each thread; at least %.1f MiB are live at once\n",
         b->o->out, (double)p->arena_bytes / (1 << 20), (double)build_scratch(b) / (1 << 20),
         (double)p->live_bytes / (1 << 20));
  printf("%s: %.1f MiB (%lld bytes) in all", b->o->out, (double)build_memory(b) / (1 << 20),
         (long long)build_memory(b));
  if (b->target->threaded) printf(" with %d threads, the most it may use (--threads N)", b->o->threads);
  printf("\n");
}

/* Known before the work of building is done: at once, and again when the files of the description are known.
 */
static bool can_write(const BuildOptions *o) {
  return output_replaces_file(o->out) && output_possible(o->out);
}

int verb_build(int argc, char **argv) {
  Arena *a = arena_new();
  Args args = args_start("build", argc, argv);
  BuildOptions o;
  bool understood = build_options(a, &args, &o), ok = false;
  if (understood) {
    Build b = {.arena = a, .o = &o};
    build_note_inputs(a, &o);
    ok = can_write(&o) && build_target(&b) && build_describe(&b) && can_write(&o) && build_plan(&b) &&
         build_program(&b);
    if (ok) announce(&b);
  }
  arena_free(a);
  return understood ? !ok : 2;
}
