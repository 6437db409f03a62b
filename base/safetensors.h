/* The header of a safetensors file: eight bytes of length, then a JSON object of tensors and of
 * `__metadata__`. Nothing in it is believed before it is checked; what needs the file's size or the element
 * types is the caller's to check. Headers that Tessera wrote begin with a checksum of all the rest and say
 * their version (docs/files.md); those of others have neither, also where they took over the metadata.
 *
 * Checksums are XXH3 of 64 bits (Yann Collet's library, its header alone), which runs at the speed of memory.
 * They protect against accidents, not against forgers. */
#ifndef BASE_SAFETENSORS_H
#define BASE_SAFETENSORS_H

#include "base/json.h"

enum { SAFETENSORS_LENGTH = 8, SAFETENSORS_MOST_RANK = 8 };

/* How a header with a checksum begins; its digits and a quote follow. Nobody else would put just this space.
 */
#define SAFETENSORS_SUMMED "{ \"__metadata__\":{\"" SAFETENSORS_SUM "\":\""
/* The metadata's keys in files of Tessera: the header's checksum; the version, of which the first had no
 * checksums; and those of the tensors, in the order of the data. */
#define SAFETENSORS_SUM "tessera.header"
#define SAFETENSORS_FORMAT "tessera.format"
#define SAFETENSORS_VERSION "2"
#define SAFETENSORS_SUMS "tessera.tensors"
enum { SAFETENSORS_DIGITS = 16 }; /* of a checksum: hex, lower */

/* Texts are those of the header. */
typedef struct SafetensorsEntry {
  const char *name, *type;             /* "F32" */
  size_t at;                           /* where the name stands in the header */
  uint32_t rank;                       /* any */
  uint64_t dim[SAFETENSORS_MOST_RANK]; /* the first of them */
  uint64_t count;                      /* elements */
  uint64_t begin, end;                 /* bytes from the start of the data */
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
/* Reads the whole header. False with the parser's error, which a header that is not what its checksum says
 * is too, and one of Tessera's whose version is not known. */
bool safetensors_header(Json *j, const SafetensorsReader *r);

/* Whether the header has a checksum: it begins as those that Tessera writes, or so nearly that it must have
 * been one. */
bool safetensors_summed(const char *header, size_t len);
/* Puts the checksum into a header that begins with SAFETENSORS_SUMMED and as many characters. */
void safetensors_put_sum(char *header, size_t len);

uint64_t safetensors_sum(const void *data, size_t n);
/* Of `n` bytes of a file from byte `at` on, read in pieces. False when they cannot be read: errno says why, 0
 * when the file ends before. */
bool safetensors_sum_file(int fd, uint64_t at, uint64_t n, uint64_t *sum);
void safetensors_sum_text(uint64_t sum, char out[SAFETENSORS_DIGITS + 1]);
/* Takes a checksum's digits; false when these are none. */
bool safetensors_sum_parse(const char *text, uint64_t *sum);

#endif
