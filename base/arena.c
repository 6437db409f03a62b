/* Arenas: a list of blocks, each twice the last, freed at once. */
#include "base/arena.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/diag.h"
#include "base/i64.h"

enum { ALIGN = 16, FIRST_BLOCK = 1 << 14, LARGEST_BLOCK = 1 << 22 };

typedef struct Block Block;
struct Block {
  Block *next;
  size_t used, size;
  _Alignas(ALIGN) char data[];
};

struct Arena {
  Block *top;
};

static void *must_calloc(size_t size) {
  void *p = calloc(1, size);
  if (!p) diag_no_memory();
  return p;
}

Arena *arena_new(void) {
  return must_calloc(sizeof(Arena));
}

void arena_free(Arena *a) {
  if (!a) return;
  for (Block *b = a->top, *next; b; b = next) {
    next = b->next;
    free(b);
  }
  free(a);
}

static Block *block_for(Arena *a, size_t size) {
  Block *b = a->top;
  if (b && b->size - b->used >= size) return b;
  size_t want = b ? b->size * 2 : FIRST_BLOCK;
  if (want > LARGEST_BLOCK) want = LARGEST_BLOCK;
  if (want < size) want = size;
  b = must_calloc(sizeof(Block) + want);
  b->size = want;
  b->next = a->top;
  return a->top = b;
}

void *arena_alloc(Arena *a, size_t size) {
  if (size > SIZE_MAX / 4) diag_no_memory();
  size = (size_t)i64_round_up((int64_t)size, ALIGN);
  Block *b = block_for(a, size);
  void *p = b->data + b->used;
  b->used += size;
  return p;
}

void *arena_array(Arena *a, size_t count, size_t size) {
  if (size && count > SIZE_MAX / size) diag_no_memory();
  return arena_alloc(a, count * size);
}

void *arena_copy(Arena *a, const void *from, size_t size) {
  void *p = arena_alloc(a, size);
  if (size) memcpy(p, from, size);
  return p;
}

char *arena_strndup(Arena *a, const char *s, size_t len) {
  char *p = arena_alloc(a, len + 1);
  memcpy(p, s, len);
  return p;
}

char *arena_strdup(Arena *a, const char *s) {
  return arena_strndup(a, s, strlen(s));
}

char *arena_vprintf(Arena *a, const char *fmt, va_list ap) {
  va_list again;
  va_copy(again, ap);
  int n = vsnprintf(NULL, 0, fmt, ap);
  if (n < 0) ice("bad format \"%s\"", fmt);
  char *p = arena_alloc(a, (size_t)n + 1);
  vsnprintf(p, (size_t)n + 1, fmt, again);
  va_end(again);
  return p;
}

char *arena_printf(Arena *a, const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  char *p = arena_vprintf(a, fmt, ap);
  va_end(ap);
  return p;
}

void arena_text_open(TextStream *t) {
  if (!text_stream_open(t)) diag_no_memory();
}

char *arena_text_close(Arena *a, TextStream *t) {
  if (!text_stream_close(t)) diag_no_memory();
  char *copy = arena_strndup(a, t->text, t->size);
  free(t->text);
  return copy;
}

void *arena_grow(Arena *a, void *v, size_t n, int *cap, size_t size) {
  if (n < (size_t)*cap) return v;
  if (n >= INT_MAX / 2) diag_no_memory();
  int bigger = *cap ? *cap : 4;
  do bigger *= 2;
  while ((size_t)bigger <= n);
  void *p = arena_array(a, (size_t)bigger, size);
  if (*cap) memcpy(p, v, (size_t)*cap * size);
  *cap = bigger;
  return p;
}
