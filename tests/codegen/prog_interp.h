/* Runs a lowered program by the kernel interpreter, in a real arena: what lowering, ordering and the memory
 * plan made, without machine code. Dead memory is filled with NaN before each entry, so that a buffer read
 * before it is written shows. */
#ifndef TESTS_PROG_INTERP_H
#define TESTS_PROG_INTERP_H

#include <stdlib.h>
#include <string.h>

#include "ir/prog.h"

static inline void prog_interp_poison(const Prog *p, char *arena, int entry) {
  for (int i = 0; i < p->nbuf; i++) {
    const PBuf *b = p->buf[i];
    if (!b->persistent && b->entry == entry && !b->pinned) memset(arena + b->offset, 0xff, (size_t)b->bytes);
  }
}

static inline void prog_interp(const Prog *p, char *arena, EntryKind e, const KStepEnv *env,
                               uint64_t supplied) {
  prog_interp_poison(p, arena, e);
  for (int i = 0; i < p->entry[e].nlaunch; i++) {
    const PLaunch *l = &p->entry[e].launch[i];
    void *buf[256];
    if (l->guard && (l->guard & supplied) == l->guard) continue;
    for (int b = 0; b < l->kernel->nbuf; b++) buf[b] = arena + l->buf[b]->offset + l->at[b];
    KStepEnv of_launch = *env;
    of_launch.word = l->word;
    kern_interp(l->kernel, buf, &of_launch, false);
  }
}

static inline const PValue *prog_value(const Prog *p, EntryKind e, const char *name) {
  for (int i = 0; i < p->nvalue; i++)
    if (p->value[i].entry == e && !strcmp(p->value[i].value->name, name)) return &p->value[i];
  return NULL;
}

#endif
