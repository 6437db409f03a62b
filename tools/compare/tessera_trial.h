/* A kernel on trial: its buffers twice, with equal random data, for a native function and for the
 * interpreter. */
#ifndef TOOLS_TESSERA_TRIAL_H
#define TOOLS_TESSERA_TRIAL_H

#include <stddef.h>

#include "ir/kernel/kern.h"
#include "runtime/program.h"

typedef struct Trial {
  Arena *arena;
  const Kernel *kernel;
  size_t *count; /* elements of each buffer */
  void **ours, **theirs;
  int nfield; /* of the step block, that the kernel reads */
  const char *field[TESS_MAX_SETTINGS];
} Trial;

/* Fills *t in; false after reporting a kernel that this machine has no memory for, or that reads more of the
 * step block than there is. */
bool trial_open(Arena *a, const Kernel *k, Trial *t);
void trial_close(Trial *t);

/* Every field of the step block has one value; any will do. */
TessStep trial_step(void);
/* Runs the interpreter on `theirs`. */
void trial_interpret(Trial *t);
/* The distance of our outputs from the interpreter's, divided by the norm of those; NAN when one side alone
 * has a value that is no number, or an infinite one. */
double trial_distance(const Trial *t);
/* The distance that rounding explains: by the narrowest type that is stored. */
double trial_tolerance(const Kernel *k);

#endif
