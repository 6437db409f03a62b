#include "runtime/data/rt_idx.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "base/files/infile.h"
#include "runtime/rt_base.h"

/* No deflate stream grows more than this, so a header can't promise more. */
enum { MAX_RATIO = 1032, CHUNK = 1 << 20 };

/* The format's types by the third byte of a file. */
static RtType type_of(unsigned char code) {
  switch (code) {
  case 0x08: return RT_U8;
  case 0x09: return RT_I8;
  case 0x0b: return RT_I16;
  case 0x0c: return RT_I32;
  case 0x0d: return RT_F32;
  case 0x0e: return RT_F64;
  default: return RT_TYPE_COUNT;
  }
}

/* What zlib says, without the number of the descriptor that it begins with. */
static void damaged(gzFile gz, const RtIdx *x) {
  int code;
  const char *why = gzerror(gz, &code), *behind = strstr(why, ">: ");
  rt_error("%s: the file is damaged: %s", x->path, behind ? behind + 3 : why);
}

/* Reads up to n bytes, less only at the end; -1 with an error reported. */
static int64_t take(gzFile gz, const RtIdx *x, void *to, uint64_t n) {
  uint64_t got = 0;
  while (got < n) {
    uint64_t want = n - got < CHUNK ? n - got : CHUNK;
    int r = gzread(gz, (char *)to + got, (unsigned)want);
    if (r < 0) {
      damaged(gz, x);
      return -1;
    }
    if (r == 0) break;
    got += (uint64_t)r;
  }
  return (int64_t)got;
}

static bool cut(const RtIdx *x, const char *part, int64_t found, uint64_t expected) {
  if (found >= 0)
    rt_error("%s: the file is cut: found %" PRId64 " bytes of %s, expected %" PRIu64, x->path, found, part,
             expected);
  return false;
}

static bool read_magic(gzFile gz, RtIdx *x) {
  unsigned char magic[4];
  int64_t n = take(gz, x, magic, 4);
  if (n != 4) return cut(x, "the header", n, 4);
  x->type = type_of(magic[2]);
  x->rank = magic[3];
  if (!magic[0] && !magic[1] && x->type != RT_TYPE_COUNT && x->rank >= 1 && x->rank <= TESS_MAX_RANK)
    return true;
  rt_error(
      "%s: byte 0: found %02x %02x %02x %02x, expected 00 00, a type of 08, 09, 0b, 0c, 0d or 0e, and 1 to "
      "%d dimensions (an IDX file)",
      x->path, magic[0], magic[1], magic[2], magic[3], TESS_MAX_RANK);
  return false;
}

static bool read_header(gzFile gz, RtIdx *x, uint64_t file_bytes, uint64_t *promised) {
  unsigned char dim[4];
  if (!read_magic(gz, x)) return false;
  uint64_t bytes = rt_type_size(x->type);
  bool fits = true;
  for (uint32_t i = 0; i < x->rank; i++) {
    int64_t n = take(gz, x, dim, 4);
    if (n != 4) return cut(x, "the header", n < 0 ? n : 4 + 4 * (int64_t)i + n, 4 + 4 * (uint64_t)x->rank);
    x->dim[i] = (uint64_t)dim[0] << 24 | (uint64_t)dim[1] << 16 | (uint64_t)dim[2] << 8 | dim[3];
    fits = fits && !__builtin_mul_overflow(bytes, x->dim[i], &bytes);
  }
  *promised = bytes;
  if (fits && bytes / MAX_RATIO <= file_bytes) return true;
  rt_error("%s: its header promises more data than a file of %" PRIu64 " bytes can hold", x->path,
           file_bytes);
  return false;
}

/* Files have the most significant byte first. */
static void turn_bytes(RtIdx *x) {
  uint64_t size = rt_type_size(x->type);
  for (uint64_t i = 0; size > 1 && i < x->count; i += size)
    for (uint64_t k = 0; k < size / 2; k++) {
      char keep = x->data[i + k];
      x->data[i + k] = x->data[i + size - 1 - k];
      x->data[i + size - 1 - k] = keep;
    }
}

/* Reads n bytes that nobody keeps, and sees that nothing follows; this also checks gzip's checksum. */
static int64_t pass_over(gzFile gz, const RtIdx *x, uint64_t n) {
  char piece[4096];
  int64_t done = 0, r = 1;
  while (r > 0) {
    r = take(gz, x, piece, sizeof piece);
    if (r < 0) return -1;
    done += r;
    if ((uint64_t)done > n) break;
  }
  return done;
}

static bool read_data(gzFile gz, RtIdx *x, uint64_t limit, uint64_t promised) {
  x->kept = limit && limit < x->dim[0] ? limit : x->dim[0];
  x->count = x->dim[0] ? promised / x->dim[0] * x->kept : 0;
  x->data = malloc(x->count ? x->count : 1);
  if (!x->data) {
    rt_error("%s: no memory for its %" PRIu64 " bytes", x->path, x->count);
    return false;
  }
  int64_t n = take(gz, x, x->data, x->count);
  if (n < 0) return false;
  int64_t rest = pass_over(gz, x, promised - x->count);
  if (rest < 0) return false;
  uint64_t found = (uint64_t)n + (uint64_t)rest;
  if (found < promised) return cut(x, "data", (int64_t)found, promised);
  if (found > promised)
    rt_error("%s: found more than the %" PRIu64 " bytes that its header promises", x->path, promised);
  return found == promised;
}

bool rt_idx_read(int fd, const char *path, uint64_t limit, RtIdx *out) {
  *out = (RtIdx){.path = rt_format("%s", path)};
  struct stat st;
  gzFile gz = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? gzdopen(fd, "rb") : NULL;
  if (!gz) {
    rt_error("%s: expected a regular file", path);
    close(fd);
    rt_idx_free(out);
    return false;
  }
  uint64_t promised;
  bool ok = read_header(gz, out, (uint64_t)st.st_size, &promised) && read_data(gz, out, limit, promised);
  int closed = gzclose(gz);
  if (ok && closed != Z_OK) {
    rt_error("%s: the file is cut", path);
    ok = false;
  }
  if (ok)
    turn_bytes(out);
  else
    rt_idx_free(out);
  return ok;
}

bool rt_idx_open(const char *path, uint64_t limit, RtIdx *out) {
  const char *why;
  int fd = infile_open(path, &why);
  if (fd >= 0) return rt_idx_read(fd, path, limit, out);
  rt_error("%s: %s", path, why);
  return false;
}

void rt_idx_free(RtIdx *x) {
  free(x->path);
  free(x->data);
  *x = (RtIdx){0};
}
