/* Files that are written, whole or not at all: a new file of a name that nobody can guess, in the folder of
 * the output, takes the output's place once all of it is on the disk. Links are followed to where they lead,
 * and what was there leaves its mode. A device or a pipe is written into, and so is what only an open
 * descriptor names (/dev/stdout). */
#ifndef BASE_OUTFILE_H
#define BASE_OUTFILE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum { OUTFILE_TOKEN = 17 }; /* 80 random bits as text, and its end */

typedef struct OutFile {
  int fd;
  bool in_place;
  bool replaced;            /* the new file is there, whatever fails afterwards */
  const char *why;          /* after a failure */
  char target[PATH_MAX];    /* where the links of its path lead; the path itself if it is written in place */
  char temporary[PATH_MAX]; /* beside the target; "" in place */
} OutFile;

/* Finds out where a path leads: target and in_place. False with `why`. */
bool outfile_find(OutFile *o, const char *path);
/* The same, and whether a file can be made there; leaves nothing behind. False with
 * `why`: no such folder or none to write into, a folder, a pipe that nobody reads, an input that would be
 * lost (infile.h). */
bool outfile_try(OutFile *o, const char *path, const char *token);
/* Opens for writing. A file that is not there yet gets `mode`, less what umask says; `token` is part of the
 * temporary name (NULL: a new one). False with `why`, and nothing is left behind. */
bool outfile_open(OutFile *o, const char *path, mode_t mode, const char *token);
/* Appends n bytes; false with `why`. */
bool outfile_write(OutFile *o, const void *data, size_t n);
/* Appends all that an open file has; false with `why`. */
bool outfile_copy(OutFile *o, int from);
/* Brings the file to the disk. */
bool outfile_flush(OutFile *o);
/* Flushes, closes, and puts the file into its place; false with `why`: the output is as it was, if not
 * `replaced`, and nothing is left behind. */
bool outfile_commit(OutFile *o);
/* Gives up: closes, and leaves nothing behind. */
void outfile_drop(OutFile *o);

/* A new file at `path`, a name of its own beside the flushed one, in place of whatever file was there. The
 * same file where the file system can have one under two names, else a copy. False with `why`. */
bool outfile_also(OutFile *o, const char *path);
#define OUTFILE_ALSO "-also" /* behind the token, in the temporary name of the second file */

/* 16 letters and digits that nobody can guess. */
void outfile_token(char token[OUTFILE_TOKEN]);
/* The name of a new file in the folder of `target`, .tessera.TOKEN; false if it is too long. */
bool outfile_beside(char out[PATH_MAX], const char *target, const char *token);
/* A new folder beside the path's target, for this user alone. False with `why`. */
bool outfile_folder(OutFile *o, const char *path, char folder[PATH_MAX]);

#endif
