/* Equal kernels are one: found by their canonical text. So are those that differ only in where they begin to
 * read, steps of a sequence for one, or in constants, as blocks do whose rate of dropping rises, once there
 * are so many that compiling each would take long: the launches then say where and which numbers. */
#include "ir/kernel/kern_walk.h"
#include "passes/lower/draft.h"

/* Of fewer, each knows where it begins and its constants. */
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
static Extent *extents(Arena *a, const Kernel *k) {
  Extent *of = ARENA_ARRAY(a, k->nbuf + 1, Extent);
  const int64_t *address = kern_read_bounds(a, k);
  for (int i = 0; i < k->nbuf; i++) of[i] = (Extent){INT64_MAX, -1};
  for (int i = 0; i < k->nval; i++) look(k->val[i].expr, of);
  for (int i = 0; i < k->nbuf; i++) {
    const KBuf *b = &k->buf[i];
    bool moves = b->kind == KB_IN && b->rank == 1 && !address[i] && of[i].first > 0 && of[i].last >= 0 &&
                 of[i].last < b->dim[0];
    if (!moves) of[i].first = 0;
  }
  return of;
}

/* A kernel being rewritten so that the launch says where its reads begin and, of its constants in the order
 * in which they are met, those that differ (NULL: all) as numbers. */
typedef struct Rewrite {
  Kernel *k;
  const Extent *of;
  const bool *differs;
  int met;
} Rewrite;

static const KExpr *rewritten(Rewrite *r, const KExpr *e) {
  if (!e) return NULL;
  Arena *a = r->k->arena;
  if (e->kind == KE_CONST && e->dtype == DT_F32) {
    int constant = r->met++;
    if (!r->differs || r->differs[constant])
      return kexpr_number(r->k, kern_number(r->k, "c", (float)e->value));
  }
  KExpr *m = arena_copy(a, e, sizeof *e);
  if (e->kind == KE_READ && r->of[e->ref].first) {
    const Ix *at = ix_add(a, e->idx[0], ix_const(a, -r->of[e->ref].first));
    m->idx = arena_copy(a, &at, sizeof(const Ix *));
  }
  for (int i = 0; i < 3; i++) m->arg[i] = rewritten(r, e->arg[i]);
  return m;
}

static Kernel *rewrite(Arena *a, const Kernel *k, const Extent *of, const bool *differs) {
  Rewrite r = {kern_copy(a, k), of, differs, 0};
  for (int i = 0; i < k->nval; i++) r.k->val[i].expr = rewritten(&r, k->val[i].expr);
  for (int i = 0; i < k->nbuf; i++)
    if (of[i].first) r.k->buf[i].dim[0] = of[i].last - of[i].first + 1;
  return r.k;
}

int share_equal(Prog *p, Kernel *k) {
  p->canonical.arena = p->arena;
  int *number = names_at(&p->canonical, kern_canonical(p->arena, k));
  if (*number) return *number - 1;
  ARENA_GROW(p->arena, p->kernel, p->nkernel, p->cap_kernel);
  p->kernel[p->nkernel++] = k;
  *number = p->nkernel;
  return p->nkernel - 1;
}

/* A kernel of the program, as those that are alike see it. */
typedef struct Form {
  const Extent *of;
  const Kernel *k; /* with all constants as numbers, behind its own words */
  int next;        /* the next kernel that is alike, or -1 */
  int nalike;      /* of the first: how many there are */
  int last;        /* of the first: the last so far */
  int becomes;     /* its number when all is shared */
} Form;

static Form *forms(Arena *a, const Prog *p) {
  Form *form = ARENA_ARRAY(a, p->nkernel + 1, Form);
  Names first = {.arena = a};
  for (int i = 0; i < p->nkernel; i++) {
    const Extent *of = extents(a, p->kernel[i]);
    form[i] = (Form){.of = of, .k = rewrite(a, p->kernel[i], of, NULL), .next = -1, .last = i, .becomes = -1};
    int *number = names_at(&first, kern_canonical(a, form[i].k));
    if (!*number) *number = i + 1;
    Form *f = &form[*number - 1];
    if (f->nalike++) form[f->last].next = i;
    f->last = i;
  }
  return form;
}

/* Which constants are not the same in all that are alike, by their order. */
static const bool *differing(Arena *a, const Form *form, int first, int own) {
  int n = form[first].k->nword - own;
  const KWord *w = form[first].k->word + own;
  bool *differs = ARENA_ARRAY(a, n + 1, bool);
  for (int i = form[first].next; i >= 0; i = form[i].next)
    for (int c = 0; c < n; c++) differs[c] = differs[c] || form[i].k->word[own + c].value != w[c].value;
  return differs;
}

/* What the launches of kernel `number` pass to the one that it becomes. */
typedef struct Passed {
  int number, own; /* words that it had itself */
  const Form *form;
  const bool *differs;
  const Kernel *becomes;
} Passed;

static void pass_on(Arena *a, const Passed *w, PLaunch *x) {
  uint64_t *word = ARENA_ARRAY(a, w->becomes->nword, uint64_t);
  int n = w->own;
  for (int i = 0; i < n; i++) word[i] = x->word[i];
  for (int c = 0; w->own + c < w->form->k->nword; c++)
    if (w->differs[c]) word[n++] = w->form->k->word[w->own + c].value;
  x->word = word;
  for (int b = 0; b < w->becomes->nbuf; b++)
    x->at[b] += w->form->of[b].first * dtype_size(w->becomes->buf[b].dtype);
}

static void pass_on_all(Prog *p, const Passed *w) {
  for (int e = 0; e < EN_COUNT; e++)
    for (int i = 0; i < p->entry[e].nlaunch; i++)
      if (p->entry[e].launch[i].kernel_id == w->number) pass_on(p->arena, w, &p->entry[e].launch[i]);
}

/* The kernel that all that are alike become. */
static Kernel *shared(Prog *p, Arena *a, const Form *form, int first) {
  int own = p->kernel[first]->nword;
  const bool *differs = differing(a, form, first, own);
  Kernel *k = rewrite(p->arena, p->kernel[first], form[first].of, differs);
  for (int i = first; i >= 0; i = form[i].next) pass_on_all(p, &(Passed){i, own, &form[i], differs, k});
  return k;
}

static void renumber(Prog *p, const Form *form) {
  for (int e = 0; e < EN_COUNT; e++)
    for (int i = 0; i < p->entry[e].nlaunch; i++) {
      PLaunch *x = &p->entry[e].launch[i];
      x->kernel_id = form[x->kernel_id].becomes;
      x->kernel = p->kernel[x->kernel_id];
    }
}

void share_alike(Prog *p) {
  Arena *a = arena_new();
  Form *form = forms(a, p);
  Names symbol = {.arena = a};
  int n = 0;
  for (int i = 0; i < p->nkernel; i++) {
    if (form[i].becomes >= 0) continue;
    Kernel *k = form[i].nalike < LEAST_ALIKE ? p->kernel[i] : shared(p, a, form, i);
    for (int j = i; j >= 0; j = form[i].nalike < LEAST_ALIKE ? -1 : form[j].next) form[j].becomes = n;
    k->name = arena_strdup(p->arena, names_take(&symbol, k->name));
    p->kernel[n++] = k;
  }
  p->nkernel = n;
  renumber(p, form);
  arena_free(a);
}
