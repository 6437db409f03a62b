/* tessera: descriptions of models to programs that train them. This file lists the verbs; each has a file. */
#include <stdio.h>
#include <string.h>

#include "tools/tessera.h"

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
    {"--help", verb_help},
};

int main(int argc, char **argv) {
  const char *name = argc > 1 ? argv[1] : "help";
  if (argc > 2 && (strcmp(argv[2], "--help") == 0 || strcmp(argv[2], "-h") == 0))
    return verb_help(1, argv + 1);
  for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
    if (strcmp(name, verbs[i].name) == 0) return verbs[i].run(argc - 2 > 0 ? argc - 2 : 0, argv + 2);
  fprintf(stderr, "tessera: unknown verb \"%s\"; \"tessera --help\" lists the verbs\n", name);
  return 2;
}
