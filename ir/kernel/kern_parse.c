/* Parsing kernels: the outer grammar, declarations, values and plans. After an error the parser goes on
 * with the next line, so that one run reports several.
 *
 *   file    = { "compute" compute | "plan" plan }
 *   compute = NAME [place] "{" { item [";"] } "}"
 *   place   = STRING ":" LINE ":" COLUMN
 *   item    = "axis" { NAME ":" EXTENT } | "origin" STRING { "," STRING }
 *           | ("in" | "out" | "inout") NAME extents ":" TYPE ["strides" extents] ["below" BOUND]
 *           | "stream" NAME "=" INT | "number" NAME "=" literal
 *           | NAME axes "=" [reduce] expr ["@" place]
 *           | "store" NAME axes "->" NAME "[" [ ix { "," ix } ] "]"
 *   reduce  = ("sum" | "max") "(" AXIS [":" [ix] ".." [ix]] { "," ... } ")" ["acc" TYPE]
 *   plan    = KERNEL TARGET SKELETON "{" { clause [";"] } "}"
 *   clause  = "role" ROLE ":" AXIS { "," AXIS } | "num" NUMBER INT | "place" VALUE PLACE
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ir/kernel/kern_parse.h"

enum { MOST_ORIGINS = 64 };
static const int64_t most_extent = (int64_t)1 << 40, most_stride = (int64_t)1 << 48;

static bool is_declared(const Kernel *k, const char *name, bool axis) {
  if (axis) return kern_find_axis(k, name) >= 0;
  return kern_find_buf(k, name) >= 0 || kern_find_word(k, name) >= 0 || kern_find_val(k, name) >= 0;
}

/* A name that is declared here: not yet there, and not a number's word. */
static const char *new_name(KParser *p, const char *what, bool axis) {
  Loc loc = p->tok.loc;
  const char *name = kparse_name(p, what);
  if (!name) return NULL;
  if (kern_is_reserved(name)) {
    kparse_error(p, loc, "'%s' has a meaning of its own, expected another name", name);
    return NULL;
  }
  if (!is_declared(p->k, name, axis)) return name;
  kparse_error(p, loc, "'%s' is declared twice", name);
  return NULL;
}

/* Whether another "NAME:" of the list follows. */
static bool more_axes(const KParser *p) {
  KLex ahead = p->lex;
  KTok after = klex_next(&ahead);
  return p->tok.kind == KT_NAME && ktok_is(&after, ":");
}

static void parse_axes_item(KParser *p) {
  do {
    Loc loc = p->tok.loc;
    const char *name = new_name(p, "an axis", true);
    if (!name || !kparse_expect(p, ":")) return;
    int64_t extent = kparse_int(p, 1, most_extent, "an extent");
    if (p->k->naxes == KERN_MAX_AXES)
      kparse_error(p, loc, "axis '%s' is one too many, expected at most %d", name, KERN_MAX_AXES);
    if (p->panic) return;
    kern_axis(p->k, name, extent);
  } while (more_axes(p));
}

/* A string's characters without quotes and escapes. */
static char *parse_string(KParser *p) {
  if (p->tok.kind != KT_STRING) {
    kparse_expected(p, "a string");
    return NULL;
  }
  char *s = arena_strndup(p->arena, p->tok.at + 1, (size_t)p->tok.len - 2), *to = s;
  for (const char *from = s; *from; from++) {
    bool escaped = *from == '\\' && from[1];
    if (escaped) from++;
    *to++ = (char)(escaped && *from == 'n' ? '\n' : *from);
  }
  *to = '\0';
  kparse_next(p);
  return s;
}

static Loc parse_place(KParser *p) {
  Loc loc = {0};
  char *path = parse_string(p);
  if (!path || !kparse_expect(p, ":")) return loc;
  loc.src = diag_source(p->arena, path, "", 0);
  loc.line = (int)kparse_int(p, 0, INT32_MAX, "a line");
  if (!p->panic && kparse_expect(p, ":")) loc.col = (int)kparse_int(p, 0, INT32_MAX, "a column");
  return loc;
}

