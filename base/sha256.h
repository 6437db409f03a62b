/* SHA-256 (FIPS 180-4), for the source hash of a program. */
#ifndef BASE_SHA256_H
#define BASE_SHA256_H

#include <stddef.h>
#include <stdint.h>

typedef struct Sha256 {
  uint32_t state[8];
  uint64_t total; /* bytes so far */
  unsigned char block[64];
} Sha256;

void sha256_start(Sha256 *h);
void sha256_add(Sha256 *h, const void *data, size_t size);
/* 64 hex digits and a NUL. */
void sha256_finish(Sha256 *h, char out[65]);

#endif
