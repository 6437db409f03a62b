#include "runtime/state/rt_safetensors.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/files/infile.h"
#include "base/json.h"
#include "base/safetensors.h"
#include "runtime/rt_base.h"

_Static_assert(TESS_MAX_RANK == (int)SAFETENSORS_MOST_RANK, "what files have and programs take");

const char *rt_shape_text(uint32_t rank, const uint64_t *dim, char buf[256]) {
  int at = snprintf(buf, 256, "[");
  for (uint32_t i = 0; i < rank && i < TESS_MAX_RANK && at < 230; i++)
    at += snprintf(buf + at, 256 - (size_t)at, "%s%" PRIu64, i ? ", " : "", dim[i]);
  snprintf(buf + at, 256 - (size_t)at, rank > TESS_MAX_RANK ? ", ..]" : "]");
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

/* It must lie inside the data and, if its type is known, have the bytes that its shape says. */
static bool check_extent(Json *j, size_t at, const RtFile *f, const RtTensor *t) {
  uint64_t limit = f->size - f->data, bytes;
  if (t->begin > t->end || t->end > limit)
    return json_fail(j, at, "\"%.96s\" lies at %" PRIu64 " .. %" PRIu64 ", the data has %" PRIu64 " bytes",
                     t->name, t->begin, t->end, limit);
  if (t->type == RT_TYPE_COUNT) return true;
  if (__builtin_mul_overflow(t->count, rt_type_size(t->type), &bytes))
    return json_fail(j, at, "tensor \"%.96s\" has more than 2^64 bytes", t->name);
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
  *t = (RtTensor){.name = e->name,
                  .type = rt_type_parse(e->type),
                  .type_name = e->type,
                  .rank = e->rank,
                  .count = e->count,
                  .begin = e->begin,
                  .end = e->end};
  memcpy(t->dim, e->dim, sizeof t->dim);
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

/* The tensors, in the order of their data, must cover it exactly, without holes or overlaps. */
static bool check_cover(const RtFile *f) {
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
  if (f->data + at == f->size) return true;
  rt_error("%s: found a file of %" PRIu64 " bytes, expected %" PRIu64 " from its header", f->path, f->size,
           f->data + at);
  return false;
}

/* Whether a tensor's bytes are those that were written. */
static bool check_tensor(const RtFile *f, const RtTensor *t, uint64_t said) {
  uint64_t sum;
  if (!safetensors_sum_file(f->fd, f->data + t->begin, t->end - t->begin, &sum)) {
    rt_error("%s: tensor \"%s\" cannot be read: %s", f->path, t->name,
             errno ? strerror(errno) : "the file has become shorter");
    return false;
  }
  if (sum != said)
    rt_error("%s: tensor \"%s\" is damaged: found bytes of checksum %016" PRIx64 ", expected %016" PRIx64,
             f->path, t->name, sum, said);
  return sum == said;
}

/* All tensors, in the order of their data, where the file has checksums: each that is damaged is named. */
static bool check_sums(const RtFile *f) {
  const char *text = rt_file_meta(f, SAFETENSORS_SUMS);
  bool ok = true;
  if (!f->summed && text)
    rt_note("%s: another program wrote it, with Tessera's metadata: nothing says whether it is whole",
            f->path);
  if (!f->summed || !text) return true;
  if (strlen(text) != (size_t)f->ntensor * SAFETENSORS_DIGITS) {
    rt_error("%s: metadata \"%s\": found %zu characters, expected %d for each of %d tensors", f->path,
             SAFETENSORS_SUMS, strlen(text), SAFETENSORS_DIGITS, f->ntensor);
    return false;
  }
  for (int i = 0; i < f->ntensor; i++, text += SAFETENSORS_DIGITS) {
    uint64_t said;
    if (!safetensors_sum_parse(text, &said)) {
      rt_error("%s: metadata \"%s\": found \"%.16s\", expected a checksum", f->path, SAFETENSORS_SUMS, text);
      return false;
    }
    ok = check_tensor(f, &f->tensor[i], said) && ok;
  }
  return ok;
}

/* By name from now on; none may occur twice. */
static bool sort_names(RtFile *f) {
  if (f->ntensor) qsort(f->tensor, (size_t)f->ntensor, sizeof *f->tensor, by_name);
  for (int i = 1; i < f->ntensor; i++)
    if (!strcmp(f->tensor[i].name, f->tensor[i - 1].name)) {
      rt_error("%s: found two tensors named \"%s\", expected one", f->path, f->tensor[i].name);
      return false;
    }
  return true;
}

static bool check_data(RtFile *f) {
  if (f->ntensor) qsort(f->tensor, (size_t)f->ntensor, sizeof *f->tensor, by_offset);
  return check_cover(f) && check_sums(f) && sort_names(f);
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
  f->summed = safetensors_summed(f->header, len);
  Json j = json_new(f->header, len);
  SafetensorsReader r = {add_pair, add_tensor, f};
  if (safetensors_header(&j, &r)) return check_data(f);
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

static RtFile *open_with(int (*open_file)(const char *path, const char **why), const char *path) {
  const char *why;
  int fd = open_file(path, &why);
  if (fd >= 0) return rt_file_from(fd, path);
  rt_error("%s: %s", path, why);
  return NULL;
}

RtFile *rt_file_open(const char *path) {
  return open_with(infile_open, path);
}

RtFile *rt_file_open_once(const char *path) {
  return open_with(infile_open_once, path);
}

void rt_file_close(RtFile *f) {
  if (!f) return;
  close(f->fd);
  for (int i = 0; i < f->nrenamed; i++) free(f->renamed[i]);
  free(f->renamed);
  free(f->tensor);
  free(f->meta);
  free(f->header);
  free(f->path);
  free(f);
}

bool rt_file_rename(RtFile *f, char *(*rename)(void *ctx, const char *name), void *ctx) {
  f->renamed = RT_NEW(f->ntensor, char *);
  for (int i = 0; i < f->ntensor; i++) {
    char *name = rename(ctx, f->tensor[i].name);
    if (name) f->tensor[i].name = f->renamed[f->nrenamed++] = name;
  }
  return sort_names(f);
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
  if (t->type == RT_TYPE_COUNT) {
    rt_error("%s: tensor \"%s\": found the dtype \"%.96s\", which this program does not know", f->path,
             t->name, t->type_name);
    return false;
  }
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
