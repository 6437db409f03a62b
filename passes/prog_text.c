/* The program as text, and the checks on it as a whole. */
#include "passes/prog_text.h"

#include <stdlib.h>
#include <string.h>

#include "passes/lower/draft.h"
#include "passes/place/group.h"

static const char *const entry_names[EN_COUNT] = {
#define X(e, text) [EN_##e] = text,
    GRAPH_ENTRIES(X)
#undef X
};

static void print_launch(FILE *f, const PLaunch *x, int i) {
  fprintf(f, "  %d %s(", i, x->kernel->name);
  for (int b = 0; b < x->kernel->nbuf; b++) {
    fprintf(f, "%sb%d", b ? ", " : "", x->buf[b]->id);
    if (x->at[b]) fprintf(f, "+%lld", (long long)x->at[b]);
  }
  for (int s = 0; s < x->kernel->nword; s++)
    fprintf(f, "%s0x%llx", s || x->kernel->nbuf ? ", " : "", (unsigned long long)x->word[s]);
  fprintf(f, ")");
  if (x->guard) fprintf(f, " unless 0x%llx", (unsigned long long)x->guard);
  fprintf(f, "  # %s\n", x->origin);
}

static void print_buffer(FILE *f, const PBuf *b) {
  fprintf(f, "  b%d %s %s bytes %lld at %lld", b->id, b->name, dtype_name(b->dtype), (long long)b->bytes,
          (long long)b->offset);
  if (b->persistent)
    fprintf(f, " always\n");
  else
    fprintf(f, " %s %d..%d\n", entry_names[b->entry], b->first, b->last);
}

static void print_all(FILE *f, Arena *a, const Prog *p) {
  for (int i = 0; i < p->nkernel; i++) fprintf(f, "%s\n", kern_print(a, p->kernel[i]));
  for (int e = 0; e < EN_COUNT; e++) {
    if (!p->entry[e].present) continue;
    fprintf(f, "entry %s # %d launches\n", entry_names[e], p->entry[e].nlaunch);
    for (int i = 0; i < p->entry[e].nlaunch; i++) print_launch(f, &p->entry[e].launch[i], i);
  }
  fprintf(f, "memory # %lld bytes, at least %lld live\n", (long long)p->arena_bytes,
          (long long)p->live_bytes);
  for (int i = 0; i < p->nbuf; i++) print_buffer(f, p->buf[i]);
}

char *prog_print(Arena *a, const Prog *p) {
  TextStream text;
  arena_text_open(&text);
  print_all(text.f, a, p);
  return arena_text_close(a, &text);
}

static void print_places(FILE *f, const Lower *l) {
  static const char *const where[] = {"dead", "inline", "held", "buffer", "given"};
  const ValueClasses *classes = classes_of(l->arena, l->graph);
  fprintf(f, "places %s # %d nodes, %d classes of values\n", entry_names[l->kind], l->graph->nnode,
          classes->n);
  for (int i = 0; i < l->graph->nnode; i++) {
    const Node *n = l->graph->node[i];
    const Site *s = &l->site[i];
    char shape[128];
    if (s->where == W_DEAD) continue;
    fprintf(f, "  %%%d %s %s%s %s uses %d", n->id, op_rows[n->op].text, dtype_name(n->dtype),
            shape_text(&n->shape, shape, sizeof shape), where[s->where], s->uses);
    if (classes->of[i] >= 0) fprintf(f, " class %s", classes->class[classes->of[i]].name);
    if (group_of(s)) fprintf(f, " kernel %d", group_of(s)->id);
    if (s->assign) fprintf(f, " in %s", s->assign->state->name);
    fprintf(f, "  # %s%s%s\n", n->path ? n->path : "", n->name ? "." : "", n->name ? n->name : "");
  }
}

char *place_print(const Lower *l) {
  TextStream text;
  arena_text_open(&text);
  print_places(text.f, l);
  return arena_text_close(l->arena, &text);
}

static void print_axes(FILE *f, const Draft *d) {
  fprintf(f, "  %s %s", draft_word(d->kind), d->origin);
  for (int r = 0; r < ROLE_COUNT; r++) {
    const Role *role = &d->axes.role[r];
    if (role->extent) fprintf(f, " %s %lld", kern_role_name((KRole)r), (long long)role->extent);
    for (int i = 0; i < role->naxes; i++) fprintf(f, "%s%lld", i ? " x " : " = ", (long long)role->length[i]);
  }
  fputc('\n', f);
}

static void print_drafts(FILE *f, const Lower *l) {
  fprintf(f, "drafts %s # %d groups, %d kernels\n", entry_names[l->kind], l->norder, l->ndraft);
  for (int i = 0; !l->ndraft && i < l->norder; i++)
    if (l->order[i]->nroot) fprintf(f, "  kernel %d\n", l->order[i]->id);
  for (int i = 0; i < l->ndraft; i++) {
    const Draft *d = l->draft[i];
    if (d->k)
      fprintf(f, "%s\n", kern_print(l->arena, d->k));
    else
      print_axes(f, d);
  }
}

