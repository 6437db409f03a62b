#define _GNU_SOURCE /* CPU_COUNT */
#include "runtime/rt_cpu.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/rt_base.h"

/* Whether the words of `text` hold the `len` characters at `word`. */
static bool has_word(const char *text, const char *word, size_t len) {
  while (*text) {
    size_t n = strcspn(text, " \t\n");
    if (n == len && !memcmp(text, word, len)) return true;
    text += n + strspn(text + n, " \t\n");
  }
  return false;
}

/* What stands behind the colon of the first line that starts with a key; to be freed, or NULL. */
static char *read_field(const char *path, const char *key) {
  FILE *f = fopen(path, "r");
  if (!f) return NULL;
  char *line = NULL, *found = NULL;
  size_t cap = 0;
  while (!found && getline(&line, &cap, f) > 0) {
    char *colon = strchr(line, ':');
    if (!strncmp(line, key, strlen(key)) && colon)
      found = rt_format("%s", colon + 1 + strspn(colon + 1, " "));
  }
  free(line);
  fclose(f);
  if (found) found[strcspn(found, "\n")] = '\0';
  return found;
}

/* Appends the words of `needs` that `flags` lacks to `out`. */
static int missing(const char *needs, const char *flags, FILE *out) {
  int n = 0;
  while (*(needs += strspn(needs, " "))) {
    size_t len = strcspn(needs, " ");
    if (!has_word(flags, needs, len)) fprintf(out, "%s%.*s", n++ ? " " : "", (int)len, needs);
    needs += len;
  }
  return n;
}

bool rt_cpu_check(const char *needs, const char *cpuinfo) {
  char *flags = read_field(cpuinfo, "flags");
  if (!flags) flags = read_field(cpuinfo, "Features");
  char *model = read_field(cpuinfo, "model name"), *lacks = NULL;
  size_t len;
  FILE *out = open_memstream(&lacks, &len);
  int n = out ? missing(needs, flags ? flags : "", out) : 0;
  if (out) fclose(out);
  if (n) {
    rt_error("this program needs a processor with %s; found %s without %s", needs, model ? model : "one",
             lacks);
    rt_note("build it for this machine with --target cpu:native");
  }
  free(lacks);
  free(model);
  free(flags);
  return n == 0;
}

int rt_cpu_count(void) {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  int n = CPU_COUNT(&set);
  return n > 0 ? n : 1;
}
