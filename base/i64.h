/* Arithmetic of extents, offsets and strides. */
#ifndef BASE_I64_H
#define BASE_I64_H

#include <stdint.h>

static inline int64_t i64_min(int64_t a, int64_t b) {
  return a < b ? a : b;
}

static inline int64_t i64_max(int64_t a, int64_t b) {
  return a > b ? a : b;
}

static inline int64_t i64_clamp(int64_t x, int64_t lo, int64_t hi) {
  return x < lo ? lo : x > hi ? hi : x;
}

/* a / b rounded up, of what is not negative. */
static inline int64_t i64_ceil_div(int64_t a, int64_t b) {
  return (a + b - 1) / b;
}

/* The next multiple of `to`. */
static inline int64_t i64_round_up(int64_t x, int64_t to) {
  return i64_ceil_div(x, to) * to;
}

/* The greatest common divisor, of any signs; with 0 it is the other's size. */
static inline int64_t i64_gcd(int64_t a, int64_t b) {
  while (b) {
    int64_t rest = a % b;
    a = b, b = rest;
  }
  return a < 0 ? -a : a;
}

#endif
