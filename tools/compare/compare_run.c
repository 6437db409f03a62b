/* The programs of `tessera compare`: built one after the other, then run in turn by their own `bench`. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tools/compare/compare_strategies.h"
#include "tools/explain/explain.h"

extern char **environ;

int compare_times(const Prog *p, EntryKind e) {
  bool trains = p->entry[EN_MICRO].present && p->entry[EN_UPDATE].present;
  if (!trains) return e == EN_EVAL;
  return e == EN_MICRO ? (int)p->graph->accumulate : e == EN_UPDATE;
}

static StepCounts count_step(Arena *a, const Prog *p) {
  StepCounts c = {0};
  bool *used = ARENA_ARRAY(a, p->nkernel + 1, bool);
  for (EntryKind e = 0; e < EN_COUNT; e++) {
    int n = compare_times(p, e);
    for (int i = 0; n && i < p->entry[e].nlaunch; i++) {
      const PLaunch *l = &p->entry[e].launch[i];
      c.kernels += !used[l->kernel_id];
      used[l->kernel_id] = true;
      c.launches += n;
      c.flop += n * l->flop;
      c.bytes += n * l->bytes;
      if (l->flop == 0) c.outside += n * l->bytes;
    }
  }
  return c;
}

bool compare_describe(Comparison *c) {
  Arena *a = arena_new();
  Build b = {.arena = a, .o = &c->o->build};
  bool ok = build_target(&b) && build_describe(&b);
  if (ok) c->target = arena_strdup(c->arena, b.target->name);
  arena_free(a);
  return ok;
}

void compare_build(Comparison *c, int i) {
  Side *s = &c->side[i];
  Arena *a = arena_new();
  BuildOptions o = c->o->build;
  s->name = c->o->strategy[i];
  s->seconds = ARENA_ARRAY(c->arena, c->o->rounds, double);
  o.fusion = strcmp(s->name, "auto") == 0 ? NULL : s->name;
  s->program = o.out = arena_printf(c->arena, "%s/%d", c->folder, i);
  Build b = {.arena = a, .o = &o};
  bool ok = build_target(&b) && build_describe(&b) && build_plan(&b) && build_program(&b);
  s->built = ok;
  if (ok) s->step = count_step(a, b.prog);
  if (ok) compare_note_rows(c, i, &b);
  if (ok && c->o->report)
    s->facts = arena_strdup(c->arena, explain_facts(&b, c->o->threads ? c->o->threads : 1));
  if (!ok) s->failed = "it does not build";
  arena_free(a);
}

static int open_at(posix_spawn_file_actions_t *actions, int fd, const char *path) {
  return posix_spawn_file_actions_addopen(actions, fd, path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
}

/* Runs the program to its end with its output in two files; its wait status, or -1 with errno. */
static int run(char *const *argv, const char *out, const char *err) {
  posix_spawn_file_actions_t actions;
  pid_t pid;
  int status = 0;
  posix_spawn_file_actions_init(&actions);
  int error = open_at(&actions, STDOUT_FILENO, out);
  if (!error) error = open_at(&actions, STDERR_FILENO, err);
  if (!error) error = posix_spawn(&pid, argv[0], &actions, NULL, argv, environ);
  posix_spawn_file_actions_destroy(&actions);
  while (!error && waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  errno = error;
  return error ? -1 : status;
}

/* The first line of a file; "" for none. */
static const char *first_line(Arena *a, const char *path) {
  char line[400] = "";
  FILE *f = fopen(path, "r");
  if (f && !fgets(line, sizeof line, f)) line[0] = 0;
  if (f) fclose(f);
  line[strcspn(line, "\n")] = 0;
  return arena_strdup(a, line);
}

/* The number behind `key`, which is quoted, in the line that bench prints; NAN when it is not there. */
static double number_of(const char *line, const char *key) {
  const char *at = strstr(line, key);
  return at ? strtod(at + strlen(key) + 1, NULL) : NAN;
}

static const char *why_failed(Arena *a, int status, const char *said) {
  const char *colon = *said ? ": " : "";
  if (status < 0) return arena_printf(a, "it cannot be run: %s", strerror(errno));
  if (WIFSIGNALED(status))
    return arena_printf(a, "it was ended by signal %d, %s", WTERMSIG(status), strsignal(WTERMSIG(status)));
  return arena_printf(a, "it ended with status %d%s%s", WEXITSTATUS(status), colon, said);
}

/* One round of one side. */
static void run_side(Comparison *c, Side *s) {
  Arena *a = c->arena;
  const char *out = arena_printf(a, "%s/out", c->folder), *err = arena_printf(a, "%s/err", c->folder);
  char *argv[8] = {arena_strdup(a, s->program), "bench", "--steps", arena_printf(a, "%ld", c->o->steps)};
  if (c->o->threads) argv[4] = "--threads", argv[5] = arena_printf(a, "%d", c->o->threads);
  int status = run(argv, out, err);
  const char *line = status ? "" : first_line(a, out);
  double median = number_of(line, "\"median\"");
  if (status || isnan(median)) {
    s->failed = why_failed(a, status, status < 0 ? "" : first_line(a, err));
    return;
  }
  s->seconds[s->nround++] = median;
  s->planned = number_of(line, "\"memory_planned\"");
  s->memory = fmax(s->memory, number_of(line, "\"memory_peak\""));
}

void compare_run(Comparison *c) {
  for (long round = 0; round < c->o->rounds; round++)
    for (int i = 0; i < c->o->nstrategy; i++)
      if (!c->side[i].failed) run_side(c, &c->side[i]);
}
