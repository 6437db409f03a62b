/* rearrange, reduce, repeat and einsum: patterns as "b n (s h d) -> s b h n d" become reshapes, permutations,
 * reductions, broadcasts and contractions. */
#include <ctype.h>
#include <stdarg.h>
#include <string.h>

#include "frontend/eval/builtin.h"

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

static void report(const EinPattern *p, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));

static void report(const EinPattern *p, const char *fmt, va_list ap) {
  char text[512];
  vsnprintf(text, sizeof text, fmt, ap);
  eval_refuse(p->loc, "pattern \"%.200s\": %s", p->text, text);
}

/* An error that quotes the pattern: VAL_ERROR. */
static Val pattern_fail(const EinPattern *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static Val pattern_fail(const EinPattern *p, const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  report(p, fmt, ap);
  va_end(ap);
  return (Val){0};
}

/* The same: false. */
static bool pattern_refuse(const EinPattern *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static bool pattern_refuse(const EinPattern *p, const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  report(p, fmt, ap);
  va_end(ap);
  return false;
}

/* The axis of that name, or -1. */
static int find_axis(const EinSide *s, const char *name) {
  for (int i = 0; i < s->naxis; i++)
    if (!strcmp(s->axis[i], name)) return i;
  return -1;
}

static bool add_axis(Eval *ev, EinPattern *p, EinSide *s, const char *name, size_t len) {
  if (s->naxis == EIN_AXES || len > 64) {
    pattern_fail(p, "more than %d axes, or a name of more than 64 letters", EIN_AXES);
    return false;
  }
  const char *axis = arena_strndup(ev->arena, name, len);
  if (find_axis(s, axis) >= 0) {
    pattern_fail(p, "axis \"%s\" stands twice on one side", axis);
    return false;
  }
  s->group[s->naxis] = s->ngroup;
  s->axis[s->naxis++] = axis;
  return true;
}

static size_t name_length(const char *t) {
  size_t n = 0;
  if (!isalpha((unsigned char)*t) && *t != '_') return 0;
  while (isalnum((unsigned char)t[n]) || t[n] == '_') n++;
  return n;
}

/* side = { NAME | "..." | "1" | "(" {NAME} ")" } */
static const char *parse_side(Eval *ev, EinPattern *p, const char *t, EinSide *s) {
  bool open = false;
  for (; *t && *t != ',' && strncmp(t, "->", 2) != 0;) {
    size_t len = name_length(t);
    bool rest = !open && !strncmp(t, "...", 3), one = !open && t[0] == '1' && !isalnum((unsigned char)t[1]);
    if (*t == ' ') {
      t++;
    } else if (*t == '(' && !open) {
      open = true, t++;
    } else if (*t == ')' && open) {
      open = false, t++, s->ngroup++;
    } else if (one) {
      t++, s->ngroup++;
    } else if (len || rest) {
      if (!add_axis(ev, p, s, t, len ? len : 3)) return NULL;
      t += len ? len : 3;
      if (!open) s->ngroup++;
    } else {
      pattern_fail(p, "unexpected \"%c\"", isprint((unsigned char)*t) ? *t : '?');
      return NULL;
    }
  }
  if (open) pattern_fail(p, "a parenthesis is not closed");
  return open ? NULL : t;
}

/* False after an error. */
static bool parse_pattern(Eval *ev, const char *text, Loc loc, EinPattern *p) {
  memset(p, 0, sizeof *p);
  p->text = text;
  p->loc = loc;
  const char *t = text;
  do {
    if (p->nleft == 4) return pattern_refuse(p, "more than 4 operands");
    if (*t == ',') t++;
    t = parse_side(ev, p, t, &p->left[p->nleft++]);
  } while (t && *t == ',');
  if (!t) return false;
  if (strncmp(t, "->", 2) != 0) return pattern_refuse(p, "expected \"->\" between two sides");
  t = parse_side(ev, p, t + 2, &p->right);
  if (t && *t) pattern_fail(p, "unexpected \"%c\" on the right side", *t);
  return t && !*t;
}

/* How many dimensions "..." stands for in a tensor of this rank; -1 when the ranks do not fit. */
static int rest_of(const EinSide *s, int rank) {
  int at = find_axis(s, "...");
  if (at < 0) return s->ngroup == rank ? 0 : -1;
  return rank >= s->ngroup - 1 ? rank - (s->ngroup - 1) : -1;
}

/* Puts `count` dimensions where "..." stands; false, with an error, when there are too many axes. */
static bool spread_side(Eval *ev, const EinPattern *p, EinSide *s, int count) {
  int at = find_axis(s, "...");
  EinSide out = {.ngroup = s->ngroup};
  for (int i = 0; i < s->naxis; i++) {
    int copies = i == at ? count : 1;
    if (out.naxis + copies > EIN_AXES || s->ngroup + count > EIN_AXES)
      return pattern_refuse(p, "more than %d axes", EIN_AXES);
    for (int k = 0; k < copies; k++) {
      out.axis[out.naxis] = i == at ? arena_printf(ev->arena, "...%d", k) : s->axis[i];
      out.group[out.naxis++] = s->group[i] + (i == at ? k : at >= 0 && i > at ? count - 1 : 0);
    }
  }
  if (at >= 0) out.ngroup += count - 1;
  *s = out;
  return true;
}

/* Added with 0 if new; NULL when there are too many. */
static int64_t *size_of(EinNames *names, const char *name) {
  for (int i = 0; i < names->n; i++)
    if (!strcmp(names->name[i], name)) return &names->size[i];
  if (names->n == EIN_NAMES) return NULL;
  names->name[names->n] = name;
  names->size[names->n] = 0;
  return &names->size[names->n++];
}

/* One dimension of size n: its group's axes multiply to it, and at most one of them is unknown. */
static bool bind_group(const EinPattern *p, const EinSide *s, int group, int64_t n, EinNames *names) {
  const char *unknown = NULL;
  int64_t known = 1;
  for (int i = 0; i < s->naxis; i++) {
    if (s->group[i] != group) continue;
    int64_t *size = size_of(names, s->axis[i]);
    if (!size) return pattern_refuse(p, "more than %d axes", EIN_NAMES);
    if (!*size && unknown)
      return pattern_refuse(p, "the sizes of \"%s\" and \"%s\" are both unknown; give one: \"%s = ..\"",
                            unknown, s->axis[i], s->axis[i]);
    if (!*size)
      unknown = s->axis[i];
    else if (*size > n)
      known = n + 1;
    else
      known = known > n ? known : known * *size;
  }
  bool fits = unknown ? known <= n && n % known == 0 : known == n;
  if (fits && unknown) *size_of(names, unknown) = n / known;
  return fits;
}

/* "(h = 3, d)": what is known of a group, for the message. */
static const char *group_text(Arena *a, const EinSide *s, int group, EinNames *names) {
  const char *text = "1";
  bool any = false, many = false;
  for (int i = 0; i < s->naxis; i++) {
    if (s->group[i] != group) continue;
    int64_t *size = size_of(names, s->axis[i]);
    const char *one = size && *size ? arena_printf(a, "%s = %lld", s->axis[i], (long long)*size) : s->axis[i];
    text = any ? arena_printf(a, "%s, %s", text, one) : one;
    many = any;
    any = true;
  }
  return many ? arena_printf(a, "(%s)", text) : text;
}

/* Gives the side's axes their sizes from a tensor's shape; false after an error. */
static bool bind_side(Eval *ev, const EinPattern *p, const EinSide *s, const Node *x, EinNames *names) {
  for (int g = 0; g < s->ngroup; g++) {
    int errors = diag_count();
    if (bind_group(p, s, g, x->shape.dim[g], names)) continue;
    if (diag_count() == errors)
      pattern_fail(p, "dimension %d of %s is %lld, expected %s", g,
                   val_show(ev->arena, (Val){.kind = VAL_TENSOR, .u.node = (Node *)x}),
                   (long long)x->shape.dim[g], group_text(ev->arena, s, g, names));
    return false;
  }
  return true;
}

typedef enum EinKind { EIN_REARRANGE, EIN_REDUCE, EIN_REPEAT } EinKind;

static const char *const kind_name[] = {"rearrange", "reduce", "repeat"};

static bool pattern_arg(Eval *ev, const Arg *a, EinPattern *p) {
  if (a->val.kind == VAL_TEXT) return parse_pattern(ev, a->val.u.text, a->loc, p);
  eval_fail(a->loc, "expected a pattern in quotes, found %s", val_kind_name(a->val.kind));
  return false;
}

/* Sizes given by name: "h = 3". */
static bool given_sizes(Eval *ev, const EinPattern *p, const Args *named, EinNames *names) {
  for (int i = 0; i < named->n; i++) {
    const Arg *a = &named->v[i];
    bool known = find_axis(&p->right, a->name) >= 0;
    for (int k = 0; k < p->nleft; k++) known = known || find_axis(&p->left[k], a->name) >= 0;
    int64_t *size = size_of(names, a->name);
    if (!known || !size) return pattern_refuse(p, "there is no axis \"%s\"", a->name);
    if (val_whole(a->val, 1, (int64_t)1 << 40, size)) continue;
    eval_fail(a->loc, "the size of axis \"%s\": expected a whole number from 1 on, found %s", a->name,
              val_show(ev->arena, a->val));
    return false;
  }
  return true;
}

static bool spread(Eval *ev, EinPattern *p, const Node *x) {
  EinSide *l = &p->left[0];
  int rest = rest_of(l, x->shape.rank);
  if (rest < 0)
    return pattern_refuse(p, "the left side has %d dimensions, found %s", l->ngroup,
                          val_show(ev->arena, (Val){.kind = VAL_TENSOR, .u.node = (Node *)x}));
  if (!spread_side(ev, p, l, rest) || !spread_side(ev, p, &p->right, rest)) return false;
  if (l->naxis <= MAX_RANK && p->right.naxis <= MAX_RANK && p->right.ngroup <= MAX_RANK) return true;
  return pattern_refuse(p, "found more than %d axes, expected at most %d", MAX_RANK, MAX_RANK);
}

static bool sides_agree(const EinPattern *p, EinKind kind, EinNames *names) {
  for (int i = 0; i < p->left[0].naxis && kind != EIN_REDUCE; i++)
    if (find_axis(&p->right, p->left[0].axis[i]) < 0)
      return pattern_refuse(
          p, "axis \"%s\" is missing on the right side: %s keeps every axis, reduce drops some",
          p->left[0].axis[i], kind_name[kind]);
  for (int i = 0; i < p->right.naxis; i++) {
    const char *axis = p->right.axis[i];
    if (find_axis(&p->left[0], axis) >= 0) continue;
    if (kind != EIN_REPEAT)
      return pattern_refuse(p, "axis \"%s\" is missing on the left side: %s adds none, repeat does", axis,
                            kind_name[kind]);
    int64_t *size = size_of(names, axis);
    if (!size || !*size) return pattern_refuse(p, "the new axis needs its size: \"%s = ..\"", axis);
  }
  return true;
}

static Shape axes_shape(const EinSide *s, EinNames *names) {
  Shape out = {.rank = s->naxis};
  for (int i = 0; i < s->naxis; i++) out.dim[i] = *size_of(names, s->axis[i]);
  return out;
}

static Shape groups_shape(const EinSide *s, EinNames *names) {
  Shape out = {.rank = s->ngroup};
  for (int g = 0; g < s->ngroup; g++) out.dim[g] = 1;
  for (int i = 0; i < s->naxis; i++) {
    int64_t *dim = &out.dim[s->group[i]], size = *size_of(names, s->axis[i]);
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
    if (find_axis(&p->right, l->axis[i]) >= 0) {
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
    int from = find_axis(l, p->right.axis[i]);
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
  if (p.nleft != 1) return pattern_fail(&p, "%s takes one tensor", kind_name[kind]);
  if (!given_sizes(ev, &p, named, &names) || !spread(ev, &p, x)) return (Val){0};
  if (!bind_side(ev, &p, &p.left[0], x, &names) || !sides_agree(&p, kind, &names)) return (Val){0};
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
  if (find_axis(&p->right, axis) >= 0) return true;
  for (int k = next; k < p->nleft; k++)
    if (find_axis(&p->left[k], axis) >= 0) return true;
  return false;
}

/* Sums over the axes that neither `other` nor anything later has. */
static void sum_alone(Eval *ev, const EinPattern *p, Term *t, const EinSide *other, int next) {
  EinSide kept = {0};
  uint32_t axes = 0;
  for (int i = 0; i < t->side.naxis; i++) {
    const char *axis = t->side.axis[i];
    if ((other && find_axis(other, axis) >= 0) || used_later(p, next, axis))
      kept.axis[kept.naxis++] = axis;
    else
      axes |= 1u << i;
  }
  if (t->node) t->node = graph_reduce(ev->graph, GR_SUM, t->node, axes);
  t->side = kept;
}

static int put_letters(char *to, const EinSide *s, EinNames *letters) {
  for (int i = 0; i < s->naxis; i++) to[i] = (char)('a' + (size_of(letters, s->axis[i]) - letters->size));
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
      if (used_later(p, next, s->axis[i]) && find_axis(&out, s->axis[i]) < 0)
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
    int here = rest_of(&p->left[k], t[k].node->shape.rank);
    if (here < 0)
      return pattern_refuse(p, "operand %d has %d axes, found %s", k + 1, p->left[k].ngroup,
                            val_show(ev->arena, val_tensor(t[k].node)));
    if (find_axis(&p->left[k], "...") >= 0) rest = here;
    if (p->left[k].naxis != p->left[k].ngroup) return pattern_refuse(p, "einsum has no groups");
    if (!spread_side(ev, p, &p->left[k], here) || !bind_side(ev, p, &p->left[k], t[k].node, &names))
      return false;
    t[k].side = p->left[k];
  }
  if (p->right.naxis != p->right.ngroup) return pattern_refuse(p, "einsum has no groups");
  if (!spread_side(ev, p, &p->right, rest)) return false;
  for (int i = 0; i < p->right.naxis; i++) {
    bool found = false;
    for (int k = 0; k < n; k++) found = found || find_axis(&p->left[k], p->right.axis[i]) >= 0;
    if (!found) return pattern_refuse(p, "no operand has the axis \"%s\"", p->right.axis[i]);
  }
  return p->right.naxis <= MAX_RANK || pattern_refuse(p, "more than %d axes", MAX_RANK);
}

/* einsum(a, b, .., "b i d, b j d -> b i j") */
static Val call_einsum(Eval *ev, const Args *a, const Args *named) {
  EinPattern p;
  Term t[4] = {{0}};
  int n = a->n - 1;
  (void)named;
  if (!pattern_arg(ev, &a->v[n], &p)) return (Val){0};
  if (p.nleft != n) return pattern_fail(&p, "it has %d operands, found %d tensors", p.nleft, n);
  for (int k = 0; k < n; k++)
    if (!(t[k].node = builtin_tensor_arg(ev, &a->v[k])) || !eval_has_arithmetic(t[k].node, a->v[k].loc))
      return (Val){0};
  if (!einsum_axes(ev, &p, t, n)) return (Val){0};
  ev->graph->loc = a->v[n].loc;
  for (int k = 1; k < n; k++) multiply(ev, &p, &t[0], &t[k], k + 1);
  if (n == 1) sum_alone(ev, &p, &t[0], NULL, 1);
  int perm[MAX_RANK];
  for (int i = 0; i < p.right.naxis; i++) perm[i] = find_axis(&t[0].side, p.right.axis[i]);
  return val_tensor(graph_permute(ev->graph, t[0].node, perm));
}

static const char *const any_option[] = {"*", NULL};

const Builtin builtin_einops[] = {{"rearrange", 2, 2, any_option, call_rearrange},
                                  {"reduce", 3, 3, any_option, call_reduce},
                                  {"repeat", 2, 2, any_option, call_repeat},
                                  {"einsum", 2, 5, NULL, call_einsum},
                                  {NULL, 0, 0, NULL, NULL}};
