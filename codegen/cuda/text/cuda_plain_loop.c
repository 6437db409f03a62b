/* The plain rule's text, from end to end: parts, the threads that share each, and
 * the launch. */
#include "codegen/cuda/text/cuda_plain.h"

/* The value's axes that are in the set, in its own order. */
static int members(const Kernel *k, int val, AxisSet s, int *axis) {
  int n = 0;
  s &= cuda_domain(k, val);
  for (int i = 0; i < k->val[val].naxes; i++)
    if (s >> k->val[val].axis[i] & 1) axis[n++] = k->val[val].axis[i];
  return n;
}

/* Opens `for` over the positions of the axes' product, from `start` by `step`, and names the axes; the
 * position's name. */
static const char *open_share(CudaFn *f, bool closed, const char *position, const char *start,
                              const char *step, int n, const int *axis) {
  const char *i = cuda_name(f, position);
  cuda_open(f, closed, "for (%s %s = %s; %s < %lld; %s += %s)", f->index, i, start, i,
            (long long)cuda_product(f, n, axis), i, step);
  cuda_move_name(f);
  cuda_split(f, i, n, axis);
  return i;
}

static const char *open_block_share(CudaFn *f, const char *position, int n, const int *axis) {
  return open_share(f, false, position, "threadIdx.x", arena_printf(f->a, "%d", f->block), n, axis);
}

static void points(CudaFn *f, const CudaPart *p) {
  int axis[KERN_MAX_DOMAIN], n = members(f->k, f->k->store[p->store[0]].val, p->row, axis);
  const char *wide = f->index[0] == 'l' ? "(long long)" : "";
  open_share(f, false, "i", arena_printf(f->a, "%sblockIdx.x * %d + threadIdx.x", wide, f->block),
             arena_printf(f->a, "%sgridDim.x * %d", wide, f->block), n, axis);
  cuda_write_stores(f, p->nstore, p->store);
  cuda_close(f);
}

/* Each thread sums every block-th term, then the block adds up: an order that the shape alone fixes. */
static const char *block_reduction(CudaFn *f, int val) {
  const KVal *v = &f->k->val[val];
  int axis[KERN_MAX_DOMAIN];
  KRed red[KERN_MAX_DOMAIN];
  const KExpr *body = cuda_body(f, val, cuda_own_axes(f, val), red);
  const char *part = cuda_name(f, arena_printf(f->a, "%s_part", v->name));
  cuda_line(f, "%s %s = %s;", cuda_register_type(v->acc), part, cuda_bare(f, cuda_identity(f, v)));
  for (int i = 0; i < v->nred; i++) axis[i] = red[i].axis;
  open_block_share(f, "e", v->nred, axis);
  for (int i = 0; i < v->nred; i++) {
    const char *name = f->axis_name[axis[i]];
    if (red[i].lo) cuda_line(f, "if (%s < %s) continue;", name, cuda_index(f, red[i].lo));
    if (red[i].hi) cuda_line(f, "if (%s >= %s) continue;", name, cuda_index(f, red[i].hi));
  }
  cuda_accumulate(f, v, part, cuda_expr(f, body));
  cuda_close(f);
  const char *name = cuda_name(f, v->name), *how = v->reduce == KR_MAX ? "max" : "sum";
  const char *whole = arena_printf(f->a, "block_%s<%d>(%s)", how, f->block, part);
  whole = cuda_cast(f, v->dtype, v->acc, cuda_round(f, v->acc, whole));
  cuda_line(f, "const %s %s = %s;", cuda_register_type(v->dtype), name, whole);
  return name;
}

static const char *shared_type(DType t) {
  return t == DT_BOOL ? "unsigned char" : cuda_register_type(t);
}

static const char *held_array(CudaFn *f, int val, int n, const int *axis) {
  const KVal *v = &f->k->val[val];
  const char *name = cuda_name(f, arena_printf(f->a, "%s_row", v->name));
  cuda_line(f, "__shared__ %s %s[%lld];", shared_type(v->dtype), name, (long long)cuda_product(f, n, axis));
  const char *e = open_block_share(f, "e", n, axis);
  const char *value = cuda_value(f, val, cuda_own_axes(f, val));
  cuda_line(f, "%s[%s] = %s;", name, e, value);
  cuda_close(f);
  cuda_line(f, "__syncthreads();");
  return name;
}

static void hold(CudaFn *f, const CudaPart *p, int val) {
  CudaHeld h = {.val = val};
  h.naxis = members(f->k, val, ~p->row, h.axis);
  h.name = h.naxis ? held_array(f, val, h.naxis, h.axis) : block_reduction(f, val);
  ARENA_GROW(f->a, f->held, f->nheld, f->cap_held);
  f->held[f->nheld++] = h;
}

/* The stores whose remaining axes are the same as those of p->store[first], from there on. */
static int together(const CudaFn *f, const CudaPart *p, int first, const bool *done, int *store) {
  AxisSet own = cuda_domain(f->k, f->k->store[p->store[first]].val);
  int n = 0;
  for (int i = first; i < p->nstore; i++)
    if (!done[i] && cuda_domain(f->k, f->k->store[p->store[i]].val) == own) store[n++] = p->store[i];
  return n;
}

static void store_row(CudaFn *f, const CudaPart *p, int first, bool *done) {
  int axis[KERN_MAX_DOMAIN], *store = ARENA_ARRAY(f->a, p->nstore, int);
  int val = f->k->store[p->store[first]].val, n = together(f, p, first, done, store);
  int naxis = members(f->k, val, ~p->row, axis);
  if (naxis)
    open_block_share(f, "e", naxis, axis);
  else
    cuda_open(f, true, "if (threadIdx.x == 0)");
  cuda_write_stores(f, n, store);
  cuda_close(f);
  for (int i = 0; i < n; i++)
    for (int j = first; j < p->nstore; j++) done[j] |= p->store[j] == store[i];
}

static int row_axes(const CudaFn *f, AxisSet row, int *axis) {
  int n = 0;
  for (int i = 0; i < f->k->naxes; i++)
    if (row >> i & 1) axis[n++] = i;
  return n;
}

static void rows(CudaFn *f, const CudaPart *p) {
  int axis[KERN_MAX_AXES], n = row_axes(f, p->row, axis);
  bool *done = ARENA_ARRAY(f->a, p->nstore, bool);
  open_share(f, true, "row", "blockIdx.x", "gridDim.x", n, axis);
  for (int i = 0; i < p->nhold; i++) hold(f, p, p->hold[i]);
  for (int i = 0; i < p->nstore; i++)
    if (!done[i]) store_row(f, p, i, done);
  cuda_line(f, "__syncthreads();");
  cuda_close(f);
  f->nheld = 0;
}

static void write_part(CudaFn *f, const CudaPart *p) {
  if (p->rows)
    rows(f, p);
  else
    points(f, p);
}

void cuda_plain(CudaFn *f, CudaLaunch *l) {
  CudaPart *part;
  int n = cuda_parts(f->k, f->a, &part);
  l->block = 32;
  for (int i = 0; i < n; i++) {
    int block = cuda_part_block(f->k, &part[i]);
    if (block > l->block) l->block = block;
  }
  f->block = l->block;
  for (int i = 0; i < n; i++) {
    int64_t grid = cuda_part_grid(f->k, &part[i], l->block);
    if (grid > l->grid) l->grid = grid;
    write_part(f, &part[i]);
  }
}
