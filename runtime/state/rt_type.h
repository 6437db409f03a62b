/* Element types: those of the program's tensors and those of files, and exact conversion between them. */
#ifndef RUNTIME_RT_TYPE_H
#define RUNTIME_RT_TYPE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/element_type.h"

/* X(NAME, text, bytes): those of programs, in TessType's order, and those that only files have. */
#define RT_TYPES(X)                                                                                          \
  ELEMENT_TYPES(X)                                                                                           \
  X(F64, "f64", 8)                                                                                           \
  X(I64, "i64", 8)                                                                                           \
  X(U32, "u32", 4)                                                                                           \
  X(I16, "i16", 2)                                                                                           \
  X(U16, "u16", 2)                                                                                           \
  X(I8, "i8", 1)

typedef enum RtType {
#define X(name, text, bytes) RT_##name,
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
