#define _GNU_SOURCE /* sched_getaffinity */
#include "runtime/rt_limit.h"

#include <ctype.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>

#include "runtime/rt_base.h"

enum { PATH = 4096, TEXT = 16384 };

/* A hierarchy of control groups: where it is mounted, which group is found there, and this process's own. */
typedef struct Mount {
  bool unified;           /* version 2 */
  bool cpu, memory;       /* which of these controllers it has */
  const char *controller; /* one of them: how version 1 calls the hierarchy */
  char at[PATH], group[PATH];
} Mount;

/* A whole file, cut to TEXT bytes; false when it cannot be read. */
static bool read_text(const char *path, char text[TEXT]) {
  FILE *f = fopen(path, "r");
  size_t n = f ? fread(text, 1, TEXT - 1, f) : 0;
  if (f) fclose(f);
  text[n] = '\0';
  return n > 0;
}

static bool read_in(const char *folder, const char *name, char text[TEXT]) {
  char path[2 * PATH + 64];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  return read_text(path, text);
}

/* A number of a file; false for "max", -1 and what cannot be read. */
static bool number_in(const char *folder, const char *name, uint64_t *out) {
  char text[TEXT];
  if (!read_in(folder, name, text) || !isdigit((unsigned char)*text)) return false;
  *out = strtoull(text, NULL, 10);
  return true;
}

/* The number behind a word at the start of a line, or 0. */
static uint64_t field(const char *text, const char *word) {
  size_t len = strlen(word);
  for (const char *line = text; line; line = strchr(line, '\n')) {
    line += *line == '\n';
    if (!strncmp(line, word, len)) return strtoull(line + len, NULL, 10);
  }
  return 0;
}

/* Is `word` one of the words, with commas between, up to a colon or the line's end? */
static bool lists(const char *words, const char *word) {
  for (size_t len = strlen(word);; words++) {
    size_t n = strcspn(words, ",:\n");
    if (n == len && !memcmp(words, word, len)) return true;
    words += n;
    if (*words != ',') return false;
  }
}

static int by_affinity(void) {
  for (int most = CPU_SETSIZE; most <= 1 << 20; most *= 2) {
    cpu_set_t *set = CPU_ALLOC(most);
    size_t size = CPU_ALLOC_SIZE(most);
    bool known = set && sched_getaffinity(0, size, set) == 0;
    int n = known ? CPU_COUNT_S(size, set) : 0;
    CPU_FREE(set);
    if (known) return n > 0 ? n : 1;
  }
  return 1;
}

static void take_memory(RtLimits *l, uint64_t room, const char *by) {
  if (room >= l->memory) return;
  l->memory = room;
  snprintf(l->memory_by, sizeof l->memory_by, "%s", by);
}

/* What the machine itself has, swap space included. */
static void ask_system(RtLimits *l, const char *root) {
  char path[PATH], text[TEXT];
  struct sysinfo si;
  snprintf(path, sizeof path, "%s/proc/meminfo", root);
  if (read_text(path, text) && strstr(text, "MemAvailable:"))
    take_memory(l, 1024 * (field(text, "MemAvailable:") + field(text, "SwapFree:")),
                "MemAvailable and SwapFree of /proc/meminfo");
  else if (sysinfo(&si) == 0)
    take_memory(l, (uint64_t)(si.totalram + si.totalswap) * si.mem_unit, "all memory of the machine");
}

static void take_quota(RtLimits *l, uint64_t quota, uint64_t period) {
  uint64_t n = period ? quota / period : 0;
  if (period && n < (uint64_t)l->processors) l->processors = n ? (int)n : 1;
}

static void ask_processors(RtLimits *l, const Mount *m, const char *folder) {
  char text[TEXT];
  uint64_t quota, period;
  if (m->unified) {
    if (read_in(folder, "cpu.max", text) && sscanf(text, "%" SCNu64 " %" SCNu64, &quota, &period) == 2)
      take_quota(l, quota, period);
  } else if (number_in(folder, "cpu.cfs_quota_us", &quota) &&
             number_in(folder, "cpu.cfs_period_us", &period)) {
    take_quota(l, quota, period);
  }
}

/* What a limit leaves of a group: what is used already is gone, but for files, which give way. */
static void ask_limit(RtLimits *l, const Mount *m, const char *folder, const char *name) {
  uint64_t limit, used = 0;
  char stat[TEXT], by[RT_LIMIT_TEXT];
  if (!number_in(folder, name, &limit) || limit >= INT64_MAX / 2) return;
  number_in(folder, m->unified ? "memory.current" : "memory.usage_in_bytes", &used);
  if (!read_in(folder, "memory.stat", stat)) *stat = '\0';
  uint64_t files = field(stat, m->unified ? "inactive_file " : "total_inactive_file ") +
                   field(stat, m->unified ? "active_file " : "total_active_file ");
  used = used > files ? used - files : 0;
  snprintf(by, sizeof by, "the control group's limit of %.1f MiB (%.*s/%s)", (double)limit / 1048576, 400,
           folder, name);
  take_memory(l, limit > used ? limit - used : 0, by);
}

