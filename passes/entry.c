#include "passes/entry.h"

Lower *lower_open(Arena *a, Prog *p, const PassOptions *o, EntryKind e, PBuf **states) {
  Lower *l = ARENA_NEW(a, Lower);
  *l = (Lower){.arena = a, .graph = p->graph, .options = o, .prog = p, .kind = e, .state_buf = states};
  l->entry = &p->graph->entry[e];
  l->site = ARENA_ARRAY(a, p->graph->nnode + 1, Site);
  return l;
}
