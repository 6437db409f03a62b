/* The tensor-core dot as CUDA C. Fragments are as the PTX ISA lays out mma.m16n8k16: of a warp's lane l,
 * group l / 4 and pair l % 4, an operand register holds two neighbouring terms. */
#include "codegen/cuda/text/cuda_dot.h"

#include "base/i64.h"

enum {
  PAD = 8
}; /* elements after a stage's row: rows 20 or more banks apart, so that a fragment's loads don't collide */

/* Names that the text below gives to what is no axis, buffer or value. */
static const char *const words[] = {
    "stage_a", "stage_b", "m_first", "n_first", "m_warp", "n_warp", "lane", "warp", "acc", "turn", "next",
    "slot",    "there",   "word",    "depth",   "left",   "right",  "a",    "b",    "i",   "j",    "p"};

void cuda_dot_words(CudaFn *f) {
  for (size_t i = 0; i < sizeof words / sizeof *words; i++) cuda_name(f, words[i]);
}

/* For printing. */
static long long ll(int64_t v) {
  return v;
}

static const char *dec(CudaFn *f, int64_t v) {
  return arena_printf(f->a, "%lld", ll(v));
}

static int64_t width(const CudaDot *d) {
  return d->bk + PAD;
}

static int64_t extent(const CudaFn *f, const CudaDot *d, KRole r) {
  return kern_role_extent(f->k, &d->plan->role[r]);
}

static int64_t tiles(const CudaFn *f, const CudaDot *d, const CudaSide *s) {
  return i64_ceil_div(extent(f, d, s->rows), s->height);
}

/* Names a position along a role, and with it the role's axes; gives the name. */
static const char *place(CudaFn *f, const CudaDot *d, KRole role, const char *position) {
  const KRoleAxes *r = &d->plan->role[role];
  if (r->naxes == 1) {
    int axis = r->axis[0];
    cuda_bind_axis(f, axis);
    cuda_line(f, "const %s %s = %s;", f->index, f->axis_name[axis], position);
    return f->axis_name[axis];
  }
  const char *at = cuda_name(f, arena_printf(f->a, "%s_at", kern_role_name(role)));
  cuda_line(f, "const %s %s = %s;", f->index, at, position);
  cuda_split(f, at, r->naxes, r->axis);
  return at;
}

static void declare_tile(CudaFn *f, const CudaDot *d) {
  const CudaSide *a = &d->side[0], *b = &d->side[1];
  int64_t mt = tiles(f, d, a), nt = tiles(f, d, b);
  cuda_line(f, "const int lane = threadIdx.x %% 32, warp = threadIdx.x / 32;");
  cuda_line(f, "unsigned short *const stage_a = (unsigned short *)dynamic_shared();");
  cuda_line(f, "unsigned short *const stage_b = stage_a + %lld;", ll(d->ring * d->bm * width(d)));
  cuda_line(f, "const int m_first = blockIdx.x / %lld %% %lld * %lld, n_first = blockIdx.x %% %lld * %lld;",
            ll(nt), ll(mt), ll(d->bm), ll(nt), ll(d->bn));
  cuda_line(f, "const int m_warp = warp / %lld * %lld, n_warp = warp %% %lld * %lld;", ll(d->wn),
            ll(d->bm / d->wm), ll(d->wn), ll(d->bn / d->wn));
  if (d->plan->role[ROLE_BATCH].naxes) {
    const char *of = arena_printf(f->a, "(%s)(blockIdx.x / %lld)", f->index, ll(mt * nt));
    place(f, d, ROLE_BATCH, of);
  }
  cuda_line(f, "float acc[%lld][%lld][4] = {};", ll(d->bm / d->wm / 16), ll(d->bn / d->wn / 8));
}

