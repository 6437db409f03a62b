/* The elementwise operations as an enumeration, with their properties and meaning. */
#ifndef IR_ELTWISE_H
#define IR_ELTWISE_H

#include <stdbool.h>

#include "ir/type.h"

typedef enum EltOp {
#define ELT(N, ...) E_##N,
#include "ir/eltwise.def"
#undef ELT
  ELT_COUNT
} EltOp;

typedef struct EltRow {
  const char *text;
  int arity;
  bool is_bool;   /* the result is DT_BOOL whatever the operands are */
  int precedence; /* 0: written as a call; higher binds tighter */
  double work;    /* on an element, in additions */
} EltRow;

extern const EltRow elt_rows[ELT_COUNT];

/* The operation written `len` characters at `s` and of that arity (0: any), or ELT_COUNT. */
EltOp elt_parse(const char *s, int len, int arity);
/* Its meaning over doubles; unused operands are ignored. No rounding. */
double elt_eval(EltOp op, double a, double b, double c);
/* The element type of the result given the operands' types; DT_COUNT if they do not go together. Both
 * branches of select and both operands of a binary operation have one type; AND, OR, NOT take bool; SELECT's
 * first operand is bool; transcendental operations take floats. */
DType elt_result(EltOp op, const DType *operand);

#endif
