/* Memory by lifetime: everything of one phase comes from one arena and goes with it.
 * Allocation never returns NULL; running out of memory ends the compiler with a message. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/text_stream.h"

typedef struct Arena Arena;

Arena *arena_new(void);
void arena_free(Arena *a);

/* Zeroed, aligned to 16 bytes, owned by the arena. */
void *arena_alloc(Arena *a, size_t size);
/* The same, for `count` elements of `size` bytes; an overflowing product ends the compiler. */
void *arena_array(Arena *a, size_t count, size_t size);
/* A copy of `size` bytes. */
void *arena_copy(Arena *a, const void *from, size_t size);
/* A NUL-terminated copy of the first `len` characters of `s`. */
char *arena_strndup(Arena *a, const char *s, size_t len);
char *arena_strdup(Arena *a, const char *s);
char *arena_printf(Arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
char *arena_vprintf(Arena *a, const char *fmt, va_list ap);

/* The text of a stream, owned by the arena. Neither fails: see above. */
void arena_text_open(TextStream *t);
char *arena_text_close(Arena *a, TextStream *t);

#define ARENA_NEW(a, T) ((T *)arena_alloc((a), sizeof(T)))
#define ARENA_ARRAY(a, n, T) ((T *)arena_array((a), (size_t)(n), sizeof(T)))

/* Grows the arena-owned array `v` of `cap` elements so that element `n` exists. */
#define ARENA_GROW(a, v, n, cap) ((v) = arena_grow((a), (v), (size_t)(n), &(cap), sizeof *(v)))
void *arena_grow(Arena *a, void *v, size_t n, int *cap, size_t size);

#endif
