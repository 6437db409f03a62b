/* The reference interpreter of kernels: each value in turn over its whole domain, then the stores. A value
 * that is reduced, stored or used over more points than it has is computed once and kept; the others are
 * evaluated where they are used. */
#include <math.h>
#include <string.h>

#include "base/random.h"
#include "ir/kernel/kern_walk.h"

static double load(DType t, bool f64, const void *memory, int64_t at) {
  return f64 && dtype_is_float(t) ? ((const double *)memory)[at] : dtype_get(t, memory, at);
}

static void put(DType t, bool f64, void *memory, int64_t at, double v) {
  if (f64 && dtype_is_float(t))
    ((double *)memory)[at] = v;
  else
    dtype_set(t, memory, at, v);
}

static double rounded(DType t, bool f64, double v) {
  if (f64 || !dtype_is_float(t)) return v;
  return t == DT_F32 ? (float)v : dtype_round(t, (float)v);
}

static double saturate(double v, double lo, double hi) {
  if (isnan(v)) return 0;
  v = trunc(v);
  return v < lo ? lo : v > hi ? hi : v;
}

/* The low 32 bits as a signed number. */
static double wrap(int64_t v) {
  return (int32_t)(uint32_t)(uint64_t)v;
}

static double converted(DType to, bool f64, double v) {
  if (dtype_is_float(to)) return rounded(to, f64, v);
  if (to == DT_BOOL) return v != 0;
  return to == DT_U8 ? saturate(v, 0, UINT8_MAX) : saturate(v, INT32_MIN, INT32_MAX);
}

static double integer_elt(EltOp op, const double *arg) {
  int64_t a = (int64_t)arg[0], b = (int64_t)arg[1];
  if (op == E_ADD) return wrap(a + b);
  if (op == E_SUB) return wrap(a - b);
  if (op == E_MUL) return wrap(a * b);
  if (op == E_DIV) return b ? wrap(a / b) : 0;
  return wrap((int64_t)elt_eval(op, arg[0], arg[1], arg[2]));
}

static double apply(EltOp op, DType t, const double *arg) {
  if (op == E_ADD && t == DT_F32) return arg[0] + arg[1];
  if (op == E_MUL && t == DT_F32) return arg[0] * arg[1];
  if (t == DT_I32 && !elt_rows[op].is_bool && op != E_SELECT) return integer_elt(op, arg);
  return elt_eval(op, arg[0], arg[1], arg[2]);
}

/* Where an element is: base + the affine terms + rest. With `checked` the indices are compared with the
 * extents first, since their ranges alone do not show that they are inside. */
typedef struct KAddr {
  int64_t base;
  int n;
  int axis[KERN_MAX_AXES];
  int64_t coef[KERN_MAX_AXES];
  const Ix *rest; /* or NULL */
  bool checked;
  int nidx;
  const Ix *const *idx;
  const int64_t *dim;
  const char *name;
} KAddr;

/* An expression ready to be evaluated. */
typedef struct KCode KCode;
struct KCode {
  KExprKind kind;
  DType dtype, from; /* from: of the memory read, of the operand of a cast */
  EltOp elt;
  KCode *arg[3];
  double value;
  const Ix *ix;
  const void *memory;  /* READ; VALUE whose array exists: doubles */
  KAddr addr;          /* of both */
  const KVal *inlined; /* VALUE evaluated at each use, its indices in addr.idx */
  uint64_t key;        /* RANDOM */
};

typedef struct KRun {
  const Kernel *k;
  Arena *arena; /* gone after the run */
  void *const *bufs;
  const KStepEnv *env;
  bool f64;
  double **array; /* each value's elements, row-major over its axes; NULL: evaluated at each use */
  KCode **code;   /* of each value */
  int64_t at[KERN_MAX_AXES];
} KRun;

static int64_t read_index(void *ctx, int buf, const int64_t *idx, int nidx) {
  KRun *r = ctx;
  const KBuf *b = &r->k->buf[buf];
  int64_t at = 0;
  for (int i = 0; i < nidx; i++) {
    if (idx[i] < 0 || idx[i] >= b->dim[i])
      ice("kernel %s: an index reads '%s' out of range: %lld in dimension %d", r->k->name, b->name,
          (long long)idx[i], i);
    at += idx[i] * b->stride[i];
  }
  return (int64_t)load(b->dtype, r->f64, r->bufs[buf], at);
}

