/* What somebody may have meant: "did you mean". */
#ifndef BASE_NEAREST_H
#define BASE_NEAREST_H

/* The name in `names` that `name` is one edit from, else the first that contains it, else the nearest by
 * edits, or NULL if none is near. */
const char *nearest_name(const char *name, const char *const *names, int n);

#endif
