/* Writing a file whole or not at all. */
#ifndef TOOLS_OUTPUT_H
#define TOOLS_OUTPUT_H

#include <stdbool.h>
#include <stdio.h>

#include "base/files/outfile.h"

/* A file being written. A signal that ends the compiler leaves nothing of it. */
typedef struct Output {
  const char *path;
  OutFile file;
  FILE *f;
} Output;

/* False after reporting that the file cannot be written. *o stays where it is until it is closed. */
bool output_open(const char *path, Output *o);
/* Until this succeeds the file keeps what it had; false after reporting, then nothing is left behind. */
bool output_close(Output *o);

/* Before long work: whether a file can be made there, and would take the place of no file that was read or
 * noted (base/files/infile.h) so far; reports what is wrong. */
bool output_possible(const char *path);
/* Whether two outputs are two files; reports when they are one. */
bool output_differ(const char *x, const char *y);
/* Whether no file of that name is there, but a device or a pipe may be; reports one. */
bool output_is_new(const char *path);
/* Whether the name is not one of a device or a pipe, which a program must not replace; reports it. */
bool output_replaces_file(const char *path);
/* Whether all that was printed on standard output was taken; reports that it was not, but for a reader
 * that has gone, which wants no more. */
bool output_flush(void);

#endif
