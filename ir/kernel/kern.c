/* Kernel IR: building a kernel and its expressions. Names are for people: they are made identifiers and
 * unique, so that any kernel prints as text that parses. */
#include "ir/kernel/kern.h"

#include <ctype.h>
#include <string.h>

#include "ir/kernel/kern_impl.h"

Kernel *kern_new(Arena *a, const char *name, Loc loc) {
  Kernel *k = ARENA_NEW(a, Kernel);
  k->arena = k->names.arena = a;
  k->name = kern_identifier(a, name);
  k->loc = loc;
  return k;
}

static bool letter(char c) {
  return isalpha((unsigned char)c) || c == '_';
}

bool kern_is_identifier(const char *s) {
  if (!letter(*s)) return false;
  while (*++s)
    if (!letter(*s) && !isdigit((unsigned char)*s)) return false;
  return true;
}

bool kern_is_reserved(const char *s) {
  static const char *const words[] = {"inf", "nan", "true", "false", "and", "or", "sum", "max"};
  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    if (!strcmp(s, words[i])) return true;
  return false;
}

const char *kern_identifier(Arena *a, const char *name) {
  if (kern_is_identifier(name) && !kern_is_reserved(name)) return arena_strdup(a, name);
  char *s = arena_printf(a, "%s%s", letter(*name) ? "" : "_", name);
  for (char *p = s; *p; p++)
    if (!letter(*p) && !isdigit((unsigned char)*p)) *p = '_';
  return kern_is_reserved(s) ? arena_printf(a, "%s_", s) : s;
}

int kern_find_axis(const Kernel *k, const char *name) {
  for (int i = 0; i < k->naxes; i++)
    if (!strcmp(k->axis[i].name, name)) return i;
  return -1;
}

int kern_find_buf(const Kernel *k, const char *name) {
  for (int i = 0; i < k->nbuf; i++)
    if (!strcmp(k->buf[i].name, name)) return i;
  return -1;
}

int kern_find_val(const Kernel *k, const char *name) {
  for (int i = 0; i < k->nval; i++)
    if (!strcmp(k->val[i].name, name)) return i;
  return -1;
}

int kern_find_word(const Kernel *k, const char *name) {
  for (int i = 0; i < k->nword; i++)
    if (!strcmp(k->word[i].name, name)) return i;
  return -1;
}

/* Buffers, words and values share a space of names; axes have one of their own. */
static const char *unique_name(Kernel *k, const char *name) {
  return names_take(&k->names, kern_identifier(k->arena, name));
}

static const char *axis_name(const Kernel *k, const char *name) {
  const char *first = kern_identifier(k->arena, name), *s = first;
  for (int i = 2; kern_find_axis(k, s) >= 0; i++) s = arena_printf(k->arena, "%s_%d", first, i);
  return s;
}

Kernel *kern_copy(Arena *a, const Kernel *k) {
  Kernel *c = arena_copy(a, k, sizeof *k);
  c->arena = a;
  c->buf = arena_copy(a, k->buf, sizeof *k->buf * (size_t)k->nbuf);
  c->word = arena_copy(a, k->word, sizeof *k->word * (size_t)k->nword);
  c->val = arena_copy(a, k->val, sizeof *k->val * (size_t)k->nval);
  c->cap_buf = k->nbuf, c->cap_word = k->nword, c->cap_val = k->nval;
  c->names = (Names){.arena = a};
  for (int i = 0; i < k->nbuf; i++) names_take(&c->names, k->buf[i].name);
  for (int i = 0; i < k->nword; i++) names_take(&c->names, k->word[i].name);
  for (int i = 0; i < k->nval; i++) names_take(&c->names, k->val[i].name);
  return c;
}

int kern_axis(Kernel *k, const char *name, int64_t extent) {
  if (k->naxes == KERN_MAX_AXES) ice("kernel %s: more than %d axes", k->name, KERN_MAX_AXES);
  if (extent < 1) ice("kernel %s: axis %s of extent %lld", k->name, name, (long long)extent);
  k->axis[k->naxes] = (KAxis){axis_name(k, name), extent};
  return k->naxes++;
}

int kern_buf(Kernel *k, const char *name, KBufKind kind, DType t, int rank, const int64_t *dim,
             const int64_t *stride) {
  if (rank < 0 || rank > MAX_RANK) ice("kernel %s: buffer %s of rank %d", k->name, name, rank);
  ARENA_GROW(k->arena, k->buf, k->nbuf, k->cap_buf);
  KBuf *b = &k->buf[k->nbuf];
  *b = (KBuf){.name = unique_name(k, name), .dtype = t, .kind = kind, .rank = rank};
  int64_t row_major = 1;
  for (int i = rank - 1; i >= 0; i--) {
    b->dim[i] = dim[i];
    b->stride[i] = stride ? stride[i] : row_major;
    row_major *= dim[i];
  }
  return k->nbuf++;
}

