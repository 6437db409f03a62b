/* main of every test program, and the random numbers of its tests. */
#include "tests/suite.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/random.h"

/* Longer than any test takes under sanitizers on a loaded machine: what meets it hangs. */
enum { TIMEOUT_SECONDS = 600 };

static uint64_t seed, state;

uint64_t suite_seed(void) {
  return seed;
}

int suite_rounds(int usual) {
  const char *given = getenv("TESSERA_ROUNDS");
  return given ? atoi(given) : usual;
}

void draw_from(uint64_t from) {
  state = random_mix64(from + 1);
}

/* splitmix64. */
static uint64_t draw_bits(void) {
  return random_mix64(state += 0x9e3779b97f4a7c15u);
}

uint32_t draw_below(uint32_t n) {
  return (uint32_t)((draw_bits() >> 32) * n >> 32);
}

double draw_real(double lo, double hi) {
  return (double)(float)(lo + (hi - lo) * ((double)(draw_bits() >> 40) + 0.5) * 0x1p-24);
}

double draw_normal(void) {
  double u = ((double)(draw_bits() >> 11) + 0.5) * 0x1p-53, v = (double)(draw_bits() >> 11) * 0x1p-53;
  return sqrt(-2 * log(u)) * cos(6.283185307179586 * v);
}

static void choose_seed(void) {
  const char *given = getenv("TESSERA_SEED");
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  uint64_t drawn =
      random_mix64((uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec + (uint64_t)getpid());
  seed = given ? strtoull(given, NULL, 0) : drawn >> 32;
  printf("%s: TESSERA_SEED=%llu draws the same again\n", suite_name, (unsigned long long)seed);
  fflush(stdout);
}

static void begin_test(void) {
  draw_from(seed);
}

int main(void) {
  choose_seed();
  Suite *s = suite_create(suite_name);
  TCase *t = tcase_create(suite_name);
  suite_add_tcase(s, t);
  tcase_set_timeout(t, TIMEOUT_SECONDS);
  tcase_add_checked_fixture(t, begin_test, NULL);
  suite_add(t);
  SRunner *r = srunner_create(s);
  srunner_run_all(r, CK_ENV);
  int failed = srunner_ntests_failed(r);
  srunner_free(r);
  return failed != 0;
}
