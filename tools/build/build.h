/* What `tessera build` is told, and its way from a description to a program in stages, which the verbs that
 * look at what would be built walk as well. */
#ifndef TOOLS_BUILD_H
#define TOOLS_BUILD_H

#include "codegen/host/host_module.h"
#include "frontend/frontend.h"
#include "passes/passes.h"
#include "tools/build/target_rows.h"
#include "tools/cli/args.h"

/* Texts of stages: --emit=KIND DIR. */
typedef enum EmitKind { EMIT_GRAPH, EMIT_KERNELS, EMIT_LLVM, EMIT_ASM, EMIT_TEXT, EMIT_KINDS } EmitKind;

/* Where each stage's text goes: a folder, or NULL. `name` is the files' name without its ending. EMIT_TEXT is
 * the kernels' text of the target in row `text`. */
typedef struct Emit {
  const char *folder[EMIT_KINDS];
  const TargetRow *text;
  const char *name;
} Emit;

typedef struct BuildOptions {
  const char *description, *out;
  const char *block;  /* NULL: the only one */
  const char *target; /* "cpu:native", "cuda:sm_80,sm_90a" */
  const char *dump_after, *dump_diff;
  const char *fusion; /* a strategy file, or NULL */
  unsigned refused;   /* licences that are switched off (passes/rewrite/simplify.h) */
  bool poison;
  int threads;
  int64_t max_memory; /* bytes, 0: no limit */
  int ndefine;
  const char **define; /* as typed: "batch=32", "@FILE" */
  Emit emit;
} BuildOptions;

/* What a build is told when nothing is said. `define` has room for all arguments. */
BuildOptions build_defaults(Arena *a, const Args *args);
/* Takes the next argument if it says what is built and for which machine: -D, --block, --fusion, --target,
 * --threads, --max-memory, --no-licence. */
bool build_common_option(Args *args, BuildOptions *o);
/* Takes a word as the description. */
void build_set_description(Args *args, BuildOptions *o, const char *word);
/* Notes the files that the options name, and the compiler's own, as inputs (base/files/infile.h). */
void build_note_inputs(Arena *a, const BuildOptions *o);
/* False after reporting a wrong command line. Texts are the command line's; the rest is the arena's. */
bool build_options(Arena *a, Args *args, BuildOptions *o);

/* A build under way; begins as {.arena, .o}. Everything hangs on the arena. */
typedef struct Build {
  Arena *arena;
  const BuildOptions *o;
  Graph *graph;
  FrontInfo front;
  const TargetRow *row; /* the target's */
  const Target *target;
  TargetText text; /* of the kernels: build_text */
  Prog *prog;
  Lower *lower[EN_COUNT]; /* how each entry was placed; NULL: the program has none */
  HostModule *module;
} Build;

/* Takes --emit=KIND FOLDER into e; false when there is no such kind. */
bool build_emit(Emit *e, const char *kind, const char *folder);
/* "graph, kernels, llvm, asm or cuda". */
const char *build_emit_kinds(Arena *a);

/* The stages, in this order; each false after reporting errors. */
bool build_target(Build *b);
/* Description to graph. From then on its files are called as seen from its folder. */
bool build_describe(Build *b);
/* Graph to kernels, launches and a memory plan. */
bool build_plan(Build *b);
/* 64 hex digits over the texts of the description's files and the values of its parameters. */
const char *build_hash(const Build *b);
/* In place of build_plan: visits the programs that it would choose from (passes_try). */
bool build_try(Build *b, PassVisit *visit, void *ctx);
/* The kernels as text in the target's language, where they have one. */
bool build_text(Build *b);
/* Kernels to the program o->out. */
bool build_program(Build *b);

/* Of a planned build, in bytes: the scratch beside the arena, of one thread where there are threads, and the
 * arena with that of o->threads. */
int64_t build_scratch(const Build *b);
int64_t build_memory(const Build *b);
/* The same of a program that the build might get. */
int64_t build_takes(const Build *b, const Prog *p);

#endif
