/* Builtins that build graph nodes. */
#include <string.h>

#include "frontend/eval/builtin.h"

static const char *const axis_option[] = {"axis", NULL};
static const char *const type_option[] = {"type", NULL};
static const char *const window_option[] = {"axis", "size", "stride", NULL};
static const char *const pad_option[] = {"before", "after", NULL};

static uint32_t axes_of(const Arg *a, int rank, bool *ok) {
  Arg one = {.loc = a->loc};
  const Val *v = a->val.kind == VAL_LIST ? a->val.u.item : &a->val;
  int n = a->val.kind == VAL_LIST ? a->val.n : 1, axis;
  uint32_t mask = 0;
  *ok = true;
  for (int i = 0; i < n && *ok; i++) {
    one.val = v[i];
    *ok = builtin_axis(&one, rank, &axis);
    if (*ok) mask |= 1u << axis;
  }
  return mask;
}

/* Reduces over the axes and keeps them with size 1; without axes over everything, to a scalar. */
static Node *reduced(Eval *ev, GReduce kind, Node *x, const Arg *axes, double *count) {
  bool ok = true;
  int rank = x->shape.rank;
  uint32_t mask = axes ? axes_of(axes, rank, &ok) : (1u << rank) - 1;
  Shape s = axes ? x->shape : (Shape){0};
  *count = 1;
  if (!ok) return NULL;
  for (int i = 0; i < rank; i++) {
    if (!(mask >> i & 1u)) continue;
    *count *= (double)x->shape.dim[i];
    s.dim[i] = axes ? 1 : 0;
  }
  if (!axes) s = (Shape){0};
  return graph_reshape(ev->graph, graph_reduce(ev->graph, kind, x, mask), s);
}

static const Arg *axis_arg(const Args *a, const Args *named) {
  return a->n > 1 ? &a->v[1] : builtin_option(named, "axis");
}

static Val call_reduce(Eval *ev, GReduce kind, const Args *a, const Arg *axes, bool mean) {
  double count;
  Node *x = builtin_tensor_arg(ev, &a->v[0]);
  if (!x || !eval_has_arithmetic(x, a->loc)) return (Val){0};
  Node *r = reduced(ev, kind, x, axes, &count);
  if (!r || !mean) return val_tensor(r);
  return val_tensor(graph_map2(ev->graph, E_MUL, r, graph_const(ev->graph, r->dtype, (Shape){0}, 1 / count)));
}

static Val sum_of_list(Eval *ev, const Arg *a) {
  Val total = a->val.n ? a->val.u.item[0] : val_number(0);
  for (int i = 1; i < a->val.n; i++) total = eval_binary(ev, SIGN_ADD, total, a->val.u.item[i], a->loc);
  return total;
}

static Val call_sum(Eval *ev, const Args *a, const Args *named) {
  if (a->v[0].val.kind == VAL_LIST) return sum_of_list(ev, &a->v[0]);
  return call_reduce(ev, GR_SUM, a, axis_arg(a, named), false);
}

static Val call_mean(Eval *ev, const Args *a, const Args *named) {
  return call_reduce(ev, GR_SUM, a, axis_arg(a, named), true);
}

/* A second operand that reads as sum's: a negative axis of a tensor. */
static bool reads_as_axis(const Args *a) {
  int64_t axis;
  const Val *x = &a->v[0].val;
  return a->n == 2 && x->kind == VAL_TENSOR && val_whole(a->v[1].val, -x->u.node->shape.rank, -1, &axis);
}

