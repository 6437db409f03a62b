/* Random memory for a kernel's buffers, and the comparison of two runs. */
#include "tests/codegen/cuda/data.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ir/kernel/kern_walk.h"
#include "tests/suite.h"

static const char *const own[] = {"step", "micro", "total", "epoch_steps", "constant"};

static double own_field(const TessStep *s, int i) {
  const double v[] = {s->step_f, s->micro_f, s->total, s->epoch_steps, s->constant};
  return v[i];
}

static int find_name(const char *const *names, int n, const char *name) {
  for (int i = 0; i < n; i++)
    if (!strcmp(names[i], name)) return i;
  return -1;
}

static void note_settings(DataStep *s, const KExpr *e) {
  if (e->kind == KE_STEP && find_name(own, 5, e->name) < 0 &&
      find_name(s->setting, s->nsetting, e->name) < 0 && s->nsetting < TESS_MAX_SETTINGS)
    s->setting[s->nsetting++] = e->name;
  for (int i = 0; i < 3; i++)
    if (e->arg[i]) note_settings(s, e->arg[i]);
}

DataStep data_step(const KernList *list) {
  DataStep s = {.block = {.seed = draw_below(UINT32_MAX), .step = draw_below(1000), .micro = draw_below(4)}};
  TessStep *b = &s.block;
  b->step_f = (float)b->step;
  b->micro_f = (float)b->micro;
  b->total = 1000;
  b->epoch_steps = 17;
  for (int i = 0; i < TESS_MAX_SETTINGS; i++) b->setting[i] = (float)draw_real(0, 1);
  for (int i = 0; i < list->n; i++)
    for (int v = 0; v < list->k[i]->nval; v++) note_settings(&s, list->k[i]->val[v].expr);
  return s;
}

static double field(void *ctx, const char *name) {
  const DataStep *s = ctx;
  int i = find_name(own, 5, name);
  return i >= 0 ? own_field(&s->block, i) : s->block.setting[find_name(s->setting, s->nsetting, name)];
}

KStepEnv data_env(const DataStep *step) {
  return (KStepEnv){
      step->block.seed, step->block.step, step->block.micro, field, (void *)(uintptr_t)step, NULL};
}

static int64_t elements(const KBuf *b) {
  int64_t n = 1;
  for (int i = 0; i < b->rank; i++) n += (b->dim[i] - 1) * b->stride[i];
  return n;
}

/* Which indexed reads are lower and upper bounds of reductions: those are drawn from the lower and the upper
 * half of their range, so that few sums are empty. */
typedef struct Bounds {
  const Kernel *k;
  int64_t *below; /* of indexed reads; 0: none */
  bool *low, *high, upper;
  double least; /* of floats */
} Bounds;

static void note_bound(void *ctx, const IxAtom *read) {
  Bounds *b = ctx;
  (b->upper ? b->high : b->low)[read->id] = true;
}

static Bounds find_bounds(Arena *a, const Kernel *k) {
  Bounds b = {k, kern_read_bounds(a, k), ARENA_ARRAY(a, k->nbuf, bool), ARENA_ARRAY(a, k->nbuf, bool), false,
              0};
  for (int v = 0; v < k->nval; v++)
    for (int i = 0; i < k->val[v].nred; i++) {
      const KRed *r = &k->val[v].red[i];
      b.upper = false;
      if (r->lo) ix_each_read(r->lo, note_bound, &b);
      b.upper = true;
      if (r->hi) ix_each_read(r->hi, note_bound, &b);
    }
  return b;
}

static double draw(const Bounds *b, int buf) {
  DType t = b->k->buf[buf].dtype;
  int64_t n = b->below[buf], from = 0;
  if (dtype_is_float(t)) return draw_real(b->least, 1);
  if (!n) n = t == DT_BOOL ? 2 : 11;
  if (b->high[buf]) from = n / 2;
  if (b->low[buf]) n = (n + 1) / 2;
  int64_t many = n > from ? n - from : 1;
  return (double)(from + draw_below((uint32_t)many));
}

