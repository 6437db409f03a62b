/* Time by kernel. */
#ifndef RUNTIME_RT_PROFILE_H
#define RUNTIME_RT_PROFILE_H

#include <stdio.h>

#include "runtime/rt_session.h"

typedef struct RtProfileRow {
  const char *kernel, *source;
  uint64_t launches;
  double seconds, flop, bytes;
} RtProfileRow;

typedef struct RtProfile {
  RtProfileRow *row; /* one a distinct kernel */
  int n;
  int *row_of[TESS_ENTRIES]; /* by launch */
  TessEntryKind entry;       /* that runs now: whoever runs it says so */
  RtHook hook;               /* to be set as run->hook */
} RtProfile;

RtProfile *rt_profile_new(void);
void rt_profile_free(RtProfile *p);
/* A table, the longest first, of times a step. */
void rt_profile_print(const RtProfile *p, uint64_t steps, FILE *out);

#endif