/* max(a, b) by element; max(x, axis = -1) over axes; max(x) over everything. */
static Val extreme(Eval *ev, const Args *a, const Args *named, EltOp op) {
  const Arg *axes = builtin_option(named, "axis");
  if (a->n == 2 && axes) return eval_fail(axes->loc, "%s over axes takes one tensor", elt_rows[op].text);
  const char *name = elt_rows[op].text, *second = a->n == 2 ? val_show(ev->arena, a->v[1].val) : "";
  if (reads_as_axis(a))
    return eval_fail(a->v[1].loc,
                     "%s by element and a number, or over an axis? found %s(x, %s), expected "
                     "%s(x, axis = %s) or %s(%s, x)",
                     name, name, second, name, second, name, second);
  if (a->n == 2) return eval_elementwise(ev, op, (Val[]){a->v[0].val, a->v[1].val}, 2, a->loc);
  if (op == E_MAX) return call_reduce(ev, GR_MAX, a, axes, false);
  Arg x = a->v[0];
  x.val = eval_unary(ev, SIGN_NEG, x.val, a->loc);
  Val r = x.val.kind == VAL_ERROR ? x.val : call_reduce(ev, GR_MAX, &(Args){1, &x, a->loc}, axes, false);
  return eval_unary(ev, SIGN_NEG, r, a->loc);
}

static Val call_max(Eval *ev, const Args *a, const Args *named) {
  return extreme(ev, a, named, E_MAX);
}

static Val call_min(Eval *ev, const Args *a, const Args *named) {
  return extreme(ev, a, named, E_MIN);
}

/* concat((a, b), axis = -1) */
static Val call_concat(Eval *ev, const Args *a, const Args *named) {
  const Arg *axis = axis_arg(a, named), last = {.val = val_number(-1), .loc = a->loc};
  Val list = a->v[0].val;
  int at;
  if (list.kind != VAL_LIST || list.n == 0)
    return eval_fail(a->v[0].loc, "concat takes a list of tensors, found %s", val_show(ev->arena, list));
  Node **x = ARENA_ARRAY(ev->arena, list.n, Node *);
  for (int i = 0; i < list.n; i++)
    if (!(x[i] = eval_tensor(ev, list.u.item[i], DT_F32, a->v[0].loc))) return (Val){0};
  if (!builtin_axis(axis ? axis : &last, x[0]->shape.rank, &at)) return (Val){0};
  ev->graph->loc = a->loc;
  return val_tensor(graph_concat(ev->graph, list.n, x, at));
}

static Val call_gather(Eval *ev, const Args *a, const Args *named) {
  (void)named;
  Node *x = builtin_tensor_arg(ev, &a->v[0]), *index = builtin_tensor_arg(ev, &a->v[1]);
  ev->graph->loc = a->loc;
  return val_tensor(graph_gather(ev->graph, x, index));
}

static Val call_stop_gradient(Eval *ev, const Args *a, const Args *named) {
  (void)named;
  Node *x = builtin_tensor_arg(ev, &a->v[0]);
  return x ? val_tensor(graph_stop_gradient(ev->graph, x)) : (Val){0};
}

static bool type_arg(const Arg *a, DType *t) {
  if (a && a->val.kind == VAL_TYPE && a->val.u.type != DT_U64) {
    *t = a->val.u.type;
    return true;
  }
  if (a)
    eval_fail(a->loc, "expected an element type (f32, i32, u8, bool), found %s", val_kind_name(a->val.kind));
  return !a;
}

static Val call_cast(Eval *ev, const Args *a, const Args *named) {
  (void)named;
  DType t = DT_F32;
  Node *x = builtin_tensor_arg(ev, &a->v[0]);
  if (!x || !type_arg(&a->v[1], &t)) return (Val){0};
  ev->graph->loc = a->loc;
  return val_tensor(graph_cast(ev->graph, t, x));
}

/* iota(n): 0 to n - 1, i32 [n] unless type says f32 */
static Val call_iota(Eval *ev, const Args *a, const Args *named) {
  DType t = DT_I32;
  Shape s = {.rank = 1};
  if (!type_arg(builtin_option(named, "type"), &t)) return (Val){0};
  if (!val_whole(a->v[0].val, 1, INT32_MAX, &s.dim[0]))
    return eval_fail(a->v[0].loc, "iota takes a whole number from 1 on, found %s",
                     val_show(ev->arena, a->v[0].val));
  return val_tensor(graph_iota(ev->graph, t, s, 0));
}

