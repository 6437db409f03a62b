/* Liveness: what an entry needs: live nodes, how many consumers compute from each, at how many points they
 * read it, and which nodes must have memory. */
#include "passes/place/place.h"

Lower *lower_open(Arena *a, Prog *p, const PassOptions *o, EntryKind e, PBuf **states) {
  Lower *l = ARENA_NEW(a, Lower);
  *l = (Lower){.arena = a, .graph = p->graph, .options = o, .prog = p, .kind = e, .state_buf = states};
  l->entry = &p->graph->entry[e];
  l->site = ARENA_ARRAY(a, p->graph->nnode + 1, Site);
  return l;
}

static Site *make_live(Lower *l, const Node *n) {
  Site *s = site_of(l, n);
  if (s->where != W_DEAD) return s;
  s->where = W_INLINE;
  s->spread = 1;
  return s;
}

static void force(Lower *l, const Node *n) {
  Site *s = make_live(l, n);
  s->forced = true;
  s->uses++;
}

/* The program's bit of a supplied value: those values come first in prog->value. A name has a bit in each
 * entry that has it. */
static uint64_t supply_bit(const Lower *l, const Value *v) {
  for (int i = 0; i < l->prog->nvalue && i < 64; i++)
    if (l->prog->value[i].value == v) return (uint64_t)1 << i;
  return 0;
}

static void roots(Lower *l) {
  for (int i = 0; i < l->entry->nvalue; i++) {
    const Value *v = &l->entry->value[i];
    force(l, v->node);
    Site *s = site_of(l, v->node);
    s->pinned = true;
    if (v->flags & V_SUPPLY) s->supply |= supply_bit(l, v);
  }
  for (int i = 0; i < l->entry->nassign; i++) force(l, l->entry->assign[i].value);
}

/* Whether the operands of n are asked for beyond their extents, under a condition: below a pad, and in the
 * last partial of a long reduction. */
static bool reads_beyond(const Node *n) {
  if (n->op == O_PAD) return true;
  if (n->op != O_REDUCE && n->op != O_SCATTER) return false;
  Sum s = node_sum(n);
  return s.parts * s.chunk > s.terms;
}

/* Beyond an extent nothing is read, but the index of a gather is part of an address and has no such guard: a
 * gather that is asked for there gets memory. */
static void push_padded(Lower *l, const Node *n) {
  Site *s = site_of(l, n);
  if (s->padded && n->op == O_GATHER) s->forced = true;
  bool below = reads_beyond(n) || (s->padded && (node_is_view(n) || n->op == O_ELT || n->op == O_CAST));
  for (int i = 0; below && i < n->nin; i++) site_of(l, n->in[i])->padded = true;
}

/* What the losses need is of the forward pass, and what else is assigned of the backward pass; so are values
 * that the world sees on the way there. */
static void mark_backward(Lower *l) {
  bool *loss = ARENA_ARRAY(l->arena, l->graph->nnode + 1, bool), any = false;
  bool *assigned = ARENA_ARRAY(l->arena, l->graph->nnode + 1, bool);
  for (int i = 0; i < l->entry->nvalue; i++) {
    const Value *v = &l->entry->value[i];
    if (v->flags & V_LOSS) any = loss[v->node->id] = true;
  }
  for (int i = 0; i < l->entry->nassign; i++) assigned[l->entry->assign[i].value->id] = true;
  graph_mark(l->graph, loss);
  graph_mark(l->graph, assigned);
  for (int i = 0; any && i < l->graph->nnode; i++) l->site[i].backward = assigned[i] && !loss[i];
}

static void push_uses(Lower *l, Node *n) {
  push_padded(l, n);
  const Site *s = site_of(l, n);
  bool through = node_is_view(n) && !s->forced;
  bool written = through || (!s->forced && l->options->target->in_operand(n)); /* where it is an operand */
  for (int i = 0; i < n->nin; i++) {
    if (node_repeats_operand(n, i)) continue;
    Site *o = make_live(l, n->in[i]);
    o->uses += through ? s->uses : 1;
    o->readers |= through ? s->readers : 1u << node_kind(n);
    o->operand |= n->op == O_CONTRACT || (s->operand && written);
    double spread = through ? s->spread : 1;
    if (n->op == O_BROADCAST) spread *= (double)node_count(n) / (double)node_count(n->in[i]);
    if (spread > o->spread) o->spread = spread;
  }
  if (n->op == O_GATHER || n->op == O_SCATTER) {
    Node *base = node_index_base(n);
    if (base->op != O_STATE && base->op != O_INPUT) site_of(l, base)->forced = true;
  }
}

void place_liveness(Lower *l) {
  roots(l);
  mark_backward(l);
  for (int i = l->graph->nnode - 1; i >= 0; i--)
    if (l->site[i].where != W_DEAD) push_uses(l, l->graph->node[i]);
}
