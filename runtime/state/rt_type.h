/* Element types: those of the program's tensors and those of files, and exact conversion between them. */
#ifndef RUNTIME_RT_TYPE_H
#define RUNTIME_RT_TYPE_H

#include <stdbool.h>
#include <stdint.h>

/* X(enumerator, text in safetensors files, bytes). The first seven are TessType's, in its order. */
#define RT_TYPES(X)                                                                                          \
  X(RT_F32, "F32", 4)                                                                                        \
  X(RT_BF16, "BF16", 2)                                                                                      \
  X(RT_F16, "F16", 2)                                                                                        \
  X(RT_I32, "I32", 4)                                                                                        \
  X(RT_U8, "U8", 1)                                                                                          \
  X(RT_BOOL, "BOOL", 1)                                                                                      \
  X(RT_U64, "U64", 8)                                                                                        \
  X(RT_F64, "F64", 8)                                                                                        \
  X(RT_I64, "I64", 8)                                                                                        \
  X(RT_U32, "U32", 4)                                                                                        \
  X(RT_I16, "I16", 2)                                                                                        \
  X(RT_U16, "U16", 2)                                                                                        \
  X(RT_I8, "I8", 1)

typedef enum RtType {
#define X(e, text, bytes) e,
  RT_TYPES(X)
#undef X
      RT_TYPE_COUNT
} RtType;

const char *rt_type_name(uint32_t t);
uint64_t rt_type_size(uint32_t t);
/* The type called `name` in files, or RT_TYPE_COUNT. */
RtType rt_type_parse(const char *name);
bool rt_type_is_float(uint32_t t);

/* Element i of an array of type t. Beyond 2^53 integers are rounded. */
double rt_type_get(uint32_t t, const void *p, uint64_t i);
/* Stores `v` rounded to the nearest value of type t; false when that changed it (NaN counts as kept). An
 * integer out of range is stored as 0. */
bool rt_type_set(uint32_t t, void *p, uint64_t i, double v);
/* Converts n elements; returns how many were not exact. Equal types are copied bit by bit. */
uint64_t rt_type_convert(uint32_t to_type, void *to, uint32_t from_type, const void *from, uint64_t n);
/* The first element that is not finite, or -1. */
int64_t rt_type_not_finite(uint32_t t, const void *p, uint64_t n);

#endif