static Val call_full(Eval *ev, const Args *a, const Args *named) {
  DType t = DT_F32;
  Shape s;
  if (!builtin_shape(ev, &a->v[0], &s) || !type_arg(builtin_option(named, "type"), &t)) return (Val){0};
  if (a->v[1].val.kind != VAL_NUMBER)
    return eval_fail(a->v[1].loc, "full takes a number, found %s", val_kind_name(a->v[1].val.kind));
  if (!eval_holds(t, a->v[1].val.u.number, a->v[1].loc)) return (Val){0};
  return val_tensor(graph_const(ev->graph, t, s, a->v[1].val.u.number));
}

/* Most numbers that one expression picks from: no more than what is written into kernels. */
enum { MOST_PICKED = 64 };

/* Item at[i] of items lo .. lo + n - 1, by halves. */
static Node *pick(Graph *g, Node *at, const Val *item, int lo, int n) {
  if (n == 1) return graph_const(g, DT_F32, at->shape, item[lo].u.number);
  int half = lo + n / 2;
  Node *first = graph_elt(g, E_LT, at, graph_const(g, DT_I32, at->shape, half), NULL);
  return graph_elt(g, E_SELECT, first, pick(g, at, item, lo, n / 2), pick(g, at, item, half, n - n / 2));
}

static Node *picked(Graph *g, const Val *item, int n) {
  Shape s = {.rank = 1, .dim = {n}};
  return pick(g, graph_iota(g, DT_I32, s, 0), item, 0, n);
}

/* tensor((1, 2, 3)): f32 [3]. Written into what reads it; a long one in pieces that need memory. */
static Val call_tensor(Eval *ev, const Args *a, const Args *named) {
  (void)named;
  Val list = a->v[0].val;
  if (list.kind != VAL_LIST || list.n == 0 || list.n > 4096)
    return eval_fail(a->v[0].loc, "tensor takes a list of 1 to 4096 numbers, found %s",
                     val_show(ev->arena, list));
  for (int i = 0; i < list.n; i++) {
    if (list.u.item[i].kind != VAL_NUMBER)
      return eval_fail(a->v[0].loc, "tensor takes numbers, found %s", val_show(ev->arena, list.u.item[i]));
    if (!eval_holds(DT_F32, list.u.item[i].u.number, a->v[0].loc)) return (Val){0};
  }
  Node **x = ARENA_ARRAY(ev->arena, list.n / MOST_PICKED + 1, Node *);
  int pieces = 0;
  for (int i = 0; i < list.n; i += MOST_PICKED)
    x[pieces++] = picked(ev->graph, list.u.item + i, list.n - i < MOST_PICKED ? list.n - i : MOST_PICKED);
  return val_tensor(pieces == 1 ? x[0] : graph_concat(ev->graph, pieces, x, 0));
}

static Val call_broadcast(Eval *ev, const Args *a, const Args *named) {
  (void)named;
  Shape s;
  Node *x = builtin_tensor_arg(ev, &a->v[0]);
  if (!x || !builtin_shape(ev, &a->v[1], &s)) return (Val){0};
  ev->graph->loc = a->loc;
  return val_tensor(graph_expand(ev->graph, x, s));
}

/* FNV-1a. The stream is a function of the place in the model and the number of the draw there. */
static uint64_t hash_text(uint64_t h, const char *s) {
  for (; *s; s++) h = (h ^ (unsigned char)*s) * 0x100000001b3u;
  return (h ^ 0xff) * 0x100000001b3u;
}

static uint64_t next_stream(Eval *ev) {
  const char *path = arena_printf(ev->arena, "%s:%s", ev->draw_root, ev->path);
  Draws *d = ev->draws;
  while (d && strcmp(d->path, path) != 0) d = d->next;
  if (!d) {
    d = ARENA_NEW(ev->arena, Draws);
    *d = (Draws){.path = path, .next = ev->draws};
    ev->draws = d;
  }
  uint64_t h = hash_text(0xcbf29ce484222325u, path);
  return (h ^ (uint64_t)d->n++) * 0x100000001b3u;
}

static Val call_uniform(Eval *ev, const Args *a, const Args *named) {
  (void)named;
  Shape s;
  if (!builtin_shape(ev, &a->v[0], &s)) return (Val){0};
  return val_tensor(graph_random(ev->graph, next_stream(ev), s));
}

