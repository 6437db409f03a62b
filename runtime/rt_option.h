/* The command line: a verb, options of one table, and the description's own settings as --NAME X. */
#ifndef RUNTIME_RT_OPTION_H
#define RUNTIME_RT_OPTION_H

#include <stdbool.h>
#include <stdint.h>

#include "abi/program.h"

typedef enum RtVerb {
  RT_TRAIN = 1,
  RT_EVAL = 2,
  RT_REPLAY = 4,
  RT_BENCH = 8,
  RT_INFO = 16,
  RT_HELP = 32,
  RT_VERSION = 64
} RtVerb;

enum { RT_RUNS = RT_TRAIN | RT_EVAL | RT_REPLAY | RT_BENCH };

/* X(kind, field, option, what its value is called, verbs, help). */
#define RT_OPTIONS(X)                                                                                        \
  X(PLACE, data, "data", "PATH", RT_TRAIN | RT_EVAL,                                                         \
    "where the data is: a folder or a file, NAME=FILE for one datum; may stand several times")               \
  X(PLACE, eval_data, "eval-data", "PATH", RT_TRAIN, "the same, of what --validate evaluates")               \
  X(COUNT, steps, "steps", "N", RT_TRAIN | RT_BENCH, "updates in the whole run (bench: steps to time)")      \
  X(COUNT, epochs, "epochs", "N", RT_TRAIN, "the same, in passes over the data")                             \
  X(COUNT, limit, "limit", "N", RT_TRAIN, "use the first N training samples of the files only")              \
  X(U64, seed, "seed", "N", RT_RUNS, "of initial values, order, augmentation and draws (0)")                 \
  X(COUNT, threads, "threads", "N", RT_RUNS, "threads (all processors, at most what the build allows)")      \
  X(TEXT, init, "init", "FILE", RT_TRAIN | RT_EVAL | RT_BENCH,                                               \
    "load parameters by name from a safetensors file; missing and unused names are reported")                \
  X(RULE, rename, "rename", "OLD=NEW", RT_RUNS,                                                              \
    "in files of --init and --frozen: names that begin with OLD begin with NEW")                             \
  X(RULE, skip, "skip", "NAME", RT_RUNS,                                                                     \
    "leave out tensors and modules of that name (or pattern: blocks.[6-9]) of --init and --frozen")          \
  X(FROZEN, frozen, "frozen", "NAME=FILE", RT_TRAIN | RT_EVAL | RT_REPLAY | RT_BENCH,                        \
    "load the frozen module NAME from a safetensors file")                                                   \
  X(TEXT, checkpoint, "checkpoint", "FILE", RT_TRAIN, "write the run's state there, at the end at least")    \
  X(SPAN, every, "every", "N", RT_TRAIN, "also write the checkpoint every N updates, or epochs: 2epochs")    \
  X(PLACE, weights, "weights", "[NAME=]FILE", RT_TRAIN | RT_EVAL,                                            \
    "write the weights alone there at the end, of the trained model, or of model or slot NAME")              \
  X(SPAN, validate, "validate", "N", RT_TRAIN,                                                               \
    "evaluate every N updates, or epochs: 1epoch; with --checkpoint the best one is kept too")               \
  X(TEXT, best, "best", "min:NAME|max:NAME", RT_TRAIN,                                                       \
    "the evaluation's number that says which is best (min: of its first loss)")                              \
  X(U64, keep, "keep", "K", RT_TRAIN,                                                                        \
    "keep the last K checkpoints on the way too, under their updates: net.400.safetensors")                  \
  X(TEXT, resume, "resume", "FILE", RT_TRAIN, "go on from a checkpoint, to the bits of an unbroken run")     \
  X(TEXT, log, "log", "FILE", RT_TRAIN, "append a JSON line an update; --resume drops those made again")     \
  X(TEXT, on_nonfinite, "on-nonfinite", "stop|skip", RT_TRAIN,                                               \
    "an update with a value that is not finite changes nothing: end there, or go on behind it (stop)")       \
  X(COUNT, print, "print", "N", RT_TRAIN,                                                                    \
    "a progress line every N updates where there is no terminal (100)")                                      \
  X(FLOAT, tolerance, "tolerance", "X", RT_REPLAY, "multiply the bounds of every comparison by X (1)")       \
  X(FLAG, profile, "profile", "", RT_BENCH, "also print the time of each kernel")                            \
  X(TEXT, profile_out, "profile-out", "FILE", RT_BENCH,                                                      \
    "write the time of each launch as JSON, for \"tessera explain --profile FILE\"")                         \
  X(FLAG, json, "json", "", RT_INFO | RT_EVAL, "print JSON")                                                 \
  X(FLAG, help, "help", "", RT_RUNS | RT_INFO, "print this")

