/* The two ways to fail. `diag_error` is for the user: a place in a text, what was found and what was
 * expected, with the line and a caret; the caller goes on, so that one run reports several. `ice` is
 * for us: a broken invariant of the compiler. It does not return. */
#ifndef BASE_DIAG_H
#define BASE_DIAG_H

#include <stdbool.h>
#include <stdio.h>

#include "base/arena.h"

/* A text that errors point into. `path` is what the user typed; `text` is NUL-terminated. */
typedef struct Source {
  const char *path;
  const char *text;
  size_t len;
  bool library; /* it came with the compiler: errors in it are put at the user's call (diag_within) */
} Source;

/* A place: line and column count from 1; line 0 means "the file as a whole"; src NULL "nowhere". */
typedef struct Loc {
  const Source *src;
  int line, col;
} Loc;

/* Reads a whole file into the arena; on failure reports it and returns NULL. */
Source *diag_read(Arena *a, const char *path);
/* A source made of a string that is already in memory. */
Source *diag_source(Arena *a, const char *path, const char *text, size_t len);

/* From here on, places in this text are given as places in `path`, which the caller keeps: what programs and
 * dumps say must not depend on where the build was started. */
void diag_rename(const Source *src, const char *path);

void diag_error(Loc loc, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The same, for an evaluation that may come by often: where one was said already a further one is counted
 * alone. */
void diag_error_once(Loc loc, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* More about the last error: another place, or advice. */
void diag_note(Loc loc, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* A note that belongs to no error. The same one in a row is said once: a search builds a description many
 * times. */
void diag_remark(Loc loc, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* A call in the user's text that is being worked on. */
typedef struct DiagCall {
  Loc loc;
  const char *callee;
  bool told; /* an error was put there */
} DiagCall;

/* From here on errors in texts of the library are put at this call, with their own place as a note; further
 * ones of the same call are counted but not shown. A call without a text ends this. Gives the call before. */
DiagCall diag_within(DiagCall call);

/* Errors reported since the start or the last reset. */
int diag_count(void);
void diag_reset(void);
/* Where messages go (standard error at the start). Tests give a memory stream. NULL drops them. */
void diag_to(FILE *out);

/* Ends the compiler: memory has run out, which is nobody's fault. Status 1. */
__attribute__((noreturn)) void diag_no_memory(void);
/* The same behind errors that were reported, where the work cannot go on and nobody could be told so. */
__attribute__((noreturn)) void diag_stop(void);
/* What is done before the compiler ends in the middle of its work, by any of these: nothing half-written
 * may stay. It allocates nothing. */
void diag_before_end(void (*leave)(void));

__attribute__((noreturn, format(printf, 1, 2))) void ice(const char *fmt, ...);

#endif