void **data_buffers(Arena *a, const Kernel *k, double least) {
  void **bufs = ARENA_ARRAY(a, k->nbuf, void *);
  Bounds bounds = find_bounds(a, k);
  bounds.least = least;
  for (int i = 0; i < k->nbuf; i++) {
    const KBuf *b = &k->buf[i];
    int64_t n = elements(b);
    bufs[i] = arena_array(a, (size_t)n, (size_t)dtype_size(b->dtype));
    for (int64_t j = 0; j < n; j++) dtype_set(b->dtype, bufs[i], j, draw(&bounds, i));
  }
  return bufs;
}

static size_t bytes(const KBuf *b) {
  return (size_t)elements(b) * (size_t)dtype_size(b->dtype);
}

void **data_copy(Arena *a, const Kernel *k, void *const *bufs) {
  void **copy = ARENA_ARRAY(a, k->nbuf, void *);
  for (int i = 0; i < k->nbuf; i++) copy[i] = arena_copy(a, bufs[i], bytes(&k->buf[i]));
  return copy;
}

static double nodes(const KExpr *e) {
  double n = 1;
  for (int i = 0; i < 3; i++)
    if (e->arg[i]) n += nodes(e->arg[i]);
  return n;
}

double data_work(const Kernel *k) {
  double all = 0;
  for (int i = 0; i < k->nval; i++) {
    const KVal *v = &k->val[i];
    double n = nodes(v->expr);
    for (int j = 0; j < v->naxes; j++) n *= (double)k->axis[v->axis[j]].extent;
    for (int j = 0; j < v->nred; j++) n *= (double)k->axis[v->red[j].axis].extent;
    all += n;
  }
  return all;
}

/* Sums are in another order and multiplications fused with additions; a value that is rounded to fewer bits
 * on the way can be one unit off. In f32, 4.5e-6 of the element and its tensor's mean square root at most in
 * some 300 tensors. */
static double tolerance(const Kernel *k, DType t) {
  double most = dtype_is_float(t) ? 2e-5 : 0;
  if (t == DT_BF16) most = 0x1p-7;
  if (t == DT_F16) most = 0x1p-10;
  for (int i = 0; i < k->nval && dtype_is_float(t); i++)
    if (k->val[i].dtype == DT_BF16 || k->val[i].dtype == DT_F16) most = fmax(most, 0x1p-7);
  return most;
}

static double rms(const KBuf *b, const void *p) {
  double sum = 0;
  int64_t n = elements(b);
  for (int64_t i = 0; i < n; i++) {
    double v = dtype_get(b->dtype, p, i);
    if (isfinite(v)) sum += v * v;
  }
  return sqrt(sum / (double)n);
}

static bool near(double got, double want, double scale, double tol) {
  if (isnan(got) || isnan(want)) return isnan(got) && isnan(want);
  return got == want || fabs(got - want) <= tol * (fabs(want) + scale);
}

int64_t data_compare(const Kernel *k, void *const *got, void *const *want) {
  int64_t bad = 0;
  for (int i = 0; i < k->nbuf; i++) {
    const KBuf *b = &k->buf[i];
    double scale = rms(b, want[i]), tol = tolerance(k, b->dtype);
    for (int64_t j = 0; j < elements(b); j++) {
      double x = dtype_get(b->dtype, got[i], j), y = dtype_get(b->dtype, want[i], j);
      if (near(x, y, scale, tol)) continue;
      if (!bad++)
        fprintf(stderr, "%s: %s element %lld is %.9g, expected %.9g\n", k->name, b->name, (long long)j, x, y);
    }
  }
  return bad;
}

bool data_same(const Kernel *k, void *const *x, void *const *y) {
  for (int i = 0; i < k->nbuf; i++)
    if (memcmp(x[i], y[i], bytes(&k->buf[i])) != 0) return false;
  return true;
}

double data_finite(const Kernel *k, void *const *bufs) {
  double finite = 0, all = 0;
  for (int i = 0; i < k->nbuf; i++) {
    if (k->buf[i].kind == KB_IN) continue;
    for (int64_t j = 0; j < elements(&k->buf[i]); j++, all++)
      finite += isfinite(dtype_get(k->buf[i].dtype, bufs[i], j));
  }
  return finite / all;
}
