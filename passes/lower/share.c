/* Equal kernels are one: found by their canonical text. So are those that differ only in where they begin to
 * read, steps of a sequence for one, once there are so many that compiling each would take long: the launches
 * then say where, and the kernel reads from the first element on. */
#include "ir/kernel/kern_walk.h"
#include "passes/lower/draft.h"

/* Of fewer, each knows where it begins. */
enum { LEAST_ALIKE = 8 };

/* The first and last element of each buffer that reads go to. */
typedef struct Extent {
  int64_t first, last;
} Extent;

static void look(const KExpr *e, Extent *of) {
  if (!e) return;
  if (e->kind == KE_READ && e->nidx == 1) {
    Extent *x = &of[e->ref];
    int64_t lo, hi;
    ix_range(e->idx[0], &lo, &hi);
    if (lo < x->first) x->first = lo;
    if (hi > x->last) x->last = hi;
  }
  for (int i = 0; i < 3; i++) look(e->arg[i], of);
}

/* Those of flat buffers that are read alone, past their beginning and never beyond their end; of others 0. */
static Extent *extents(Arena *a, const Kernel *k, bool *any) {
  Extent *of = ARENA_ARRAY(a, k->nbuf + 1, Extent);
  const int64_t *address = kern_read_bounds(a, k);
  for (int i = 0; i < k->nbuf; i++) of[i] = (Extent){INT64_MAX, -1};
  for (int i = 0; i < k->nval; i++) look(k->val[i].expr, of);
  *any = false;
  for (int i = 0; i < k->nbuf; i++) {
    const KBuf *b = &k->buf[i];
    bool moves = b->kind == KB_IN && b->rank == 1 && !address[i] && of[i].first > 0 && of[i].last >= 0 &&
                 of[i].last < b->dim[0];
    if (!moves) of[i].first = 0;
    *any = *any || moves;
  }
  return of;
}

static const KExpr *moved_expr(Arena *a, const KExpr *e, const Extent *of) {
  if (!e) return NULL;
  KExpr *m = arena_copy(a, e, sizeof *e);
  if (e->kind == KE_READ && of[e->ref].first) {
    const Ix *at = ix_add(a, e->idx[0], ix_const(a, -of[e->ref].first));
    m->idx = arena_copy(a, &at, sizeof(const Ix *));
  }
  for (int i = 0; i < 3; i++) m->arg[i] = moved_expr(a, e->arg[i], of);
  return m;
}

/* The same kernel with its reads from the first element on. */
static Kernel *from_first(Arena *a, const Kernel *k, const Extent *of) {
  Kernel *m = arena_copy(a, k, sizeof *k);
  m->buf = arena_copy(a, k->buf, sizeof *k->buf * (size_t)k->nbuf);
  m->val = arena_copy(a, k->val, sizeof *k->val * (size_t)k->nval);
  for (int i = 0; i < k->nval; i++) m->val[i].expr = moved_expr(a, k->val[i].expr, of);
  for (int i = 0; i < k->nbuf; i++)
    if (of[i].first) m->buf[i].dim[0] = of[i].last - of[i].first + 1;
  return m;
}

/* Kernel `number` becomes the one that is to be had by moving its reads, in all launches so far. */
static void move(Prog *p, int number) {
  Kernel *k = p->kernel[number];
  const char *name = k->name;
  for (int e = 0; e < EN_COUNT; e++)
    for (int i = 0; i < p->entry[e].nlaunch; i++) {
      PLaunch *x = &p->entry[e].launch[i];
      for (int b = 0; x->kernel_id == number && b < k->nbuf; b++) x->at[b] += p->start[number][b];
    }
  *k = *p->moved[number];
  k->name = name;
  p->moved[number] = NULL;
}

static int add(Prog *p, Kernel *k) {
  k->name = names_take(&p->symbol, k->name);
  ARENA_GROW(p->arena, p->kernel, p->nkernel, p->cap_kernel);
  ARENA_GROW(p->arena, p->moved, p->nkernel, p->cap_moved);
  ARENA_GROW(p->arena, p->start, p->nkernel, p->cap_start);
  ARENA_GROW(p->arena, p->alike, p->nkernel, p->cap_alike);
  p->kernel[p->nkernel] = k;
  return p->nkernel++;
}

/* Bytes by buffer. */
static int64_t *bytes_of(Arena *a, const Kernel *k, const Extent *of) {
  int64_t *start = ARENA_ARRAY(a, k->nbuf + 1, int64_t);
  for (int i = 0; i < k->nbuf; i++) start[i] = of[i].first * dtype_size(k->buf[i].dtype);
  return start;
}

/* The program's kernel that k with its reads moved is, perhaps only now; -1: there is none. */
static int find_moved(Prog *p, const char *text) {
  int number = *names_at(&p->canonical, text) - 1;
  if (number >= 0) return number;
  number = *names_at(&p->becomes, text) - 1;
  if (number < 0 || ++p->alike[number] < LEAST_ALIKE) return -1;
  move(p, number);
  *names_at(&p->canonical, text) = number + 1;
  return number;
}

int share_kernel(Prog *p, Kernel *k, const int64_t **start) {
  bool moves;
  const Extent *of = extents(p->arena, k, &moves);
  Kernel *becomes = moves ? from_first(p->arena, k, of) : NULL;
  const char *text = kern_canonical(p->arena, k), *other = becomes ? kern_canonical(p->arena, becomes) : NULL;
  p->canonical.arena = p->becomes.arena = p->symbol.arena = p->arena;
  int number = *names_at(&p->canonical, text) - 1;
  if (number < 0 && other) number = find_moved(p, other);
  if (number < 0) {
    number = add(p, k);
    *names_at(&p->canonical, text) = number + 1;
    p->moved[number] = becomes;
    p->start[number] = bytes_of(p->arena, k, of);
    p->alike[number] = 1;
    int *first = other ? names_at(&p->becomes, other) : NULL;
    if (first && !*first) *first = number + 1;
  }
  *start = moves && !p->moved[number] ? bytes_of(p->arena, k, of) : NULL;
  return number;
}
