/* Open addressing over a power of two of slots, at most half of which are taken. */
#include "frontend/syntax/name_table.h"

#include <stdint.h>
#include <string.h>

enum { FIRST_CAP = 32 };

/* FNV-1a. */
static uint32_t hash_of(const char *name) {
  uint32_t h = 0x811c9dc5u;
  for (; *name; name++) h = (h ^ (unsigned char)*name) * 0x01000193u;
  return h;
}

/* The name's slot, or the free one where it belongs. */
static NameSlot *slot_of(NameSlot *slot, int cap, const char *name) {
  uint32_t mask = (uint32_t)cap - 1, at = hash_of(name) & mask;
  while (slot[at].name && strcmp(slot[at].name, name) != 0) at = (at + 1) & mask;
  return &slot[at];
}

void *name_table_find(const NameTable *t, const char *name) {
  return t->n ? slot_of(t->slot, t->cap, name)->thing : NULL;
}

static void grow(Arena *a, NameTable *t) {
  int cap = t->cap ? 2 * t->cap : FIRST_CAP;
  NameSlot *slot = ARENA_ARRAY(a, cap, NameSlot);
  for (int i = 0; i < t->cap; i++)
    if (t->slot[i].name) *slot_of(slot, cap, t->slot[i].name) = t->slot[i];
  t->cap = cap;
  t->slot = slot;
}

void name_table_set(Arena *a, NameTable *t, const char *name, void *thing) {
  if (2 * (t->n + 1) > t->cap) grow(a, t);
  NameSlot *s = slot_of(t->slot, t->cap, name);
  t->n += !s->name;
  *s = (NameSlot){name, thing};
}
