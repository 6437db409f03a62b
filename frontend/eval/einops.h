/* einops patterns: "b n (s h d) -> s b h n d". */
#ifndef FRONTEND_EINOPS_H
#define FRONTEND_EINOPS_H

#include "frontend/eval/eval.h"

enum { EIN_AXES = 16, EIN_NAMES = 32 };

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
  int nleft;
  EinSide left[4], right; /* rearrange has one left side, einsum one an operand */
} EinPattern;

/* False after an error. */
bool ein_parse(Eval *ev, const char *text, Loc loc, EinPattern *p);
/* Puts `count` dimensions where "..." stands; false, with an error, when there are too many axes. */
bool ein_spread(Eval *ev, const EinPattern *p, EinSide *s, int count);
/* How many dimensions "..." stands for in a tensor of this rank; -1 when the ranks do not fit. */
int ein_rest(const EinSide *s, int rank);
/* Gives the side's axes their sizes from a tensor's shape; false after an error. */
bool ein_bind(Eval *ev, const EinPattern *p, const EinSide *s, const Node *x, EinNames *names);
int64_t *ein_size(EinNames *names, const char *name); /* added with 0 if new; NULL when there are too many */
int ein_find(const EinSide *s, const char *name);     /* the axis of that name, or -1 */
/* An error that quotes the pattern: VAL_ERROR, false. */
Val ein_fail(const EinPattern *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
bool ein_refuse(const EinPattern *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
