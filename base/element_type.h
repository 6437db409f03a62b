/* The element types of tensors: those of the IRs, of the tables in a program, and the first of those in
 * files. */
#ifndef BASE_ELEMENT_TYPE_H
#define BASE_ELEMENT_TYPE_H

#include <stdint.h>

/* X(NAME, text, bytes); in safetensors files they are called as their NAME. U64 is for counters only: no
 * arithmetic but what `random` does. */
#define ELEMENT_TYPES(X)                                                                                     \
  X(F32, "f32", 4)                                                                                           \
  X(BF16, "bf16", 2)                                                                                         \
  X(F16, "f16", 2)                                                                                           \
  X(I32, "i32", 4)                                                                                           \
  X(U8, "u8", 1)                                                                                             \
  X(BOOL, "bool", 1)                                                                                         \
  X(U64, "u64", 8)

/* The floats of 16 bits: bf16, which is the upper half of an f32, and IEEE 754's half. From f64 they are
 * rounded once, to the nearest, ties to even; NaN stays NaN. */
float element_bf16_get(uint16_t bits);
uint16_t element_bf16_bits(double v);
float element_f16_get(uint16_t bits);
uint16_t element_f16_bits(double v);

#endif
