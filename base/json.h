/* JSON: a pull parser, and the two values that are more than printing when it is written. The parser
 * allocates nothing: strings are decoded in place. The first error is kept, with the byte where it stands;
 * after it every call fails. */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

typedef struct Json {
  char *text; /* modified by json_string */
  size_t len, at;
  bool failed;
  size_t error_at;
  char error[240]; /* "expected ':', found '}'" */
} Json;

Json json_new(char *text, size_t len);
/* The next character that is not white space, or 0 at the end. */
char json_peek(Json *j);
/* Takes the character `c`; false with an error when another stands there. */
bool json_take(Json *j, char c);
/* Takes `c` when it is there; no error. */
bool json_maybe(Json *j, char c);
/* Takes a bare word such as null when it is there; no error. */
bool json_word(Json *j, const char *word);
/* A string, NUL-terminated UTF-8 in the text itself, or NULL with an error. */
char *json_string(Json *j);
/* A number without sign, fraction and exponent. */
bool json_u64(Json *j, uint64_t *out);
/* Skips any value, nested at most 16 deep. */
bool json_skip(Json *j);
/* Only white space may be left. */
bool json_end(Json *j);
bool json_fail(Json *j, size_t at, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Writes `s` as a string, quotes included; NULL is null. A byte that belongs to no character of UTF-8 becomes
 * U+FFFD. */
void json_put_string(FILE *out, const char *s);
/* Writes a number that reads back as the same f64, or null when it is not finite. */
void json_put_number(FILE *out, double v);

#endif