static void ask_level(RtLimits *l, const Mount *m, const char *folder) {
  if (m->cpu) ask_processors(l, m, folder);
  if (m->memory && m->unified) {
    ask_limit(l, m, folder, "memory.max");
    ask_limit(l, m, folder, "memory.high");
  } else if (m->memory) {
    ask_limit(l, m, folder, "memory.limit_in_bytes");
  }
}

/* The group's folder and those above it, up to where the hierarchy is mounted. */
static void climb(RtLimits *l, const Mount *m) {
  char folder[2 * PATH];
  size_t top = (size_t)snprintf(folder, sizeof folder, "%s", m->at);
  snprintf(folder + top, sizeof folder - top, "%s", m->group);
  for (;;) {
    ask_level(l, m, folder);
    char *slash = strrchr(folder, '/');
    if (!slash || (size_t)(slash - folder) < top || strlen(folder) <= top) return;
    *slash = '\0';
  }
}

/* The line of /proc/self/cgroup for this hierarchy, from its path on; NULL if there is none. */
static const char *own_path(const Mount *m, const char *groups) {
  const char *line = groups;
  while (line && *line) {
    const char *names = strchr(line, ':'), *path = names ? strchr(names + 1, ':') : NULL;
    if (!path) return NULL;
    if (m->unified ? path == names + 1 : lists(names + 1, m->controller)) return path + 1;
    line = strchr(path, '\n');
    if (line) line++;
  }
  return NULL;
}

/* This process's group below the one, `shown`, that is seen where the hierarchy is mounted; "" for that one
 * itself, and for a group that lies elsewhere. */
static void find_group(Mount *m, const char *groups, const char *shown) {
  const char *path = own_path(m, groups);
  size_t skip = strcmp(shown, "/") ? strlen(shown) : 0, len = path ? strcspn(path, "\n") : 0;
  bool below = len > skip && !strncmp(path, shown, skip) && path[skip] == '/' && len > skip + 1;
  snprintf(m->group, sizeof m->group, "%.*s", below ? (int)(len - skip) : 0, below ? path + skip : "");
  if (strstr(m->group, "/..")) m->group[0] = '\0';
}

/* "\040" stands for a space. */
static void unescape(char *s) {
  char *to = s;
  for (; *s; s++) {
    bool octal = *s == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] && s[3];
    *to++ = (char)(octal ? (s[1] - '0') * 64 + (s[2] - '0') * 8 + s[3] - '0' : *s);
    if (octal) s += 3;
  }
  *to = '\0';
}

/* One line of mountinfo, as proc(5) has it. */
static void ask_mount(RtLimits *l, const char *root, char *line, const char *groups) {
  char shown[PATH], at[PATH], type[32], *rest = strstr(line, " - ");
  int behind = 0;
  if (!rest || sscanf(line, "%*s %*s %*s %4095s %4095s", shown, at) != 2 ||
      sscanf(rest, " - %31s %*s %n", type, &behind) != 1 || !behind)
    return;
  if (strcmp(type, "cgroup") != 0 && strcmp(type, "cgroup2") != 0) return;
  Mount m = {.unified = !strcmp(type, "cgroup2")};
  m.cpu = m.unified || lists(rest + behind, "cpu");
  m.memory = m.unified || lists(rest + behind, "memory");
  m.controller = m.cpu ? "cpu" : "memory";
  if (!m.cpu && !m.memory) return;
  unescape(shown);
  unescape(at);
  snprintf(m.at, sizeof m.at, "%s%.*s", root, PATH - 512, at);
  find_group(&m, groups, shown);
  climb(l, &m);
}

RtLimits rt_limits(const char *root) {
  RtLimits l = {.processors = by_affinity(), .memory = UINT64_MAX};
  char path[PATH], groups[TEXT], *line = NULL;
  size_t cap = 0;
  ask_system(&l, root);
  snprintf(path, sizeof path, "%s/proc/self/cgroup", root);
  if (!read_text(path, groups)) *groups = '\0';
  snprintf(path, sizeof path, "%s/proc/self/mountinfo", root);
  FILE *f = fopen(path, "r");
  while (f && getline(&line, &cap, f) > 0) ask_mount(&l, root, line, groups);
  free(line);
  if (f) fclose(f);
  return l;
}

bool rt_limit_allows(const RtLimits *l, uint64_t bytes) {
  if (bytes <= l->memory) return true;
  rt_error(
      "out of memory: the program needs %.1f MiB for its arena and its threads, %.1f MiB can be had by %s",
      (double)bytes / 1048576, (double)l->memory / 1048576, l->memory_by);
  rt_note("fewer --threads take less, and so do programs built with a smaller batch or with --max-memory");
  return false;
}
