/* From descriptions to programs, through the driver as users call it: reference data, equal bits, memory. */
#include <check.h>
#include <math.h>

#include "rt_run.h"

#define TESSERA BUILD_DIR "/tessera"
#define MODELS SOURCE_DIR "/models"
#define GOLDEN SOURCE_DIR "/../shared/golden"
#define FASHION "/usr/share/datasets/fashion-mnist"

#define OK(...) ck_assert_msg(run(__VA_ARGS__) == 0, "%s%s", run_out, run_err)
#define PRINTS(text) ck_assert_msg(strstr(run_out, text) != NULL, "expected \"%s\" in:\n%s", text, run_out)

/* A classifier whose kernels all have several tasks, and which learns within seconds. */
#define SMALL_VIT                                                                                            \
  TESSERA " build " MODELS "/vit_classify.tess -D batch=64 -D embed_dim=48 -D depth=2 -D layer_decay=1"

/* The number that follows `label` in what was printed. */
static double number_after(const char *label) {
  const char *at = strstr(run_out, label);
  ck_assert_msg(at != NULL, "expected \"%s\" in:\n%s", label, run_out);
  return strtod(at + strlen(label), NULL);
}

/* The reference data of shared/golden, within its bounds (the program's exit status says so); a program that
 * poisons dead memory gives the same. The folder lies beside the tree where the tests must pass; a checkout
 * without it has nothing to compare with. */
static void replays(const char *description, const char *file, const char *options) {
  if (access(GOLDEN, F_OK) != 0) return;
  OK(TESSERA " build " MODELS "/%s.tess -D @" GOLDEN "/%s.safetensors %s -o p", description, file, options);
  OK("./p replay " GOLDEN "/%s.safetensors", file);
  PRINTS("\"ok\":true");
}

START_TEST(digpt_replays) {
  replays("digpt", "digpt_tiny_a", "");
}
END_TEST

START_TEST(digpt_replays_poisoned) {
  replays("digpt", "digpt_tiny_a", "--debug-poison");
}
END_TEST

START_TEST(clip_replays) {
  replays("clip_visual", "clip_visual_tiny_a", "--debug-poison");
}
END_TEST

START_TEST(finetune_replays) {
  replays("vit_classify", "finetune_tiny_a", "--debug-poison");
}
END_TEST

START_TEST(thread_counts_share_bits) {
  OK(SMALL_VIT " -o p");
  for (int t = 1; t <= 3; t++)
    OK("./p train --data " FASHION " --limit 1000 --steps 6 --threads %d --checkpoint c%d", t, t);
  OK("cmp c1 c2 && cmp c1 c3");
  OK("./p train --data " FASHION " --limit 1000 --steps 6 --seed 1 --checkpoint d && ! cmp -s c1 d");
}
END_TEST

START_TEST(a_resumed_run_ends_in_the_same_bits) {
  OK(SMALL_VIT " -o p");
  OK("./p train --data " FASHION " --limit 1000 --steps 12 --checkpoint whole");
  OK("./p train --data " FASHION " --limit 1000 --steps 12 --every 1 --checkpoint c & "
     "while ! test -s c; do sleep 0.01; done; kill -9 $!; wait; true");
  OK("./p train --data " FASHION " --limit 1000 --steps 12 --resume c --checkpoint c && cmp c whole");
}
END_TEST

START_TEST(two_folders_give_the_same_bytes) {
  OK("mkdir one two && cp -r " MODELS " one/ && cp -r " MODELS " two/elsewhere");
  OK("cd one && " TESSERA " build models/vit_classify.tess -D depth=1 -o p");
  OK(TESSERA " build two/elsewhere/vit_classify.tess -D depth=1 -o two/other_name");
  OK("cmp one/p two/other_name");
  OK("readelf -p .debug_str -p .debug_line_str -p .rodata one/p 2>/dev/null; true");
  ck_assert_ptr_null(strstr(run_out, run_dir));
}
END_TEST

/* The plan is at most 1.1 times what lives at once, and the announced total is near what is used. */
START_TEST(memory_is_as_announced) {
  OK(SMALL_VIT " -D batch=256 -o p");
  OK("./p train --data " FASHION " --limit 4000 --steps 3");
  double total = number_after("memory "), arena = number_after("arena "), live = number_after("at least ");
  double peak = number_after("peak memory ");
  ck_assert_msg(arena > 20 && arena <= 1.1 * live, "arena %g of at least %g MiB", arena, live);
  if (!SANITIZED)
    ck_assert_msg(fabs(peak - total) <= 0.05 * total + 32, "%g announced, %g used", total, peak);
}
END_TEST

START_TEST(a_classifier_learns) {
  OK(SMALL_VIT " -D drop_path=0 -D warmup=0.1 -o p");
  OK("./p train --data " FASHION " --steps 150 --lr 2e-3 --checkpoint c");
  OK("./p eval --data " FASHION " --init c --json");
  ck_assert_msg(number_after("\"correct\":") > 0.6, "%s", run_out);
}
END_TEST

START_TEST(only_libc_and_libm_are_needed) {
  OK(TESSERA " build " MODELS "/vit_classify.tess -D depth=1 -o p && readelf -d p | grep NEEDED");
  for (const char *p = run_out; (p = strstr(p, "library: [")); p++)
    ck_assert_msg(SANITIZED || !strncmp(p, "library: [libc.so", 17) || !strncmp(p, "library: [libm.so", 17),
                  "%s", p);
}
END_TEST

int main(void) {
  Suite *s = suite_create("spine");
  TCase *t = tcase_create("spine");
  suite_add_tcase(s, t);
  tcase_set_timeout(t, 300);
  tcase_add_checked_fixture(t, run_fresh, run_clean);
  tcase_add_test(t, digpt_replays);
  tcase_add_test(t, digpt_replays_poisoned);
  tcase_add_test(t, clip_replays);
  tcase_add_test(t, finetune_replays);
  tcase_add_test(t, thread_counts_share_bits);
  tcase_add_test(t, a_resumed_run_ends_in_the_same_bits);
  tcase_add_test(t, two_folders_give_the_same_bytes);
  tcase_add_test(t, memory_is_as_announced);
  tcase_add_test(t, a_classifier_learns);
  tcase_add_test(t, only_libc_and_libm_are_needed);
  SRunner *r = srunner_create(s);
  srunner_run_all(r, CK_NORMAL);
  int failed = srunner_ntests_failed(r);
  srunner_free(r);
  return failed != 0;
}
