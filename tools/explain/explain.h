/* What `tessera explain` has gathered, and its printers. */
#ifndef TOOLS_EXPLAIN_H
#define TOOLS_EXPLAIN_H

#include "passes/explain/facts.h"
#include "tools/build/build.h"

typedef struct Explain {
  Arena *arena;
  Build *build;
  const Facts *facts;
  const char *entry; /* the only one to show, or NULL */
  bool all;          /* every pair of neighbours, not the largest alone */
} Explain;

extern const char *const explain_entries[EN_COUNT];

/* A file that `PROGRAM bench --profile-out` has written (docs/explain.md). */
typedef struct ProfileLaunch {
  const char *kernel;
  double seconds; /* of one run */
} ProfileLaunch;
typedef struct ProfileEntry {
  bool present;
  int n, cap;
  ProfileLaunch *launch;
} ProfileEntry;
typedef struct Profile {
  const Source *file;
  uint64_t version, threads;
  const char *source_hash, *build;
  ProfileEntry entry[EN_COUNT];
} Profile;
/* explain_profile.c. Arena-owned; NULL after reporting errors. */
Profile *profile_read(Arena *a, const char *path);
/* Whether it is of this program: the same description, parameters, target and kernels; reports what differs.
 */
bool profile_fits(const Profile *p, const Build *b, const Facts *f);
/* Gives the facts its times; it has to fit. */
void profile_apply(const Profile *p, Facts *f);

/* explain_table.c: the table, of the entries of a step or of the one asked for. */
void explain_text(const Explain *x, FILE *out);
/* Both reasons of one pair why it is not one kernel, in a sentence. */
const char *explain_reason(const Explain *x, const FactEntry *e, const FactNeighbour *n);
/* A reason for people: it names the class or the row of the strategy file that is the cause. `rule` is that
 * of docs/fusion.md which an override asking for it breaks, "" for none. */
typedef struct ExplainWhy {
  const char *text, *rule;
} ExplainWhy;
/* Why the consumer is not in the producer's kernel; why the class is not written into its readers. */
ExplainWhy explain_joining(Arena *a, const FactEntry *e, const DecisionPair *p);
ExplainWhy explain_inlining(Arena *a, const FactEntry *e, const DecisionRow *r);
/* A row of a strategy file: "epilogues.fuse:3: ** buffer". */
const char *explain_strategy_row(Arena *a, const struct StrategyRow *r);
/* explain_value.c: everything about the classes of that name; false after reporting that there is
 * none. */
bool explain_value(const Explain *x, const char *name, FILE *out);
/* The last part of a class' name; of a value made again, that of the value. Arena-owned. */
const char *explain_short(Arena *a, const char *class);
/* Bytes for people: "12.3 MiB". */
const char *explain_size(Arena *a, double bytes);
/* Whether an entry is to be shown. */
bool explain_shows(const Explain *x, const FactEntry *e);
/* explain_memory.c: what is live when, of the same entries. */
void explain_memory(const Explain *x, FILE *out);
/* The text of a line of the description, without what indents it; "" for nowhere. */
const char *explain_line(Arena *a, Loc at);
/* explain_json.c: everything, as docs/explain.md says; with CUDA C once the build has it. */
void explain_json(const Explain *x, FILE *out);
/* The same of a planned build, as a string of its arena, with predictions for so many cores. */
char *explain_facts(Build *b, int cores);

#endif