static int add_word(Kernel *k, const char *name, DType t, uint64_t value) {
  ARENA_GROW(k->arena, k->word, k->nword, k->cap_word);
  k->word[k->nword] = (KWord){unique_name(k, name), t, value};
  return k->nword++;
}

int kern_stream(Kernel *k, const char *name, uint64_t value) {
  return add_word(k, name, DT_U64, value);
}

int kern_number(Kernel *k, const char *name, float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return add_word(k, name, DT_F32, bits);
}

float kword_number(uint64_t value) {
  uint32_t bits = (uint32_t)value;
  float number;
  memcpy(&number, &bits, sizeof number);
  return number;
}

static void check_axes(const Kernel *k, const char *what, int n, const int *axis) {
  if (n < 0 || n > KERN_MAX_DOMAIN) ice("kernel %s: %s over %d axes", k->name, what, n);
  for (int i = 0; i < n; i++)
    if (axis[i] < 0 || axis[i] >= k->naxes) ice("kernel %s: %s has no axis %d", k->name, what, axis[i]);
}

static void check_value(const Kernel *k, const char *name, DType t, KReduce r, int nred, const KRed *red,
                        const KExpr *expr) {
  if (!expr || expr->dtype != t) ice("kernel %s: value %s is not of its type", k->name, name);
  if (nred < 0 || nred > KERN_MAX_DOMAIN || (r == KR_NONE) != (nred == 0))
    ice("kernel %s: value %s reduces over %d axes", k->name, name, nred);
  for (int i = 0; i < nred; i++) check_axes(k, name, 1, &red[i].axis);
  if (k->nplan) ice("kernel %s: value %s comes after a plan", k->name, name);
}

DType kern_acc(KReduce r, DType t) {
  return r == KR_SUM && dtype_is_float(t) ? DT_F32 : t;
}

int kern_val(Kernel *k, const char *name, DType t, int naxes, const int *axis, KReduce r, int nred,
             const KRed *red, const KExpr *expr) {
  check_axes(k, name, naxes, axis);
  check_value(k, name, t, r, nred, red, expr);
  ARENA_GROW(k->arena, k->val, k->nval, k->cap_val);
  KVal *v = &k->val[k->nval];
  *v = (KVal){.name = unique_name(k, name),
              .dtype = t,
              .acc = kern_acc(r, t),
              .naxes = naxes,
              .reduce = r,
              .nred = nred,
              .expr = expr,
              .loc = k->loc};
  for (int i = 0; i < naxes; i++) v->axis[i] = axis[i];
  for (int i = 0; i < nred; i++) v->red[i] = red[i];
  return k->nval++;
}

const Ix *const *kern_copy_indices(Arena *a, const Ix *const *idx, int n) {
  const Ix **copy = ARENA_ARRAY(a, n, const Ix *);
  for (int i = 0; i < n; i++) copy[i] = idx[i];
  return copy;
}

void kern_store(Kernel *k, int val, int buf, const Ix *const *idx) {
  if (val < 0 || val >= k->nval || buf < 0 || buf >= k->nbuf)
    ice("kernel %s: store of value %d to buffer %d", k->name, val, buf);
  ARENA_GROW(k->arena, k->store, k->nstore, k->cap_store);
  k->store[k->nstore++] = (KStore){val, buf, kern_copy_indices(k->arena, idx, k->buf[buf].rank)};
}

static KExpr *expr_new(Arena *a, KExprKind kind, DType t) {
  KExpr *e = ARENA_NEW(a, KExpr);
  e->kind = kind;
  e->dtype = t;
  return e;
}

const KExpr *kexpr_const(Arena *a, DType t, double v) {
  KExpr *e = expr_new(a, KE_CONST, t);
  e->value = v;
  return e;
}

const KExpr *kexpr_index(Arena *a, DType t, const Ix *ix) {
  KExpr *e = expr_new(a, KE_INDEX, t);
  e->ix = ix;
  return e;
}

const KExpr *kexpr_read(Kernel *k, int buf, const Ix *const *idx) {
  if (buf < 0 || buf >= k->nbuf) ice("kernel %s: no buffer %d to read", k->name, buf);
  KExpr *e = expr_new(k->arena, KE_READ, k->buf[buf].dtype);
  e->ref = buf;
  e->nidx = k->buf[buf].rank;
  e->idx = kern_copy_indices(k->arena, idx, e->nidx);
  return e;
}