/* Whether 8 terms from a multiple of 8 on lie in one aligned piece of a buffer, given an aligned buffer. */
static bool copies(CudaFn *f, const CudaDot *d, const KExpr *e) {
  int64_t coef;
  const KRoleAxes *k = &d->plan->role[ROLE_K];
  if (e->kind != KE_READ || k->naxes != 1 || extent(f, d, ROLE_K) % 8) return false;
  const KBuf *b = &f->k->buf[e->ref];
  const Ix *at = ix_const(f->a, 0);
  for (int i = 0; i < e->nidx; i++) at = ix_add(f->a, at, ix_scale(f->a, e->idx[i], b->stride[i]));
  if (!ix_coef(at, k->axis[0], &coef) || coef != 1 || at->base % 8) return false;
  for (int i = 0; i < at->nterm; i++) {
    const IxAtom *x = at->term[i].atom;
    bool is_k = x->kind == IX_AXIS && x->id == k->axis[0];
    if (!is_k && at->term[i].coef % 8) return false;
  }
  return true;
}

/* One operand's tile of turn `next` into its slot of the ring: `piece` terms at a time. */
static void stage(CudaFn *f, const CudaDot *d, const CudaSide *s) {
  bool copy = copies(f, d, s->expr);
  int64_t piece = copy ? 8 : 1, a_row = d->bk / piece, threads = 32 * d->wm * d->wn;
  const char *e = cuda_name(f, "e");
  cuda_open(f, true, "for (int %s = threadIdx.x; %s < %lld; %s += %lld)", e, e, ll(s->height * a_row), e,
            ll(threads));
  cuda_move_name(f);
  const char *r = cuda_name(f, "r"), *c = cuda_name(f, "c");
  cuda_line(f, "const int %s = %s / %lld, %s = %s %% %lld%s;", r, e, ll(a_row), c, e, ll(a_row),
            copy ? " * 8" : "");
  const char *row = place(f, d, s->rows, arena_printf(f->a, "%s + %s", s->first, r));
  const char *k = place(f, d, ROLE_K, arena_printf(f->a, "next * %lld + %s", ll(d->bk), c));
  const char *to =
      arena_printf(f->a, "%s + (slot * %lld + %s) * %lld + %s", s->stage, ll(s->height), r, ll(width(d)), c);
  const char *there = arena_printf(f->a, "%s < %s && %s < %s", row, dec(f, extent(f, d, s->rows)), k,
                                   dec(f, extent(f, d, ROLE_K)));
  if (copy) {
    cuda_line(f, "const bool there = %s;", there);
    cuda_line(f, "copy_async(%s, there ? &%s : %s, there ? 16 : 0);", to,
              cuda_element(f, s->expr->ref, s->expr->idx), f->buf_name[s->expr->ref]);
  } else {
    cuda_line(f, "unsigned short word = 0;");
    cuda_open(f, true, "if (%s)", there);
    cuda_line(f, "word = %s;", cuda_to_memory(f, DT_BF16, cuda_expr(f, s->expr)));
    cuda_close(f);
    cuda_line(f, "*(%s) = word;", to);
  }
  cuda_close(f);
}

/* Loads the fragments of 16 terms and multiplies them. */
static void multiply(CudaFn *f, const CudaDot *d) {
  int64_t mi = d->bm / d->wm / 16, ni = d->bn / d->wn / 8, w = width(d);
  cuda_line(
      f,
      "const unsigned short *a = stage_a + (turn %% %lld * %lld + m_warp + lane / 4) * %lld + lane %% 4 * 2;",
      ll(d->ring), ll(d->bm), ll(w));
  cuda_line(
      f,
      "const unsigned short *b = stage_b + (turn %% %lld * %lld + n_warp + lane / 4) * %lld + lane %% 4 * 2;",
      ll(d->ring), ll(d->bn), ll(w));
  cuda_line(f, "#pragma unroll");
  cuda_open(f, true, "for (int depth = 0; depth < %lld; depth += 16)", ll(d->bk));
  cuda_line(f, "u32 left[%lld][4], right[%lld][2];", ll(mi), ll(ni));
  cuda_line(f, "#pragma unroll");
  cuda_open(f, true, "for (int i = 0; i < %lld; i++)", ll(mi));
  for (int p = 0; p < 4; p++)
    cuda_line(f, "left[i][%d] = *(const u32 *)(a + (i * 16 + %d) * %lld + depth + %d);", p, p % 2 * 8, ll(w),
              p / 2 * 8);
  cuda_close(f);
  cuda_line(f, "#pragma unroll");
  cuda_open(f, true, "for (int j = 0; j < %lld; j++)", ll(ni));
  for (int p = 0; p < 2; p++)
    cuda_line(f, "right[j][%d] = *(const u32 *)(b + j * 8 * %lld + depth + %d);", p, ll(w), p * 8);
  cuda_close(f);
  cuda_line(f, "#pragma unroll");
  cuda_open(f, true, "for (int i = 0; i < %lld; i++)", ll(mi));
  cuda_line(f, "#pragma unroll");
  cuda_line(f, "for (int j = 0; j < %lld; j++) mma_bf16(acc[i][j], left[i], right[j]);", ll(ni));
  cuda_close(f);
  cuda_close(f);
}