char *drafts_print(const Lower *l) {
  TextStream text;
  arena_text_open(&text);
  print_drafts(text.f, l);
  return arena_text_close(l->arena, &text);
}

/* A value that a kernel makes is of a part of that kernel's group, which no other took over. */
static bool site_agrees(const Lower *l, const Node *n) {
  const Site *s = site_of(l, n);
  if (s->where != W_HELD && s->where != W_BUFFER) return true;
  const Group *g = group_of(s);
  return g && !g->merged && s->part >= 0 && s->part < g->npart;
}

static bool in_order(Lower *l) {
  int done = ++l->mark;
  for (int i = 0; i < l->norder; i++) {
    for (int d = 0; d < l->order[i]->ndep; d++) {
      const Group *dep = group_current(l->order[i]->dep[d]);
      if (dep != l->order[i] && dep->mark != done) return false;
    }
    l->order[i]->mark = done;
  }
  return true;
}

bool place_verify(Lower *l) {
  for (int i = 0; i < l->graph->nnode; i++)
    if (!site_agrees(l, l->graph->node[i])) return false;
  return in_order(l);
}

static bool planned(const Prog *p) {
  return p->arena_bytes > 0;
}

static bool is_used(const PBuf *b) {
  return b->persistent || b->first >= 0;
}

/* Memory that is in use, by rising addresses: no two spans overlap. */
typedef struct Span {
  int64_t offset, end;
} Span;

/* The first span that does not lie before the offset. */
static int span_at(const Span *s, int n, int64_t offset) {
  int lo = 0;
  while (lo < n) {
    int mid = (lo + n) / 2;
    if (s[mid].offset < offset)
      lo = mid + 1;
    else
      n = mid;
  }
  return lo;
}

/* False when some of it is in use. */
static bool take(Span *s, int *n, const PBuf *b) {
  int64_t end = b->offset + b->bytes;
  int i = span_at(s, *n, b->offset);
  if ((i > 0 && s[i - 1].end > b->offset) || (i < *n && s[i].offset < end)) return false;
  memmove(s + i + 1, s + i, sizeof *s * (size_t)(*n - i));
  s[i] = (Span){b->offset, end};
  ++*n;
  return true;
}

static void give(Span *s, int *n, const PBuf *b) {
  int i = span_at(s, *n, b->offset);
  memmove(s + i, s + i + 1, sizeof *s * (size_t)(--*n - i));
}

static int by_first(const void *x, const void *y) {
  return (*(PBuf *const *)x)->first - (*(PBuf *const *)y)->first;
}

static int by_last(const void *x, const void *y) {
  return (*(PBuf *const *)x)->last - (*(PBuf *const *)y)->last;
}

/* Goes through the entry's launches with the memory that is in use; in the end only states are left. */
static bool entry_fits(const Prog *p, int entry, Span *used, int *nused) {
  PBuf **begin = ARENA_ARRAY(p->arena, p->nbuf + 1, PBuf *), **end;
  int n = 0, gone = 0;
  for (int i = 0; i < p->nbuf; i++)
    if (!p->buf[i]->persistent && p->buf[i]->entry == entry && is_used(p->buf[i])) begin[n++] = p->buf[i];
  end = arena_copy(p->arena, begin, sizeof *begin * (size_t)(n + 1));
  qsort(begin, (size_t)n, sizeof *begin, by_first);
  qsort(end, (size_t)n, sizeof *end, by_last);
  for (int i = 0; i < n; i++) {
    while (end[gone]->last < begin[i]->first) give(used, nused, end[gone++]);
    if (!take(used, nused, begin[i])) return false;
  }
  while (gone < n) give(used, nused, end[gone++]);
  return true;
}

static bool memory_fits(const Prog *p) {
  Span *used = ARENA_ARRAY(p->arena, p->nbuf + 1, Span);
  int n = 0;
  for (int i = 0; i < p->nbuf; i++) {
    const PBuf *b = p->buf[i];
    if (!is_used(b)) continue;
    if (b->offset < 0 || b->offset + b->bytes > p->arena_bytes) return false;
    if (b->persistent && !take(used, &n, b)) return false;
  }
  for (int e = 0; e < EN_COUNT; e++)
    if (!entry_fits(p, e, used, &n)) return false;
  return true;
}

bool prog_verify(const Prog *p) {
  bool good = true;
  for (int i = 0; i < p->nkernel; i++) good = kern_verify(p->kernel[i]) && good;
  return good && (!planned(p) || memory_fits(p));
}
