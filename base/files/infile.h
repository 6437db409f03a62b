/* Files that are read. What is meant to be a file is opened only if it is one, so that nothing waits for a
 * pipe's writer or reads a device without an end; and it is remembered, so that no output takes its place. */
#ifndef BASE_INFILE_H
#define BASE_INFILE_H

#include <stdbool.h>

/* A descriptor of the regular file, which is remembered; or -1, with errno and what is wrong in *why until
 * the next call. */
int infile_open(const char *path, const char **why);
/* The same, and a pipe that is open already has a name too (/dev/stdin, /dev/fd/63): it may be read as well.
 */
int infile_open_text(const char *path, const char **why);
/* The same of a file that is read once: then an output may take its place. */
int infile_open_once(const char *path, const char **why);
/* Remembers a file that something else reads, under the name that people know it by; nothing there is no
 * input. */
void infile_note(const char *path, const char *name);
/* The name of the input that is gone when `path` gets another file (in_place: when `path` is written into),
 * or NULL. */
const char *infile_lost(const char *path, bool in_place);

/* Whether both paths, which lead over no link at their end, name one entry of one folder. */
bool infile_same_entry(const char *a, const char *b);

#endif
