/* rearrange, reduce and repeat: patterns become reshapes, permutations, reductions and broadcasts. */
#include <string.h>

#include "frontend/eval/ein.h"

typedef enum EinKind { EIN_REARRANGE, EIN_REDUCE, EIN_REPEAT } EinKind;

static const char *const kind_name[] = {"rearrange", "reduce", "repeat"};

/* Sizes given by name: "h = 3". */
static bool given_sizes(Eval *ev, const EinPattern *p, const Args *named, EinNames *names) {
  for (int i = 0; i < named->n; i++) {
    const Arg *a = &named->v[i];
    bool known = ein_axis_of(&p->right, a->name) >= 0;
    for (int k = 0; k < p->nleft; k++) known = known || ein_axis_of(&p->left[k], a->name) >= 0;
    int64_t *size = ein_size(names, a->name);
    if (!known || !size) return ein_refuse(p, "there is no axis \"%s\"", a->name);
    if (val_whole(a->val, 1, (int64_t)1 << 40, size)) continue;
    eval_fail(a->loc, "the size of axis \"%s\": expected a whole number from 1 on, found %s", a->name,
              val_show(ev->arena, a->val));
    return false;
  }
  return true;
}

static bool spread(Eval *ev, EinPattern *p, const Node *x) {
  EinSide *l = &p->left[0];
  int rest = ein_rest(l, x->shape.rank);
  if (rest < 0)
    return ein_refuse(p, "the left side has %d dimensions, found %s", l->ngroup,
                      val_show(ev->arena, (Val){.kind = VAL_TENSOR, .u.node = (Node *)x}));
  if (!ein_spread(ev, p, l, rest, rest) || !ein_spread(ev, p, &p->right, rest, rest)) return false;
  if (l->naxis <= MAX_RANK && p->right.naxis <= MAX_RANK && p->right.ngroup <= MAX_RANK) return true;
  return ein_refuse(p, "found more than %d axes, expected at most %d", MAX_RANK, MAX_RANK);
}

static bool sides_agree(const EinPattern *p, EinKind kind, EinNames *names) {
  for (int i = 0; i < p->left[0].naxis && kind != EIN_REDUCE; i++)
    if (ein_axis_of(&p->right, p->left[0].axis[i]) < 0)
      return ein_refuse(p, "axis \"%s\" is missing on the right side: %s keeps every axis, reduce drops some",
                        p->left[0].axis[i], kind_name[kind]);
  for (int i = 0; i < p->right.naxis; i++) {
    const char *axis = p->right.axis[i];
    if (ein_axis_of(&p->left[0], axis) >= 0) continue;
    if (kind != EIN_REPEAT)
      return ein_refuse(p, "axis \"%s\" is missing on the left side: %s adds none, repeat does", axis,
                        kind_name[kind]);
    int64_t *size = ein_size(names, axis);
    if (!size || !*size) return ein_refuse(p, "the new axis needs its size: \"%s = ..\"", axis);
  }
  return true;
}

static Shape axes_shape(const EinSide *s, EinNames *names) {
  Shape out = {.rank = s->naxis};
  for (int i = 0; i < s->naxis; i++) out.dim[i] = *ein_size(names, s->axis[i]);
  return out;
}

static Shape groups_shape(const EinSide *s, EinNames *names) {
  Shape out = {.rank = s->ngroup};
  const int64_t most = (int64_t)1 << 40; /* elements of a tensor: what has more is refused by its size */
  for (int g = 0; g < s->ngroup; g++) out.dim[g] = 1;
  for (int i = 0; i < s->naxis; i++) {
    int64_t *dim = &out.dim[s->group[i]], size = *ein_size(names, s->axis[i]);
    *dim = *dim > most / size ? most + 1 : *dim * size;
  }
  return out;
}

