#include "runtime/state/rt_safetensors.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "base/safetensors.h"
#include "base/text_stream.h"
#include "runtime/rt_base.h"

_Static_assert(TESS_MAX_RANK == (int)SAFETENSORS_MOST_RANK, "what files have and programs take");

const char *rt_shape_text(uint32_t rank, const uint64_t *dim, char buf[256]) {
  int at = snprintf(buf, 256, "[");
  for (uint32_t i = 0; i < rank && at < 230; i++)
    at += snprintf(buf + at, 256 - (size_t)at, "%s%" PRIu64, i ? ", " : "", dim[i]);
  snprintf(buf + at, 256 - (size_t)at, "]");
  return buf;
}

/* Reads exactly n bytes at an offset. */
static bool read_at(const RtFile *f, void *to, uint64_t n, uint64_t at) {
  for (uint64_t got = 0; got < n;) {
    ssize_t r = pread(f->fd, (char *)to + got, n - got, (off_t)(at + got));
    if (r < 0 && errno == EINTR) continue;
    if (r <= 0) {
      rt_error("%s: byte %" PRIu64 ": found %s, expected %" PRIu64 " more bytes", f->path, at + got,
               r < 0 ? strerror(errno) : "the end of the file", n - got);
      return false;
    }
    got += (uint64_t)r;
  }
  return true;
}

static bool grow(void **v, int n, int *cap, size_t size) {
  if (n < *cap) return true;
  *cap = *cap ? *cap * 2 : 64;
  void *bigger = realloc(*v, (size_t)*cap * size);
  if (!bigger) return false;
  *v = bigger;
  return true;
}

static bool add_pair(void *ctx, Json *j, const char *key, const char *value) {
  RtFile *f = ctx;
  if (!grow((void **)&f->meta, f->nmeta, &f->meta_cap, sizeof *f->meta))
    return json_fail(j, j->at, "more metadata than memory holds");
  f->meta[f->nmeta++] = (RtPair){key, value};
  return true;
}

/* Its bytes must be what its shape and type say, inside the data. */
static bool check_extent(Json *j, size_t at, const RtFile *f, RtTensor *t) {
  uint64_t limit = f->size - f->data;
  t->count = 1;
  for (uint32_t i = 0; i < t->rank; i++)
    if (__builtin_mul_overflow(t->count, t->dim[i], &t->count))
      return json_fail(j, at, "tensor \"%.96s\" has more than 2^64 elements", t->name);
  uint64_t bytes;
  if (__builtin_mul_overflow(t->count, rt_type_size(t->type), &bytes))
    return json_fail(j, at, "tensor \"%.96s\" has more than 2^64 bytes", t->name);
  if (t->begin > t->end || t->end > limit)
    return json_fail(j, at, "\"%.96s\" lies at %" PRIu64 " .. %" PRIu64 ", the data has %" PRIu64 " bytes",
                     t->name, t->begin, t->end, limit);
  if (t->end - t->begin != bytes)
    return json_fail(j, at, "\"%.96s\": found %" PRIu64 " bytes, its shape needs %" PRIu64, t->name,
                     t->end - t->begin, bytes);
  return true;
}

static bool add_tensor(void *ctx, Json *j, const SafetensorsEntry *e) {
  RtFile *f = ctx;
  if (!grow((void **)&f->tensor, f->ntensor, &f->tensor_cap, sizeof *f->tensor))
    return json_fail(j, j->at, "more tensors than memory holds");
  RtTensor *t = &f->tensor[f->ntensor++];
  *t = (RtTensor){
      .name = e->name, .type = rt_type_parse(e->type), .rank = e->rank, .begin = e->begin, .end = e->end};
  memcpy(t->dim, e->dim, sizeof t->dim);
  if (t->type == RT_TYPE_COUNT) return json_fail(j, e->type_at, "found the unknown dtype \"%.96s\"", e->type);
  return check_extent(j, e->at, f, t);
}

static int by_offset(const void *a, const void *b) {
  const RtTensor *x = a, *y = b;
  if (x->begin != y->begin) return x->begin < y->begin ? -1 : 1;
  return x->end < y->end ? -1 : x->end > y->end;
}

static int by_name(const void *a, const void *b) {
  return strcmp(((const RtTensor *)a)->name, ((const RtTensor *)b)->name);
}

/* The tensors must cover the data exactly, without holes, overlaps or a name twice. */
static bool check_cover(RtFile *f) {
  if (f->ntensor) qsort(f->tensor, (size_t)f->ntensor, sizeof *f->tensor, by_offset);
  uint64_t at = 0;
  for (int i = 0; i < f->ntensor; i++) {
    const RtTensor *t = &f->tensor[i];
    if (t->begin != at) {
      rt_error("%s: byte %" PRIu64 ": tensor \"%s\" %s: found data offset %" PRIu64 ", expected %" PRIu64,
               f->path, f->data + t->begin, t->name,
               t->begin < at ? "overlaps another" : "leaves a hole before it", t->begin, at);
      return false;
    }
    at = t->end;
  }
  if (f->data + at != f->size) {
    rt_error("%s: found a file of %" PRIu64 " bytes, expected %" PRIu64 " from its header", f->path, f->size,
             f->data + at);
    return false;
  }
  if (f->ntensor) qsort(f->tensor, (size_t)f->ntensor, sizeof *f->tensor, by_name);
  for (int i = 1; i < f->ntensor; i++)
    if (!strcmp(f->tensor[i].name, f->tensor[i - 1].name)) {
      rt_error("%s: found two tensors named \"%s\", expected one", f->path, f->tensor[i].name);
      return false;
    }
  return true;
}

