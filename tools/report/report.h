/* One page for a browser, with all that it needs in it, of what is known about builds. */
#ifndef TOOLS_REPORT_H
#define TOOLS_REPORT_H

#include <stdbool.h>

#include "base/arena.h"

/* A build as `tessera explain --json` describes it (docs/explain.md). */
typedef struct ReportBuild {
  const char *label; /* how the page calls it */
  const char *facts; /* one JSON object */
  double seconds;    /* of a step, measured; NAN: unknown */
} ReportBuild;

/* Writes the page of n >= 1 builds; the first two are set against each other. Until it is whole the file
 * keeps what it had. False after reporting that it cannot be written. */
bool report_write(Arena *a, const char *path, const ReportBuild *build, int n);

#endif
