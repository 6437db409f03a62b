/* Values as C: where each is computed, the loops of reductions, and the stores at a point. */
#include <string.h>

#include "codegen/cuda/text/cuda_emit.h"

const Ix *const *cuda_own_axes(CudaFn *f, int val) {
  return kval_own_axes(f->a, f->k, &f->k->val[val]);
}

/* A reduction's axis keeps its number unless a loop around the place of evaluation has it already, or the
 * indices say something of that axis. */
static int reduction_axis(CudaFn *f, const KVal *v, const Ix *const *idx, int axis) {
  bool clash = cuda_axis_bound(f, axis);
  for (int i = 0; i < v->naxes; i++) clash |= ix_uses_axis(idx[i], axis);
  return clash ? cuda_fresh_axis(f, axis) : axis;
}

const KExpr *cuda_body(CudaFn *f, int val, const Ix *const *idx, KRed *red) {
  const KVal *v = &f->k->val[val];
  const Ix *to[KERN_MAX_AXES] = {0};
  for (int i = 0; i < v->naxes; i++) to[v->axis[i]] = idx[i];
  for (int i = 0; i < v->nred; i++) {
    red[i].axis = reduction_axis(f, v, idx, v->red[i].axis);
    to[v->red[i].axis] = cuda_axis_ix(f, red[i].axis);
  }
  for (int i = 0; i < v->nred; i++) {
    red[i].lo = v->red[i].lo ? ix_subst(f->a, v->red[i].lo, to, f->k->naxes) : NULL;
    red[i].hi = v->red[i].hi ? ix_subst(f->a, v->red[i].hi, to, f->k->naxes) : NULL;
  }
  return kexpr_subst(f->a, v->expr, to, f->k->naxes);
}

void cuda_open_loops(CudaFn *f, int n, const KRed *red) {
  for (int i = 0; i < n; i++) {
    const char *lo = red[i].lo ? cuda_index(f, red[i].lo) : "0";
    const char *hi = red[i].hi ? cuda_index(f, red[i].hi)
                               : arena_printf(f->a, "%lld", (long long)f->axis_extent[red[i].axis]);
    const char *name = f->axis_name[red[i].axis];
    cuda_open(f, false, "for (%s %s = %s; %s < %s; %s++)", f->index, name, lo, name, hi, name);
    cuda_bind_axis(f, red[i].axis);
  }
}

void cuda_accumulate(CudaFn *f, const KVal *v, const char *acc, const char *term) {
  if (v->reduce == KR_MAX)
    cuda_line(f, "%s = larger(%s, %s);", acc, acc, term);
  else if (v->acc == DT_F32 || v->acc == DT_I32)
    cuda_line(f, "%s += %s;", acc, cuda_bare(f, term));
  else
    cuda_line(f, "%s = %s;", acc, cuda_round(f, v->acc, arena_printf(f->a, "%s + %s", acc, term)));
}

const char *cuda_identity(CudaFn *f, const KVal *v) {
  if (v->reduce == KR_MAX) return v->dtype == DT_I32 ? "(-2147483647 - 1)" : "(-INFINITE)";
  return cuda_constant(f, v->acc, 0);
}

static const char *reduced(CudaFn *f, int val, const Ix *const *idx) {
  const KVal *v = &f->k->val[val];
  KRed red[KERN_MAX_DOMAIN];
  const KExpr *body = cuda_body(f, val, idx, red);
  const char *name = cuda_name(f, v->name);
  cuda_line(f, "%s %s = %s;", cuda_register_type(v->acc), name, cuda_bare(f, cuda_identity(f, v)));
  cuda_open_loops(f, v->nred, red);
  cuda_accumulate(f, v, name, cuda_expr(f, body));
  for (int i = 0; i < v->nred; i++) cuda_close(f);
  return cuda_cast(f, v->dtype, v->acc, name);
}

static const char *mapped(CudaFn *f, int val, const Ix *const *idx) {
  KRed red[KERN_MAX_DOMAIN];
  const KVal *v = &f->k->val[val];
  const char *text = cuda_expr(f, cuda_body(f, val, idx, red));
  const char *name = cuda_name(f, v->name);
  cuda_line(f, "const %s %s = %s;", cuda_register_type(v->dtype), name, cuda_bare(f, text));
  return name;
}

/* Where the value is held for the row, if these indices ask for the row's own. */
static const char *row_value(CudaFn *f, int val, const Ix *const *idx) {
  const CudaHeld *h = NULL;
  for (int i = 0; i < f->nheld; i++)
    if (f->held[i].val == val) h = &f->held[i];
  if (!h) return NULL;
  const KVal *v = &f->k->val[val];
  const Ix *at = ix_const(f->a, 0);
  for (int i = 0, j = 0; i < v->naxes; i++) {
    if (j < h->naxis && h->axis[j] == v->axis[i]) {
      at = ix_add(f->a, ix_scale(f->a, at, f->axis_extent[h->axis[j++]]), idx[i]);
    } else if (!ix_same(idx[i], cuda_axis_ix(f, v->axis[i]))) {
      return NULL;
    }
  }
  return h->naxis ? arena_printf(f->a, "%s[%s]", h->name, cuda_index(f, at)) : h->name;
}

const char *cuda_value(CudaFn *f, int val, const Ix *const *idx) {
  const char *text = row_value(f, val, idx);
  if (!text) text = cuda_lookup(f, val, idx);
  if (text) return text;
  CudaScope *here = f->scope, *home = cuda_home(f, f->k->val[val].naxes, idx);
  f->scope = home;
  text = f->k->val[val].reduce ? reduced(f, val, idx) : mapped(f, val, idx);
  cuda_bind(home, f->a, val, idx, text);
  f->scope = here;
  return text;
}

void cuda_split(CudaFn *f, const char *position, int n, const int *axis) {
  int64_t all = cuda_product(f, n, axis), inner = all;
  for (int i = 0; i < n; i++) {
    int64_t extent = f->axis_extent[axis[i]];
    bool outermost = inner == all;
    inner /= extent;
    cuda_bind_axis(f, axis[i]);
    if (extent == 1) continue;
    const char *by = inner > 1 ? arena_printf(f->a, " / %lld", (long long)inner) : "";
    const char *mod = outermost ? "" : arena_printf(f->a, " %% %lld", (long long)extent);
    cuda_line(f, "const %s %s = %s%s%s;", f->index, f->axis_name[axis[i]], position, by, mod);
  }
}

void cuda_write_stores(CudaFn *f, int n, const int *store) {
  const char **value = ARENA_ARRAY(f->a, n, const char *);
  for (int i = 0; i < n; i++) {
    int val = f->k->store[store[i]].val;
    value[i] = cuda_value(f, val, cuda_own_axes(f, val));
  }
  for (int i = 0; i < n; i++) {
    const KStore *s = &f->k->store[store[i]];
    DType t = f->k->buf[s->buf].dtype;
    cuda_line(f, "%s = %s;", cuda_element(f, s->buf, s->idx), cuda_to_memory(f, t, value[i]));
  }
}
