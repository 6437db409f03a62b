/* Writing a file whole or not at all. */
#ifndef TOOLS_OUTPUT_H
#define TOOLS_OUTPUT_H

#include <stdbool.h>
#include <stdio.h>

#include "base/arena.h"

/* A file being written: under a temporary name beside its own, or in place when it is a device or a pipe. */
typedef struct Output {
  const char *path;
  const char *part; /* NULL: in place */
  FILE *f;
} Output;

/* False after reporting that the file cannot be written. */
bool output_open(Arena *a, const char *path, Output *o);
/* Until this succeeds the file keeps what it had; false after reporting, then nothing is left behind. */
bool output_close(Output *o);

/* Before long work: whether the folder is there and can be written into, and the file is not the input from
 * which it is made (NULL: none); reports what is wrong. */
bool output_possible(const char *path, const char *input);
/* Whether no file of that name is there, but a device or a pipe may be; reports one. */
bool output_is_new(const char *path);
/* Whether the name is not one of a device or a pipe, which a program must not replace; reports it. */
bool output_replaces_file(const char *path);
/* Whether all that was printed on standard output was taken; reports that it was not, but for a reader
 * that has gone, which wants no more. */
bool output_flush(void);

#endif
