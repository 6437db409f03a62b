/* The programs of rt_toy.c with images for them, for the tests that run them. */
#ifndef TESTS_RT_TOY_RUN_H
#define TESTS_RT_TOY_RUN_H

#include "tests/runtime/rt_run.h"
#include "tests/suite.h"

enum { N = 83, T = 23, SIDE = 6, PIXELS = SIDE * SIDE, CLASSES = 3 };

#define TOY BUILD_TESTS "/rt_toy"
#define FROZEN BUILD_TESTS "/rt_toy_frozen"
#define TRAIN TOY " train --data . --threads 2 "

static uint8_t images[N * PIXELS], labels[N]; /* of the set that was made last */

/* Images whose brightest third tells the class. */
static inline void make_set(const char *prefix, uint32_t n) {
  char name[64];
  for (uint32_t i = 0; i < n; i++) {
    labels[i] = (uint8_t)(draw_below(CLASSES));
    for (int p = 0; p < PIXELS; p++)
      images[i * PIXELS + (uint32_t)p] = (uint8_t)(draw_below(100) + (p % CLASSES == labels[i] ? 60 : 0));
  }
  snprintf(name, sizeof name, "%s-images-idx3-ubyte", prefix);
  run_write_idx(name, 3, (uint32_t[]){n, SIDE, SIDE}, images);
  snprintf(name, sizeof name, "%s-labels-idx1-ubyte", prefix);
  run_write_idx(name, 1, (uint32_t[]){n}, labels);
}

static inline void make_files(void) {
  run_fresh();
  make_set("train", N);
  make_set("t10k", T);
}

#define OK(...) ck_assert_msg(run(__VA_ARGS__) == 0, "%s%s", run_out, run_err)
#define FAILS(...) ck_assert_msg(run(__VA_ARGS__) == 1, "%s%s", run_out, run_err)
#define SAYS(text) ck_assert_msg(strstr(run_err, text) != NULL, "expected \"%s\" in:\n%s", text, run_err)
#define PRINTS(text) ck_assert_msg(strstr(run_out, text) != NULL, "expected \"%s\" in:\n%s", text, run_out)

/* Whether a temporary file or a lock was left in the folder. */
static inline bool left(void) {
  return run("ls -A | grep '^[.]'") == 0;
}

#endif
