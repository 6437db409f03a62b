/* Reference data for the language's tests: tensors of a safetensors file as doubles. The files are trusted.
 */
#ifndef TESTS_LANG_FILE_H
#define TESTS_LANG_FILE_H

#include <stdbool.h>
#include <stdint.h>

typedef struct RefFile RefFile;

/* NULL when there is no such file. */
RefFile *ref_open(const char *path);
void ref_close(RefFile *f);
/* The tensor's elements and their number; NULL when the file has no such tensor. Kept by the file. */
const double *ref_tensor(RefFile *f, const char *name, int64_t *count);
/* The metadata string of that key, copied to buf, or false. */
bool ref_meta(const RefFile *f, const char *key, char *buf, int size);

#endif