/* Takes the axes that the right side lacks out of `l` and sums, averages or takes the maximum over them. */
static Node *drop_axes(Eval *ev, const EinPattern *p, EinSide *l, Node *x, const char *how) {
  EinSide kept = {0};
  uint32_t axes = 0;
  double count = 1;
  for (int i = 0; i < l->naxis; i++) {
    if (ein_axis_of(&p->right, l->axis[i]) >= 0) {
      kept.axis[kept.naxis++] = l->axis[i];
    } else {
      axes |= 1u << i;
      count *= (double)x->shape.dim[i];
    }
  }
  *l = kept;
  if (axes && !eval_has_arithmetic(x, ev->graph->loc)) return NULL;
  x = graph_reduce(ev->graph, strcmp(how, "max") != 0 ? GR_SUM : GR_MAX, x, axes);
  if (!x || strcmp(how, "mean") != 0 || !axes) return x;
  return graph_map2(ev->graph, E_MUL, x, graph_const(ev->graph, x->dtype, (Shape){0}, 1 / count));
}

/* From axes in the order of `l` to those of the right side: a permutation, then a broadcast. */
static Node *order_axes(Eval *ev, const EinPattern *p, const EinSide *l, Node *x, EinNames *names) {
  int perm[MAX_RANK], map[MAX_RANK], n = 0;
  for (int i = 0; i < p->right.naxis; i++) {
    int from = ein_axis_of(l, p->right.axis[i]);
    if (from < 0) continue;
    perm[n] = from;
    map[n++] = i;
  }
  x = graph_permute(ev->graph, x, perm);
  return graph_broadcast(ev->graph, x, axes_shape(&p->right, names), map);
}

static Val transform(Eval *ev, EinKind kind, const Arg *tensor, const Arg *pattern, const Args *named,
                     const char *how) {
  EinPattern p = {0};
  EinNames names = {0};
  Node *x = builtin_tensor_arg(ev, tensor);
  if (!x || !ein_pattern(ev, pattern, &p)) return (Val){0};
  if (p.nleft != 1) return ein_fail(&p, "%s takes one tensor", kind_name[kind]);
  if (!given_sizes(ev, &p, named, &names) || !spread(ev, &p, x)) return (Val){0};
  if (!ein_bind(ev, &p, &p.left[0], x, &names) || !sides_agree(&p, kind, &names)) return (Val){0};
  EinSide l = p.left[0];
  ev->graph->loc = pattern->loc;
  x = graph_reshape(ev->graph, x, axes_shape(&l, &names));
  if (kind == EIN_REDUCE && x) x = drop_axes(ev, &p, &l, x, how);
  x = order_axes(ev, &p, &l, x, &names);
  return val_tensor(graph_reshape(ev->graph, x, groups_shape(&p.right, &names)));
}

static Val call_rearrange(Eval *ev, const Args *a, const Args *named) {
  return transform(ev, EIN_REARRANGE, &a->v[0], &a->v[1], named, "");
}

static Val call_repeat(Eval *ev, const Args *a, const Args *named) {
  return transform(ev, EIN_REPEAT, &a->v[0], &a->v[1], named, "");
}

/* reduce(x, "b n d -> b d", "mean") */
static Val call_reduce(Eval *ev, const Args *a, const Args *named) {
  static const char *const how[] = {"sum", "mean", "max"};
  Val v = a->v[2].val;
  if (v.kind != VAL_TEXT) return eval_fail(a->v[2].loc, "expected \"sum\", \"mean\" or \"max\"");
  for (int i = 0; i < 3; i++)
    if (!strcmp(how[i], v.u.text)) return transform(ev, EIN_REDUCE, &a->v[0], &a->v[1], named, how[i]);
  return eval_fail(a->v[2].loc, "expected \"sum\", \"mean\" or \"max\", found %s", val_show(ev->arena, v));
}

static const char *const any_option[] = {"*", NULL};

const Builtin builtin_einops[] = {{"rearrange", 2, 2, any_option, call_rearrange},
                                  {"reduce", 3, 3, any_option, call_reduce},
                                  {"repeat", 2, 2, any_option, call_repeat},
                                  {NULL, 0, 0, NULL, NULL}};
