/* Texts by hash, each with a number. */
#ifndef IR_NAMES_H
#define IR_NAMES_H

#include "base/arena.h"

typedef struct NameSlot {
  const char *text; /* NULL: empty */
  int number;
} NameSlot;

/* All zero but for the arena when it begins. */
typedef struct Names {
  Arena *arena;
  size_t size, used; /* places, a power of two, and how many are taken */
  NameSlot *slot;
} Names;

/* The number that goes with the text, 0 at first; valid until the next call. The text is kept, not copied. */
int *names_at(Names *n, const char *text);
/* Takes the first of base, base_2, base_3, .. that was not taken yet. */
const char *names_take(Names *n, const char *base);

#endif