static int64_t index_here(KRun *r, const Ix *x) {
  return ix_eval(x, r->at, read_index, r);
}

static void value_layout(const Kernel *k, const KVal *v, int64_t *dim, int64_t *stride) {
  int64_t step = 1;
  for (int i = v->naxes - 1; i >= 0; i--) {
    dim[i] = k->axis[v->axis[i]].extent;
    stride[i] = step;
    step *= dim[i];
  }
}

/* Takes the affine terms of x out into the address and leaves the rest. */
static void set_terms(KRun *r, KAddr *a, const Ix *x) {
  Ix *rest = ARENA_NEW(r->arena, Ix);
  IxTerm *term = ARENA_ARRAY(r->arena, x->nterm, IxTerm);
  a->base = x->base;
  for (int i = 0; i < x->nterm; i++) {
    if (x->term[i].atom->kind == IX_AXIS) {
      a->axis[a->n] = x->term[i].atom->id;
      a->coef[a->n++] = x->term[i].coef;
    } else {
      term[rest->nterm++] = x->term[i];
    }
  }
  rest->term = term;
  a->rest = rest->nterm ? rest : NULL;
}

static KAddr make_addr(KRun *r, const char *name, int rank, const int64_t *dim, const int64_t *stride,
                       const Ix *const *idx) {
  KAddr a = {.nidx = rank, .idx = idx, .dim = dim, .name = name};
  const Ix *x = ix_const(r->arena, 0);
  for (int i = 0; i < rank; i++) {
    int64_t lo, hi;
    ix_range(idx[i], &lo, &hi);
    a.checked |= lo < 0 || hi >= dim[i] || ix_has_read(idx[i]);
    x = ix_add(r->arena, x, ix_scale(r->arena, idx[i], stride[i]));
  }
  set_terms(r, &a, x);
  return a;
}

static void check_indices(KRun *r, const KAddr *a) {
  for (int i = 0; i < a->nidx; i++) {
    int64_t v = index_here(r, a->idx[i]);
    if (v < 0 || v >= a->dim[i])
      ice("kernel %s: '%s' is read out of range: %lld in dimension %d of extent %lld", r->k->name, a->name,
          (long long)v, i, (long long)a->dim[i]);
  }
}

static int64_t address_of(KRun *r, const KAddr *a) {
  if (a->checked) check_indices(r, a);
  int64_t at = a->base;
  for (int i = 0; i < a->n; i++) at += a->coef[i] * r->at[a->axis[i]];
  return a->rest ? at + index_here(r, a->rest) : at;
}

static void compile_read(KRun *r, KCode *c, const KExpr *e) {
  const KBuf *b = &r->k->buf[e->ref];
  c->memory = r->bufs[e->ref];
  c->from = b->dtype;
  c->addr = make_addr(r, b->name, b->rank, b->dim, b->stride, e->idx);
}

static void compile_value(KRun *r, KCode *c, const KExpr *e) {
  const KVal *v = &r->k->val[e->ref];
  int64_t *dim = ARENA_ARRAY(r->arena, v->naxes, int64_t), stride[KERN_MAX_DOMAIN];
  value_layout(r->k, v, dim, stride);
  c->addr = make_addr(r, v->name, v->naxes, dim, stride, e->idx);
  c->memory = r->array[e->ref];
  if (c->memory) return;
  c->inlined = v;
  c->arg[0] = r->code[e->ref];
}

static uint64_t word_of(const KRun *r, int word) {
  return r->env->word ? r->env->word[word] : r->k->word[word].value;
}

static uint64_t key_of(const KRun *r, int stream) {
  const KStepEnv *env = r->env;
  return random_key(env->seed, word_of(r, stream), env->step, env->micro);
}

