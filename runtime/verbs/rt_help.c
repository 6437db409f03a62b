/* The help texts. */
#include <stdio.h>

#include "runtime/rt_option.h"

typedef struct Topic {
  RtVerb verb;
  const char *name, *what;
  const char *example[3];
  const char *more; /* what stands below the options; may be NULL */
} Topic;

static const Topic topic[] = {
    {RT_TRAIN,
     "train",
     "train on a folder of images",
     {"train --data /usr/share/datasets/fashion-mnist --epochs 4 --checkpoint net.safetensors",
      "train --data DIR --steps 2000 --init net.safetensors --seed 1 --log run.jsonl",
      "train --data DIR --resume net.safetensors --checkpoint net.safetensors"},
     "A first SIGINT (Ctrl-C) or SIGTERM ends the run after the update in hand and writes the checkpoint; "
     "the\n"
     "status is then 130 or 143, and 0 only for a run that reached its last update."},
    {RT_EVAL,
     "eval",
     "report on the test images of the folder (t10k-...)",
     {"eval --data DIR --init net.safetensors", "eval --data DIR --init net.safetensors --json"},
     NULL},
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

static void print_examples(const char *self, const Topic *t) {
  for (int i = 0; i < 3 && t->example[i]; i++) printf("  %s %s\n", self, t->example[i]);
}

static void help_verb(const char *self, const Topic *t) {
  printf("%s %s%s [OPTIONS]: %s\n\nExamples:\n", self, t->name, t->verb == RT_REPLAY ? " FILE" : "", t->what);
  print_examples(self, t);
  print_options(t->verb);
  if (t->verb & RT_RUNS) print_settings();
  if (t->more) printf("\n%s\n", t->more);
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
  printf("\n%s VERB --help says what each takes.\n", self);
}
