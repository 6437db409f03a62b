/* What the files of the kernel IR share and nobody else needs: names in its text. */
#ifndef IR_KERN_IMPL_H
#define IR_KERN_IMPL_H

#include "ir/kernel/kern.h"

enum { KERN_MAX_PLANS = 8 };

/* A letter or _, then letters, digits and _. */
bool kern_is_identifier(const char *s);
/* inf, nan, true, false, and, or, sum, max have a meaning in expressions, so nothing may be named so. */
bool kern_is_reserved(const char *s);
/* The name made an identifier that is none of those. */
const char *kern_identifier(Arena *a, const char *name);
/* The number of the axis, buffer, word or value of that name, or -1. */
int kern_find_axis(const Kernel *k, const char *name);
int kern_find_buf(const Kernel *k, const char *name);
int kern_find_word(const Kernel *k, const char *name);
int kern_find_val(const Kernel *k, const char *name);
const Ix *const *kern_copy_indices(Arena *a, const Ix *const *idx, int n);

#endif
