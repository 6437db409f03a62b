/* Time by kernel, as a table and as a file. */
#ifndef RUNTIME_RT_PROFILE_H
#define RUNTIME_RT_PROFILE_H

#include <stdio.h>

#include "runtime/rt_session.h"

typedef struct RtProfileRow {
  const char *kernel, *source;
  uint64_t launches;
  double seconds, flop, bytes;
} RtProfileRow;

typedef struct RtProfileLaunch {
  uint64_t runs;
  double seconds; /* of all of them */
} RtProfileLaunch;

typedef struct RtProfile {
  RtProfileRow *row; /* one a distinct kernel */
  int n;
  int *row_of[TESS_ENTRIES]; /* by launch */
  RtProfileLaunch *launch[TESS_ENTRIES];
  TessEntryKind entry; /* that runs now: whoever runs it says so */
  RtHook hook;         /* to be set as run->hook */
} RtProfile;

RtProfile *rt_profile_new(void);
void rt_profile_free(RtProfile *p);
/* A table, the longest first, of times a step. */
void rt_profile_print(const RtProfile *p, uint64_t steps, FILE *out);
/* Every launch's time as JSON (docs/explain.md), as rt_write_whole does. False with an error reported. */
bool rt_profile_write(const RtProfile *p, int threads, uint64_t steps, const char *path);

#endif
