/* A kernel's making around its body: names, recutting, sharing of equal kernels, and the launch. */
#include <string.h>

#include "ir/kernel/kern_walk.h"
#include "passes/lower/kbuild.h"

enum { MOST_RECUTS = 8 };

KBuild kb_new(Lower *l, Group *g, Arena *a) {
  KBuild b = {.l = l, .group = g, .arena = a};
  kb_roles(&b);
  return b;
}

static const Node *lead(const Group *g) {
  return g->nroot ? g->root[g->nroot - 1] : g->core[0];
}

const char *kb_origin(Lower *l, const Group *g) {
  const Node *n = lead(g);
  const char *what = n->name ? n->name : decide_word(l->arena, g->ncore ? g->core[0] : n);
  return arena_printf(l->arena, "%s%s%s", n->path ? n->path : "", n->path && n->path[0] ? "." : "", what);
}

/* A C identifier made of the skeleton's name and the origin. */
static const char *symbol(Arena *a, const char *kind, const char *from) {
  char *s = arena_printf(a, "%s_%s", kind, from);
  for (char *p = s; *p; p++)
    if (!((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9'))) *p = '_';
  return s;
}

static void start(KBuild *b, const char *kind) {
  Arena *a = b->arena;
  const char *from = graph_starred(a, kb_origin(b->l, b->group));
  const char **names = ARENA_ARRAY(a, 2, const char *);
  names[0] = from;
  b->k = kern_new(a, symbol(a, kind, from), lead(b->group)->loc);
  b->k->origin = names;
  b->nmemo = b->nbuf = 0;
  b->recut = false;
  kb_axes(b);
  kb_points(b);
}

/* Asks the target for its plan. */
static void plan(KBuild *b) {
  const Target *t = b->l->options->target;
  KRoleAxes role[ROLE_COUNT] = {0};
  for (int i = 0; i < b->nrole; i++) {
    KRoleAxes *r = &role[kern_role_named(b->role[i].name)];
    r->naxes = b->role[i].naxes;
    memcpy(r->axis, b->role[i].axis, (size_t)r->naxes * sizeof *r->axis);
  }
  t->plan(t, b->k, role, b->group->chain, b->acc);
}

/* Writes the kernel again until no access asks for another cut. */
void kb_write(KBuild *b, const char *kind, void (*body)(KBuild *)) {
  for (int i = 0; i < MOST_RECUTS; i++) {
    start(b, kind);
    body(b);
    if (!b->recut) break;
  }
  plan(b);
}

static const uint64_t *streams(Arena *a, const Kernel *k) {
  uint64_t *s = ARENA_ARRAY(a, k->nstream, uint64_t);
  for (int i = 0; i < k->nstream; i++) s[i] = k->stream[i].value;
  return s;
}

/* Equal kernels are one: found by their canonical text. */
static int share_kernel(Prog *p, Kernel *k) {
  const char *text = kern_canonical(p->arena, k);
  for (int i = 0; i < p->nkernel; i++)
    if (!strcmp(p->canonical[i], text)) return i;
  int same = 1;
  const char *base = k->name;
  for (int i = 0; i < p->nkernel; i++)
    if (!strcmp(p->kernel[i]->name, k->name)) k->name = arena_printf(p->arena, "%s_%d", base, ++same), i = -1;
  ARENA_GROW(p->arena, p->canonical, p->nkernel, p->cap_canonical);
  ARENA_GROW(p->arena, p->kernel, p->nkernel, p->cap_kernel);
  p->canonical[p->nkernel] = text;
  p->kernel[p->nkernel] = k;
  return p->nkernel++;
}

static void touch(PBuf *b, int launch) {
  if (b->persistent) return;
  if (b->first < 0) b->first = launch;
  b->last = launch;
}

void kb_launch(KBuild *b, double flop, uint64_t guard) {
  Prog *p = b->l->prog;
  PEntry *e = &p->entry[b->l->kind];
  ARENA_GROW(p->arena, e->launch, e->nlaunch, e->cap_launch);
  PLaunch *x = &e->launch[e->nlaunch];
  x->kernel_id = share_kernel(p, b->k);
  x->kernel = p->kernel[x->kernel_id];
  x->buf = ARENA_ARRAY(p->arena, b->nbuf, PBuf *);
  x->at = ARENA_ARRAY(p->arena, b->nbuf, int64_t);
  x->stream = streams(p->arena, b->k);
  for (int i = 0; i < b->nbuf; i++) {
    x->buf[i] = b->bound[i].buf;
    x->at[i] = b->bound[i].at;
    x->bytes += (double)kern_touched(b->k, i) * dtype_size(b->k->buf[i].dtype);
    touch(x->buf[i], e->nlaunch);
  }
  x->guard = guard;
  x->origin = kb_origin(b->l, b->group);
  x->loc = b->k->loc;
  x->flop = flop;
  e->nlaunch++;
}

uint64_t kb_guard(const Lower *l, const Group *g) {
  return g->alone && g->nroot == 1 ? site_of(l, g->root[0])->supply : 0;
}

void kb_store_roots(KBuild *b) {
  for (int i = 0; i < b->group->nroot; i++) kb_store_root(b, b->group->root[i]);
}
