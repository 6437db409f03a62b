/* The thread pool: every task once, on the thread that the contract names, through spinning and sleeping. */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "runtime/rt_pool.h"
#include "tests/suite.h"

enum { TASKS = 1000, MAX_T = 5, STRIDE = 256 };

static char scratch[MAX_T * STRIDE];
static int owner[TASKS]; /* thread + 1 */
static atomic_int calls;

static void note_owner(void *const *buf, const TessStep *step, char *own, int64_t task, int64_t end) {
  (void)step;
  int t = (int)((own - scratch) / STRIDE);
  for (int64_t i = task; i < end; i++) ((int *)buf[0])[i] += t + 1;
  atomic_fetch_add(&calls, 1);
}

START_TEST(splits_as_promised) {
  TessRun run;
  TessStep step = {0};
  int threads = _i;
  ck_assert(rt_pool_start(&run, threads, scratch, STRIDE));
  for (int64_t tasks = 0; tasks < 40; tasks++) {
    memset(owner, 0, sizeof owner);
    atomic_store(&calls, 0);
    tess_launch(&run, 0, note_owner, (void *[]){owner}, &step, tasks, 0);
    int64_t parts = tasks < threads ? tasks : threads;
    ck_assert_int_eq(atomic_load(&calls), parts);
    for (int64_t t = 0; t < parts; t++)
      for (int64_t i = tasks * t / parts; i < tasks * (t + 1) / parts; i++) ck_assert_int_eq(owner[i], t + 1);
    ck_assert_int_eq(owner[tasks], 0);
  }
  rt_pool_stop(&run);
}
END_TEST

static void add(void *const *buf, const TessStep *step, char *own, int64_t task, int64_t end) {
  (void)step, (void)own;
  for (int64_t i = task; i < end; i++) ((uint64_t *)buf[1])[i] += ((const uint64_t *)buf[0])[TASKS - 1 - i];
}

/* Each launch reads what others wrote in the one before: a launch that starts early or ends late is seen.
 * Pauses make the threads sleep at times. */
START_TEST(orders_launches) {
  static uint64_t a[TASKS], b[TASKS], x[TASKS], y[TASKS];
  TessRun run;
  TessStep step = {0};
  for (unsigned i = 0; i < TASKS; i++) a[i] = x[i] = i;
  memset(b, 0, sizeof b);
  memset(y, 0, sizeof y);
  ck_assert(rt_pool_start(&run, _i, scratch, STRIDE));
  for (int n = 0; n < 2000; n++) {
    tess_launch(&run, 0, add, n % 2 ? (void *[]){b, a} : (void *[]){a, b}, &step, n % 7 ? TASKS : TASKS / 2,
                0);
    add(n % 2 ? (void *[]){y, x} : (void *[]){x, y}, &step, NULL, 0, n % 7 ? TASKS : TASKS / 2);
    if (n % 500 == 0) nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
  }
  ck_assert(memcmp(a, x, sizeof a) == 0 && memcmp(b, y, sizeof b) == 0);
  rt_pool_stop(&run);
}
END_TEST

START_TEST(guards) {
  TessRun run;
  TessStep step = {.supplied = 6};
  ck_assert(rt_pool_start(&run, 2, scratch, STRIDE));
  memset(owner, 0, sizeof owner);
  static const struct {
    uint64_t guard;
    int runs;
  } row[] = {{0, 1}, {2, 0}, {6, 0}, {1, 1}, {3, 1}, {7, 1}};
  for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
    memset(owner, 0, sizeof owner);
    tess_launch(&run, 0, note_owner, (void *[]){owner}, &step, 2, row[i].guard);
    ck_assert_int_eq(owner[0], row[i].runs);
  }
  run.stop = true;
  memset(owner, 0, sizeof owner);
  tess_launch(&run, 0, note_owner, (void *[]){owner}, &step, 2, 0);
  ck_assert_int_eq(owner[0], 0);
  rt_pool_stop(&run);
}
END_TEST

SUITE("rt_pool") {
  tcase_add_loop_test(t, splits_as_promised, 1, MAX_T + 1);
  tcase_add_loop_test(t, orders_launches, 1, MAX_T + 1);
  tcase_add_test(t, guards);
}
