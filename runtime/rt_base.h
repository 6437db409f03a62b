/* What every part of the runtime stands on: messages for the user, memory, numbers and time. */
#ifndef RUNTIME_RT_BASE_H
#define RUNTIME_RT_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* An error for the user ("error: ...") and advice or information ("note: ..."), a line each. */
void rt_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void rt_note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Where messages go (standard error at the start). NULL drops them. */
void rt_messages_to(FILE *out);

/* Zeroed memory for `count` elements, to be freed; running out of it ends the program with a message. */
void *rt_alloc(size_t count, size_t size);
#define RT_NEW(n, T) ((T *)rt_alloc((size_t)(n), sizeof(T)))
/* Runs `work` and gives what it gave; but memory that runs out within it ends it alone, with the message, and
 * not the program: false. What it had allocated is then lost. */
bool rt_attempt(bool (*work)(void *ctx), void *ctx, bool *no_memory);
/* A formatted string, to be freed. */
char *rt_format(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Whole-string numbers; false when `s` is anything else. */
bool rt_parse_u64(const char *s, uint64_t *out);
bool rt_parse_float(const char *s, float *out);

/* Seconds by the monotonic clock. */
double rt_now(void);

#endif
