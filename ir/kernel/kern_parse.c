/* Parsing kernels: the outer grammar, declarations and values. After an error the parser goes on with the
 * next line, so that one run reports several.
 *
 *   file    = { "compute" compute | "plan" plan }
 *   compute = NAME [place] "{" { item [";"] } "}"
 *   place   = STRING ":" LINE ":" COLUMN
 *   item    = "axis" { NAME ":" EXTENT } | "origin" STRING { "," STRING }
 *           | ("in" | "out" | "inout") NAME extents ":" TYPE ["strides" extents] ["below" BOUND]
 *           | "stream" NAME "=" INT
 *           | NAME axes "=" [reduce] expr ["@" place]
 *           | "store" NAME axes "->" NAME "[" [ ix { "," ix } ] "]"
 *   reduce  = ("sum" | "max") "(" AXIS [":" [ix] ".." [ix]] { "," ... } ")" ["acc" TYPE]
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/nearest.h"
#include "ir/kernel/kern_name.h"
#include "ir/kernel/kern_parser.h"

enum { MOST_DEPTH = 60, MOST_PARTS = 3000, MOST_ORIGINS = 64, MOST_LISTED = 8, MOST_SEARCHES = 20 };
static const int64_t most_extent = (int64_t)1 << 40, most_stride = (int64_t)1 << 48;

void kparse_error(KParser *p, Loc loc, const char *fmt, ...) {
  if (p->panic) return;
  p->panic = true;
  p->errors++;
  va_list ap;
  va_start(ap, fmt);
  diag_error(loc, "%s", arena_vprintf(p->arena, fmt, ap));
  va_end(ap);
}

void kparse_expected(KParser *p, const char *what) {
  kparse_error(p, p->tok.loc, "found %s, expected %s", ktok_show(p->arena, &p->tok), what);
}

void kparse_next(KParser *p) {
  p->tok = klex_next(&p->lex);
}

bool kparse_accept(KParser *p, const char *text) {
  if (!ktok_is(&p->tok, text)) return false;
  kparse_next(p);
  return true;
}

bool kparse_expect(KParser *p, const char *text) {
  if (kparse_accept(p, text)) return true;
  kparse_expected(p, arena_printf(p->arena, "'%s'", text));
  return false;
}

const char *kparse_name(KParser *p, const char *what) {
  if (p->tok.kind != KT_NAME) {
    kparse_expected(p, what);
    return NULL;
  }
  const char *name = arena_strndup(p->arena, p->tok.at, (size_t)p->tok.len);
  kparse_next(p);
  return name;
}

int64_t kparse_int(KParser *p, int64_t lo, int64_t hi, const char *what) {
  Loc loc = p->tok.loc;
  bool minus = lo < 0 && kparse_accept(p, "-");
  if (p->tok.kind != KT_INT || p->tok.len > 18) {
    kparse_expected(p, arena_printf(p->arena, "%s, an integer", what));
    return lo;
  }
  int64_t v = strtoll(arena_strndup(p->arena, p->tok.at, (size_t)p->tok.len), NULL, 0);
  if (minus) v = -v;
  if (v >= lo && v <= hi) {
    kparse_next(p);
    return v;
  }
  kparse_error(p, loc, "found %lld, expected %s in %lld .. %lld", (long long)v, what, (long long)lo,
               (long long)hi);
  return lo;
}

bool kparse_part(KParser *p) {
  if (p->parts++ < MOST_PARTS) return true;
  kparse_error(p, p->tok.loc, "the expression has more than %d parts", MOST_PARTS);
  return false;
}

bool kparse_enter(KParser *p) {
  if (p->depth++ < MOST_DEPTH) return true;
  kparse_error(p, p->tok.loc, "the expression is nested more than %d deep", MOST_DEPTH);
  return false;
}

void kparse_leave(KParser *p) {
  p->depth--;
}

/* "a, b, c" when they are few, else "". */
static const char *expectation(Arena *a, const char *const *names, int n) {
  const char *list = "";
  if (n == 0 || n > MOST_LISTED) return list;
  for (int i = 0; i < n; i++) list = arena_printf(a, "%s%s%s", list, i ? ", " : "; expected ", names[i]);
  return list;
}

void kparse_unknown(KParser *p, Loc loc, const char *what, const char *name, const char *const *names,
                    int n) {
  bool look = strlen(name) > 1 && p->errors < MOST_SEARCHES;
  const char *near = look ? nearest_name(name, names, n) : NULL;
  if (near)
    kparse_error(p, loc, "no %s is named '%s'; did you mean '%s'?", what, name, near);
  else
    kparse_error(p, loc, "no %s is named '%s'%s", what, name, expectation(p->arena, names, n));
}

const char *const *kparse_tensors(KParser *p, int *n) {
  const char **names = ARENA_ARRAY(p->arena, p->k->nbuf + p->k->nval, const char *);
  *n = 0;
  for (int i = 0; i < p->k->nbuf; i++) names[(*n)++] = p->k->buf[i].name;
  for (int i = 0; i < p->k->nval; i++) names[(*n)++] = p->k->val[i].name;
  return names;
}

int kparse_axis(KParser *p) {
  Loc loc = p->tok.loc;
  const char *names[KERN_MAX_AXES], *name = kparse_name(p, "an axis");
  if (!name) return -1;
  int axis = kern_find_axis(p->k, name);
  for (int i = 0; i < p->k->naxes; i++) names[i] = p->k->axis[i].name;
  if (axis < 0) kparse_unknown(p, loc, "axis", name, names, p->k->naxes);
  return axis;
}

static bool is_declared(const Kernel *k, const char *name, bool axis) {
  if (axis) return kern_find_axis(k, name) >= 0;
  return kern_find_buf(k, name) >= 0 || kern_find_stream(k, name) >= 0 || kern_find_val(k, name) >= 0;
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
  if (!p->panic && shape_count(&s) < 0) kparse_error(p, loc, "'%s' has more than 2^48 elements", name);
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
  else if (kparse_accept(p, "store"))
    parse_store(p);
  else
    kparse_expected(p, "axis, in, out, inout, stream, store, origin or a value 'name[..] = ..'");
}

/* Skips to the next line that may begin an item. */
static void recover(KParser *p) {
  p->panic = false;
  while (p->tok.kind != KT_END && !p->tok.first && !ktok_is(&p->tok, "}")) kparse_next(p);
}

static void parse_items(KParser *p) {
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
  parse_items(p);
  ARENA_GROW(p->arena, list->k, list->n, *cap);
  list->k[list->n++] = p->k;
  kparse_expect(p, "}");
}

KernList *kern_parse(Arena *a, const Source *src) {
  KParser p = {.arena = a, .src = src, .lex = klex_open(src)};
  KernList *list = ARENA_NEW(a, KernList);
  int cap = 0;
  kparse_next(&p);
  while (p.tok.kind != KT_END) {
    if (kparse_accept(&p, "compute"))
      parse_compute(&p, list, &cap);
    else if (kparse_accept(&p, "plan"))
      kparse_plan(&p, list);
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
