#include "runtime/rt_option.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/nearest.h"
#include "runtime/data/rt_source.h"
#include "runtime/rt_base.h"

const RtOptionRow rt_option_row[RT_OPTION_COUNT] = {
#define X(kind, field, name, arg, verbs, help) {name, arg, help, RT_KIND_##kind, verbs},
    RT_OPTIONS(X)
#undef X
};

static const struct {
  const char *name;
  RtVerb verb;
} verb_row[] = {{"train", RT_TRAIN}, {"eval", RT_EVAL}, {"replay", RT_REPLAY},
                {"bench", RT_BENCH}, {"info", RT_INFO}, {"help", RT_HELP},
                {"--help", RT_HELP}, {"-h", RT_HELP},   {"--version", RT_VERSION}};
enum { VERBS = sizeof verb_row / sizeof *verb_row };

/* "weight-decay" names "weight_decay". */
static bool same_name(const char *typed, size_t len, const char *name) {
  for (size_t i = 0; i < len; i++)
    if (typed[i] != name[i] && !(typed[i] == '-' && name[i] == '_')) return false;
  return name[len] == '\0';
}

static int find_option(const char *typed, size_t len) {
  for (int i = 0; i < RT_OPTION_COUNT; i++)
    if (same_name(typed, len, rt_option_row[i].name)) return i;
  return -1;
}

static int find_setting(const char *typed, size_t len) {
  for (uint32_t i = 0; i < tess_program.nsetting; i++)
    if (same_name(typed, len, tess_program.setting[i].name)) return (int)i;
  return -1;
}

static void unknown_option(const RtOptions *o, const char *typed, size_t len) {
  const char *name[RT_OPTION_COUNT + TESS_MAX_SETTINGS];
  int n = 0;
  for (int i = 0; i < RT_OPTION_COUNT; i++)
    if (rt_option_row[i].verbs & o->verb) name[n++] = rt_option_row[i].name;
  for (uint32_t i = 0; i < tess_program.nsetting; i++) name[n++] = tess_program.setting[i].name;
  char *word = rt_format("%.*s", (int)len, typed);
  const char *near = nearest_name(word, name, n);
  if (near)
    rt_error("unknown option --%s; did you mean --%s?", word, near);
  else
    rt_error("unknown option --%s; --help lists them", word);
  free(word);
}

static bool take_frozen(RtOptions *o, const char *text) {
  const char *eq = strchr(text, '=');
  if (!eq || eq == text || !eq[1]) {
    rt_error("--frozen: found \"%s\", expected NAME=FILE", text);
    return false;
  }
  if (o->nfrozen == RT_MAX_FROZEN) {
    rt_error("--frozen: expected at most %d", RT_MAX_FROZEN);
    return false;
  }
  o->frozen[o->nfrozen++] = (RtFrozen){.module = rt_format("%.*s", (int)(eq - text), text), .file = eq + 1};
  return true;
}

static bool take_place(RtPlaces *p, const char *option, const char *text) {
  if (p->n == RT_MAX_DATA) {
    rt_error("--%s: expected at most %d", option, RT_MAX_DATA);
    return false;
  }
  p->v[p->n++] = text;
  return true;
}

static bool take_rule(RtOptions *o, const RtOptionRow *row, const char *text) {
  bool renames = row == &rt_option_row[RT_OPT_rename];
  const char *eq = renames ? strchr(text, '=') : text + strlen(text);
  if (!eq || !*text || !strcmp(text, "=")) {
    rt_error("--%s: found \"%s\", expected %s", row->name, text, row->arg);
    return false;
  }
  if (o->nrule == RT_MAX_RULES) {
    rt_error("--%s: expected at most %d of --rename and --skip", row->name, RT_MAX_RULES);
    return false;
  }
  o->rule[o->nrule++] =
      (RtRule){.from = rt_format("%.*s", (int)(eq - text), text), .to = renames ? eq + 1 : NULL};
  return true;
}

/* "100", "1epoch", "2epochs". */
static bool parse_span(const char *text, RtSpan *out) {
  char *end;
  *out = (RtSpan){.n = strtoull(text, &end, 10)};
  out->epochs = !strcmp(end, "epoch") || !strcmp(end, "epochs");
  return *text >= '0' && *text <= '9' && (out->epochs || !*end) && out->n > 0 && out->n < UINT64_MAX;
}

