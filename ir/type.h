/* Element types and static shapes, shared by both IRs. */
#ifndef IR_TYPE_H
#define IR_TYPE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/element_type.h"

enum { MAX_RANK = 8 };

typedef enum DType {
#define X(name, text, bytes) DT_##name,
  ELEMENT_TYPES(X)
#undef X
      DT_COUNT
} DType;

typedef struct Shape {
  int rank; /* 0 is a scalar */
  int64_t dim[MAX_RANK];
} Shape;

const char *dtype_name(DType t);
int dtype_size(DType t);
bool dtype_is_float(DType t);
/* The type named by the `len` characters at `s`, or DT_COUNT. */
DType dtype_parse(const char *s, int len);

/* Number of elements; -1 when it does not fit in 2^40 or a dimension is not positive. */
int64_t shape_count(const Shape *s);
bool shape_same(const Shape *a, const Shape *b);
Shape shape_of(int rank, const int64_t *dims);
/* "[2, 148, 768]" into buf, which it returns. */
const char *shape_text(const Shape *s, char *buf, int size);

/* Rounds an f32 value to the nearest value of type t, ties to even; the value itself for f32. */
float dtype_round(DType t, float v);
/* Element i of memory of type t. Floats are rounded to the nearest; other types get what they can hold. */
double dtype_get(DType t, const void *p, int64_t i);
void dtype_set(DType t, void *p, int64_t i, double v);

#endif
