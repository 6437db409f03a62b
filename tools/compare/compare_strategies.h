/* tessera compare: what it is told, and what it finds of each strategy. */
#ifndef TOOLS_COMPARE_STRATEGIES_H
#define TOOLS_COMPARE_STRATEGIES_H

#include "tools/build/build.h"

enum { COMPARE_MOST = 32, COMPARE_MOST_ROUNDS = 1000 };

typedef struct CompareOptions {
  BuildOptions build;
  int nstrategy;
  const char *strategy[COMPARE_MOST]; /* as typed: a file, or "auto" */
  long steps, rounds;
  int threads;        /* of the runs; 0: as many as the program takes by itself */
  bool json, rows;    /* rows: every class that differs, not only their groups */
  const char *report; /* the file of a page, or NULL */
} CompareOptions;

/* What of a step is known when a program is built. */
typedef struct StepCounts {
  int kernels, launches;
  double flop, bytes, outside; /* bytes moved, and those outside contractions */
} StepCounts;

/* One strategy. */
typedef struct Side {
  const char *name;    /* as typed */
  const char *label;   /* the same without folder and ending, where that tells it from the others */
  const char *program; /* its file */
  bool built;
  const char *failed; /* why it has no times, or NULL */
  const char *facts;  /* for the page, if one is wanted and the program is planned */
  StepCounts step;
  int nround;
  double *seconds;        /* a step, the median of each round */
  double planned, memory; /* bytes that the program announced, and that it had resident at most */
} Side;

/* A class of values of a step. */
typedef struct CompareRow {
  const char *name, *source; /* "blocks.*.mlp.fc1.contract", "nn.tess:9" (or NULL) */
  const char **place;        /* by side, in words; NULL: no such value */
  const char **kind;         /* the same without the name of a kernel */
} CompareRow;

typedef struct Comparison {
  Arena *arena;
  const CompareOptions *o;
  const char *folder;
  const char *target; /* in full */
  Side *side;         /* o->nstrategy of them */
  int nrow, cap_row;
  CompareRow *row; /* in the order of the description */
} Comparison;

/* How often an entry runs in a step: of a program that trains, its micro-batches and the update. */
int compare_times(const Prog *p, EntryKind e);
/* Notes where a planned build of a side has its values. */
void compare_note_rows(Comparison *c, int side, const Build *b);
/* Whether sides that were built place the class differently. */
bool compare_differs(const Comparison *c, const CompareRow *r);
/* The classes that differ, each or by groups. */
void compare_print_rows(const Comparison *c, FILE *out);

/* Whether there is such a description and target, which every side has; reports what is wrong. */
bool compare_describe(Comparison *c);
/* Builds side i's program into the folder; on failure `failed` says why. */
void compare_build(Comparison *c, int i);
/* Runs every program that there is, in turn, round after round. */
void compare_run(Comparison *c);

/* Of side i, over its rounds; NAN when it has none. */
double compare_median(const Side *s);
/* The median of the rounds' ratios to the first side that ran: neighbours in time are compared. */
double compare_ratio(const Comparison *c, int i);
void compare_print(const Comparison *c, FILE *out);
void compare_print_json(const Comparison *c, FILE *out);

#endif