static void parse_origin(KParser *p) {
  const char **o = ARENA_ARRAY(p->arena, MOST_ORIGINS + 1, const char *);
  int n = 0;
  do {
    if (n == MOST_ORIGINS) kparse_error(p, p->tok.loc, "more than %d origins", MOST_ORIGINS);
    char *s = p->panic ? NULL : parse_string(p);
    if (!s) return;
    o[n++] = s;
  } while (kparse_accept(p, ","));
  p->k->origin = o;
}

static int parse_extents(KParser *p, int64_t lo, int64_t hi, const char *what, int64_t *v) {
  int n = 0;
  if (!kparse_expect(p, "[")) return 0;
  while (!ktok_is(&p->tok, "]")) {
    if (n && !kparse_expect(p, ",")) return 0;
    if (n == MAX_RANK) kparse_error(p, p->tok.loc, "more than %d dimensions", MAX_RANK);
    if (p->panic) return 0;
    v[n++] = kparse_int(p, lo, hi, what);
    if (p->panic) return 0;
  }
  kparse_next(p);
  return n;
}

static void note_below(KParser *p, int buf, int64_t below) {
  ARENA_GROW(p->arena, p->below, buf, p->cap_below);
  p->below[buf] = below;
}

static void parse_buf(KParser *p, KBufKind kind) {
  int64_t dim[MAX_RANK], stride[MAX_RANK], below = 0;
  Loc loc = p->tok.loc;
  const char *name = new_name(p, "a buffer's name", false);
  if (!name) return;
  Shape s = shape_of(parse_extents(p, 1, most_extent, "an extent", dim), dim);
  if (!p->panic && shape_count(&s) < 0) kparse_error(p, loc, "'%s' has more than 2^40 elements", name);
  if (p->panic || !kparse_expect(p, ":")) return;
  DType t = kparse_dtype(p);
  bool strided = !p->panic && kparse_accept(p, "strides");
  Loc at = p->tok.loc;
  if (strided && parse_extents(p, 0, most_stride, "a stride", stride) != s.rank)
    kparse_error(p, at, "'%s' has %d dimensions, expected as many strides", name, s.rank);
  if (!p->panic && kparse_accept(p, "below")) below = kparse_int(p, 1, most_extent, "a bound");
  if (p->panic) return;
  note_below(p, kern_buf(p->k, name, kind, t, s.rank, dim, strided ? stride : NULL), below);
}

static void parse_stream(KParser *p) {
  const char *name = new_name(p, "a stream's name", false);
  if (!name || !kparse_expect(p, "=")) return;
  errno = 0;
  const char *digits = arena_strndup(p->arena, p->tok.at, (size_t)p->tok.len);
  uint64_t value = p->tok.kind == KT_INT ? strtoull(digits, NULL, 0) : 0;
  if (p->tok.kind != KT_INT || errno) {
    kparse_expected(p, "the number of a random stream, below 2^64");
    return;
  }
  kparse_next(p);
  kern_stream(p->k, name, value);
}

static void parse_number(KParser *p) {
  const char *name = new_name(p, "a number's name", false);
  if (!name || !kparse_expect(p, "=")) return;
  double value = kparse_literal(p);
  if (!p->panic) kern_number(p->k, name, (float)value);
}

/* "[m, n]": at most KERN_MAX_DOMAIN axes; -1 on error. */
static int parse_domain(KParser *p, int *axis) {
  int n = 0;
  if (!kparse_expect(p, "[")) return -1;
  while (!ktok_is(&p->tok, "]")) {
    if (n && !kparse_expect(p, ",")) return -1;
    if (n == KERN_MAX_DOMAIN) kparse_error(p, p->tok.loc, "more than %d axes", KERN_MAX_DOMAIN);
    if (p->panic || (axis[n++] = kparse_axis(p)) < 0) return -1;
  }
  kparse_next(p);
  return n;
}

/* Whether "sum(" or "max(" and then an axis alone or with bounds follows: else max is the function. */
static KReduce reduction_ahead(const KParser *p) {
  if (ktok_is(&p->tok, "sum")) return KR_SUM;
  if (!ktok_is(&p->tok, "max")) return KR_NONE;
  KLex ahead = p->lex;
  KTok open = klex_next(&ahead), name = klex_next(&ahead), after = klex_next(&ahead);
  bool word = ktok_is(&name, "inf") || ktok_is(&name, "nan");
  bool closes = ktok_is(&after, ")") || ktok_is(&after, ",") || ktok_is(&after, ":");
  return ktok_is(&open, "(") && name.kind == KT_NAME && !word && closes ? KR_MAX : KR_NONE;
}

