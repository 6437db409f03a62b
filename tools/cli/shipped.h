/* The files that the compiler brings along. An installed one finds them from where it lies (bin beside
 * lib/tessera and share/tessera), so that the whole prefix can be moved; one in its build folder has the
 * archives beside it and the library in the source tree. */
#ifndef TOOLS_SHIPPED_H
#define TOOLS_SHIPPED_H

#include "base/arena.h"

/* The folder in which imports are looked for. */
const char *shipped_library(Arena *a);
/* The path itself if that file is there or the path is not below "models/"; else the shipped file of that
 * name, so that what the documents say works in any folder. */
const char *shipped_path(Arena *a, const char *path);
/* Notes the compiler's program and its archives as inputs (base/files/infile.h). */
void shipped_note(Arena *a);
/* The path of a runtime archive, "libtessera_rt.a". */
const char *shipped_archive(Arena *a, const char *name);

#endif
