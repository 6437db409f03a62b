/* Patterns such as "b n (s h d) -> s b h n d": their axes, and the sizes that tensors give them. */
#ifndef FRONTEND_EIN_H
#define FRONTEND_EIN_H

#include "frontend/eval/builtin.h"

enum { EIN_AXES = 16, EIN_NAMES = 32, EIN_OPERANDS = 4 };

/* One side: axes in order, each in a group; a group is a dimension of the tensor ("1" and "()" are groups
 * without axes). "..." is an axis of that name until ein_spread. */
typedef struct EinSide {
  int naxis, ngroup;
  const char *axis[EIN_AXES];
  int group[EIN_AXES];
} EinSide;

/* Axes by name with their sizes; 0 is not known yet. */
typedef struct EinNames {
  int n;
  const char *name[EIN_NAMES];
  int64_t size[EIN_NAMES];
} EinNames;

typedef struct EinPattern {
  const char *text;
  Loc loc;
  bool repeats; /* an axis may stand twice on a left side */
  int nleft;
  EinSide left[EIN_OPERANDS], right; /* rearrange has one left side, einsum one an operand */
} EinPattern;

/* Reads the pattern that an argument is; p->repeats is the caller's to set. False after an error. */
bool ein_pattern(Eval *ev, const Arg *a, EinPattern *p);

/* An error that quotes the pattern: VAL_ERROR; the second: false. */
Val ein_fail(const EinPattern *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
bool ein_refuse(const EinPattern *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The first axis of that name, or -1. */
int ein_axis_of(const EinSide *s, const char *name);
/* How many dimensions "..." stands for in a tensor of this rank; -1 when the ranks do not fit. */
int ein_rest(const EinSide *s, int rank);
/* Puts `count` dimensions where "..." stands, the last `count` of `most` such; false, with an error, when
 * there are too many axes. */
bool ein_spread(Eval *ev, const EinPattern *p, EinSide *s, int count, int most);
/* The size of an axis, added with 0 if new; NULL when there are too many. */
int64_t *ein_size(EinNames *names, const char *name);
/* Gives the side's axes their sizes from a tensor's shape; false after an error. */
bool ein_bind(Eval *ev, const EinPattern *p, const EinSide *s, const Node *x, EinNames *names);

#endif