static void parse_bounds(KParser *p, KRed *r) {
  if (!kparse_accept(p, ":")) return;
  if (!ktok_is(&p->tok, "..")) r->lo = kparse_ix(p);
  if (p->panic || !kparse_expect(p, "..")) return;
  if (!ktok_is(&p->tok, ",") && !ktok_is(&p->tok, ")")) r->hi = kparse_ix(p);
}

static int parse_reduce(KParser *p, KReduce kind, KRed *red) {
  int n = 0;
  if (kind == KR_NONE) return 0;
  kparse_next(p);
  if (!kparse_expect(p, "(")) return 0;
  do {
    if (n == KERN_MAX_DOMAIN) kparse_error(p, p->tok.loc, "more than %d axes", KERN_MAX_DOMAIN);
    if (p->panic) return 0;
    red[n] = (KRed){.axis = kparse_axis(p)};
    if (red[n].axis >= 0) parse_bounds(p, &red[n]);
    n++;
  } while (!p->panic && kparse_accept(p, ","));
  if (!p->panic) kparse_expect(p, ")");
  return n;
}

static void parse_value(KParser *p) {
  int axis[KERN_MAX_DOMAIN];
  KRed red[KERN_MAX_DOMAIN];
  Loc loc = p->tok.loc;
  const char *name = new_name(p, "a value", false);
  int naxes = name ? parse_domain(p, axis) : -1;
  if (naxes < 0 || !kparse_expect(p, "=")) return;
  KReduce kind = reduction_ahead(p);
  int nred = parse_reduce(p, kind, red);
  bool acc = !p->panic && kind != KR_NONE && kparse_accept(p, "acc");
  DType acc_type = acc ? kparse_dtype(p) : DT_COUNT;
  const KExpr *e = p->panic ? NULL : kparse_expr(p);
  if (!e) return;
  if (kparse_accept(p, "@")) loc = parse_place(p);
  if (p->panic) return;
  int val = kern_val(p->k, name, e->dtype, naxes, axis, kind, nred, red, e);
  KVal *v = &p->k->val[val];
  if (acc) v->acc = acc_type;
  v->loc = loc;
}

static bool same_domain(const KVal *v, int n, const int *axis) {
  if (v->naxes != n) return false;
  for (int i = 0; i < n; i++)
    if (v->axis[i] != axis[i]) return false;
  return true;
}

static void parse_store(KParser *p) {
  int axis[KERN_MAX_DOMAIN], n;
  Loc loc = p->tok.loc;
  const char *name = kparse_name(p, "a value");
  if (!name) return;
  int val = kern_find_val(p->k, name);
  const char *const *names = kparse_tensors(p, &n);
  if (val < 0) kparse_unknown(p, loc, "value", name, names + p->k->nbuf, p->k->nval);
  int naxes = p->panic ? -1 : parse_domain(p, axis);
  if (naxes < 0 || !kparse_expect(p, "->")) return;
  if (!same_domain(&p->k->val[val], naxes, axis))
    kparse_error(p, loc, "a store of '%s' names other axes than its definition", name);
  loc = p->tok.loc;
  const char *to = p->panic ? NULL : kparse_name(p, "a buffer");
  if (!to) return;
  int buf = kern_find_buf(p->k, to);
  if (buf < 0) kparse_unknown(p, loc, "buffer", to, names, p->k->nbuf);
  const Ix *const *idx = p->panic ? NULL : kparse_indices(p, p->k->buf[buf].rank, to);
  if (idx) kern_store(p->k, val, buf, idx);
}

static void parse_item(KParser *p) {
  KLex ahead = p->lex;
  KTok after = klex_next(&ahead);
  if (p->tok.kind != KT_NAME)
    kparse_expected(p, "a declaration, a value, a store or '}'");
  else if (ktok_is(&after, "["))
    parse_value(p);
  else if (kparse_accept(p, "axis"))
    parse_axes_item(p);
  else if (kparse_accept(p, "origin"))
    parse_origin(p);
  else if (kparse_accept(p, "in"))
    parse_buf(p, KB_IN);
  else if (kparse_accept(p, "out"))
    parse_buf(p, KB_OUT);
  else if (kparse_accept(p, "inout"))
    parse_buf(p, KB_INOUT);
  else if (kparse_accept(p, "stream"))
    parse_stream(p);
  else if (kparse_accept(p, "number"))
    parse_number(p);
  else if (kparse_accept(p, "store"))
    parse_store(p);
  else
    kparse_expected(p, "axis, in, out, inout, stream, number, store, origin or a value 'name[..] = ..'");
}

