/* Open addressing; the table doubles before it is half full. */
#include "ir/names.h"

#include <string.h>

static size_t hash_of(const char *text) {
  size_t h = 14695981039346656037u;
  for (; *text; text++) h = (h ^ (unsigned char)*text) * 1099511628211u;
  return h;
}

static NameSlot *find(const Names *n, const char *text) {
  size_t at = hash_of(text) & (n->size - 1);
  while (n->slot[at].text && strcmp(n->slot[at].text, text) != 0) at = (at + 1) & (n->size - 1);
  return &n->slot[at];
}

static void grow(Names *n) {
  Names bigger = {.arena = n->arena, .size = n->size ? 2 * n->size : 16, .used = n->used};
  bigger.slot = ARENA_ARRAY(n->arena, bigger.size, NameSlot);
  for (size_t i = 0; i < n->size; i++)
    if (n->slot[i].text) *find(&bigger, n->slot[i].text) = n->slot[i];
  *n = bigger;
}

int *names_at(Names *n, const char *text) {
  if (2 * n->used >= n->size) grow(n);
  NameSlot *s = find(n, text);
  if (!s->text) {
    s->text = text;
    n->used++;
  }
  return &s->number;
}

/* The number of a name that is taken: the last one that was tried after it. */
const char *names_take(Names *n, const char *base) {
  const char *name = base;
  int last = *names_at(n, base);
  while (*names_at(n, name)) name = arena_printf(n->arena, "%s_%d", base, ++last);
  *names_at(n, name) = 1;
  if (name != base) *names_at(n, base) = last;
  return name;
}
