/* The log of train: a file of JSON lines, {"step":N,..}, each whole. */
#ifndef RUNTIME_RT_LOG_H
#define RUNTIME_RT_LOG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

typedef struct RtLog {
  const char *path;
  int fd;      /* -1: there is no log */
  bool broken; /* a line was lost; that was said */
  FILE *line;  /* that is being made */
  char *text;
  size_t len;
} RtLog;

/* Opens the file to append to, or makes it; path NULL: no log. A run that goes on behind update `first` makes
 * the updates after it again: their lines are dropped, and so is a last line that was cut off. Nothing else
 * is: a file that is no log, and what the run reads, are refused. False with an error. */
bool rt_log_open(RtLog *l, const char *path, uint64_t first);
/* Begins a line, to be written to; NULL where there is no log, or no memory for the line. */
FILE *rt_log_begin(RtLog *l);
/* Ends the line that was begun and writes it, whole or not at all; what is lost is said at the first loss. */
void rt_log_end(RtLog *l);
/* False when a line was lost. */
bool rt_log_close(RtLog *l);

#endif
