/* Strategy files: what people allow placement to do with classes of values. docs/fusion.md has the format and
 * the rules F1, F2, ... that errors name.
 *
 *   tessera fusion 1
 *   # everything in memory, but maps may share a kernel with maps
 *   **        buffer
 *   **  maps  inline:maps join:maps */
#ifndef PASSES_STRATEGY_H
#define PASSES_STRATEGY_H

#include "passes/place/decisions.h"

/* What is done about values that the backward pass needs: whichever costs less, or what a row says. */
typedef enum StrategySave { SS_CHEAPEST, SS_KEEP, SS_RECOMPUTE } StrategySave;
extern const char *const strategy_saves[SS_RECOMPUTE + 1];

/* A row allows its classes what it lists; of what is allowed and legal, placement takes the cheapest. */
typedef struct StrategyRow {
  Loc loc;
  const char *pattern;
  unsigned kinds;       /* bit k: of classes of NodeKind k */
  unsigned inline_into; /* bit k: may be written into readers of kind k */
  unsigned join;        /* bit k: may share a kernel that was begun for kind k */
  bool must_inline;     /* inline and nothing else */
  const char *target;   /* join=CLASS: in the kernel of that class and nowhere else; or NULL */
  StrategySave save;
} StrategyRow;

typedef struct Strategy Strategy;
struct Strategy {
  const Source *src;
  int nrow, cap_row;
  StrategyRow *row; /* in order of the file: the last that matches a class is its own */
};

enum { STRATEGY_ALL_KINDS = (1u << NK_COUNT) - 1 };

/* Parses a file. NULL after reporting what breaks rules F1 to F3. */
Strategy *strategy_parse(Arena *a, const Source *src);

/* Gives each class its row; false after reporting rows that match no class (rule F4). */
bool strategy_bind(const Strategy *s, ValueClasses *classes);
/* The same before the graph is rebuilt by what the rows say of saved values; nothing is reported yet. */
void strategy_bind_early(const Strategy *s, ValueClasses *classes);
/* Whether the text matches: "*" anything but a dot, "**" anything, "?" one character that is no dot. */
bool strategy_glob(const char *pattern, const char *text);

/* The decisions of the entries that are not NULL as a file with one row a class, which built again gives the
 * same program. */
char *strategy_print(Arena *a, const Decisions *const of[EN_COUNT]);

/* What the file says of n while it is being placed (passes/place/strategy_place.c). */
bool strategy_may_inline(const Lower *l, const Node *n);
/* Whether n must be inline; reports when it cannot, for the reason given, DR_NONE: it can. */
bool strategy_must_inline(Lower *l, const Node *n, Reason cannot);
/* DR_OVERRIDE where n, or a value of g, may not share a kernel with the other; else DR_NONE. */
Reason strategy_parts(const Lower *l, const Group *g, const Node *n);
/* The same for two groups. */
Reason strategy_parts_groups(const Lower *l, const Group *a, const Group *b);
/* The row that keeps n, which is in group `own`, or that group out of g's kernel; NULL: none does. */
const StrategyRow *strategy_parting(const Lower *l, const Group *g, const Group *own, const Node *n);
/* The class whose kernel n has to join, or -1. */
int strategy_target(Lower *l, const Node *n);
/* Reports what the file asks of n that no value of its kind can be. */
void strategy_check(Lower *l, const Node *n);
/* Reports that n cannot join its target. */
void strategy_no_host(Lower *l, const Node *n, Reason why);

#endif
