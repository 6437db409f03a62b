/* A description's files: the description itself and everything it imports. */
#ifndef FRONTEND_LOAD_H
#define FRONTEND_LOAD_H

#include "frontend/syntax/ast.h"

typedef struct Files {
  int n, cap;
  File **v; /* the description first, then in order of first import */
} Files;

/* Parses `src` and what it imports, each file once; `library` may be NULL. Errors are reported. */
void load_files(Arena *a, const Source *src, const char *library, Files *out);

#endif