/* Turns before the first fill the ring; from then on each turn waits for its stage, asks for the one that
 * takes the place of what the last turn has used, and multiplies. */
static void turns(CudaFn *f, const CudaDot *d) {
  int64_t n = i64_ceil_div(extent(f, d, ROLE_K), d->bk);
  cuda_open(f, true, "for (int turn = %lld; turn < %lld; turn++)", ll(1 - d->ring), ll(n));
  cuda_open(f, true, "if (turn >= 0)");
  cuda_line(f, "copy_wait<%lld>();", ll(d->ring - 2));
  cuda_line(f, "__syncthreads();");
  cuda_close(f);
  cuda_line(f, "const int next = turn + %lld, slot = next %% %lld;", ll(d->ring - 1), ll(d->ring));
  cuda_open(f, true, "if (next < %lld)", ll(n));
  stage(f, d, &d->side[0]);
  stage(f, d, &d->side[1]);
  cuda_close(f);
  cuda_line(f, "copy_commit();");
  cuda_line(f, "if (turn < 0) continue;");
  multiply(f, d);
  cuda_close(f);
}

static void epilogue(CudaFn *f, const CudaDot *d) {
  const CudaSide *a = &d->side[0], *b = &d->side[1];
  int *store = ARENA_ARRAY(f->a, f->k->nstore, int);
  for (int i = 0; i < f->k->nstore; i++) store[i] = i;
  const int64_t many[] = {d->bm / d->wm / 16, d->bn / d->wn / 8, 4};
  for (int i = 0; i < 3; i++) {
    cuda_line(f, "#pragma unroll");
    cuda_open(f, true, "for (int %c = 0; %c < %lld; %c++)", "ijp"[i], "ijp"[i], ll(many[i]), "ijp"[i]);
  }
  const char *m = place(f, d, a->rows, "m_first + m_warp + i * 16 + lane / 4 + p / 2 * 8");
  const char *n = place(f, d, b->rows, "n_first + n_warp + j * 8 + lane % 4 * 2 + p % 2");
  cuda_open(f, true, "if (%s < %s && %s < %s)", m, dec(f, extent(f, d, a->rows)), n,
            dec(f, extent(f, d, b->rows)));
  cuda_bind(f->scope, f->a, d->acc, cuda_own_axes(f, d->acc), "acc[i][j][p]");
  cuda_write_stores(f, f->k->nstore, store);
  for (int i = 0; i < 4; i++) cuda_close(f);
}

void cuda_dot(CudaFn *f, const CudaDot *d, CudaLaunch *l) {
  declare_tile(f, d);
  turns(f, d);
  epilogue(f, d);
  l->grid = tiles(f, d, &d->side[0]) * tiles(f, d, &d->side[1]) * extent(f, d, ROLE_BATCH);
  l->block = (int)(32 * d->wm * d->wn);
  l->shared = 2 * d->ring * (d->bm + d->bn) * width(d);
  l->mma = true;
}
