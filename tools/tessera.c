/* tessera: descriptions of models to programs that train them. This file has the verbs with their help, which
 * begins with examples; each verb has a folder. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/diag.h"
#include "base/files/streams.h"
#include "base/nearest.h"
#include "codegen/host/host_memory.h"
#include "passes/passes.h"
#include "passes/rewrite/simplify.h"
#include "tools/build/build.h"
#include "tools/cli/output.h"
#include "tools/verbs.h"

static const char general[] =
    "tessera: from a description of a model and its training step to one program that trains it\n"
    "\n"
    "  tessera build models/vit_classify.tess -o vit           compile a description\n"
    "  ./vit train --data DIR --epochs 4                       run what was built (./vit --help)\n"
    "  tessera explain models/digpt.tess                       what would be built, and why\n"
    "  tessera inspect digpt                                   parameters, kernels, memory plan\n"
    "  tessera compare models/digpt.tess auto other.fuse       strategies side by side, measured\n"
    "  tessera fit models/digpt.tess --memory 24GiB            the largest batch that fits\n"
    "  tessera kernel FILE                                     try one kernel by itself\n"
    "\n"
    "\"tessera VERB --help\" says what each takes, \"tessera --version\" which compiler this is.\n"
    "docs/language.md teaches the language.\n"
    "Names that begin with - stand behind \"--\"; such values behind = or the letter (--fusion=-x.fuse, "
    "-o-x).\n";

/* A word in braces is said by a table: show_text. */
static const char build[] =
    "tessera build DESCRIPTION -o PROGRAM [OPTIONS]: compile a description\n"
    "\n"
    "  tessera build models/digpt.tess -o digpt\n"
    "  tessera build models/digpt.tess -D batch=32 -D embed_dim=384 -o digpt_s\n"
    "  tessera build models/digpt.tess -D @golden.safetensors -o golden     sizes from a file's metadata\n"
    "  tessera build models/vit_classify.tess --target cpu:znver4 -o vit    for another machine\n"
    "  tessera build models/vit_classify.tess --emit=kernels out -o vit     look at what is made\n"
    "  tessera build models/vit_classify.tess --no-licence const -o vit     round as it is written\n"
    "  tessera build models/digpt_b.tess --max-memory 24GiB -o digpt_b      make more again and keep less\n"
    "  tessera build models/digpt.tess --fusion models/fusion/none.fuse -o digpt    another fusion strategy\n"
    "\n"
    "A DESCRIPTION or strategy models/.. that is not in the current folder is the one that the compiler "
    "brings along.\n"
    "\n"
    "  -D NAME=VALUE         set a parameter of the description\n"
    "  -D @FILE              set those that the metadata of a safetensors file names\n"
    "  -o PROGRAM            where to write the program\n"
    "  --block NAME          which train block, where the description has several\n"
    "{targets}"
    "  --fusion FILE         what may share a kernel: a strategy file (docs/fusion.md)\n"
    "  --threads N           the most threads that the program may use (64); memory is counted for each\n"
    "  --max-memory SIZE     the most that the program may take, such as 24GiB: time is spent to keep to it\n"
    "  --emit=KIND DIR       also write {kinds} into the folder\n"
    "  --no-licence NAME     switch off rewrites that change rounding (any number of times)\n"
    "  --dump-after=PASS     print the program after a pass\n"
    "  --dump-diff=PASS      print what a pass changed\n"
    "  --debug-poison        overwrite memory as soon as the plan calls it dead\n";

static const char explain[] =
    "tessera explain DESCRIPTION [OPTIONS]: what would be built and why, in the description's own lines\n"
    "\n"
    "  tessera explain models/digpt.tess -D batch=32            a row for each line that kernels compute\n"
    "  tessera explain models/digpt.tess --memory               what is live when, and what makes the peak\n"
    "  tessera explain models/digpt.tess --value score          one value's whole story\n"
    "  tessera explain models/digpt.tess --write digpt.fuse     a strategy file to edit\n"
    "  tessera explain models/digpt.tess --json >digpt.json     the same facts, as docs/explain.md has them\n"
    "  tessera explain models/digpt.tess --report digpt.html    the same facts as a page for a browser\n"
    "  ./digpt bench --profile-out digpt.profile && tessera explain models/digpt.tess --profile "
    "digpt.profile\n"
    "\n"
    "  -D, --block, --target, --fusion, --no-licence, --max-memory, --threads  as for build\n"
    "  --entry NAME          init, prepare, micro, update or eval instead of those that make a step\n"
    "  --cores N             predict times for so many cores (1); with a profile, for its threads\n"
    "  --profile FILE        measured shares beside the predicted ones\n"
    "  --all                 every pair of neighbours instead of the 15 that move most\n"
    "  --value NAME          everything about a let, by its name or path (blocks.*.attn.score), or a "
    "parameter\n"
    "  --write FILE          the decisions as a strategy file, to be edited and given to --fusion\n"
    "  --force               --write even over a file that exists\n"
    "  --memory              live bytes over the launches; what lives at the peak, largest first\n"
    "  --json                everything as one JSON object\n"
    "  --report FILE.html    everything as one page, which needs no network\n";