/* Skips to the next line that may begin an item. */
static void recover(KParser *p) {
  p->panic = false;
  while (p->tok.kind != KT_END && !p->tok.first && !ktok_is(&p->tok, "}")) kparse_next(p);
}

static void parse_body(KParser *p) {
  while (!ktok_is(&p->tok, "}") && p->tok.kind != KT_END) {
    size_t start = p->lex.pos;
    p->depth = p->parts = 0;
    parse_item(p);
    if (p->panic) {
      if (p->lex.pos == start) kparse_next(p);
      recover(p);
    }
    while (kparse_accept(p, ";")) {
    }
  }
}

static const int64_t most_num = (int64_t)1 << 40;

/* Which of the names comes next, or -1. */
static int parse_one_of(KParser *p, const char *what, const char *const *names, int n) {
  Loc loc = p->tok.loc;
  const char *name = kparse_name(p, arena_printf(p->arena, "a %s", what));
  for (int i = 0; name && i < n; i++)
    if (!strcmp(name, names[i])) return i;
  if (name) kparse_unknown(p, loc, what, name, names, n);
  return -1;
}

static KRole parse_role_name(KParser *p) {
  const char *names[ROLE_COUNT];
  for (int i = 0; i < ROLE_COUNT; i++) names[i] = kern_role_name((KRole)i);
  return (KRole)parse_one_of(p, "role", names, ROLE_COUNT);
}

static void parse_role(KParser *p, KPlan *plan) {
  int axis[KERN_MAX_DOMAIN], n = 0;
  Loc loc = p->tok.loc;
  KRole r = parse_role_name(p);
  if (r == ROLE_NONE || !kparse_expect(p, ":")) return;
  do {
    if (n == KERN_MAX_DOMAIN) kparse_error(p, p->tok.loc, "more than %d axes", KERN_MAX_DOMAIN);
    if (p->panic || (axis[n++] = kparse_axis(p)) < 0) return;
  } while (kparse_accept(p, ","));
  if (plan->role[r].naxes)
    kparse_error(p, loc, "role '%s' is given twice", kern_role_name(r));
  else
    kplan_role(plan, r, n, axis);
}

static void parse_num(KParser *p, KPlan *plan) {
  const KPlanRules *r = plan->rules;
  const char *names[KPLAN_MAX_NUMBERS];
  Loc loc = p->tok.loc;
  for (int i = 0; i < r->nnumber; i++) names[i] = r->number[i].name;
  int n = parse_one_of(p, "number", names, r->nnumber);
  int64_t v = n < 0 ? 0 : kparse_int(p, 1, most_num, "a number");
  if (n >= 0 && plan->num[n]) kparse_error(p, loc, "number '%s' is given twice", names[n]);
  if (!p->panic) kplan_num(plan, n, v);
}

/* One of the target's places, or -1. */
static int parse_place_name(KParser *p, const KPlanRules *r) {
  const char **names = ARENA_ARRAY(p->arena, r->nplace, const char *);
  for (int i = KPLAN_INLINE + 1; i < r->nplace; i++) names[i - 1] = r->place[i].name;
  int at = parse_one_of(p, "place", names, r->nplace - 1);
  return at < 0 ? -1 : at + 1;
}

static void parse_place_of(KParser *p, KPlan *plan) {
  int n;
  Loc loc = p->tok.loc;
  const char *name = kparse_name(p, "a value");
  if (!name) return;
  int val = kern_find_val(p->k, name);
  const char *const *tensors = kparse_tensors(p, &n);
  if (val < 0) kparse_unknown(p, loc, "value", name, tensors + p->k->nbuf, p->k->nval);
  int place = p->panic ? -1 : parse_place_name(p, plan->rules);
  if (place >= 0) plan->place[val] = place;
}

