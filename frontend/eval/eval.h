/* Evaluation of a description: static values by computing them, tensors by building graph nodes. Everything
 * that goes wrong is reported once, at the user's line, and gives VAL_ERROR, which spreads silently. */
#ifndef FRONTEND_EVAL_H
#define FRONTEND_EVAL_H

#include "frontend/eval/value.h"

/* Random draws made so far under one path: the number goes into the stream. */
typedef struct Draws {
  const char *path;
  int n;
  struct Draws *next;
} Draws;

typedef struct Eval {
  Arena *arena;
  Graph *graph;
  bool training; /* false in entry eval */
  const char *path;
  const char *draw_root; /* put before paths of streams: first values and steps never share one */
  Draws *draws;
  int depth;      /* of nested expressions, calls, blocks and modules */
  int64_t budget; /* expressions left before evaluation is given up */
  bool spent;
  int ncarried, cap_carried;
  Param **carried;  /* states that training may assign */
  int noted, notes; /* errors when the last note on a call was given, and such notes since that error */
} Eval;

/* Arguments of a call, evaluated; name NULL for positional ones. */
typedef struct Arg {
  const char *name;
  Val val;
  Loc loc;
} Arg;

typedef struct Args {
  int n;
  Arg *v;
  Loc loc; /* of the call */
} Args;

/* Both report an error; one gives VAL_ERROR, the other false. */
Val eval_fail(Loc loc, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
bool eval_refuse(Loc loc, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Around what a call does: where errors of the library are put, and the notes on calls after an error, of
 * which only the innermost few are shown. `failed` says whether to give one. */
typedef struct CallNote {
  DiagCall before;
  Loc loc;
  const char *callee;
  int errors;
} CallNote;
CallNote eval_enter_call(Loc loc, const char *callee);
void eval_leave_call(Eval *ev, const CallNote *call, bool failed);

Val eval_expr(Eval *ev, Scope *s, const Expr *e);
/* One level deeper, which eval_leave takes back; false, with an error, when that is too deep for the stack.
 */
bool eval_enter(Eval *ev, Loc loc);
void eval_leave(Eval *ev);
/* Says once that evaluation is given up: an error. */
Val eval_give_up(Eval *ev, Loc loc, const char *why);
/* A list, unless it would be too large or too deep. */
Val eval_list(Eval *ev, Loc loc, const Val *item, int n);
/* Binds the names to the value: one name takes it whole; several take a list's items or a tensor's slices
 * along its first axis. Binds errors when the counts differ. */
void eval_bind_names(Eval *ev, Scope *s, const Names *names, Val v, Loc loc, bool assign);
/* True or false; false with *ok false, and an error, if it is neither. */
bool eval_truth(Val v, Loc loc, bool *ok);
bool eval_check(Eval *ev, Scope *s, const Stmt *st);

/* Statements of a function (eval_stmt.c): its result, or an error when it returns nothing. */
Val eval_body(Eval *ev, Scope *s, const Block *body, Loc loc, const char *name);
/* One pass over statements without `return`; false after an error. */
bool eval_statements(Eval *ev, Scope *s, const Block *body);

/* Operators (eval_op.c). */
Val eval_unary(Eval *ev, Sign sign, Val a, Loc loc);
Val eval_binary(Eval *ev, Sign sign, Val a, Val b, Loc loc);
/* The value as a tensor; numbers become constants of type `like`. NULL after an error. */
Node *eval_tensor(Eval *ev, Val v, DType like, Loc loc);
/* Whether the number is within the range of a type for fractions; other types have rules of their own. Else
 * an error. */
bool eval_holds(DType t, double v, Loc loc);
/* Refuses bytes, which are only moved, chosen and cast. */
bool eval_has_arithmetic(const Node *x, Loc loc);
/* An elementwise operation over values, by name: static when all operands are. */
Val eval_elementwise(Eval *ev, EltOp op, const Val *v, int n, Loc loc);

/* Calls (eval_call.c). */
Val eval_call(Eval *ev, Scope *s, const Expr *e, Val callee);
Val eval_apply(Eval *ev, Val callee, const Args *args);
Args eval_args(Eval *ev, Scope *s, const CallArgs *a, Loc loc);
/* Binds a signature's names in `into`; `name` is the callee's, for messages. */
bool eval_bind_args(Eval *ev, Scope *into, const Signature *sig, const Args *args, const char *name);
bool eval_bind_typed(Eval *ev, Scope *into, const ArgDecl *d, Val v, Loc loc, const char *callee);

/* Names (eval_name.c). */
Val eval_name(Eval *ev, Scope *s, const char *name, Loc loc);
/* The declaration of that name in reach of the file, or NULL: train blocks have names of their own. */
Decl *eval_find_decl(const File *f, const char *name, bool train);
/* A name that stands for a number in scopes or files: what a dimension of an argument refers to. */
bool eval_known_number(Eval *ev, Scope *s, const char *name, Val *out);
Val eval_decl_value(Eval *ev, Decl *d);
/* ", did you mean \"x\"?" or "". */
const char *eval_suggest(Arena *a, const char *name, const char *const *names, int n);

#endif
