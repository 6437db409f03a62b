/* Quasi-affine index expressions: a constant plus integer multiples of atoms. An atom is an axis, the
 * quotient or remainder of an expression by a positive constant, or one value read from an integer buffer
 * (the data-dependent base of a gather). Expressions are immutable, canonical (equal expressions have equal
 * structure) and simplified from the axes' extents when they are built: with 0 <= i < 4 and 0 <= j < 8,
 * (8*i + j) / 8 is i and (8*i + j) % 8 is j; (e / n) * n + e % n is e. All quotients round down. */
#ifndef IR_IX_H
#define IR_IX_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/arena.h"

typedef struct Ix Ix;

typedef enum IxKind { IX_AXIS, IX_DIV, IX_MOD, IX_READ } IxKind;

typedef struct IxAtom {
  IxKind kind;
  int id;         /* IX_AXIS: the axis' number; IX_READ: the buffer's number */
  int64_t extent; /* IX_AXIS, IX_READ: values are 0 .. extent-1; IX_DIV, IX_MOD: the divisor */
  const Ix *arg;  /* IX_DIV, IX_MOD */
  int nidx;       /* IX_READ: the indices of the element read */
  const Ix **idx;
} IxAtom;

typedef struct IxTerm {
  int64_t coef; /* never 0 */
  const IxAtom *atom;
} IxTerm;

struct Ix {
  int64_t base;
  int nterm;
  const IxTerm *term; /* in canonical order: by kind, then id, then structure */
};

const Ix *ix_const(Arena *a, int64_t v);
/* An axis of extent 1 is the constant 0. */
const Ix *ix_axis(Arena *a, int axis, int64_t extent);
const Ix *ix_read(Arena *a, int buf, int64_t extent, int nidx, const Ix *const *idx);
const Ix *ix_add(Arena *a, const Ix *x, const Ix *y);
const Ix *ix_scale(Arena *a, const Ix *x, int64_t by);
const Ix *ix_div(Arena *a, const Ix *x, int64_t by); /* by > 0 */
const Ix *ix_mod(Arena *a, const Ix *x, int64_t by); /* by > 0 */

/* Least and greatest value over the axes' extents (an enclosure; exact for affine expressions). */
void ix_range(const Ix *x, int64_t *lo, int64_t *hi);
bool ix_same(const Ix *x, const Ix *y);
/* Total order for canonical sorting. */
int ix_compare(const Ix *x, const Ix *y);
bool ix_is_const(const Ix *x, int64_t *value);
bool ix_uses_axis(const Ix *x, int axis);
/* If x = coef * axis + (something without axis), returns true and sets coef (0 if the axis is absent). */
bool ix_coef(const Ix *x, int axis, int64_t *coef);

/* x with axis i replaced by to[i] (NULL: kept), rebuilt and so simplified; axes >= n are kept. */
const Ix *ix_subst(Arena *a, const Ix *x, const Ix *const *to, int n);
/* x with every buffer number b of an IX_READ replaced by to[b]. */
const Ix *ix_rename_reads(Arena *a, const Ix *x, const int *to);

/* Value at the given axes. `read` fetches an element for IX_READ (may be NULL when there is none). */
typedef int64_t IxReader(void *ctx, int buf, const int64_t *idx, int nidx);
int64_t ix_eval(const Ix *x, const int64_t *axis, IxReader *read, void *ctx);

/* Splits a row-major linear index over dims into one expression a dimension, and the reverse. */
void ix_unflatten(Arena *a, const Ix *linear, int rank, const int64_t *dim, const Ix **out);
const Ix *ix_flatten(Arena *a, int rank, const int64_t *dim, const Ix *const *idx);

/* Text, with axis names and buffer names given: "8*i + j", "(c/64)", "seg[b, s]". */
typedef struct IxNames {
  const char *(*axis)(void *ctx, int axis);
  const char *(*buf)(void *ctx, int buf);
  void *ctx;
} IxNames;
char *ix_text(Arena *a, const Ix *x, const IxNames *names);
/* The same, onto a stream. */
void ix_write(FILE *f, const Ix *x, const IxNames *names);

#endif