static KCode *compile(KRun *r, const KExpr *e) {
  KCode *c = ARENA_NEW(r->arena, KCode);
  *c = (KCode){.kind = e->kind, .dtype = e->dtype, .elt = e->elt, .ix = e->ix};
  int operands = e->kind == KE_ELT ? elt_rows[e->elt].arity : e->kind == KE_CAST;
  for (int i = 0; i < operands; i++) c->arg[i] = compile(r, e->arg[i]);
  if (operands) c->from = e->arg[e->kind == KE_ELT && e->elt == E_SELECT]->dtype;
  switch (e->kind) {
  case KE_READ: compile_read(r, c, e); break;
  case KE_VALUE: compile_value(r, c, e); break;
  case KE_CONST: c->value = rounded(e->dtype, r->f64, e->value); break;
  case KE_STEP: c->value = rounded(DT_F32, r->f64, r->env->scalar(r->env->ctx, e->name)); break;
  case KE_RANDOM: c->key = key_of(r, e->ref); break;
  case KE_NUMBER: c->value = (double)kword_number(word_of(r, e->ref)); break;
  case KE_CAST:
  case KE_ELT:
  case KE_INDEX: break;
  }
  return c;
}

static double eval(KRun *r, const KCode *c);

/* The value's definition at other indices: its axes stand at them meanwhile. */
static double eval_inlined(KRun *r, const KCode *c) {
  int64_t saved[KERN_MAX_DOMAIN], to[KERN_MAX_DOMAIN];
  const KVal *v = c->inlined;
  if (c->addr.checked) check_indices(r, &c->addr);
  for (int i = 0; i < v->naxes; i++) {
    saved[i] = r->at[v->axis[i]];
    to[i] = index_here(r, c->addr.idx[i]);
  }
  for (int i = 0; i < v->naxes; i++) r->at[v->axis[i]] = to[i];
  double result = eval(r, c->arg[0]);
  for (int i = 0; i < v->naxes; i++) r->at[v->axis[i]] = saved[i];
  return result;
}

static double eval_elt(KRun *r, const KCode *c) {
  double arg[3] = {eval(r, c->arg[0]), 0, 0};
  if (c->elt == E_SELECT) return eval(r, c->arg[arg[0] != 0 ? 1 : 2]);
  for (int i = 1; i < 3 && c->arg[i]; i++) arg[i] = eval(r, c->arg[i]);
  return rounded(c->dtype, r->f64, apply(c->elt, c->from, arg));
}

static double eval(KRun *r, const KCode *c) {
  switch (c->kind) {
  case KE_CONST:
  case KE_NUMBER:
  case KE_STEP: return c->value;
  case KE_INDEX: return rounded(c->dtype, r->f64, (double)index_here(r, c->ix));
  case KE_READ: return load(c->from, r->f64, c->memory, address_of(r, &c->addr));
  case KE_VALUE:
    if (c->inlined) return eval_inlined(r, c);
    return ((const double *)c->memory)[address_of(r, &c->addr)];
  case KE_ELT: return eval_elt(r, c);
  case KE_CAST: return converted(c->dtype, r->f64, eval(r, c->arg[0]));
  case KE_RANDOM: return (double)random_uniform(c->key, (uint32_t)index_here(r, c->ix));
  }
  ice("interpreter: expression of kind %d", (int)c->kind);
}

enum { MOST_KEPT = 1 << 24 };

/* The number of points of the axes, held within 2^62. */
static int64_t points(const Kernel *k, int n, const int *axis) {
  double size = 1;
  for (int i = 0; i < n; i++) size *= (double)k->axis[axis[i]].extent;
  return size < 0x1p62 ? (int64_t)size : (int64_t)1 << 62;
}

static int64_t points_evaluated(const Kernel *k, const KVal *v) {
  int axis[2 * KERN_MAX_DOMAIN] = {0};
  for (int i = 0; i < v->naxes; i++) axis[i] = v->axis[i];
  for (int i = 0; i < v->nred; i++) axis[v->naxes + i] = v->red[i].axis;
  return points(k, v->naxes + v->nred, axis);
}

/* How often each value is asked for, by the values that use it. */
static void count_uses(const KExpr *e, int64_t points, double *uses) {
  if (e->kind == KE_VALUE) uses[e->ref] += (double)points;
  for (int i = 0; i < 3 && e->arg[i]; i++) count_uses(e->arg[i], points, uses);
}