const KExpr *kexpr_value(Kernel *k, int val, const Ix *const *idx) {
  if (val < 0 || val >= k->nval) ice("kernel %s: no value %d to use", k->name, val);
  KExpr *e = expr_new(k->arena, KE_VALUE, k->val[val].dtype);
  e->ref = val;
  e->nidx = k->val[val].naxes;
  e->idx = kern_copy_indices(k->arena, idx, e->nidx);
  return e;
}

const KExpr *kexpr_elt(Arena *a, EltOp op, const KExpr *x, const KExpr *y, const KExpr *z) {
  const KExpr *arg[3] = {x, y, z};
  DType t[3] = {DT_COUNT, DT_COUNT, DT_COUNT};
  for (int i = 0; i < 3; i++) {
    if ((i < elt_rows[op].arity) != (arg[i] != NULL))
      ice("%s takes %d operands", elt_rows[op].text, elt_rows[op].arity);
    if (arg[i]) t[i] = arg[i]->dtype;
  }
  DType result = elt_result(op, t);
  if (result == DT_COUNT)
    ice("%s does not go with %s and %s", elt_rows[op].text, dtype_name(t[0]),
        y ? dtype_name(t[1]) : "nothing");
  KExpr *e = expr_new(a, KE_ELT, result);
  e->elt = op;
  for (int i = 0; i < 3; i++) e->arg[i] = arg[i];
  return e;
}

const KExpr *kexpr_cast(Arena *a, DType t, const KExpr *x) {
  if (x->dtype == t) return x;
  KExpr *e = expr_new(a, KE_CAST, t);
  e->arg[0] = x;
  return e;
}

const KExpr *kexpr_step(Arena *a, const char *field) {
  KExpr *e = expr_new(a, KE_STEP, DT_F32);
  e->name = arena_strdup(a, field);
  return e;
}

static bool is_word(const Kernel *k, int word, DType t) {
  return word >= 0 && word < k->nword && k->word[word].type == t;
}

const KExpr *kexpr_random(Kernel *k, int stream, const Ix *element) {
  if (!is_word(k, stream, DT_U64)) ice("kernel %s: no stream %d to draw from", k->name, stream);
  KExpr *e = expr_new(k->arena, KE_RANDOM, DT_F32);
  e->ref = stream;
  e->ix = element;
  return e;
}

const KExpr *kexpr_number(Kernel *k, int word) {
  if (!is_word(k, word, DT_F32)) ice("kernel %s: no number %d", k->name, word);
  KExpr *e = expr_new(k->arena, KE_NUMBER, DT_F32);
  e->ref = word;
  return e;
}

const KExpr *kexpr_subst(Arena *a, const KExpr *e, const Ix *const *to, int n) {
  KExpr *r = arena_copy(a, e, sizeof *e);
  if (e->ix) r->ix = ix_subst(a, e->ix, to, n);
  if (e->idx) {
    const Ix **idx = ARENA_ARRAY(a, e->nidx, const Ix *);
    for (int i = 0; i < e->nidx; i++) idx[i] = ix_subst(a, e->idx[i], to, n);
    r->idx = idx;
  }
  for (int i = 0; i < 3; i++)
    if (e->arg[i]) r->arg[i] = kexpr_subst(a, e->arg[i], to, n);
  return r;
}

const Ix *const *kval_own_axes(Arena *a, const Kernel *k, const KVal *v) {
  const Ix **idx = ARENA_ARRAY(a, v->naxes + 1, const Ix *);
  for (int i = 0; i < v->naxes; i++) idx[i] = ix_axis(a, v->axis[i], k->axis[v->axis[i]].extent);
  return idx;
}

bool kexpr_at_own_axes(const Kernel *k, const KExpr *use) {
  const KVal *v = &k->val[use->ref];
  const Ix *const *own = kval_own_axes(k->arena, k, v);
  for (int i = 0; i < v->naxes; i++)
    if (!ix_same(own[i], use->idx[i])) return false;
  return true;
}

static bool same_bound(const Ix *x, const Ix *y) {
  return x == y || (x && y && ix_same(x, y));
}

bool kred_same(int n, const KRed *x, const KRed *y) {
  for (int i = 0; i < n; i++)
    if (x[i].axis != y[i].axis || !same_bound(x[i].lo, y[i].lo) || !same_bound(x[i].hi, y[i].hi))
      return false;
  return true;
}
