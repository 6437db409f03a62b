/* Finding and calling builtin functions; the elementwise operations are builtins by their rows' names. */
#include "frontend/eval/builtin.h"

#include <math.h>
#include <string.h>

static const Builtin *const tables[] = {builtin_tensor, builtin_static, builtin_einops, builtin_einsum};
enum { TABLES = sizeof tables / sizeof *tables };
static const double pi = 3.14159265358979323846;

static Val call_elementwise(Eval *ev, const Args *a, EltOp op) {
  Val v[3];
  for (int i = 0; i < a->n; i++) v[i] = a->v[i].val;
  return eval_elementwise(ev, op, v, a->n, a->loc);
}

/* A builtin a row of eltwise.def that is written as a call; max and min also reduce, and have own rows. */
#define ELT(N, ...)                                                                                          \
  static Val call_##N(Eval *ev, const Args *a, const Args *named) {                                          \
    (void)named;                                                                                             \
    return call_elementwise(ev, a, E_##N);                                                                   \
  }
#include "ir/eltwise.def"
#undef ELT

static const struct {
  int precedence;
  Builtin b;
} elementwise[ELT_COUNT] = {
#define ELT(N, text, arity, result, prec, work, formula)                                                     \
  [E_##N] = {prec, {text, arity, arity, NULL, call_##N}},
#include "ir/eltwise.def"
#undef ELT
};

static const Builtin *find_row(const char *name) {
  for (int t = 0; t < TABLES; t++)
    for (const Builtin *b = tables[t]; b->name; b++)
      if (!strcmp(b->name, name)) return b;
  for (int i = 0; i < ELT_COUNT; i++)
    if (!elementwise[i].precedence && !strcmp(elementwise[i].b.name, name)) return &elementwise[i].b;
  return NULL;
}

Val builtin_find(Eval *ev, const char *name) {
  const Builtin *b = find_row(name);
  if (b) return (Val){.kind = VAL_BUILTIN, .u.builtin = b};
  DType t = dtype_parse(name, (int)strlen(name));
  if (t != DT_COUNT) return (Val){.kind = VAL_TYPE, .u.type = t};
  if (!strcmp(name, "pi")) return val_number(pi);
  if (!strcmp(name, "none")) return (Val){.kind = VAL_NONE};
  if (!strcmp(name, "training")) return val_bool(ev->training);
  return (Val){0};
}

int builtin_names(Arena *a, const char *const **names) {
  static const char *const others[] = {"pi", "none", "training", "f32", "i32", "u8", "bool"};
  const char **v = ARENA_ARRAY(a, 128, const char *);
  int n = 0;
  for (int t = 0; t < TABLES; t++)
    for (const Builtin *b = tables[t]; b->name && n < 64; b++) v[n++] = b->name;
  for (int i = 0; i < ELT_COUNT; i++)
    if (!elementwise[i].precedence) v[n++] = elementwise[i].b.name;
  for (size_t i = 0; i < sizeof others / sizeof *others; i++) v[n++] = others[i];
  *names = v;
  return n;
}

static bool takes_option(const Builtin *b, const char *name) {
  for (int i = 0; b->option && b->option[i]; i++)
    if (!strcmp(b->option[i], name) || !strcmp(b->option[i], "*")) return true;
  return false;
}

/* Positional arguments to one list, named ones to another; false after an error. */
static bool split(Eval *ev, const Builtin *b, const Args *args, Args *positional, Args *named) {
  *positional = *named = (Args){.loc = args->loc};
  positional->v = ARENA_ARRAY(ev->arena, args->n + 1, Arg);
  named->v = ARENA_ARRAY(ev->arena, args->n + 1, Arg);
  for (int i = 0; i < args->n; i++) {
    const Arg *a = &args->v[i];
    if (a->name && !takes_option(b, a->name)) {
      const char *ours = foreign_argument(a->name);
      eval_fail(a->loc, "%s has no argument \"%s\"%s%s", b->name, a->name, ours ? "; " : "",
                ours ? ours : "");
      return false;
    }
    Args *to = a->name ? named : positional;
    to->v[to->n++] = *a;
  }
  return true;
}

Val builtin_call(Eval *ev, const Builtin *b, const Args *args) {
  Args positional, named;
  if (!split(ev, b, args, &positional, &named)) return (Val){0};
  int n = positional.n;
  if (n < b->least || (b->most >= 0 && n > b->most))
    return eval_fail(args->loc, "%s takes %d%s argument%s, found %d", b->name, b->least,
                     b->most < 0          ? " or more"
                     : b->most > b->least ? arena_printf(ev->arena, " to %d", b->most)
                                          : "",
                     b->most == 1 ? "" : "s", n);
  ev->graph->loc = args->loc;
  return b->call(ev, &positional, &named);
}

const Arg *builtin_option(const Args *named, const char *name) {
  for (int i = 0; i < named->n; i++)
    if (!strcmp(named->v[i].name, name)) return &named->v[i];
  return NULL;
}

bool builtin_axis(const Arg *a, int rank, int *axis) {
  int64_t v;
  if (!val_whole(a->val, -rank, rank - 1, &v)) {
    eval_fail(a->loc, "expected an axis from %d to %d of a tensor of rank %d%s", -rank, rank - 1, rank,
              a->val.kind == VAL_NUMBER ? "" : ", found none");
    return false;
  }
  *axis = (int)(v < 0 ? v + rank : v);
  return true;
}

bool builtin_shape(Eval *ev, const Arg *a, Shape *s) {
  Val v = a->val;
  *s = (Shape){.rank = v.n};
  bool ok = v.kind == VAL_LIST && v.n <= MAX_RANK;
  for (int i = 0; ok && i < v.n; i++) ok = val_whole(v.u.item[i], 1, (int64_t)1 << 40, &s->dim[i]);
  if (!ok)
    eval_fail(a->loc, "expected a shape: a list of at most %d whole numbers from 1 on, found %s", MAX_RANK,
              val_show(ev->arena, v));
  return ok;
}

Node *builtin_tensor_arg(Eval *ev, const Arg *a) {
  return eval_tensor(ev, a->val, DT_F32, a->loc);
}
