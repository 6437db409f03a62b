/* Groups: the values that one kernel computes, and the order between kernels that their reads ask for. */
#ifndef PASSES_GROUP_H
#define PASSES_GROUP_H

#include "passes/entry.h"
#include "passes/place/classes.h"
#include "passes/place/reasons.h"

/* Visits every stored or given node that the inline expression of n reads; `aligned` says whether at n's own
 * point. Stops and returns false when the visitor does. */
typedef bool ReadVisit(Lower *l, const Node *read, bool aligned, void *ctx);
bool each_read(Lower *l, const Node *n, ReadVisit *visit, void *ctx);
/* The same for each of the nodes. */
bool each_read_of(Lower *l, const Node *const *n, int count, ReadVisit *visit, void *ctx);

/* Whether one kernel would be too large that computes what a does, and what b does (NULL: nothing more) or n
 * (NULL). Work counts once however often it is read: the time to compile a kernel grows faster than its
 * instructions. */
enum { MOST_KERNEL_WORK = 6144 };
bool group_too_large(Lower *l, const Group *a, const Group *b, const Node *n);

/* A group of one part that is in no list yet and depends on nothing: a reduction, or NULL, and what it
 * stores. */
Group *group_bare(Arena *a, const Node *core, const Node *root);
/* A new group of the entry. */
Group *group_new(Lower *l, const Node *core, const Node *root);
void group_add_core(Lower *l, Group *g, const Node *n);
void group_add_root(Lower *l, Group *g, const Node *n);
void group_add_dep(Lower *l, Group *g, Group *dep);
/* Puts nodes at the end of a group's list. */
void group_append(Arena *a, const Node ***list, int *n, int *cap, const Node *const *more, int nmore);

/* The group that took g over, and so on; or g itself. */
Group *group_current(Group *g);
Group *group_of(const Site *s);
bool group_has_core(const Group *g, const Node *n);
/* What it stores last, or its reduction. */
const Node *group_last(const Group *g);
/* Whether n, a core of g, is a sum beside its part's contraction. */
bool group_sums_beside(const Lower *l, const Group *g, const Node *n);
/* Whether g computes a value of the class. */
bool group_computes(const Lower *l, const Group *g, int class);
/* Whether n reads any of g's results. */
bool group_reads(Lower *l, Group *g, const Node *n);

/* Whether nothing that n reads, other than g's results, needs g's results. */
bool group_allows(Lower *l, Group *g, const Node *n);
/* Whether `from` must run before `to`. */
bool group_before(Lower *l, Group *from, Group *to);
/* Whether b may run together with a, where a came first: no third group stands between. */
bool group_direct(Lower *l, Group *a, Group *b);
/* Whether g may compute values of that pass: its own; or the backward pass' too where nothing of the forward
 * pass but losses comes after g, since then nothing is kept for longer: a loss and its gradient. */
bool group_of_pass(const Group *g, bool backward);

/* Why two flat groups may not become one, or DR_NONE. */
Reason group_may_merge(Lower *l, Group *a, Group *b);
void group_merge(Lower *l, Group *into, Group *from);

#endif
