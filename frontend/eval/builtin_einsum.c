/* einsum: a pattern over several tensors becomes contractions. */
#include <string.h>

#include "frontend/eval/ein.h"

/* An operand of einsum on its way through the contractions. */
typedef struct Term {
  Node *node;
  EinSide side;
} Term;

static bool used_later(const EinPattern *p, int next, const char *axis) {
  if (ein_axis_of(&p->right, axis) >= 0) return true;
  for (int k = next; k < p->nleft; k++)
    if (ein_axis_of(&p->left[k], axis) >= 0) return true;
  return false;
}

static bool used_on_left(const EinPattern *p, const char *axis) {
  for (int k = 0; k < p->nleft; k++)
    if (ein_axis_of(&p->left[k], axis) >= 0) return true;
  return false;
}

/* Sums over the axes that neither `other` nor anything later has. */
static void sum_alone(Eval *ev, const EinPattern *p, Term *t, const EinSide *other, int next) {
  EinSide kept = {0};
  uint32_t axes = 0;
  for (int i = 0; i < t->side.naxis; i++) {
    const char *axis = t->side.axis[i];
    if ((other && ein_axis_of(other, axis) >= 0) || used_later(p, next, axis))
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
      if (used_later(p, next, s->axis[i]) && ein_axis_of(&out, s->axis[i]) < 0)
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

/* Of dimensions `at` and `with`, which have one name, where both indices are equal: `with` goes. */
static void take_diagonal(Eval *ev, Term *t, int at, int with) {
  Graph *g = ev->graph;
  Shape s = t->node->shape;
  Node *equal = graph_elt(g, E_EQ, graph_iota(g, DT_I32, s, at), graph_iota(g, DT_I32, s, with), NULL);
  Node *alone = graph_elt(g, E_SELECT, equal, t->node, graph_const(g, t->node->dtype, s, 0));
  t->node = graph_reduce(g, GR_SUM, alone, 1u << with);
  EinSide *side = &t->side;
  side->naxis--;
  memmove(&side->axis[with], &side->axis[with + 1], sizeof *side->axis * (size_t)(side->naxis - with));
}

static void leave_repeats_out(Eval *ev, Term *t) {
  for (int i = 0; i < t->side.naxis; i++) {
    int first = ein_axis_of(&t->side, t->side.axis[i]);
    if (first < i && t->node) take_diagonal(ev, t, first, i--);
  }
}

/* Takes out the dimensions of size 1 that "1" stands for, and those whose name has more elements elsewhere.
 */
static void drop_ones(Eval *ev, Term *t, EinNames *names) {
  EinSide kept = {0};
  Shape s = {0};
  for (int i = 0; i < t->side.naxis; i++) {
    int64_t size = t->node->shape.dim[t->side.group[i]];
    if (size == 1 && *ein_size(names, t->side.axis[i]) > 1) continue;
    kept.axis[kept.naxis++] = t->side.axis[i];
    s.dim[s.rank++] = size;
  }
  t->node = graph_reshape(ev->graph, t->node, s);
  t->side = kept;
}

static bool wrong_size(Eval *ev, const EinPattern *p, const Node *x, int dim, const char *expected) {
  return ein_refuse(p, "dimension %d of %s is %lld, expected %s", dim,
                    val_show(ev->arena, val_tensor((Node *)x)), (long long)x->shape.dim[dim], expected);
}

/* Gives an operand's axes their sizes; 1 goes with any other size of another operand. */
static bool bind_axes(Eval *ev, const EinPattern *p, const EinSide *s, const Node *x, EinNames *names) {
  for (int i = 0; i < s->naxis; i++) {
    int64_t n = x->shape.dim[s->group[i]], twin = x->shape.dim[s->group[ein_axis_of(s, s->axis[i])]];
    int64_t *size = ein_size(names, s->axis[i]);
    if (!size) return ein_refuse(p, "more than %d axes", EIN_NAMES);
    if (*size <= 1) *size = n;
    int64_t wanted = n != twin ? twin : n != 1 ? *size : 1;
    if (n != wanted)
      return wrong_size(ev, p, x, s->group[i],
                        arena_printf(ev->arena, "%s = %lld", s->axis[i], (long long)wanted));
  }
  return true;
}

/* A dimension is one axis, or "1". */
static bool check_dims(Eval *ev, const EinPattern *p, const EinSide *s, const Node *x) {
  bool named[2 * EIN_AXES] = {false};
  for (int i = 0; i < s->naxis; i++) {
    if (named[s->group[i]]) return ein_refuse(p, "einsum has no groups");
    named[s->group[i]] = true;
  }
  for (int d = 0; x && d < x->shape.rank; d++)
    if (!named[d] && x->shape.dim[d] != 1) return wrong_size(ev, p, x, d, "1");
  return true;
}

/* How many dimensions "..." stands for at most; -1 after an error. */
static int most_rest(Eval *ev, const EinPattern *p, const Term *t, int n) {
  int most = 0;
  for (int k = 0; k < n; k++) {
    int rest = ein_rest(&p->left[k], t[k].node->shape.rank);
    if (rest > most) most = rest;
    if (rest >= 0) continue;
    ein_fail(p, "operand %d has %d axes, found %s", k + 1, p->left[k].ngroup,
             val_show(ev->arena, val_tensor(t[k].node)));
    return -1;
  }
  return most;
}

/* Each axis on the right comes from an operand. */
static bool check_right(Eval *ev, const EinPattern *p) {
  for (int i = 0; i < p->right.naxis; i++)
    if (!used_on_left(p, p->right.axis[i]))
      return ein_refuse(p, "no operand has the axis \"%s\"", p->right.axis[i]);
  if (p->right.ngroup > MAX_RANK) return ein_refuse(p, "more than %d axes", MAX_RANK);
  return check_dims(ev, p, &p->right, NULL);
}

/* Sizes of all operands' axes. */
static bool einsum_axes(Eval *ev, EinPattern *p, Term *t, int n, EinNames *names) {
  int most = most_rest(ev, p, t, n);
  for (int k = 0; k < n && most >= 0; k++) {
    EinSide *s = &p->left[k];
    Node *x = t[k].node;
    int rest = ein_rest(s, x->shape.rank);
    if (!ein_spread(ev, p, s, rest, most) || !check_dims(ev, p, s, x) || !bind_axes(ev, p, s, x, names))
      return false;
    t[k].side = *s;
  }
  return most >= 0 && ein_spread(ev, p, &p->right, most, most) && check_right(ev, p);
}

/* The product's dimensions in the right side's order, with its ones. */
static Node *ordered(Eval *ev, const EinPattern *p, const Term *t, EinNames *names) {
  int perm[MAX_RANK];
  Shape s = {.rank = p->right.ngroup};
  for (int d = 0; d < s.rank; d++) s.dim[d] = 1;
  for (int i = 0; i < p->right.naxis; i++) {
    perm[i] = ein_axis_of(&t->side, p->right.axis[i]);
    s.dim[p->right.group[i]] = *ein_size(names, p->right.axis[i]);
  }
  return graph_reshape(ev->graph, graph_permute(ev->graph, t->node, perm), s);
}

/* einsum(a, b, .., "b i d, b j d -> b i j") */
static Val call_einsum(Eval *ev, const Args *a, const Args *named) {
  EinPattern p = {.repeats = true};
  EinNames names = {0};
  Term t[EIN_OPERANDS] = {{0}};
  int n = a->n - 1;
  (void)named;
  if (!ein_pattern(ev, &a->v[n], &p)) return (Val){0};
  if (p.nleft != n) return ein_fail(&p, "it has %d operands, found %d tensors", p.nleft, n);
  for (int k = 0; k < n; k++)
    if (!(t[k].node = builtin_tensor_arg(ev, &a->v[k])) || !eval_has_arithmetic(t[k].node, a->v[k].loc))
      return (Val){0};
  if (!einsum_axes(ev, &p, t, n, &names)) return (Val){0};
  ev->graph->loc = a->v[n].loc;
  for (int k = 0; k < n; k++) {
    drop_ones(ev, &t[k], &names);
    leave_repeats_out(ev, &t[k]);
  }
  for (int k = 1; k < n; k++) multiply(ev, &p, &t[0], &t[k], k + 1);
  if (n == 1) sum_alone(ev, &p, &t[0], NULL, 1);
  return val_tensor(ordered(ev, &p, &t[0], &names));
}

const Builtin builtin_einsum[] = {{"einsum", 2, 1 + EIN_OPERANDS, NULL, call_einsum},
                                  {NULL, 0, 0, NULL, NULL}};
