/* The program as text, and the checks on it as a whole. */
#include <stdlib.h>

#include "passes/lower/lower.h"

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
  for (int s = 0; s < x->kernel->nstream; s++)
    fprintf(f, "%s0x%llx", s || x->kernel->nbuf ? ", " : "", (unsigned long long)x->stream[s]);
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

/* Runs `print` into a string of the arena. */
static char *to_text(Arena *a, void (*print)(FILE *, Arena *, const void *), const void *what) {
  char *text = NULL;
  size_t size = 0;
  FILE *f = open_memstream(&text, &size);
  if (!f) ice("out of memory for a dump");
  print(f, a, what);
  fclose(f);
  char *out = arena_strndup(a, text, size);
  free(text);
  return out;
}

static void print_prog(FILE *f, Arena *a, const void *p) {
  print_all(f, a, p);
}

char *prog_print(Arena *a, const Prog *p) {
  return to_text(a, print_prog, p);
}

static void print_places(FILE *f, Arena *a, const void *of) {
  static const char *const where[] = {"dead", "inline", "held", "buffer", "given"};
  const Lower *l = of;
  const DClasses *classes = decide_classes(a, l->graph);
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
  return to_text(l->arena, print_places, l);
}

static bool overlap(const PBuf *a, const PBuf *b) {
  if (a == b || (!a->persistent && !b->persistent && a->entry != b->entry)) return false;
  bool together = a->persistent || b->persistent || (a->first <= b->last && b->first <= a->last);
  return together && a->offset < b->offset + b->bytes && b->offset < a->offset + a->bytes;
}

static bool planned(const Prog *p) {
  return p->arena_bytes > 0;
}

static bool memory_fits(const Prog *p) {
  for (int i = 0; i < p->nbuf; i++) {
    const PBuf *a = p->buf[i];
    if (!a->persistent && a->first < 0) continue;
    if (a->offset < 0 || a->offset + a->bytes > p->arena_bytes) return false;
    for (int j = 0; j < i; j++)
      if ((p->buf[j]->persistent || p->buf[j]->first >= 0) && overlap(a, p->buf[j])) return false;
  }
  return true;
}

bool prog_verify(const Prog *p) {
  bool good = true;
  for (int i = 0; i < p->nkernel; i++) good = kern_verify(p->kernel[i]) && good;
  return good && (!planned(p) || memory_fits(p));
}
