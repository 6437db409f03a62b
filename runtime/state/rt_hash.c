#include "runtime/state/rt_hash.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/files/infile.h"
#include "runtime/rt_base.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

enum { CHUNK = 1 << 16 };

uint64_t rt_hash(const void *data, size_t n) {
  XXH64_state_t h;
  XXH64_reset(&h, 0);
  XXH64_update(&h, data, n);
  return XXH64_digest(&h);
}

bool rt_hash_file(const char *path, char out[24]) {
  const char *why = NULL;
  int fd = infile_open(path, &why);
  FILE *f = fd >= 0 ? fdopen(fd, "rb") : NULL;
  if (!f) {
    rt_error("%s: %s", path, why ? why : strerror(errno));
    return false;
  }
  unsigned char buf[CHUNK];
  XXH64_state_t h;
  XXH64_reset(&h, 0);
  size_t n;
  while ((n = fread(buf, 1, CHUNK, f)) == CHUNK) XXH64_update(&h, buf, n);
  XXH64_update(&h, buf, n);
  snprintf(out, 24, "xxh64:%016" PRIx64, XXH64_digest(&h));
  bool ok = !ferror(f);
  if (!ok) rt_error("%s: cannot be read: %s", path, strerror(errno));
  fclose(f);
  return ok;
}
