/* A mistake that changes nothing and would pass in silence: "let x = .." within a loop, where "x = .." was
 * meant. */
#ifndef FRONTEND_UNREAD_H
#define FRONTEND_UNREAD_H

#include "frontend/syntax/load.h"

/* Reports every `let` within a loop or an `if` of a function that hides a name from outside the block and is
 * never read: it can have no effect. */
void unread_check(Arena *a, const Files *files);

#endif