static bool is_stored(const Kernel *k, int val) {
  for (int i = 0; i < k->nstore; i++)
    if (k->store[i].val == val) return true;
  return false;
}

static void choose_kept(KRun *r) {
  const Kernel *k = r->k;
  double *uses = ARENA_ARRAY(r->arena, k->nval, double);
  for (int i = 0; i < k->nval; i++) count_uses(k->val[i].expr, points_evaluated(k, &k->val[i]), uses);
  for (int i = 0; i < k->nval; i++) {
    const KVal *v = &k->val[i];
    int64_t n = points(k, v->naxes, v->axis);
    bool must = v->reduce != KR_NONE || is_stored(k, i);
    if (must || (n <= MOST_KEPT && uses[i] > (double)n)) r->array[i] = ARENA_ARRAY(r->arena, n, double);
  }
}

typedef struct Sum {
  const KVal *v;
  const KCode *code;
  double value;
} Sum;

static void bounds(KRun *r, const KRed *red, int64_t *lo, int64_t *hi) {
  int64_t extent = r->k->axis[red->axis].extent;
  *lo = red->lo ? index_here(r, red->lo) : 0;
  *hi = red->hi ? index_here(r, red->hi) : extent;
  if (*lo < 0 || *hi > extent)
    ice("kernel %s: bounds %lld .. %lld of axis '%s' leave 0 .. %lld", r->k->name, (long long)*lo,
        (long long)*hi, r->k->axis[red->axis].name, (long long)extent);
}

/* Accumulates over the reduced axes from number `depth` on, in order. */
static void accumulate(KRun *r, Sum *s, int depth) {
  const KVal *v = s->v;
  if (depth == v->nred) {
    double term = eval(r, s->code);
    bool sum = v->reduce == KR_SUM;
    double next = sum && v->dtype != DT_I32 ? s->value + term
                                            : apply(sum ? E_ADD : E_MAX, v->acc, (double[3]){s->value, term});
    s->value = rounded(v->acc, r->f64, next);
    return;
  }
  int64_t lo, hi;
  int axis = v->red[depth].axis;
  bounds(r, &v->red[depth], &lo, &hi);
  for (int64_t i = lo; i < hi; i++) {
    r->at[axis] = i;
    accumulate(r, s, depth + 1);
  }
  r->at[axis] = 0;
}

static double identity(const KVal *v) {
  if (v->reduce != KR_MAX) return 0;
  return v->dtype == DT_I32 ? INT32_MIN : -INFINITY;
}

static double element(KRun *r, const KVal *v, const KCode *code) {
  if (v->reduce == KR_NONE) return eval(r, code);
  Sum s = {v, code, identity(v)};
  accumulate(r, &s, 0);
  return rounded(v->dtype, r->f64, s.value);
}

static void compute(KRun *r, int i) {
  const KVal *v = &r->k->val[i];
  r->code[i] = compile(r, v->expr);
  if (!r->array[i]) return;
  int64_t n = 0;
  do {
    r->array[i][n++] = element(r, v, r->code[i]);
  } while (kern_next_point(r->k, v->naxes, v->axis, r->at));
}

static void store(KRun *r, const KStore *s) {
  const KVal *v = &r->k->val[s->val];
  const KBuf *b = &r->k->buf[s->buf];
  KAddr to = make_addr(r, b->name, b->rank, b->dim, b->stride, s->idx);
  int64_t n = 0;
  do {
    put(b->dtype, r->f64, r->bufs[s->buf], address_of(r, &to), r->array[s->val][n++]);
  } while (kern_next_point(r->k, v->naxes, v->axis, r->at));
}

void kern_interp(const Kernel *k, void *const *bufs, const KStepEnv *env, bool f64) {
  KRun r = {.k = k, .arena = arena_new(), .bufs = bufs, .env = env, .f64 = f64};
  r.array = ARENA_ARRAY(r.arena, k->nval, double *);
  r.code = ARENA_ARRAY(r.arena, k->nval, KCode *);
  choose_kept(&r);
  for (int i = 0; i < k->nval; i++) compute(&r, i);
  for (int i = 0; i < k->nstore; i++) store(&r, &k->store[i]);
  arena_free(r.arena);
}
