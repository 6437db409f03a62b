/* Lowering: a group becomes its kernels and launches. Flat maps, concatenations and copies are written here.
 */
#include "passes/lower/kbuild.h"

Lower *lower_open(Arena *a, Prog *p, const PassOptions *o, EntryKind e, PBuf **states) {
  Lower *l = ARENA_NEW(a, Lower);
  *l = (Lower){.arena = a, .graph = p->graph, .options = o, .prog = p, .kind = e, .state_buf = states};
  l->entry = &p->graph->entry[e];
  l->site = ARENA_ARRAY(a, p->graph->nnode + 1, Site);
  return l;
}

static void lower_flat(Lower *l, Group *g) {
  KBuild b = kb_new(l, g, l->arena);
  kb_write(&b, "map", kb_store_roots);
  kb_launch(&b, 0, kb_guard(l, g));
}

/* What one kernel copies: part i of a concatenation to its slice, or a value into a state. */
typedef struct Copy {
  const Node *from;
  PBuf *to;
  int64_t at;
  const Node *concat; /* or NULL */
  int part;
} Copy;

static const Ix *place(KBuild *b, const Copy *c, const Ix **idx) {
  if (!c->concat) return kb_at(b)->result.linear;
  return kb_address(b, c->concat, kb_slice_index(b, c->concat, c->part, idx));
}

static void copy_body(KBuild *b) {
  static const char *const domain[] = {"points", NULL};
  const Copy *c = b->ctx;
  const Ix **idx = kb_unflatten(b, &c->from->shape, kb_at(b)->result.linear),
           **at = ARENA_NEW(b->arena, const Ix *);
  int v = kb_value(b, "copy", c->from->dtype, domain, KR_NONE, NULL, kb_expr(b, c->from, idx));
  *at = place(b, c, idx);
  kb_note(b, *at);
  int64_t count = c->concat ? kb_count(b, c->concat) : shape_count(&c->from->shape);
  kern_store(b->k, v, kb_buf(b, c->to, c->at, c->from->dtype, count, true), at);
}

static void copy(Lower *l, Copy *c, const char *kind, uint64_t guard) {
  Group alone = {.root = &c->from, .nroot = 1};
  KBuild b = kb_new(l, &alone, l->arena);
  b.ctx = c;
  kb_write(&b, kind, copy_body);
  kb_launch(&b, 0, guard);
}

static void lower_concat(Lower *l, Group *g) {
  const Site *s = site_of(l, g->root[0]);
  Copy c = {.to = s->buf, .at = s->at, .concat = g->root[0]};
  for (c.part = 0; c.part < c.concat->nin; c.part++) {
    c.from = c.concat->in[c.part];
    if (!lower_is_slice(l, c.concat, c.part)) copy(l, &c, "concat", kb_guard(l, g));
  }
}

void lower_group(Lower *l, Group *g) {
  if (g->chain) {
    lower_chain(l, g);
    return;
  }
  const Node *core = g->ncore ? g->core[0] : g->root[0];
  switch (core->op) {
  case O_CONTRACT: lower_contract(l, g); return;
  case O_REDUCE:
  case O_SCATTER: lower_sum(l, g); return;
  case O_CONCAT: lower_concat(l, g); return;
  default: lower_flat(l, g); return;
  }
}

void lower_copies(Lower *l) {
  for (int i = 0; i < l->entry->nassign; i++) {
    const Assign *a = &l->entry->assign[i];
    const State *s = a->state;
    if (site_of(l, a->value)->assign == a) continue;
    Copy c = {.from = a->value, .to = l->state_buf[s->id]};
    c.at = s->group ? s->offset * dtype_size(s->dtype) : 0;
    copy(l, &c, "copy", 0);
  }
}
