/* Writing safetensors files through one fixed temporary name and rename. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "runtime/rt_base.h"
#include "runtime/state/rt_safetensors.h"

static uint64_t out_bytes(const RtOut *t) {
  return t->t.count * rt_type_size(t->t.dtype);
}

static void put_tensor(FILE *h, const RtOut *t, uint64_t begin) {
  char shape[256];
  json_put_string(h, t->name);
  fprintf(h, ":{\"dtype\":\"%s\",\"shape\":%s,\"data_offsets\":[%" PRIu64 ",%" PRIu64 "]}",
          rt_type_name(t->t.dtype), rt_shape_text(t->t.rank, t->t.dim, shape), begin, begin + out_bytes(t));
}

static void put_metadata(FILE *h, const RtPair *meta, int n) {
  fputs("\"__metadata__\":{", h);
  for (int i = 0; i < n; i++) {
    if (i) fputc(',', h);
    json_put_string(h, meta[i].key);
    fputc(':', h);
    json_put_string(h, meta[i].value);
  }
  fputc('}', h);
}

/* The length and the header, padded so that the data starts at a multiple of 8; to be freed. */
static char *make_header(const RtOut *t, int n, const RtPair *meta, int nmeta, size_t *len) {
  char *text = NULL;
  FILE *h = open_memstream(&text, len);
  if (!h) return NULL;
  fwrite("\0\0\0\0\0\0\0\0{", 1, 9, h);
  put_metadata(h, meta, nmeta);
  uint64_t at = 0;
  for (int i = 0; i < n; i++) {
    fputc(',', h);
    put_tensor(h, &t[i], at);
    at += out_bytes(&t[i]);
  }
  fputc('}', h);
  while (ftell(h) % 8) fputc(' ', h);
  if (fclose(h) != 0) return NULL;
  for (int i = 0; i < 8; i++) text[i] = (char)((*len - 8) >> (8 * i));
  return text;
}

static bool write_all(int fd, const void *data, uint64_t n) {
  for (uint64_t done = 0; done < n;) {
    uint64_t piece = n - done < 1u << 30 ? n - done : 1u << 30;
    ssize_t w = write(fd, (const char *)data + done, piece);
    if (w < 0 && errno == EINTR) continue;
    if (w <= 0) return false;
    done += (uint64_t)w;
  }
  return true;
}

static bool write_body(int fd, const char *header, size_t len, const RtOut *t, int n) {
  if (!write_all(fd, header, len)) return false;
  for (int i = 0; i < n; i++)
    if (!write_all(fd, t[i].data, out_bytes(&t[i]))) return false;
  return fsync(fd) == 0;
}

/* A rename is on the disk once its folder is. */
static void sync_folder(const char *path) {
  char *copy = rt_format("%s", path);
  int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd >= 0) {
    fsync(fd);
    close(fd);
  }
  free(copy);
}

bool rt_file_write(const char *path, const RtOut *t, int n, const RtPair *meta, int nmeta) {
  size_t len;
  char *header = make_header(t, n, meta, nmeta, &len), *temporary = rt_format("%s.tmp", path);
  unlink(temporary);
  int fd = header ? open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666) : -1;
  bool ok = fd >= 0 && write_body(fd, header, len, t, n);
  int why = errno;
  if (fd >= 0 && close(fd) != 0 && ok) {
    ok = false;
    why = errno;
  }
  if (ok && rename(temporary, path) != 0) {
    ok = false;
    why = errno;
  }
  if (ok) {
    sync_folder(path);
  } else {
    if (fd >= 0) unlink(temporary);
    rt_error("%s: cannot write %s: %s; %s is as it was", path, temporary, strerror(why), path);
  }
  free(header);
  free(temporary);
  return ok;
}
