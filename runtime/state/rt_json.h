/* A pull parser for the JSON headers of safetensors files. Nothing is allocated: strings are decoded in
 * place. The first error is kept, with the byte where it stands; after it every call fails. */
#ifndef RUNTIME_RT_JSON_H
#define RUNTIME_RT_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct RtJson {
  char *text; /* modified by rt_json_string */
  size_t len, at;
  bool failed;
  size_t error_at;
  char error[240]; /* "expected ':', found '}'" */
} RtJson;

RtJson rt_json_new(char *text, size_t len);
/* The next character that is not white space, or 0 at the end. */
char rt_json_peek(RtJson *j);
/* Takes the character `c`; false with an error when another stands there. */
bool rt_json_take(RtJson *j, char c);
/* Takes `c` when it is there; no error. */
bool rt_json_maybe(RtJson *j, char c);
/* A string, NUL-terminated UTF-8 in the text itself, or NULL with an error. */
char *rt_json_string(RtJson *j);
/* A number without sign, fraction and exponent. */
bool rt_json_u64(RtJson *j, uint64_t *out);
/* Skips any value, nested at most 16 deep. */
bool rt_json_skip(RtJson *j);
/* Only white space may be left. */
bool rt_json_end(RtJson *j);
bool rt_json_fail(RtJson *j, size_t at, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

#endif
