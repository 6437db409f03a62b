/* The header of a safetensors file: eight bytes of length, then a JSON object of tensors and of
 * `__metadata__`. Nothing in it is believed before it is checked; what needs the file's size or the element
 * types is the caller's to check. */
#ifndef BASE_SAFETENSORS_H
#define BASE_SAFETENSORS_H

#include "base/json.h"

enum { SAFETENSORS_LENGTH = 8, SAFETENSORS_MOST_RANK = 8 };

/* Texts are those of the header. */
typedef struct SafetensorsEntry {
  const char *name, *type; /* "F32" */
  size_t at, type_at;      /* where the name and the type stand in the header */
  uint32_t rank;
  uint64_t dim[SAFETENSORS_MOST_RANK];
  uint64_t begin, end; /* bytes from the start of the data */
} SafetensorsEntry;

/* Takes what is read, in the order of the file; false, with an error of the parser's, ends the reading. */
typedef struct SafetensorsReader {
  bool (*pair)(void *ctx, Json *j, const char *key, const char *value); /* of `__metadata__` */
  bool (*tensor)(void *ctx, Json *j, const SafetensorsEntry *t);        /* NULL: tensors are passed over */
  void *ctx;
} SafetensorsReader;

/* The header's length, from a file's first bytes; `most` is what a file of `size` >= 8 bytes can have. False
 * when it is none. */
bool safetensors_length(const unsigned char at[SAFETENSORS_LENGTH], uint64_t size, uint64_t *len,
                        uint64_t *most);
/* Reads the whole header. False with the parser's error. */
bool safetensors_header(Json *j, const SafetensorsReader *r);

#endif
