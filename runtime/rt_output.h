/* The files that a run writes, as base/files/outfile.h has them, with errors for the user. */
#ifndef RUNTIME_RT_OUTPUT_H
#define RUNTIME_RT_OUTPUT_H

#include <stdint.h>

#include "base/files/outfile.h"

/* Whether a file can be put there, which is tried: hours of work must not end in a folder that isn't there,
 * nor take the place of what the run reads. Reports what the option cannot have. `token` is as in RtDest;
 * `where` (or NULL) gets what is known of the place. */
bool rt_can_write(const char *option, const char *path, const char *token, OutFile *where);

typedef struct RtPiece {
  const void *data;
  uint64_t bytes;
} RtPiece;

enum { RT_MOST_NAMES = 2 };

/* Where a file goes. */
typedef struct RtDest {
  const char *path;
  const char *token;               /* of its temporary name; NULL: any */
  const char *also[RT_MOST_NAMES]; /* names that the same file gets before, each whole; NULL for none */
} RtDest;

/* Writes the pieces whole or not at all: `path` is the old file or the new one, at any moment. False with an
 * error. */
bool rt_write_whole(const RtDest *to, const RtPiece *piece, int n);

#endif
