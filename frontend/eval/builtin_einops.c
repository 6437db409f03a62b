/* rearrange, reduce, repeat and einsum: patterns become reshapes, permutations, reductions, broadcasts and
 * contractions. */
#include <string.h>

#include "frontend/eval/builtin.h"
#include "frontend/eval/einops.h"

typedef enum EinKind { EIN_REARRANGE, EIN_REDUCE, EIN_REPEAT } EinKind;

static const char *const kind_name[] = {"rearrange", "reduce", "repeat"};

static bool pattern_arg(Eval *ev, const Arg *a, EinPattern *p) {
  if (a->val.kind == VAL_TEXT) return ein_parse(ev, a->val.u.text, a->loc, p);
  eval_fail(a->loc, "expected a pattern in quotes, found %s", val_kind_name(a->val.kind));
  return false;
}

/* Sizes given by name: "h = 3". */
static bool given_sizes(Eval *ev, const EinPattern *p, const Args *named, EinNames *names) {
  for (int i = 0; i < named->n; i++) {
    const Arg *a = &named->v[i];
    bool known = ein_find(&p->right, a->name) >= 0;
    for (int k = 0; k < p->nleft; k++) known = known || ein_find(&p->left[k], a->name) >= 0;
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
  if (!ein_spread(ev, p, l, rest) || !ein_spread(ev, p, &p->right, rest)) return false;
  if (l->naxis <= MAX_RANK && p->right.naxis <= MAX_RANK && p->right.ngroup <= MAX_RANK) return true;
  return ein_refuse(p, "found more than %d axes, expected at most %d", MAX_RANK, MAX_RANK);
}

static bool sides_agree(const EinPattern *p, EinKind kind, EinNames *names) {
  for (int i = 0; i < p->left[0].naxis && kind != EIN_REDUCE; i++)
    if (ein_find(&p->right, p->left[0].axis[i]) < 0)
      return ein_refuse(p, "axis \"%s\" is missing on the right side: %s keeps every axis, reduce drops some",
                        p->left[0].axis[i], kind_name[kind]);
  for (int i = 0; i < p->right.naxis; i++) {
    const char *axis = p->right.axis[i];
    if (ein_find(&p->left[0], axis) >= 0) continue;
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
  for (int g = 0; g < s->ngroup; g++) out.dim[g] = 1;
  for (int i = 0; i < s->naxis; i++) {
    int64_t *dim = &out.dim[s->group[i]], size = *ein_size(names, s->axis[i]);
    *dim = *dim > ((int64_t)1 << 48) / size ? (int64_t)1 << 48 : *dim * size;
  }
  return out;
}

/* Takes the axes that the right side lacks out of `l` and sums, averages or takes the maximum over them. */
static Node *drop_axes(Eval *ev, const EinPattern *p, EinSide *l, Node *x, const char *how) {
  EinSide kept = {0};
  uint32_t axes = 0;
  double count = 1;
  for (int i = 0; i < l->naxis; i++) {
    if (ein_find(&p->right, l->axis[i]) >= 0) {
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
    int from = ein_find(l, p->right.axis[i]);
    if (from < 0) continue;
    perm[n] = from;
    map[n++] = i;
  }
  x = graph_permute(ev->graph, x, perm);
  return graph_broadcast(ev->graph, x, axes_shape(&p->right, names), map);
}

static Val transform(Eval *ev, EinKind kind, const Arg *tensor, const Arg *pattern, const Args *named,
                     const char *how) {
  EinPattern p;
  EinNames names = {0};
  Node *x = builtin_tensor_arg(ev, tensor);
  if (!x || !pattern_arg(ev, pattern, &p)) return (Val){0};
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

/* An operand of einsum on its way through the contractions. */
typedef struct Term {
  Node *node;
  EinSide side;
} Term;

static bool used_later(const EinPattern *p, int next, const char *axis) {
  if (ein_find(&p->right, axis) >= 0) return true;
  for (int k = next; k < p->nleft; k++)
    if (ein_find(&p->left[k], axis) >= 0) return true;
  return false;
}

/* Sums over the axes that neither `other` nor anything later has. */
static void sum_alone(Eval *ev, const EinPattern *p, Term *t, const EinSide *other, int next) {
  EinSide kept = {0};
  uint32_t axes = 0;
  for (int i = 0; i < t->side.naxis; i++) {
    const char *axis = t->side.axis[i];
    if ((other && ein_find(other, axis) >= 0) || used_later(p, next, axis))
      kept.axis[kept.naxis++] = axis;
    else
      axes |= 1u << i;
  }
  if (t->node) t->node = graph_reduce(ev->graph, GR_SUM, t->node, axes);
  t->side = kept;
}

static int put_letters(char *to, const EinSide *s, EinNames *letters) {
  for (int i = 0; i < s->naxis; i++) to[i] = (char)('a' + (ein_size(letters, s->axis[i]) - letters->size));
  return s->naxis;
}

/* Axes of the product: the result's own order for the last, else in order of appearance. */
static EinSide product_axes(const EinPattern *p, const Term *a, const Term *b, int next) {
  EinSide out = {0};
  if (next == p->nleft) {
    for (int i = 0; i < p->right.naxis; i++) out.axis[out.naxis++] = p->right.axis[i];
    return out;
  }
  for (int k = 0; k < 2; k++) {
    const EinSide *s = k ? &b->side : &a->side;
    for (int i = 0; i < s->naxis && out.naxis < MAX_RANK; i++)
      if (used_later(p, next, s->axis[i]) && ein_find(&out, s->axis[i]) < 0)
        out.axis[out.naxis++] = s->axis[i];
  }
  return out;
}

static void multiply(Eval *ev, const EinPattern *p, Term *a, Term *b, int next) {
  sum_alone(ev, p, a, &b->side, next);
  sum_alone(ev, p, b, &a->side, next);
  EinSide out = product_axes(p, a, b, next);
  EinNames letters = {0};
  char text[3 * EIN_AXES + 4];
  int n = put_letters(text, &a->side, &letters);
  text[n++] = ',';
  n += put_letters(text + n, &b->side, &letters);
  text[n++] = '-', text[n++] = '>';
  n += put_letters(text + n, &out, &letters);
  text[n] = '\0';
  a->node = graph_contract(ev->graph, text, a->node, b->node);
  a->side = out;
}

/* Sizes of all operands' axes; each right axis comes from one of them. */
static bool einsum_axes(Eval *ev, EinPattern *p, Term *t, int n) {
  EinNames names = {0};
  int rest = 0;
  for (int k = 0; k < n; k++) {
    int here = ein_rest(&p->left[k], t[k].node->shape.rank);
    if (here < 0)
      return ein_refuse(p, "operand %d has %d axes, found %s", k + 1, p->left[k].ngroup,
                        val_show(ev->arena, val_tensor(t[k].node)));
    if (ein_find(&p->left[k], "...") >= 0) rest = here;
    if (p->left[k].naxis != p->left[k].ngroup) return ein_refuse(p, "einsum has no groups");
    if (!ein_spread(ev, p, &p->left[k], here) || !ein_bind(ev, p, &p->left[k], t[k].node, &names))
      return false;
    t[k].side = p->left[k];
  }
  if (p->right.naxis != p->right.ngroup) return ein_refuse(p, "einsum has no groups");
  if (!ein_spread(ev, p, &p->right, rest)) return false;
  for (int i = 0; i < p->right.naxis; i++) {
    bool found = false;
    for (int k = 0; k < n; k++) found = found || ein_find(&p->left[k], p->right.axis[i]) >= 0;
    if (!found) return ein_refuse(p, "no operand has the axis \"%s\"", p->right.axis[i]);
  }
  return p->right.naxis <= MAX_RANK || ein_refuse(p, "more than %d axes", MAX_RANK);
}

/* einsum(a, b, .., "b i d, b j d -> b i j") */
static Val call_einsum(Eval *ev, const Args *a, const Args *named) {
  EinPattern p;
  Term t[4] = {{0}};
  int n = a->n - 1;
  (void)named;
  if (!pattern_arg(ev, &a->v[n], &p)) return (Val){0};
  if (p.nleft != n) return ein_fail(&p, "it has %d operands, found %d tensors", p.nleft, n);
  for (int k = 0; k < n; k++)
    if (!(t[k].node = builtin_tensor_arg(ev, &a->v[k])) || !eval_has_arithmetic(t[k].node, a->v[k].loc))
      return (Val){0};
  if (!einsum_axes(ev, &p, t, n)) return (Val){0};
  ev->graph->loc = a->v[n].loc;
  for (int k = 1; k < n; k++) multiply(ev, &p, &t[0], &t[k], k + 1);
  if (n == 1) sum_alone(ev, &p, &t[0], NULL, 1);
  int perm[MAX_RANK];
  for (int i = 0; i < p.right.naxis; i++) perm[i] = ein_find(&t[0].side, p.right.axis[i]);
  return val_tensor(graph_permute(ev->graph, t[0].node, perm));
}

static const char *const any_option[] = {"*", NULL};

const Builtin builtin_einops[] = {{"rearrange", 2, 2, any_option, call_rearrange},
                                  {"reduce", 3, 3, any_option, call_reduce},
                                  {"repeat", 2, 2, any_option, call_repeat},
                                  {"einsum", 2, 5, NULL, call_einsum},
                                  {NULL, 0, 0, NULL, NULL}};
