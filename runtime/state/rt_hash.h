/* XXH64 (Yann Collet's library, seed 0): tells whether a file is the same one, at the speed of reading it. */
#ifndef RUNTIME_RT_HASH_H
#define RUNTIME_RT_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

uint64_t rt_hash(const void *data, size_t n);
/* "xxh64:" and 16 hex digits for a whole file; false with an error reported. */
bool rt_hash_file(const char *path, char out[24]);

#endif
