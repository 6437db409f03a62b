#include "base/element_type.h"

#include <math.h>
#include <string.h>

static float from_bits(uint32_t u) {
  float f;
  memcpy(&f, &u, sizeof f);
  return f;
}

static uint32_t to_bits(float f) {
  uint32_t u;
  memcpy(&u, &f, sizeof u);
  return u;
}

float element_f16_get(uint16_t h) {
  uint32_t sign = (uint32_t)(h & 0x8000) << 16, exponent = h >> 10 & 31, fraction = h & 0x3ff;
  if (exponent == 31) return from_bits(sign | 0x7f800000 | fraction << 13);
  float magnitude =
      exponent ? ldexpf((float)(fraction | 0x400), (int)exponent - 25) : ldexpf((float)fraction, -24);
  return from_bits(sign | to_bits(magnitude));
}

/* Scaled so that one unit is the last place of the result: then rounding to even is rint's. */
uint16_t element_f16_bits(double v) {
  uint16_t sign = signbit(v) ? 0x8000 : 0;
  if (isnan(v)) return sign | 0x7e00;
  double a = fabs(v);
  if (a >= 65520) return sign | 0x7c00;
  int e;
  frexp(a, &e);
  if (e < -13) e = -13;
  unsigned units = (unsigned)rint(ldexp(a, 11 - e)); /* 1024 .. 2048, or less when subnormal */
  return (uint16_t)(sign | (units < 1024 ? units : (unsigned)(e + 13) * 1024 + units));
}

float element_bf16_get(uint16_t bits) {
  return from_bits((uint32_t)bits << 16);
}

/* From f64 directly, so that nothing is rounded twice. */
uint16_t element_bf16_bits(double v) {
  float f = (float)v;
  uint32_t u = to_bits(f);
  if (isnan(f)) return (uint16_t)(u >> 16 | 0x40);
  if (isinf(f)) return (uint16_t)(u >> 16);
  if (fabs((double)f) > fabs(v)) u--; /* towards zero, then a sticky last bit */
  if ((double)from_bits(u) != v) u |= 1;
  return (uint16_t)((u + 0x7fff + (u >> 16 & 1)) >> 16);
}
