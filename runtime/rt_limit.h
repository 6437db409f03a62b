/* What this process may use of the machine: processors and memory, as its affinity, the system and its
 * control groups say, those of version 1 and of version 2, at every level up to the root. */
#ifndef RUNTIME_RT_LIMIT_H
#define RUNTIME_RT_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

enum { RT_LIMIT_TEXT = 512 };

typedef struct RtLimits {
  int processors;                /* at least 1 */
  uint64_t memory;               /* bytes that can still be had; UINT64_MAX where nobody says */
  char memory_by[RT_LIMIT_TEXT]; /* what sets that: "MemAvailable of /proc/meminfo", or a group's file and
                                    limit */
} RtLimits;

/* `root` stands before the paths that are read: "" but in tests. A group's quota of processors is rounded
 * down. What a group's limit leaves counts files that are cached as free. */
RtLimits rt_limits(const char *root);

/* Whether `bytes` more can be had; else an error that says how much is needed, what there is, and what limits
 * it. */
bool rt_limit_allows(const RtLimits *l, uint64_t bytes);

#endif
