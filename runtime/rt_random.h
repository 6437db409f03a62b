/* Counter-based random bits for data: a function of what is hashed alone. */
#ifndef RUNTIME_RT_RANDOM_H
#define RUNTIME_RT_RANDOM_H

#include "base/random.h"

static inline uint64_t rt_random(uint64_t key, uint64_t counter) {
  return random_mix64(random_mix64(key + 0x9e3779b97f4a7c15u) + counter * 0x9e3779b97f4a7c15u);
}

/* 0 .. n-1, n below 2^32; off by at most 2^-32 from uniform. */
static inline uint64_t rt_below(uint64_t bits, uint64_t n) {
  return (bits >> 32) * n >> 32;
}

static inline double rt_uniform(uint64_t bits) {
  return (double)(bits >> 11) * 0x1p-53;
}

#endif
