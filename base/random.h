/* The counter-based random bits that every target emits: a function of seed, stream, step, micro-step and
 * element index alone, so that threads, lanes and node numbers can't reach them. */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include <stdint.h>

/* splitmix64's finaliser (Steele, Lea and Flood 2014). */
static inline uint64_t random_mix64(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

/* One key a launch: what does not depend on the element. */
static inline uint64_t random_key(uint64_t seed, uint64_t stream, uint64_t step, uint64_t micro) {
  uint64_t k = random_mix64(seed + 0x9e3779b97f4a7c15u);
  k = random_mix64(k ^ stream);
  k = random_mix64(k + step);
  return random_mix64(k ^ (micro << 1 | 1));
}

/* murmur3's 32-bit finaliser. */
static inline uint32_t random_mix32(uint32_t h) {
  h = (h ^ (h >> 16)) * 0x85ebca6bu;
  h = (h ^ (h >> 13)) * 0xc2b2ae35u;
  return h ^ (h >> 16);
}

static inline uint32_t random_bits(uint64_t key, uint32_t index) {
  uint32_t h = random_mix32(index * 0x9e3779b1u + (uint32_t)key);
  return random_mix32(h ^ (uint32_t)(key >> 32));
}

/* Uniform in [0, 1): the upper 24 bits, so that an f32 holds it exactly. */
static inline float random_uniform(uint64_t key, uint32_t index) {
  return (float)(random_bits(key, index) >> 8) * 0x1p-24f;
}

#endif
