/* Facts: what each buffer is for, and how much is live when. */
#include "passes/explain/facts.h"

static FactMemory state_kind(const State *s, const Graph *g) {
  switch (s->kind) {
  case ST_PARAM: return FM_PARAMETER;
  case ST_FROZEN: return FM_FROZEN;
  case ST_GRAD: return FM_GRADIENT;
  case ST_SLOT: return FM_MOMENT;
  case ST_CARRIED:
  case ST_TEMP: return FM_STATE;
  case ST_GROUP: break;
  }
  for (int i = 0; i < g->nstate; i++)
    if (g->state[i]->group == s) return state_kind(g->state[i], g);
  return FM_STATE;
}

static void name_states(Facts *f, PBuf *const *of) {
  const Graph *g = f->prog->graph;
  for (int i = 0; i < g->nstate; i++) {
    const State *s = g->state[i];
    if (s->group) continue;
    FactBuf *b = &f->buf[of[s->id]->id];
    b->kind = state_kind(s, g);
    b->value = graph_starred(f->arena, s->name);
  }
}

/* A buffer of the entry's own holds one node's value. */
static void name_values(Facts *f, const FactEntry *e) {
  const Lower *l = e->lower;
  for (int i = 0; i < l->graph->nnode; i++) {
    const Node *n = l->graph->node[i];
    const Site *s = site_of(l, n);
    if (!s->buf || s->buf->persistent) continue;
    FactBuf *b = &f->buf[s->buf->id];
    b->node = n;
    b->value = n->op == O_INPUT ? n->at.name : fact_class(e, n);
    if (s->buf->pinned)
      b->kind = FM_NAMED;
    else if (s->kept)
      b->kind = FM_KEPT;
  }
}

static void name_makers(Facts *f, const FactEntry *e) {
  for (int i = e->nlaunch - 1; i >= 0; i--) {
    const PLaunch *x = e->launch[i].launch;
    for (int k = 0; k < x->kernel->nbuf; k++)
      if (x->kernel->buf[k].kind != KB_IN && !x->buf[k]->persistent) f->buf[x->buf[k]->id].made = i;
  }
}

static void start_buffers(Facts *f) {
  const Prog *p = f->prog;
  f->buf = ARENA_ARRAY(f->arena, p->nbuf + 1, FactBuf);
  for (int i = 0; i < p->nbuf; i++) {
    const PBuf *b = p->buf[i];
    f->buf[i] = (FactBuf){.buf = b, .kind = b->persistent ? FM_STATE : FM_WORK, .loc = b->loc, .made = -1};
    f->buf[i].value = graph_starred(f->arena, b->name ? b->name : "");
  }
}

static bool lives(const PBuf *b, const FactEntry *e) {
  return !b->persistent && b->entry == (int)e->kind && b->first >= 0;
}

static void add_live(Facts *f, FactEntry *e) {
  for (int k = FM_ENTRY; k < FM_COUNT; k++) e->live[k] = ARENA_ARRAY(f->arena, e->nlaunch + 1, int64_t);
  for (int i = 0; i < f->prog->nbuf; i++) {
    const PBuf *b = f->prog->buf[i];
    for (int at = b->first; lives(b, e) && at <= b->last && at <= e->nlaunch; at++)
      e->live[f->buf[i].kind][at] += b->bytes;
  }
  for (int at = 1; at <= e->nlaunch; at++)
    if (fact_live(f, e, at) > fact_live(f, e, e->peak)) e->peak = at;
}

int64_t fact_live(const Facts *f, const FactEntry *e, int launch) {
  int64_t sum = 0;
  for (int k = 0; k < FM_COUNT; k++) sum += k < FM_ENTRY ? f->always[k] : e->live[k][launch];
  return sum;
}

void facts_memory(Facts *f) {
  start_buffers(f);
  for (int e = 0; e < EN_COUNT; e++) {
    if (!f->entry[e].lower) continue;
    name_states(f, f->entry[e].lower->state_buf);
    name_values(f, &f->entry[e]);
    name_makers(f, &f->entry[e]);
  }
  for (int i = 0; i < f->prog->nbuf; i++)
    if (f->prog->buf[i]->persistent) f->always[f->buf[i].kind] += f->prog->buf[i]->bytes;
  for (int e = 0; e < EN_COUNT; e++)
    if (f->entry[e].lower) add_live(f, &f->entry[e]);
}
