/* What every test program shares. A file is one suite: it names it and adds its tests, and main is in
 * suite.c.
 *
 *   SUITE("arena") {
 *     tcase_add_test(t, strings_are_copied_and_ended);
 *   }
 *
 * Random data comes from draw_below and its like. A run draws its seed and prints it, or takes TESSERA_SEED.
 * Each test starts from that seed, whatever ran before it; a test that draws many cases draws the i-th from
 * seed + i, so that the seed of a case that fails brings it first. TESSERA_ROUNDS says how many cases such
 * tests draw. */
#ifndef TESTS_SUITE_H
#define TESTS_SUITE_H

#include <check.h>
#include <stdint.h>

#define SUITE(name)                                                                                          \
  const char *const suite_name = (name);                                                                     \
  void suite_add(TCase *t)

extern const char *const suite_name;
void suite_add(TCase *t);

/* The run's seed, below 2^32 unless it was given. */
uint64_t suite_seed(void);
/* How many cases to draw: as TESSERA_ROUNDS says, else as usual. */
int suite_rounds(int usual);

/* Equal seeds draw equal numbers from here on. */
void draw_from(uint64_t seed);
/* 0 .. n - 1. */
uint32_t draw_below(uint32_t n);
/* An f32 number in lo .. hi. */
double draw_real(double lo, double hi);
/* A standard normal number. */
double draw_normal(void);

#endif
