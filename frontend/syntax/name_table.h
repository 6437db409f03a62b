/* Things by name: a table that stays fast however many there are. */
#ifndef FRONTEND_NAME_TABLE_H
#define FRONTEND_NAME_TABLE_H

#include "base/arena.h"

typedef struct NameSlot {
  const char *name; /* NULL: free */
  void *thing;
} NameSlot;

/* Empty when all zero. */
typedef struct NameTable {
  int n, cap;
  NameSlot *slot;
} NameTable;

/* The thing of that name, or NULL. */
void *name_table_find(const NameTable *t, const char *name);
/* Gives the name this thing, in place of an older one; the name's text is kept, not copied. */
void name_table_set(Arena *a, NameTable *t, const char *name, void *thing);

#endif
