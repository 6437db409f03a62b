/* Drafts: an entry's kernels on their way from groups to launches. A group becomes one kernel; a long
 * reduction two, and a concatenation one for each operand that is not stored in its place already. */
#ifndef PASSES_DRAFT_H
#define PASSES_DRAFT_H

#include "passes/axes/axes.h"

typedef struct Draft Draft;

/* What a kernel does with its group; the word begins its symbol. */
#define DRAFT_KINDS(X)                                                                                       \
  X(MAP, "map")         /* stores the group's values: a flat map, */                                         \
  X(REDUCE, "reduce")   /* what follows reductions, */                                                       \
  X(DOT, "dot")         /* what follows a contraction, */                                                    \
  X(CHAIN, "chain")     /* or several parts */                                                               \
  X(PARTIAL, "partial") /* reduces pieces of long rows */                                                    \
  X(COMBINE, "combine") /* reduces the pieces' results, and stores what follows */                           \
  X(CONCAT, "concat")   /* copies an operand into its slice */                                               \
  X(COPY, "copy")       /* copies a value into a state */
typedef enum DraftKind {
#define X(k, text) DRAFT_##k,
  DRAFT_KINDS(X)
#undef X
      DRAFT_COUNT
} DraftKind;

/* What a copying kernel copies, and where to. */
typedef struct Copy {
  const Node *from;
  PBuf *to;
  int64_t at;
  const Node *concat; /* or NULL: `to` has the value's own shape */
  int operand;
} Copy;

/* Memory that a buffer of the kernel is bound to. */
typedef struct Bound {
  PBuf *buf;
  int64_t at;
} Bound;

struct Draft {
  DraftKind kind;
  Group *made_for;    /* the group, whose launches it adds to; NULL: an assignment */
  const Group *group; /* what the kernel computes: that group, or of copies the value alone */
  Axes axes;
  Copy copy;      /* CONCAT, COPY */
  PBuf **partial; /* PARTIAL, COMBINE: by number of the reduction */
  uint64_t guard; /* supplied bits that make it unnecessary */
  double flop;
  const char *origin; /* what it computes, for people: "blocks.3.attn.qkv" */
  Kernel *k;
  int acc; /* the first contraction's value, or -1 */
  int nbound, cap_bound;
  Bound *bound; /* parallel to the kernel's buffers */
};

/* The word that the kernel's symbol begins with. */
const char *draft_word(DraftKind kind);

/* The passes in their order; each over all drafts of an entry. */
/* passes/lower/draft.c: makes the drafts in launch order, with the axes that make their accesses affine. */
void lower_axes(Lower *l);
/* passes/lower/write.c: writes the kernels. */
void lower_write(Lower *l);
/* passes/lower/launch.c: has the target give each its plan; shares equal kernels and appends the launches. */
void lower_plan(Lower *l);
void lower_launch(Lower *l);

/* passes/lower/share.c: the number of the program's kernel that k is, perhaps a new one. */
int share_equal(Prog *p, Kernel *k);

/* Partials are of the type that the reduction accumulates in: rounding each would lose what the sum keeps. */
DType draft_partial_type(const Node *reduction);
/* The position in its memory of the copied value's element at idx, which is changed. */
const Ix *draft_copy_address(Arena *a, const Lower *l, const Copy *c, const Ix **idx);

#endif
