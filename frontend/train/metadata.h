/* The strings in the header of a safetensors file. */
#ifndef FRONTEND_METADATA_H
#define FRONTEND_METADATA_H

#include "base/diag.h"

typedef struct MetaPair {
  const char *key, *value;
} MetaPair;

typedef struct Metadata {
  int n, cap;
  MetaPair *v;
} Metadata;

/* Reads `__metadata__` of the file; false, with an error at the file, when it is no safetensors file. Only
 * the header is read, and nothing in it is believed before it is checked. */
bool metadata_read(Arena *a, const char *path, Metadata *out);
/* The same for a header's text, which is changed and whose strings the result has. */
bool metadata_parse(Arena *a, char *json, size_t len, Loc loc, Metadata *out);

#endif