typedef enum RtOptionId {
#define X(kind, field, name, arg, verbs, help) RT_OPT_##field,
  RT_OPTIONS(X)
#undef X
      RT_OPTION_COUNT
} RtOptionId;

typedef struct RtOptionRow {
  const char *name, *arg, *help;
  enum {
    RT_KIND_TEXT,
    RT_KIND_U64,
    RT_KIND_COUNT,
    RT_KIND_SPAN,
    RT_KIND_FLOAT,
    RT_KIND_FLAG,
    RT_KIND_FROZEN,
    RT_KIND_PLACE,
    RT_KIND_RULE
  } kind;
  unsigned verbs;
} RtOptionRow;
extern const RtOptionRow rt_option_row[RT_OPTION_COUNT];

enum { RT_MAX_FROZEN = 16, RT_MAX_DATA = 16, RT_MAX_RULES = 64 };

/* What an option names that may stand several times: PATH or NAME=PATH. */
typedef struct RtPlaces {
  int n;
  const char *v[RT_MAX_DATA];
} RtPlaces;

typedef struct RtFrozen {
  char *module; /* NAME */
  const char *file;
  char hash[24]; /* of the file, once it is loaded */
} RtFrozen;

/* What is said of names in files, and how many names it was true of. */
typedef struct RtRule {
  char *from;     /* OLD, or NAME */
  const char *to; /* NEW; NULL: names that are skipped */
  int taken;
} RtRule;

/* A length of training. */
typedef struct RtSpan {
  uint64_t n;
  bool epochs; /* else updates */
} RtSpan;

typedef union RtOptionValue {
  const char *text;
  uint64_t u64;
  RtSpan span;
  float f;
  bool flag;
} RtOptionValue;

typedef struct RtOptions {
  const char *self; /* the program's file */
  RtVerb verb;
  const char *file; /* replay's */
  bool given[RT_OPTION_COUNT];
  RtOptionValue value[RT_OPTION_COUNT];
  int nfrozen;
  RtFrozen frozen[RT_MAX_FROZEN];
  RtPlaces data, eval_data, weights;
  int nrule;
  RtRule rule[RT_MAX_RULES];
  bool setting_given[TESS_MAX_SETTINGS];
  float setting[TESS_MAX_SETTINGS]; /* defaults where not given */
} RtOptions;

#define RT_TEXT(o, field) ((o)->value[RT_OPT_##field].text)
#define RT_U64(o, field) ((o)->value[RT_OPT_##field].u64)
#define RT_SPAN(o, field) ((o)->value[RT_OPT_##field].span)
#define RT_GIVEN(o, field) ((o)->given[RT_OPT_##field])

/* False with errors reported, all that were found. */
bool rt_options_parse(RtOptions *o, int argc, char **argv);
void rt_options_free(RtOptions *o);
/* Usage of the verb, or of the program for RT_HELP. */
void rt_help(const RtOptions *o);
/* What the program was built from, and by which compiler. */
void rt_version(void);

#endif
