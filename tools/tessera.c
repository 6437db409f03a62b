/* tessera: descriptions of models to programs that train them. This file lists the verbs; each has a file. */
#include <stdio.h>
#include <string.h>

#include "base/diag.h"
#include "tools/tessera.h"
#include "tools/tessera_output.h"

typedef struct Verb {
  const char *name;
  int (*run)(int argc, char **argv);
} Verb;

static const Verb verbs[] = {
    {"build", verb_build},     /* a description to a program: tessera_build.c */
    {"explain", verb_explain}, /* what would be built, and why: tessera_explain.c */
    {"inspect", verb_inspect}, /* what is in a program: tessera_inspect.c */
    {"compare", verb_compare}, /* strategies side by side: tessera_compare.c */
    {"fit", verb_fit},         /* the largest batch for a memory: tessera_fit.c */
    {"kernel", verb_kernel},   /* one kernel by itself: tessera_kernel.c */
    {"help", verb_help},       /* tessera_help.c */
    {"--help", verb_help},     {"-h", verb_help},
};

static bool wants_help(int argc, char **argv) {
  for (int i = 2; i < argc; i++)
    if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) return true;
  return false;
}

enum { VERBS = sizeof verbs / sizeof *verbs };

static void report_unknown(const char *verb) {
  const char *name[VERBS];
  for (int i = 0; i < VERBS; i++) name[i] = verbs[i].name;
  const char *near = diag_nearest(verb, name, VERBS);
  if (near)
    fprintf(stderr, "tessera: unknown verb \"%s\"; did you mean %s?\n", verb, near);
  else
    fprintf(stderr, "tessera: unknown verb \"%s\"; \"tessera --help\" lists the verbs\n", verb);
}

static int run(int argc, char **argv) {
  const char *name = argc > 1 ? argv[1] : "help";
  for (int i = 0; i < VERBS; i++) {
    if (strcmp(name, verbs[i].name) != 0) continue;
    return wants_help(argc, argv) ? verb_help(1, argv + 1) : verbs[i].run(argc > 2 ? argc - 2 : 0, argv + 2);
  }
  report_unknown(name);
  return 2;
}

int main(int argc, char **argv) {
  int status = run(argc, argv);
  return output_flush() || status ? status : 1;
}
