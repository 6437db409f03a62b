#include "runtime/state/rt_hash.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/rt_base.h"

static const uint64_t p1 = 0x9e3779b185ebca87u, p2 = 0xc2b2ae3d27d4eb4fu, p3 = 0x165667b19e3779f9u,
                      p4 = 0x85ebca77c2b2ae63u, p5 = 0x27d4eb2f165667c5u;

enum { STRIPE = 32, CHUNK = 1 << 18 };

typedef struct Hash {
  uint64_t lane[4], total;
} Hash;

static uint64_t rotl(uint64_t x, int r) {
  return x << r | x >> (64 - r);
}

static uint64_t load64(const unsigned char *p) {
  uint64_t v = 0;
  for (int i = 7; i >= 0; i--) v = v << 8 | p[i];
  return v;
}

static uint64_t mix_round(uint64_t lane, uint64_t v) {
  return rotl(lane + v * p2, 31) * p1;
}

static void start(Hash *h) {
  *h = (Hash){.lane = {p1 + p2, p2, 0, 0 - p1}};
}

/* Whole stripes. */
static void stripes(Hash *h, const unsigned char *p, size_t n) {
  for (; n >= STRIPE; n -= STRIPE, p += STRIPE, h->total += STRIPE)
    for (int i = 0; i < 4; i++) h->lane[i] = mix_round(h->lane[i], load64(p + 8 * (size_t)i));
}

/* The last n < 32 bytes, and the final mix. */
static uint64_t finish(const Hash *h, const unsigned char *p, size_t n) {
  uint64_t x = p5;
  if (h->total) {
    x = rotl(h->lane[0], 1) + rotl(h->lane[1], 7) + rotl(h->lane[2], 12) + rotl(h->lane[3], 18);
    for (int i = 0; i < 4; i++) x = (x ^ mix_round(0, h->lane[i])) * p1 + p4;
  }
  x += h->total + n;
  for (; n >= 8; n -= 8, p += 8) x = rotl(x ^ mix_round(0, load64(p)), 27) * p1 + p4;
  if (n >= 4) {
    uint64_t word = p[0] | (uint64_t)p[1] << 8 | (uint64_t)p[2] << 16 | (uint64_t)p[3] << 24;
    x = rotl(x ^ word * p1, 23) * p2 + p3;
    n -= 4;
    p += 4;
  }
  for (; n; n--, p++) x = rotl(x ^ *p * p5, 11) * p1;
  x = (x ^ x >> 33) * p2;
  x = (x ^ x >> 29) * p3;
  return x ^ x >> 32;
}

uint64_t rt_hash(const void *data, size_t n) {
  Hash h;
  start(&h);
  size_t whole = n / STRIPE * STRIPE;
  stripes(&h, data, whole);
  return finish(&h, (const unsigned char *)data + whole, n - whole);
}

bool rt_hash_file(const char *path, char out[24]) {
  FILE *f = fopen(path, "rb");
  if (!f) {
    rt_error("%s: %s", path, strerror(errno));
    return false;
  }
  unsigned char *buf = RT_NEW(CHUNK, unsigned char);
  Hash h;
  start(&h);
  size_t n;
  while ((n = fread(buf, 1, CHUNK, f)) == CHUNK) stripes(&h, buf, n);
  size_t whole = n / STRIPE * STRIPE;
  stripes(&h, buf, whole);
  snprintf(out, 24, "xxh64:%016" PRIx64, finish(&h, buf + whole, n - whole));
  bool ok = !ferror(f);
  if (!ok) rt_error("%s: cannot be read: %s", path, strerror(errno));
  fclose(f);
  free(buf);
  return ok;
}
