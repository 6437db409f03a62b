/* Lowering: a group becomes its kernels and launches. Flat maps, concatenations and copies are written here.
 */
#include "passes/kbuild.h"

/* Flat map: all roots over one flat axis. */

static void flat_body(KBuild *b, void *ctx) {
  (void)ctx;
  b->point = kb_find_role(b, "points")->linear;
  kb_store_roots(b);
}

static void lower_flat(Lower *l, Group *g) {
  KBuild b = kb_new(l, g);
  kb_role(&b, "points", shape_count(&g->root[0]->shape));
  kb_write(&b, "map", flat_body, NULL);
  kb_launch(&b, 0, kb_guard(l, g));
}

/* Concatenation: each part is stored to its own slice. */

typedef struct Part {
  const Node *concat;
  int i;
  int64_t start;
} Part;

static void part_body(KBuild *b, void *ctx) {
  static const char *const domain[] = {"points", NULL};
  const Part *p = ctx;
  const Node *part = p->concat->in[p->i];
  Arena *a = b->l->arena;
  const Site *s = site_of(b->l, p->concat);
  const Ix **idx = kb_unflatten(b, &part->shape, kb_find_role(b, "points")->linear);
  int v = kb_value(b, "part", part->dtype, KR_NONE, 0, NULL, kb_expr(b, part, idx), domain);
  idx[p->concat->at.axis] = ix_add(a, idx[p->concat->at.axis], ix_const(a, p->start));
  const Ix **at = ARENA_NEW(a, const Ix *);
  *at = kb_address(b, p->concat, idx);
  kb_note(b, *at);
  kern_store(b->k, v, kb_buf(b, s->buf, s->at, part->dtype, shape_count(&p->concat->shape), true), at);
}

static void lower_concat(Lower *l, Group *g) {
  Part p = {.concat = g->root[0]};
  for (p.i = 0; p.i < p.concat->nin; p.i++) {
    KBuild b = kb_new(l, g);
    kb_role(&b, "points", shape_count(&p.concat->in[p.i]->shape));
    kb_write(&b, "concat", part_body, &p);
    kb_launch(&b, 0, kb_guard(l, g));
    p.start += p.concat->in[p.i]->shape.dim[p.concat->at.axis];
  }
}

void lower_group(Lower *l, Group *g) {
  const Node *core = g->core ? g->core : g->root[0];
  switch (core->op) {
  case O_CONTRACT: lower_contract(l, g); return;
  case O_REDUCE:
  case O_SCATTER: lower_sum(l, g); return;
  case O_CONCAT: lower_concat(l, g); return;
  default: lower_flat(l, g); return;
  }
}

/* Copies. */

typedef struct Copy {
  const Node *from;
  PBuf *to;
  int64_t at;
} Copy;

static void copy_body(KBuild *b, void *ctx) {
  static const char *const domain[] = {"points", NULL};
  const Copy *c = ctx;
  const Ix **at = ARENA_NEW(b->l->arena, const Ix *);
  *at = kb_find_role(b, "points")->linear;
  const KExpr *e = kb_expr(b, c->from, kb_unflatten(b, &c->from->shape, *at));
  int v = kb_value(b, "copy", c->from->dtype, KR_NONE, 0, NULL, e, domain);
  kern_store(b->k, v, kb_buf(b, c->to, c->at, c->from->dtype, shape_count(&c->from->shape), true), at);
}

static void copy(Lower *l, const Node *n, PBuf *to, int64_t at) {
  Group none = {.root = &n, .nroot = 1};
  Copy c = {.from = n, .to = to, .at = at};
  KBuild b = kb_new(l, &none);
  kb_role(&b, "points", shape_count(&n->shape));
  kb_write(&b, "copy", copy_body, &c);
  kb_launch(&b, 0, 0);
}

/* Old values that are kept go first: what they are copied from may be overwritten by a later copy. */
void lower_copies(Lower *l) {
  for (int kept = 1; kept >= 0; kept--)
    for (int i = 0; i < l->entry->nassign; i++) {
      const Assign *a = &l->entry->assign[i];
      const State *s = a->state;
      if (site_of(l, a->value)->assign == a || (a->value->op == O_STATE) != kept) continue;
      copy(l, a->value, l->state_buf[s->id], s->group ? s->offset * dtype_size(s->dtype) : 0);
    }
}