static const char inspect[] =
    "tessera inspect PROGRAM [--json | --kernel NAME]: what a program was built from and what it does, "
    "without\n"
    "running it\n"
    "\n"
    "  tessera inspect digpt\n"
    "  tessera inspect digpt --json | python3 -m json.tool\n"
    "  tessera inspect digpt --kernel dot_contract >slow.kern  one kernel's text, for \"tessera kernel\"\n"
    "\n"
    "  --json                everything, as JSON\n"
    "  --kernel NAME         one kernel's text alone\n";

static const char compare[] =
    "tessera compare DESCRIPTION STRATEGY.. [OPTIONS]: build a program for each strategy, run them in turn,\n"
    "and print what a step takes\n"
    "\n"
    "  tessera compare models/digpt.tess auto\n"
    "  tessera compare models/digpt.tess auto mine.fuse -D batch=32 --rounds 9\n"
    "  tessera compare models/digpt.tess models/fusion/none.fuse auto --rows     what each places where\n"
    "  tessera compare models/digpt.tess auto mine.fuse --json | python3 -m json.tool\n"
    "  tessera compare models/digpt.tess auto mine.fuse --report mine.html\n"
    "\n"
    "A strategy is a file, or \"auto\": what the compiler decides by itself. The programs run alternately, "
    "one\n"
    "round of steps each; a ratio is the median, over the rounds, of the time beside the first strategy's "
    "in\n"
    "the same round. They lie in a temporary folder ($TMPDIR or /tmp), which is always removed.\n"
    "\n"
    "  --rounds N            rounds (5)\n"
    "  --steps N             steps in a round of each program (5)\n"
    "  --threads N           threads of the programs (all processors)\n"
    "  --json                print JSON (docs/fusion.md), always with every such class\n"
    "  --report FILE.html    also what differs as a page for a browser\n"
    "  --rows                every class of values that is placed differently, in place of a summary\n"
    "  -D, --block, --target, --no-licence, --max-memory as for build\n";

static const char fit[] =
    "tessera fit DESCRIPTION --memory AMOUNT [OPTIONS]: the largest batch whose program fits\n"
    "\n"
    "  tessera fit models/digpt_b.tess --memory 24GiB\n"
    "  tessera fit models/digpt_b.tess --memory 24GiB -D teacher=clip --threads 8 --cores 8\n"
    "  tessera fit models/digpt_b.tess --memory 24GiB --json | python3 -m json.tool\n"
    "\n"
    "The first row is for programs that keep for the backward pass what makes a step fastest, the second "
    "for\n"
    "those that make as much again as it takes (\"build --max-memory AMOUNT\"). Memory is the arena and the\n"
    "scratch of --threads threads, exactly as \"build -D batch=N\" announces it; no code is generated. A\n"
    "program adds its own code, its threads' stacks and its data set, and says so when it starts. Seconds "
    "are\n"
    "predicted from the target's arithmetic and memory speed.\n"
    "\n"
    "  --memory AMOUNT       as in 24GiB, 800MB or 123456\n"
    "  --cores N             predict times for so many cores (1)\n"
    "  --json                print JSON (docs/fusion.md)\n"
    "  -D, --block, --target, --threads, --fusion, --no-licence as for build\n";

