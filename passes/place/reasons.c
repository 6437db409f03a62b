/* What placement notes while it decides, node by node: why a value is not in a kernel whose values it reads,
 * and why it is not written into its readers. */
#include "passes/place/group.h"

const ReasonRow reason_rows[DR_COUNT] = {
#define X(r, rule, text) [DR_##r] = {#r, rule, text},
    PLACE_REASONS(X)
#undef X
};

typedef struct Refusal Refusal;
struct Refusal {
  Group *group;
  Reason why;
  Refusal *next;
};

typedef struct Note {
  Refusal *refusal; /* latest first */
  Reason inlining;
  double inlined, storing;
} Note;

struct Notes {
  Note *note; /* by node id */
};

Notes *notes_new(Arena *a, const Graph *g) {
  Notes *d = ARENA_NEW(a, Notes);
  d->note = ARENA_ARRAY(a, g->nnode + 1, Note);
  return d;
}

void note_refusal(Lower *l, const Node *n, Group *g, Reason why) {
  Note *note = &l->notes->note[n->id];
  Refusal *r = ARENA_NEW(l->arena, Refusal);
  *r = (Refusal){.group = g, .why = why, .next = note->refusal};
  note->refusal = r;
}

void note_stored(Lower *l, const Node *n, Reason why, double inlined, double storing) {
  Note *note = &l->notes->note[n->id];
  note->inlining = why;
  note->inlined = inlined;
  note->storing = storing;
}

void note_taken(Lower *l, const Node *n) {
  l->notes->note[n->id].inlining = DR_TAKEN;
}

Reason refusal_of(const Lower *l, const Node *n, const Group *g) {
  for (const Refusal *r = l->notes->note[n->id].refusal; r; r = r->next)
    if (group_current(r->group) == g) return r->why;
  return DR_NONE;
}

Reason noted_inlining(const Lower *l, const Node *n, double *inlined, double *storing) {
  const Note *note = &l->notes->note[n->id];
  *inlined = note->inlined;
  *storing = note->storing;
  return note->inlining;
}