/* The length of the header, checked against the file. */
static bool read_length(RtFile *f, uint64_t *len) {
  unsigned char first[SAFETENSORS_LENGTH];
  uint64_t most;
  if (f->size < sizeof first) {
    rt_error("%s: found a file of %" PRIu64 " bytes, expected a safetensors header", f->path, f->size);
    return false;
  }
  if (!read_at(f, first, sizeof first, 0)) return false;
  if (safetensors_length(first, f->size, len, &most)) return true;
  rt_error("%s: byte 0: found a header of %" PRIu64 " bytes, expected 2 to %" PRIu64
           " (not a safetensors file, or cut)",
           f->path, *len, most);
  return false;
}

static bool read_file(RtFile *f) {
  struct stat st;
  if (fstat(f->fd, &st) != 0 || !S_ISREG(st.st_mode)) {
    rt_error("%s: expected a regular file", f->path);
    return false;
  }
  f->size = (uint64_t)st.st_size;
  uint64_t len;
  if (!read_length(f, &len)) return false;
  f->data = SAFETENSORS_LENGTH + len;
  f->header = RT_NEW(len + 1, char);
  if (!read_at(f, f->header, len, SAFETENSORS_LENGTH)) return false;
  Json j = json_new(f->header, len);
  SafetensorsReader r = {add_pair, add_tensor, f};
  if (safetensors_header(&j, &r)) return check_cover(f);
  rt_error("%s: byte %zu: %s", f->path, SAFETENSORS_LENGTH + j.error_at, j.error);
  return false;
}

RtFile *rt_file_from(int fd, const char *path) {
  RtFile *f = RT_NEW(1, RtFile);
  f->path = rt_format("%s", path);
  f->fd = fd;
  if (read_file(f)) return f;
  rt_file_close(f);
  return NULL;
}

RtFile *rt_file_open(const char *path) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd >= 0) return rt_file_from(fd, path);
  rt_error("%s: %s", path, strerror(errno));
  return NULL;
}

void rt_file_close(RtFile *f) {
  if (!f) return;
  close(f->fd);
  free(f->tensor);
  free(f->meta);
  free(f->header);
  free(f->path);
  free(f);
}

RtTensor *rt_file_find(const RtFile *f, const char *name) {
  RtTensor key = {.name = name};
  if (!f->ntensor) return NULL;
  return bsearch(&key, f->tensor, (size_t)f->ntensor, sizeof *f->tensor, by_name);
}

const char *rt_file_meta(const RtFile *f, const char *key) {
  for (int i = 0; i < f->nmeta; i++)
    if (!strcmp(f->meta[i].key, key)) return f->meta[i].value;
  return NULL;
}

bool rt_file_read(const RtFile *f, const RtTensor *t, uint64_t first, uint64_t n, uint32_t type, void *to,
                  uint64_t *inexact) {
  uint64_t size = rt_type_size(t->type), at = f->data + t->begin + first * size;
  if (type == (uint32_t)t->type) return read_at(f, to, n * size, at);
  enum { PIECE = 4096 };
  uint64_t piece[PIECE];
  for (uint64_t i = 0; i < n; i += PIECE) {
    uint64_t m = n - i < PIECE ? n - i : PIECE;
    if (!read_at(f, piece, m * size, at + i * size)) return false;
    *inexact += rt_type_convert(type, (char *)to + i * rt_type_size(type), t->type, piece, m);
  }
  return true;
}

bool rt_file_shape(const RtFile *f, const RtTensor *t, const TessTensor *want) {
  bool same = t->rank == want->rank;
  for (uint32_t i = 0; same && i < t->rank; i++) same = t->dim[i] == want->dim[i];
  char found[256], expected[256];
  if (!same)
    rt_error("%s: tensor \"%s\": found shape %s, expected %s", f->path, t->name,
             rt_shape_text(t->rank, t->dim, found), rt_shape_text(want->rank, want->dim, expected));
  return same;
}

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

/* The length and the header, padded so that the data starts at a multiple of 8; to be freed. NULL when memory
 * does not hold it. */
static char *make_header(const RtOut *t, int n, const RtPair *meta, int nmeta, size_t *len) {
  TextStream text;
  if (!text_stream_open(&text)) return NULL;
  FILE *h = text.f;
  fwrite("\0\0\0\0\0\0\0\0{", 1, SAFETENSORS_LENGTH + 1, h);
  put_metadata(h, meta, nmeta);
  uint64_t at = 0;
  for (int i = 0; i < n; i++) {
    fputc(',', h);
    put_tensor(h, &t[i], at);
    at += out_bytes(&t[i]);
  }
  fputc('}', h);
  fflush(h);
  for (size_t pad = -text.size % 8; pad; pad--) fputc(' ', h);
  if (!text_stream_close(&text)) return NULL;
  *len = text.size;
  for (int i = 0; i < SAFETENSORS_LENGTH; i++) text.text[i] = (char)((*len - SAFETENSORS_LENGTH) >> (8 * i));
  return text.text;
}

bool rt_file_write(const char *path, const RtOut *t, int n, const RtPair *meta, int nmeta) {
  RtPiece *piece = RT_NEW(n + 1, RtPiece);
  size_t len = 0;
  char *header = make_header(t, n, meta, nmeta, &len);
  piece[0] = (RtPiece){header, len};
  for (int i = 0; i < n; i++) piece[i + 1] = (RtPiece){t[i].data, out_bytes(&t[i])};
  if (!header) rt_error("%s: no memory for its header; %s is as it was", path, path);
  bool ok = header && rt_write_whole(path, piece, n + 1);
  free(header);
  free(piece);
  return ok;
}
