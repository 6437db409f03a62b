/* The elementwise rows, their parsing, typing and meaning. */
#include "ir/eltwise.h"

#include <math.h>
#include <string.h>

enum { SAME, BOOL };

const EltRow elt_rows[ELT_COUNT] = {
#define ELT(N, text, arity, result, prec, work, formula)                                                     \
  [E_##N] = {text, arity, (result) == BOOL, prec, work},
#include "ir/eltwise.def"
#undef ELT
};

#define ELT(N, text, arity, result, prec, work, formula)                                                     \
  static double eval_##N(double a, double b, double c) {                                                     \
    (void)a, (void)b, (void)c;                                                                               \
    return formula;                                                                                          \
  }
#include "ir/eltwise.def"
#undef ELT

double elt_eval(EltOp op, double a, double b, double c) {
  static double (*const eval[ELT_COUNT])(double, double, double) = {
#define ELT(N, ...) [E_##N] = eval_##N,
#include "ir/eltwise.def"
#undef ELT
  };
  return eval[op](a, b, c);
}

EltOp elt_parse(const char *s, int len, int arity) {
  for (int i = 0; i < ELT_COUNT; i++) {
    const EltRow *r = &elt_rows[i];
    if (arity && arity != r->arity) continue;
    if ((int)strlen(r->text) == len && !memcmp(r->text, s, (size_t)len)) return (EltOp)i;
  }
  return ELT_COUNT;
}

static bool wants_bool(EltOp op) {
  return op == E_AND || op == E_OR || op == E_NOT;
}

static bool wants_number(EltOp op) {
  return op == E_ADD || op == E_SUB || op == E_MUL || op == E_DIV || op == E_MAX || op == E_MIN ||
         op == E_LT || op == E_LE || op == E_EQ || op == E_NEG || op == E_ABS;
}

static bool operand_fits(EltOp op, DType t) {
  if (wants_bool(op)) return t == DT_BOOL;
  if (wants_number(op)) return dtype_is_float(t) || t == DT_I32 || (op == E_EQ && t == DT_BOOL);
  return dtype_is_float(t);
}

DType elt_result(EltOp op, const DType *operand) {
  if (op == E_SELECT)
    return operand[0] == DT_BOOL && operand[1] == operand[2] && operand[1] != DT_U64 ? operand[1] : DT_COUNT;
  for (int i = 0; i < elt_rows[op].arity; i++)
    if (operand[i] != operand[0] || !operand_fits(op, operand[i])) return DT_COUNT;
  return elt_rows[op].is_bool ? DT_BOOL : operand[0];
}
