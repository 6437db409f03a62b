/* Features by cpuid: this machine has those that Linux says it has; a word that nobody knows is lacking. */
#include "base/machine/cpu_feature.h"

#include <stdio.h>
#include <string.h>

#include "tests/suite.h"

static const char known[] =
    "movbe popcnt fma avx f16c bmi1 avx2 bmi2 avx512f avx512dq avx512ifma avx512cd avx512bw "
    "avx512vl avx512vbmi avx512_vbmi2 gfni vaes vpclmulqdq avx512_vnni avx512_bitalg "
    "avx512_vpopcntdq movdiri movdir64b avx512_fp16 avx_vnni avx512_bf16";

/* The first line of /proc/cpuinfo that begins with `key`, from its colon on. */
static bool cpuinfo(const char *key, char *line, int size) {
  FILE *f = fopen("/proc/cpuinfo", "r");
  bool found = false;
  while (f && !found && fgets(line, size, f)) found = strncmp(line, key, strlen(key)) == 0;
  if (f) fclose(f);
  line[strcspn(line, "\n")] = '\0';
  return found;
}

START_TEST(agrees_with_linux) {
  char line[8192], flags[8200], word[32], padded[40], lacks[64];
  if (!cpuinfo("flags", line, sizeof line)) return;
  snprintf(flags, sizeof flags, "%s ", line);
  int n = 0;
  for (const char *p = known; sscanf(p, "%31s", word) == 1; p += strcspn(p, " "), p += *p == ' ') {
    snprintf(padded, sizeof padded, " %s ", word);
    ck_assert_msg(cpu_feature_all(word, lacks, sizeof lacks) == (strstr(flags, padded) != NULL), "%s", word);
    n++;
  }
  ck_assert_int_eq(n, 27);
}
END_TEST

START_TEST(what_lacks_is_listed) {
  char lacks[64];
  ck_assert(cpu_feature_all("", lacks, sizeof lacks) && !*lacks);
  ck_assert(!cpu_feature_all("avx512moon  avx512sun", lacks, sizeof lacks));
  ck_assert_str_eq(lacks, "avx512moon avx512sun");
  ck_assert(!cpu_feature_all("avx512moon avx512sun", lacks, 8));
  ck_assert_str_eq(lacks, "avx512m");
  ck_assert(!cpu_feature_all("avx512moon", NULL, 0));
}
END_TEST

START_TEST(the_model_is_linux_model) {
  char line[256], name[49];
  cpu_feature_model(name);
  if (!cpuinfo("model name", line, sizeof line)) return;
  ck_assert_ptr_nonnull(strstr(line, name));
}
END_TEST

SUITE("cpu_feature") {
  tcase_add_test(t, agrees_with_linux);
  tcase_add_test(t, what_lacks_is_listed);
  tcase_add_test(t, the_model_is_linux_model);
}