static RtPlaces *places_of(RtOptions *o, int id) {
  return id == RT_OPT_data ? &o->data : id == RT_OPT_eval_data ? &o->eval_data : &o->weights;
}

static bool take_value(RtOptions *o, int id, const char *text) {
  const RtOptionRow *row = &rt_option_row[id];
  RtOptionValue *v = &o->value[id];
  o->given[id] = true;
  switch (row->kind) {
  case RT_KIND_TEXT: v->text = text; return true;
  case RT_KIND_U64:
    if (rt_parse_u64(text, &v->u64)) return true;
    rt_error("--%s: found \"%s\", expected a whole number", row->name, text);
    return false;
  case RT_KIND_COUNT:
    if (rt_parse_u64(text, &v->u64) && v->u64 > 0) return true;
    rt_error("--%s: found \"%s\", expected a whole number from 1 on", row->name, text);
    return false;
  case RT_KIND_SPAN:
    if (parse_span(text, &v->span)) return true;
    rt_error("--%s: found \"%s\", expected updates, such as 100, or epochs, such as 1epoch", row->name, text);
    return false;
  case RT_KIND_FLOAT:
    if (rt_parse_float(text, &v->f) && v->f > 0) return true;
    rt_error("--%s: found \"%s\", expected a positive number", row->name, text);
    return false;
  case RT_KIND_FROZEN: return take_frozen(o, text);
  case RT_KIND_PLACE: return take_place(places_of(o, id), row->name, text);
  case RT_KIND_RULE: return take_rule(o, row, text);
  case RT_KIND_FLAG: v->flag = true; return true;
  }
  return false;
}

static bool take_setting(RtOptions *o, int id, const char *text) {
  o->setting_given[id] = true;
  if (rt_parse_float(text, &o->setting[id])) return true;
  rt_error("--%s: found \"%s\", expected a number", tess_program.setting[id].name, text);
  return false;
}

/* One option with its value at argv[*at]; moves *at behind it. */
static bool take_option(RtOptions *o, int argc, char **argv, int *at) {
  const char *typed = argv[(*at)++] + 2, *eq = strchr(typed, '=');
  size_t len = eq ? (size_t)(eq - typed) : strlen(typed);
  int id = find_option(typed, len), setting = id < 0 ? find_setting(typed, len) : -1;
  if (id < 0 && setting < 0) {
    unknown_option(o, typed, len);
    if (!eq && *at < argc && strncmp(argv[*at], "--", 2) != 0) (*at)++;
    return false;
  }
  bool flag = id >= 0 && rt_option_row[id].kind == RT_KIND_FLAG;
  const char *text = eq ? eq + 1 : NULL;
  if (!flag && !eq) {
    text = *at < argc ? argv[*at] : NULL;
    if (!text || !strncmp(text, "--", 2)) {
      rt_error("--%.*s: expected %s behind it%s%s", (int)len, typed,
               id >= 0 ? rt_option_row[id].arg : "a number", text ? ", found " : "", text ? text : "");
      return false;
    }
    (*at)++;
  }
  if (id < 0) return take_setting(o, setting, text);
  if (!(rt_option_row[id].verbs & o->verb)) {
    rt_error("--%s has no meaning here; --help lists what has", rt_option_row[id].name);
    return false;
  }
  return take_value(o, id, text);
}

static bool take_verb(RtOptions *o, const char *word) {
  const char *name[VERBS];
  for (int i = 0; i < VERBS; i++) {
    name[i] = verb_row[i].name;
    if (!strcmp(word, name[i])) {
      o->verb = verb_row[i].verb;
      return true;
    }
  }
  const char *near = nearest_name(word, name, VERBS);
  rt_error("unknown verb \"%s\"; %s%s%s", word,
           near ? "did you mean " : "expected train, eval, replay, bench or info", near ? near : "",
           near ? "?" : "");
  return false;
}

static void set_defaults(RtOptions *o) {
  o->value[RT_OPT_print].u64 = 100;
  o->value[RT_OPT_tolerance].f = 1;
  o->value[RT_OPT_on_nonfinite].text = "stop";
  for (uint32_t i = 0; i < tess_program.nsetting; i++) o->setting[i] = tess_program.setting[i].value;
}