static void parse_clauses(KParser *p, KPlan *plan) {
  while (!p->panic && !ktok_is(&p->tok, "}")) {
    if (kparse_accept(p, "role"))
      parse_role(p, plan);
    else if (kparse_accept(p, "num"))
      parse_num(p, plan);
    else if (kparse_accept(p, "place"))
      parse_place_of(p, plan);
    else if (!kparse_accept(p, ";"))
      kparse_expected(p, "role, num, place or '}'");
  }
}

static Kernel *kernel_named(const KernList *list, const char *name) {
  for (int i = 0; i < list->n; i++)
    if (!strcmp(list->k[i]->name, name)) return list->k[i];
  return NULL;
}

static KSkeleton parse_skeleton(KParser *p) {
  const char *names[SK_COUNT];
  for (int i = 0; i < SK_COUNT; i++) names[i] = kern_skeleton_name((KSkeleton)i);
  int s = parse_one_of(p, "skeleton", names, SK_COUNT);
  return s < 0 ? SK_COUNT : (KSkeleton)s;
}

/* The rules of the target named next, or NULL. */
static const KPlanRules *parse_target(KParser *p) {
  int n = 0;
  while (p->rules[n]) n++;
  const char **names = ARENA_ARRAY(p->arena, n + 1, const char *);
  for (int i = 0; i < n; i++) names[i] = p->rules[i]->word;
  int at = parse_one_of(p, "target", names, n);
  return at < 0 ? NULL : p->rules[at];
}

static void parse_plan(KParser *p, const KernList *list) {
  Loc loc = p->tok.loc;
  const char **names = ARENA_ARRAY(p->arena, list->n, const char *);
  for (int i = 0; i < list->n; i++) names[i] = list->k[i]->name;
  const char *name = kparse_name(p, "a kernel's name");
  if (!name) return;
  p->k = kernel_named(list, name);
  if (!p->k) kparse_unknown(p, loc, "kernel", name, names, list->n);
  const KPlanRules *rules = p->panic ? NULL : parse_target(p);
  KSkeleton s = rules ? parse_skeleton(p) : SK_COUNT;
  if (p->panic || !kparse_expect(p, "{")) return;
  if (p->k->nplan == KERN_MAX_PLANS) {
    kparse_error(p, loc, "kernel '%s' has more than %d plans", name, KERN_MAX_PLANS);
    return;
  }
  KPlan *plan = kern_plan(p->k, rules, s);
  plan->loc = loc;
  parse_clauses(p, plan);
  if (!p->panic) kparse_expect(p, "}");
}

static bool known(const KernList *list, const char *name) {
  for (int i = 0; i < list->n; i++)
    if (!strcmp(list->k[i]->name, name)) return true;
  return false;
}

static void parse_compute(KParser *p, KernList *list, int *cap) {
  Loc loc = p->tok.loc;
  const char *name = kparse_name(p, "the kernel's name");
  if (!name) return;
  if (kern_is_reserved(name)) kparse_error(p, loc, "'%s' has a meaning of its own, expected a name", name);
  if (known(list, name)) kparse_error(p, loc, "kernel '%s' is defined twice", name);
  if (!p->panic && p->tok.kind == KT_STRING) loc = parse_place(p);
  if (!p->panic) kparse_expect(p, "{");
  if (p->panic) recover(p);
  p->k = kern_new(p->arena, name, loc);
  p->k->text = p->src;
  p->below = NULL;
  p->cap_below = 0;
  parse_body(p);
  ARENA_GROW(p->arena, list->k, list->n, *cap);
  list->k[list->n++] = p->k;
  kparse_expect(p, "}");
}

KernList *kern_parse(Arena *a, const Source *src, const KPlanRules *const *rules) {
  KParser p = {.arena = a, .src = src, .rules = rules, .lex = klex_open(src)};
  KernList *list = ARENA_NEW(a, KernList);
  int cap = 0;
  kparse_next(&p);
  while (p.tok.kind != KT_END) {
    if (kparse_accept(&p, "compute"))
      parse_compute(&p, list, &cap);
    else if (kparse_accept(&p, "plan"))
      parse_plan(&p, list);
    else
      kparse_expected(&p, "compute or plan");
    p.panic = false;
    while (p.tok.kind != KT_END && !ktok_is(&p.tok, "compute") && !ktok_is(&p.tok, "plan")) {
      if (p.errors == 0) break;
      kparse_next(&p);
    }
  }
  return p.errors ? NULL : list;
}
