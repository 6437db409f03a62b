/* What a process may use: trees of files as Linux shows them, of both versions of control groups, with limits
 * drawn at every level; the tightest one counts, wherever it stands. */
#include "runtime/rt_limit.h"

#include <sys/sysinfo.h>

#include "runtime/rt_base.h"
#include "tests/runtime/rt_run.h"
#include "tests/suite.h"

static const unsigned long long mib = 1 << 20;
static int most; /* processors that the affinity allows */

/* A file below the tree, whose folder is made. */
__attribute__((format(printf, 2, 3))) static void file(const char *name, const char *fmt, ...) {
  char text[1024];
  va_list ap;
  va_start(ap, fmt);
  int n = vsnprintf(text, sizeof text, fmt, ap);
  va_end(ap);
  ck_assert_int_eq(run("mkdir -p \"$(dirname '%s')\"", name), 0);
  run_write(name, text, (size_t)n);
}

static void begin(void) {
  run_fresh();
  most = rt_limits("").processors;
  file("proc/meminfo", "MemTotal: 99 kB\nMemAvailable: 1048576 kB\nSwapFree: 1024 kB\n");
}

enum { LEVELS = 4 };

/* The file NAME at level i of four: "", "/a b", "/a b/c", "/a b/c/d". */
static const char *at(const char *mount, int i, const char *name) {
  static const char *const group[LEVELS] = {"", "/a b", "/a b/c", "/a b/c/d"};
  static char path[600];
  snprintf(path, sizeof path, "%s%s/%s", mount, group[i], name);
  return path;
}

/* Quotas and limits drawn for each level, one in three without; gives what the tightest of them leave. */
static void draw_levels(bool unified, const char *cpu, const char *memory, int *processors, uint64_t *left) {
  *processors = most;
  *left = 1025 * mib;
  for (int i = 0; i < LEVELS; i++) {
    unsigned tenths = 1 + draw_below(30), room = 16 + draw_below(500), used = draw_below(16);
    unsigned files = draw_below(used + 1);
    if (draw_below(3)) {
      if (unified) file(at(cpu, i, "cpu.max"), "%u 100000\n", tenths * 10000);
      if (!unified) file(at(cpu, i, "cpu.cfs_quota_us"), "%u\n", tenths * 10000);
      int whole = tenths < 20 ? 1 : (int)tenths / 10;
      if (whole < *processors) *processors = whole;
    } else {
      file(at(cpu, i, unified ? "cpu.max" : "cpu.cfs_quota_us"), unified ? "max 100000\n" : "-1\n");
    }
    if (!unified) file(at(cpu, i, "cpu.cfs_period_us"), "100000\n");
    bool limited = draw_below(3);
    const char *name = !unified ? "memory.limit_in_bytes" : draw_below(2) ? "memory.max" : "memory.high";
    if (limited) file(at(memory, i, name), "%llu\n", room * mib);
    if (!limited) file(at(memory, i, name), unified ? "max\n" : "9223372036854771712\n");
    file(at(memory, i, unified ? "memory.current" : "memory.usage_in_bytes"), "%llu\n", used * mib);
    file(at(memory, i, "memory.stat"),
         unified ? "anon 1\ninactive_file %llu\nactive_file 0\n"
                 : "inactive_file 1\ntotal_inactive_file 0\ntotal_active_file %llu\n",
         files * mib);
    uint64_t leaves = (room - used + files) * mib;
    if (limited && leaves < *left) *left = leaves;
  }
}

static void check(int processors, uint64_t left) {
  RtLimits l = rt_limits(run_dir);
  ck_assert_int_eq(l.processors, processors);
  ck_assert_uint_eq(l.memory, left);
}

START_TEST(every_level_counts) {
  bool unified = _i;
  int processors;
  uint64_t left;
  if (unified) {
    file("proc/self/mountinfo",
         "30 1 0:1 / / rw - ext4 x rw\n31 30 0:2 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
    file("proc/self/cgroup", "0::/a b/c/d\n");
  } else {
    file("proc/self/mountinfo",
         "31 30 0:2 / /sys/fs/cgroup/cpu,cpuacct rw shared:9 - cgroup cgroup rw,cpu,cpuacct\n"
         "32 30 0:3 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n"
         "33 30 0:4 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n");
    file("proc/self/cgroup", "9:cpuset:/\n8:cpuacct,cpu:/a b/c/d\n7:memory:/a b/c/d\n0::/\n");
  }
  for (int round = 0; round < suite_rounds(8); round++) {
    draw_from(suite_seed() + (uint64_t)round);
    ck_assert_int_eq(run("rm -rf sys"), 0);
    draw_levels(unified, unified ? "sys/fs/cgroup" : "sys/fs/cgroup/cpu,cpuacct",
                unified ? "sys/fs/cgroup" : "sys/fs/cgroup/memory", &processors, &left);
    check(processors, left);
  }
}
END_TEST

/* A container sees its own group where the hierarchy is mounted, at a path with a space here. */
START_TEST(a_group_may_be_the_mount) {
  file("proc/self/mountinfo", "31 30 0:2 /docker/x /sys/fs/my\\040group rw - cgroup cgroup rw,memory\n");
  file("sys/fs/my group/memory.limit_in_bytes", "%llu", 200 * mib);
  const char *const own[] = {"/docker/x", "/docker/x/y", "/docker/xy", "/", "/../../z"};
  file("sys/fs/my group/y/memory.limit_in_bytes", "%llu", 100 * mib);
  for (int i = 0; i < 5; i++) {
    file("proc/self/cgroup", "7:memory:%s\n", own[i]);
    check(most, (i == 1 ? 100 : 200) * mib);
  }
}
END_TEST

/* Nothing that can be read: the machine itself says how much memory it has. */
START_TEST(nothing_need_be_there) {
  ck_assert_int_eq(run("rm -rf proc"), 0);
  struct sysinfo si;
  ck_assert_int_eq(sysinfo(&si), 0);
  check(most, (uint64_t)(si.totalram + si.totalswap) * si.mem_unit);
}
END_TEST

START_TEST(a_refusal_names_the_limit) {
  char *said = NULL;
  size_t len;
  file("proc/self/mountinfo", "31 30 0:2 / /cg rw - cgroup2 none rw\n");
  file("proc/self/cgroup", "0::/g\n");
  file("cg/g/memory.max", "%llu\n", 64 * mib);
  RtLimits l = rt_limits(run_dir);
  FILE *f = open_memstream(&said, &len);
  rt_messages_to(f);
  ck_assert(rt_limit_allows(&l, 64 * mib));
  ck_assert(!rt_limit_allows(&l, 65 * mib));
  rt_messages_to(stderr);
  fclose(f);
  ck_assert_msg(strstr(said,
                       "needs 65.0 MiB for its arena and its threads, 64.0 MiB can be had by the control "
                       "group's limit of 64.0 MiB (") &&
                    strstr(said, "/cg/g/memory.max)\n"),
                "%s", said);
  free(said);
}
END_TEST

SUITE("rt_limit") {
  tcase_add_checked_fixture(t, begin, run_clean);
  tcase_add_loop_test(t, every_level_counts, 0, 2);
  tcase_add_test(t, a_group_may_be_the_mount);
  tcase_add_test(t, nothing_need_be_there);
  tcase_add_test(t, a_refusal_names_the_limit);
}
