/* Why placement decided as it did: the reasons, and what is noted of them while it goes. */
#ifndef PASSES_REASONS_H
#define PASSES_REASONS_H

#include "passes/entry.h"

/* Why a value is not written into its readers, or does not join the kernel of what it reads. The second
 * column is the rule of docs/fusion.md that an override asking for it breaks. */
#define PLACE_REASONS(X)                                                                                     \
  X(NONE, "", "they are in one kernel")                                                                      \
  X(CYCLE, "F10", "a third kernel has to run between them: together they would make a cycle")                \
  X(ALONE, "F11", "a value that may be supplied from outside has a kernel of its own")                       \
  X(FULL, "F12", "it needs the full reduction first, and the reduced row is not kept")                       \
  X(POINTS, "F13", "the kernel has other points")                                                            \
  X(AWAY, "F14", "it is read away from its own point")                                                       \
  X(ROWS, "F15", "it reduces rows, and the kernel does not have the same rows at hand")                      \
  X(CORES, "F16", "the kernel has as many reductions as one may have")                                       \
  X(OPERAND, "F20", "the target computes no such value while it multiplies: an operand is in memory")        \
  X(SCRATCH, "F17", "the kernel's scratch does not fit the target")                                          \
  X(PASSES, "F19", "one is of the forward pass, the other of the backward pass")                             \
  X(BEGINS, "F18", "this operation begins a kernel of its own")                                              \
  X(REDUCED, "F5", "a reduction, contraction, scatter or concatenation is computed once, never inlined")     \
  X(MEMORY, "F6", "it must have memory: it is reported, supplied, assigned to a state, or an index")         \
  X(LARGE, "F7", "its expression, or the kernel with it, is too large to be compiled as one")                \
  X(COST, "", "it costs more")                                                                               \
  X(APART, "", "they read no large value in common, so that one kernel would save nothing")                  \
  X(FAR, "F9", "they lie too far apart in the description to be looked at together")                         \
  X(TAKEN, "", "it is part of another kernel, which it follows more closely")                                \
  X(OVERRIDE, "F9", "the strategy file says so")
typedef enum Reason {
#define X(r, rule, text) DR_##r,
  PLACE_REASONS(X)
#undef X
      DR_COUNT
} Reason;
typedef struct ReasonRow {
  const char *name; /* "CYCLE" */
  const char *rule; /* "F10", or "" where no override can ask for it */
  const char *text; /* a sentence without its full stop */
} ReasonRow;
extern const ReasonRow reason_rows[DR_COUNT];

/* What placement notes as it goes (in l->notes). A refusal says why n is not in g's kernel; the last one of a
 * pair counts. */
typedef struct Notes Notes;
Notes *notes_new(Arena *a, const Graph *g);
void note_refusal(Lower *l, const Node *n, Group *g, Reason why);
/* Why n is not inline, with the two costs where they were compared. */
void note_stored(Lower *l, const Node *n, Reason why, double inlined, double storing);
/* The costs stay, but they did not decide: n takes the place of a reduction that nothing else reads. */
void note_taken(Lower *l, const Node *n);
/* What was noted; DR_NONE where nothing was. */
Reason refusal_of(const Lower *l, const Node *n, const Group *g);
Reason noted_inlining(const Lower *l, const Node *n, double *inlined, double *storing);

#endif
