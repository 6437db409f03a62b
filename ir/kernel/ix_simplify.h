/* What ir/kernel/ix.c and ir/kernel/ix_simplify.c share. Functions here return NULL when a coefficient would
 * not fit. */
#ifndef IR_IX_SIMPLIFY_H
#define IR_IX_SIMPLIFY_H

#include "ir/kernel/ix.h"

/* One public call's work. Optional rewrites each take one unit of fuel, which bounds the time on adversarial
 * input; without fuel the result is right but less simple. */
typedef struct IxWork {
  Arena *arena;
  int fuel;
} IxWork;

/* x + by * y with like terms gathered and nothing else. */
const Ix *ix_merge(Arena *a, const Ix *x, const Ix *y, int64_t by);
/* coef * atom. */
const Ix *ix_atom(Arena *a, int64_t coef, const IxAtom *atom);
/* Pairs such as n * (e / n) + e % n joined, while that makes x cheaper. */
const Ix *ix_recombine(IxWork *w, const Ix *x);
const Ix *ix_quotient(IxWork *w, const Ix *x, int64_t by);
const Ix *ix_remainder(IxWork *w, const Ix *x, int64_t by);

int64_t ix_floor_div(int64_t x, int64_t by);
/* Products and sums that say whether they fit. */
bool ix_mul_fits(int64_t x, int64_t y, int64_t *out);
bool ix_add_fits(int64_t x, int64_t y, int64_t *out);

#endif