/* What single options can't check. */
static bool consistent(const RtOptions *o) {
  bool ok = true;
  if (o->verb == RT_REPLAY && !o->file && !o->value[RT_OPT_help].flag) {
    rt_error("replay: expected a FILE: %s replay FILE.safetensors", o->self);
    ok = false;
  }
  if (RT_GIVEN(o, steps) && RT_GIVEN(o, epochs)) {
    rt_error("--steps and --epochs both say how long to train: give one");
    ok = false;
  }
  if (RT_GIVEN(o, init) && RT_GIVEN(o, resume)) {
    rt_error("--resume restores every parameter: --init has no meaning beside it");
    ok = false;
  }
  if (o->nrule && !RT_GIVEN(o, init) && !o->nfrozen) {
    rt_error("--rename and --skip speak of the files of --init and --frozen: give one");
    ok = false;
  }
  const char *choice = RT_TEXT(o, on_nonfinite);
  if (strcmp(choice, "stop") != 0 && strcmp(choice, "skip") != 0) {
    rt_error("--on-nonfinite: found \"%s\", expected stop or skip", choice);
    ok = false;
  }
  if (RT_GIVEN(o, keep) && !(RT_GIVEN(o, checkpoint) && (RT_GIVEN(o, every) || RT_GIVEN(o, validate)))) {
    rt_error("--keep needs --checkpoint FILE, and --every N or --validate N");
    ok = false;
  }
  if (RT_GIVEN(o, best) && !(RT_GIVEN(o, checkpoint) && RT_GIVEN(o, validate))) {
    rt_error("--best needs --checkpoint FILE and --validate N");
    ok = false;
  }
  if (RT_GIVEN(o, eval_data) && !RT_GIVEN(o, validate)) {
    rt_error("--eval-data needs --validate N");
    ok = false;
  }
  if (RT_GIVEN(o, every) && !RT_GIVEN(o, checkpoint)) {
    rt_error("--every needs --checkpoint FILE");
    ok = false;
  }
  return ok;
}

bool rt_options_parse(RtOptions *o, int argc, char **argv) {
  *o = (RtOptions){.self = argc ? argv[0] : "program", .verb = RT_HELP};
  set_defaults(o);
  if (argc < 2) return true;
  if (!take_verb(o, argv[1])) return false;
  bool ok = true, only_words = false; /* behind "--" */
  for (int at = 2; at < argc;) {
    if (!only_words && !strcmp(argv[at], "--")) {
      only_words = true;
      at++;
    } else if (!only_words && !strcmp(argv[at], "-h")) {
      o->value[RT_OPT_help].flag = true;
      at++;
    } else if (!only_words && !strncmp(argv[at], "--", 2)) {
      ok = take_option(o, argc, argv, &at) && ok;
    } else if (o->verb == RT_REPLAY && !o->file) {
      o->file = argv[at++];
    } else {
      rt_error("unexpected \"%s\"; options start with --", argv[at++]);
      ok = false;
    }
  }
  return ok && consistent(o);
}

void rt_options_free(RtOptions *o) {
  for (int i = 0; i < o->nfrozen; i++) free(o->frozen[i].module);
  for (int i = 0; i < o->nrule; i++) free(o->rule[i].from);
}

typedef struct Topic {
  RtVerb verb;
  const char *name, *what;
  const char *example[3];
  const char *more; /* what stands below the options; may be NULL */
} Topic;

#define DATA_HELP                                                                                            \
  "--data FILE.safetensors: each datum of the program is the tensor of its name, samples first; a sample "   \
  "is read\n"                                                                                                \
  "  when it is needed. --data NAME=FILE: the datum NAME alone, from such a file or an IDX file (plain or "  \
  "in gzip,\n"                                                                                               \
  "  of any type). --data DIR: the training part is DIR/train.safetensors and DIR/train-WHAT-idx*[.gz], "    \
  "the part for\n"                                                                                           \
  "  evaluation DIR/val.safetensors and DIR/t10k-WHAT-idx*[.gz]; WHAT is images, labels or the datum's "     \
  "name."

