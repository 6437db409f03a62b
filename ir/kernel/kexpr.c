/* Kernel IR: building and rewriting expressions. */
#include "ir/kernel/kern.h"
#include "ir/kernel/kern_name.h"

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

const KExpr *kexpr_random(Kernel *k, int stream, const Ix *element) {
  if (stream < 0 || stream >= k->nstream) ice("kernel %s: no stream %d to draw from", k->name, stream);
  KExpr *e = expr_new(k->arena, KE_RANDOM, DT_F32);
  e->ref = stream;
  e->ix = element;
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
