/* From a graph to a program: the pipeline, its passes in order, and what each ensures. */
#ifndef PASSES_PASSES_H
#define PASSES_PASSES_H

#include <stdio.h>

#include "ir/prog.h"
#include "ir/target.h"

/* One entry being lowered: where its values live (passes/entry.h). */
typedef struct Lower Lower;

typedef struct PassOptions {
  const Target *target;
  const char *dump_after; /* print the program after this pass, or NULL */
  const char *dump_diff;  /* print what this pass changed, or NULL */
  FILE *dump;             /* where to */
  const struct Strategy
      *strategy; /* what may be fused (passes/place/strategy.h); NULL: whatever is cheapest */
  const struct Decisions *
      *decisions;     /* room for EN_COUNT: what each entry decided (passes/place/decisions.h); or NULL */
  Lower **lowered;    /* room for EN_COUNT: each entry as it was placed (passes/entry.h); or NULL */
  int64_t most_bytes; /* that the program may take; 0: no limit */
  int64_t (*takes)(void *ctx, const Prog *p); /* how many it takes; NULL: its arena's */
  void *takes_ctx;
} PassOptions;

/* Runs the pipeline. Everything returned lives in the arena. NULL after reporting errors. Where the program
 * would take more than most_bytes, ever more of what the backward pass needs is made again instead of kept;
 * an error says how many bytes it takes at least. */
Prog *passes_run(Arena *a, Graph *g, const PassOptions *o);

/* Makes the program once with each saved set that passes_run chooses from: first that of the least predicted
 * time, then ever less memory and more time, roughly. Program and entries are gone after the visit. The
 * visitor returns false to stop. The graph is afterwards as before pass `save`. False after reporting errors.
 */
typedef bool PassVisit(void *ctx, const Prog *p, Lower *const entry[EN_COUNT]);
bool passes_try(Arena *a, Graph *g, const PassOptions *o, PassVisit *visit, void *ctx);

/* The passes' names, in order, NULL-ended; for --help and for checking --dump-after and --dump-diff. */
const char *const *passes_names(void);

/* The program as text: kernels, launches by entry, and the memory plan. */
char *prog_print(Arena *a, const Prog *p);

#endif