static const Topic topic[] = {
    {RT_TRAIN,
     "train",
     "train on the data of folders and files",
     {"train --data /usr/share/datasets/fashion-mnist --epochs 4 --checkpoint net.safetensors",
      "train --data x=points.safetensors --data y=labels-idx1-ubyte.gz --steps 2000 --init net.safetensors",
      "train --data DIR --resume net.safetensors --checkpoint net.safetensors"},
     DATA_HELP
     "\n\n"
     "A first SIGINT (Ctrl-C), SIGTERM or SIGHUP ends the run after the update in hand and writes the "
     "checkpoint; the\n"
     "status is then 130, 143 or 129, and 0 only for a run that reached its last update. SIGUSR1 writes the "
     "checkpoint\n"
     "and goes on. One run at a time writes a checkpoint. Names that begin with - are written "
     "--checkpoint=-name."},
    {RT_EVAL,
     "eval",
     "report on the test part of folders, or on files",
     {"eval --data DIR --init net.safetensors", "eval --data test.safetensors --init net.safetensors --json"},
     DATA_HELP},
    {RT_REPLAY,
     "replay",
     "run the steps of a file and compare every value that it holds",
     {"replay reference.safetensors", "replay reference.safetensors --tolerance 1000"},
     NULL},
    {RT_BENCH,
     "bench",
     "time steps on random data",
     {"bench --steps 10 --threads 2", "bench --steps 5 --profile"},
     NULL},
    {RT_INFO,
     "info",
     "print what the program was built from and what it holds",
     {"info", "info --json"},
     NULL}};
enum { TOPICS = sizeof topic / sizeof *topic };

static void print_options(RtVerb verb) {
  puts("\nOptions:");
  for (int i = 0; i < RT_OPTION_COUNT; i++) {
    const RtOptionRow *row = &rt_option_row[i];
    char name[48];
    if (!(row->verbs & verb)) continue;
    snprintf(name, sizeof name, "--%s %s", row->name, row->arg);
    printf("  %-20s %s\n", name, row->help);
  }
}

static void print_settings(void) {
  if (tess_program.nsetting) puts("\nSettings of the description:");
  for (uint32_t i = 0; i < tess_program.nsetting; i++) {
    const TessSetting *s = &tess_program.setting[i];
    char name[64];
    snprintf(name, sizeof name, "--%s X", s->name);
    printf("  %-20s %s%s(%g)\n", name, s->help ? s->help : "", s->help && *s->help ? " " : "",
           (double)s->value);
  }
}

static void print_data(TessEntryKind entry) {
  char text[300];
  bool first = true;
  for (uint32_t i = 0; i < tess_program.nvalue; i++) {
    const TessValue *v = &tess_program.value[i];
    if (v->entry != (uint32_t)entry || !(v->flags & TESS_DATA) || !strcmp(v->data, "given")) continue;
    if (first) puts("\nData of the description:");
    first = false;
    printf("  %-20s %s, %s\n", v->name, v->data, rt_value_text(v, text));
  }
}

static void print_examples(const char *self, const Topic *t) {
  for (int i = 0; i < 3 && t->example[i]; i++) printf("  %s %s\n", self, t->example[i]);
}

static void help_verb(const char *self, const Topic *t) {
  printf("%s %s%s [OPTIONS]: %s\n\nExamples:\n", self, t->name, t->verb == RT_REPLAY ? " FILE" : "", t->what);
  print_examples(self, t);
  print_options(t->verb);
  if (t->verb & (RT_TRAIN | RT_EVAL)) print_data(t->verb == RT_EVAL ? TESS_EVAL : rt_pass());
  if (t->verb & RT_RUNS) print_settings();
  if (t->more) printf("\n%s\n", t->more);
}

void rt_version(void) {
  printf("%s of %s, built by %s, source hash %s\n", tess_program.name, tess_program.description,
         tess_program.build, tess_program.source_hash);
}

void rt_help(const RtOptions *o) {
  const char *self = o->self;
  for (int i = 0; i < TOPICS; i++)
    if (topic[i].verb == o->verb) {
      help_verb(self, &topic[i]);
      return;
    }
  printf("%s VERB [OPTIONS]: %s of %s (%s)\n\n", self, tess_program.name, tess_program.description,
         tess_program.build);
  for (int i = 0; i < TOPICS; i++) printf("  %-8s %s\n", topic[i].name, topic[i].what);
  puts("\nExamples:");
  for (int i = 0; i < TOPICS; i++) printf("  %s %s\n", self, topic[i].example[0]);
  printf("\n%s VERB --help says what each takes, %s --version what was built and by whom.\n", self, self);
}