static const char kernel[] =
    "tessera kernel FILE [OPTIONS]: compile the kernels of a text for this machine, run each on random data\n"
    "on one thread, compare it with the interpreter, and time it beside what the machine can do at most\n"
    "\n"
    "  tessera inspect digpt --kernel dot_contract >slow.kern && tessera kernel slow.kern\n"
    "  tessera build models/digpt.tess --emit=kernels out -o digpt && tessera kernel out/digpt.kern\n"
    "  tessera kernel out/digpt.kern --kernel dot_contract --no-check --seconds 3\n"
    "\n"
    "The text is all that the kernel is: it can be sent to somebody, edited and run again. A kernel that is\n"
    "further from the interpreter than rounding explains is an error.\n"
    "\n"
    "  --kernel NAME         this one alone\n"
    "  --no-check            do not interpret (large kernels take long)\n"
    "  --seconds N           how long to time each kernel (1)\n"
    "  --target cpu:NAME     another row of the table of processors\n";

static const struct {
  const char *name, *help;
  int (*run)(int argc, char **argv);
} verbs[] = {
    {"build", build, verb_build},       /* a description to a program */
    {"explain", explain, verb_explain}, /* what would be built, and why */
    {"inspect", inspect, verb_inspect}, /* what is in a program */
    {"compare", compare, verb_compare}, /* strategies side by side */
    {"fit", fit, verb_fit},             /* the largest batch for a memory */
    {"kernel", kernel, verb_kernel},    /* one kernel by itself */
};
enum { VERBS = sizeof verbs / sizeof *verbs };

static int find_verb(const char *name) {
  int i = 0;
  while (i < VERBS && strcmp(name, verbs[i].name) != 0) i++;
  return i;
}

static bool asks_for_help(const char *word) {
  return strcmp(word, "help") == 0 || strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

static void show_targets(void) {
  for (const TargetRow *r = target_rows; r->prefix; r++) printf("  --target %-12s %s\n", r->form, r->help);
}

static void show_kinds(void) {
  Arena *a = arena_new();
  fputs(build_emit_kinds(a), stdout);
  arena_free(a);
}

static void show_text(const char *help) {
  static const char targets[] = "{targets}", kinds[] = "{kinds}";
  for (const char *at = help; *at; at++)
    if (strncmp(at, targets, strlen(targets)) == 0)
      show_targets(), at += strlen(targets) - 1;
    else if (strncmp(at, kinds, strlen(kinds)) == 0)
      show_kinds(), at += strlen(kinds) - 1;
    else
      putchar(*at);
}

static void show_licences(void) {
  printf("\nLicences, all given unless refused with --no-licence:\n");
  for (const SimplifyLicenceRow *l = simplify_licences; l->name; l++)
    printf("  %-12s %s\n", l->name, l->meaning);
}

static void show_passes(void) {
  printf("\nPasses, in order:");
  for (const char *const *name = passes_names(); *name; name++) printf(" %s", *name);
  printf("\n");
}

static int show_help(const char *verb) {
  int at = find_verb(verb);
  if (at == VERBS && !asks_for_help(verb)) {
    fprintf(stderr, "tessera: no help on \"%s\"; \"tessera --help\" lists the verbs\n", verb);
    return 2;
  }
  show_text(at < VERBS ? verbs[at].help : general);
  if (at == VERBS || verbs[at].run != verb_build) return 0;
  show_licences();
  show_passes();
  return 0;
}

static int report_unknown(const char *verb) {
  const char *name[VERBS + 3] = {[VERBS] = "help", "--help", "--version"};
  for (int i = 0; i < VERBS; i++) name[i] = verbs[i].name;
  const char *near = nearest_name(verb, name, VERBS + 3);
  if (near)
    fprintf(stderr, "tessera: unknown verb \"%s\"; did you mean %s?\n", verb, near);
  else
    fprintf(stderr, "tessera: unknown verb \"%s\"; \"tessera --help\" lists the verbs\n", verb);
  return 2;
}

static int run(int argc, char **argv) {
  const char *name = argc > 1 ? argv[1] : "help";
  int at = find_verb(name);
  if (strcmp(name, "--version") == 0) return puts("tessera " TESSERA_VERSION) == EOF;
  if (at == VERBS && !asks_for_help(name)) return report_unknown(name);
  if (at == VERBS) return show_help(argc > 2 ? argv[2] : name);
  for (int i = 2; i < argc && strcmp(argv[i], "--") != 0; i++)
    if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) return show_help(name);
  return verbs[at].run(argc - 2, argv + 2);
}

int main(int argc, char **argv) {
  streams_hold();
  host_memory_guard();
  signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is an error of writing */
  int status = run(argc, argv);
  return output_flush() || status ? status : 1;
}