static bool whole_option(const Args *named, const char *name, int64_t *v, Loc loc) {
  const Arg *a = builtin_option(named, name);
  if (a && val_whole(a->val, 0, INT32_MAX, v)) return true;
  eval_fail(a ? a->loc : loc, "expected \"%s = \" a whole number", name);
  return false;
}

/* window(x, axis = 1, size = 3, stride = 1): dimension n becomes [(n - size) / stride + 1, size] */
static Val call_window(Eval *ev, const Args *a, const Args *named) {
  const Arg *axis = builtin_option(named, "axis");
  Node *x = builtin_tensor_arg(ev, &a->v[0]);
  int64_t size, stride;
  int at;
  if (!x || !whole_option(named, "size", &size, a->loc) || !whole_option(named, "stride", &stride, a->loc))
    return (Val){0};
  if (!axis) return eval_fail(a->loc, "window needs the argument \"axis\"");
  if (!builtin_axis(axis, x->shape.rank, &at)) return (Val){0};
  ev->graph->loc = a->loc;
  return val_tensor(graph_window(ev->graph, x, at, size, stride));
}

static bool count_list(Eval *ev, const Arg *a, int rank, int64_t *out) {
  for (int i = 0; i < rank; i++) out[i] = 0;
  bool ok = !a || (a->val.kind == VAL_LIST && a->val.n == rank);
  for (int i = 0; a && ok && i < rank; i++) ok = val_whole(a->val.u.item[i], 0, INT32_MAX, &out[i]);
  if (!ok) eval_fail(a->loc, "expected a list of %d counts, found %s", rank, val_show(ev->arena, a->val));
  return ok;
}

/* pad(x, before = (0, 1), after = (0, 1)): zeros around, a count a dimension */
static Val call_pad(Eval *ev, const Args *a, const Args *named) {
  int64_t lo[MAX_RANK], hi[MAX_RANK];
  Node *x = builtin_tensor_arg(ev, &a->v[0]);
  if (!x || !count_list(ev, builtin_option(named, "before"), x->shape.rank, lo) ||
      !count_list(ev, builtin_option(named, "after"), x->shape.rank, hi))
    return (Val){0};
  ev->graph->loc = a->loc;
  return val_tensor(graph_pad(ev->graph, x, lo, hi, NULL));
}

/* step("total"): a number of the running program; the fields are abi/program.h's. */
static Val call_step(Eval *ev, const Args *a, const Args *named) {
  (void)named;
  static const char *const fields[] = {"step", "micro", "total", "epoch_steps", "constant"};
  enum { FIELDS = sizeof fields / sizeof *fields };
  Val v = a->v[0].val;
  if (v.kind != VAL_TEXT) return eval_fail(a->v[0].loc, "step takes a text, found %s", val_kind_name(v.kind));
  for (int i = 0; i < FIELDS; i++)
    if (!strcmp(fields[i], v.u.text)) return val_tensor(graph_step(ev->graph, fields[i]));
  return eval_fail(a->v[0].loc, "step has no field \"%s\"%s", v.u.text,
                   eval_suggest(ev->arena, v.u.text, fields, FIELDS));
}

const Builtin builtin_tensor[] = {{"sum", 1, 2, axis_option, call_sum},
                                  {"mean", 1, 2, axis_option, call_mean},
                                  {"max", 1, 2, axis_option, call_max},
                                  {"min", 1, 2, axis_option, call_min},
                                  {"concat", 1, 2, axis_option, call_concat},
                                  {"gather", 2, 2, NULL, call_gather},
                                  {"stop_gradient", 1, 1, NULL, call_stop_gradient},
                                  {"cast", 2, 2, NULL, call_cast},
                                  {"iota", 1, 1, type_option, call_iota},
                                  {"full", 2, 2, type_option, call_full},
                                  {"tensor", 1, 1, NULL, call_tensor},
                                  {"broadcast", 2, 2, NULL, call_broadcast},
                                  {"uniform", 1, 1, NULL, call_uniform},
                                  {"window", 1, 1, window_option, call_window},
                                  {"pad", 1, 1, pad_option, call_pad},
                                  {"step", 1, 1, NULL, call_step},
                                  {NULL, 0, 0, NULL, NULL}};
