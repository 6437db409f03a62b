/* The kernel interpreter's expressions: addresses are made affine once, then each is evaluated point by
 * point. */
#include <math.h>

#include "base/random.h"
#include "ir/kernel/kern_run.h"
#include "ir/kernel/kern_walk.h"

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
  return (int64_t)krun_load(b->dtype, r->f64, r->bufs[buf], at);
}

int64_t krun_ix(KRun *r, const Ix *x) {
  return ix_eval(x, r->at, read_index, r);
}

void krun_value_layout(const Kernel *k, const KVal *v, int64_t *dim, int64_t *stride) {
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

KAddr krun_addr(KRun *r, const char *name, int rank, const int64_t *dim, const int64_t *stride,
                const Ix *const *idx) {
  KAddr a = {.nidx = rank, .idx = idx, .dim = dim, .name = name};
  const Ix *x = ix_const(r->arena, 0);
  for (int i = 0; i < rank; i++) {
    int64_t lo, hi;
    ix_range(idx[i], &lo, &hi);
    a.checked |= lo < 0 || hi >= dim[i] || ix_reads(idx[i]);
    x = ix_add(r->arena, x, ix_scale(r->arena, idx[i], stride[i]));
  }
  set_terms(r, &a, x);
  return a;
}

static void check_indices(KRun *r, const KAddr *a) {
  for (int i = 0; i < a->nidx; i++) {
    int64_t v = krun_ix(r, a->idx[i]);
    if (v < 0 || v >= a->dim[i])
      ice("kernel %s: '%s' is read out of range: %lld in dimension %d of extent %lld", r->k->name, a->name,
          (long long)v, i, (long long)a->dim[i]);
  }
}

int64_t krun_address(KRun *r, const KAddr *a) {
  if (a->checked) check_indices(r, a);
  int64_t at = a->base;
  for (int i = 0; i < a->n; i++) at += a->coef[i] * r->at[a->axis[i]];
  return a->rest ? at + krun_ix(r, a->rest) : at;
}

static void compile_read(KRun *r, KCode *c, const KExpr *e) {
  const KBuf *b = &r->k->buf[e->ref];
  c->memory = r->bufs[e->ref];
  c->from = b->dtype;
  c->addr = krun_addr(r, b->name, b->rank, b->dim, b->stride, e->idx);
}

static void compile_value(KRun *r, KCode *c, const KExpr *e) {
  const KVal *v = &r->k->val[e->ref];
  int64_t *dim = ARENA_ARRAY(r->arena, v->naxes, int64_t), stride[KERN_MAX_DOMAIN];
  krun_value_layout(r->k, v, dim, stride);
  c->addr = krun_addr(r, v->name, v->naxes, dim, stride, e->idx);
  c->memory = r->array[e->ref];
  if (c->memory) return;
  c->inlined = v;
  c->arg[0] = r->code[e->ref];
}

static uint64_t key_of(const KRun *r, int stream) {
  const KStepEnv *env = r->env;
  uint64_t number = env->stream ? env->stream[stream] : r->k->stream[stream].value;
  return random_key(env->seed, number, env->step, env->micro);
}

KCode *krun_compile(KRun *r, const KExpr *e) {
  KCode *c = ARENA_NEW(r->arena, KCode);
  *c = (KCode){.kind = e->kind, .dtype = e->dtype, .elt = e->elt, .ix = e->ix};
  for (int i = 0; i < 3 && e->arg[i]; i++) c->arg[i] = krun_compile(r, e->arg[i]);
  const KExpr *operand = e->arg[e->kind == KE_ELT && e->elt == E_SELECT ? 1 : 0];
  if (operand) c->from = operand->dtype;
  switch (e->kind) {
  case KE_READ: compile_read(r, c, e); break;
  case KE_VALUE: compile_value(r, c, e); break;
  case KE_CONST: c->value = krun_round(e->dtype, r->f64, e->value); break;
  case KE_STEP: c->value = krun_round(DT_F32, r->f64, r->env->scalar(r->env->ctx, e->name)); break;
  case KE_RANDOM: c->key = key_of(r, e->ref); break;
  case KE_CAST:
  case KE_ELT:
  case KE_INDEX: break;
  }
  return c;
}

/* The value's definition at other indices: its axes stand at them meanwhile. */
static double eval_inlined(KRun *r, const KCode *c) {
  int64_t saved[KERN_MAX_DOMAIN], to[KERN_MAX_DOMAIN];
  const KVal *v = c->inlined;
  if (c->addr.checked) check_indices(r, &c->addr);
  for (int i = 0; i < v->naxes; i++) {
    saved[i] = r->at[v->axis[i]];
    to[i] = krun_ix(r, c->addr.idx[i]);
  }
  for (int i = 0; i < v->naxes; i++) r->at[v->axis[i]] = to[i];
  double result = krun_eval(r, c->arg[0]);
  for (int i = 0; i < v->naxes; i++) r->at[v->axis[i]] = saved[i];
  return result;
}

static double eval_elt(KRun *r, const KCode *c) {
  double arg[3] = {krun_eval(r, c->arg[0]), 0, 0};
  if (c->elt == E_SELECT) return krun_eval(r, c->arg[arg[0] != 0 ? 1 : 2]);
  for (int i = 1; i < 3 && c->arg[i]; i++) arg[i] = krun_eval(r, c->arg[i]);
  return krun_round(c->dtype, r->f64, krun_elt(c->elt, c->from, arg));
}

double krun_eval(KRun *r, const KCode *c) {
  switch (c->kind) {
  case KE_CONST:
  case KE_STEP: return c->value;
  case KE_INDEX: return krun_round(c->dtype, r->f64, (double)krun_ix(r, c->ix));
  case KE_READ: return krun_load(c->from, r->f64, c->memory, krun_address(r, &c->addr));
  case KE_VALUE:
    if (c->inlined) return eval_inlined(r, c);
    return ((const double *)c->memory)[krun_address(r, &c->addr)];
  case KE_ELT: return eval_elt(r, c);
  case KE_CAST: return krun_cast(c->dtype, r->f64, krun_eval(r, c->arg[0]));
  case KE_RANDOM: return (double)random_uniform(c->key, (uint32_t)krun_ix(r, c->ix));
  }
  ice("interpreter: expression of kind %d", (int)c->kind);
}
