/* Writing safetensors files: where tensors lie, the header with its checksum, and those of the tensors. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/safetensors.h"
#include "base/text_stream.h"
#include "runtime/rt_base.h"
#include "runtime/state/rt_safetensors.h"

enum { ALIGN = 64 };

static const char zeros[ALIGN];

/* What is written, in the order of the file. */
typedef struct Layout {
  RtOut *t;
  int n;
} Layout;

static uint64_t bytes_of(const RtOut *t) {
  return t->t.count * rt_type_size(t->t.dtype);
}

/* Bytes that bring the next tensor to a multiple of ALIGN; the name is to be freed. */
static RtOut padding(const char *pad, int i, uint64_t bytes) {
  return (RtOut){rt_format("%s/%d", pad, i), {TESS_U8, 1, {bytes}, 0, bytes}, zeros};
}

/* To be freed with free_layout. */
static Layout lay_out(const RtOut *t, int n, const char *pad) {
  Layout l = {.t = RT_NEW(2 * (size_t)n, RtOut)};
  for (int i = 0; i < n; i++)
    if (bytes_of(&t[i]) % ALIGN == 0) l.t[l.n++] = t[i];
  uint64_t off = 0;
  for (int i = 0, k = 0; i < n; i++) {
    if (bytes_of(&t[i]) % ALIGN == 0) continue;
    if (pad && off) l.t[l.n++] = padding(pad, k++, ALIGN - off);
    l.t[l.n++] = t[i];
    off = bytes_of(&t[i]) % ALIGN;
  }
  return l;
}

static void free_layout(Layout *l) {
  for (int i = 0; i < l->n; i++)
    if (l->t[i].data == zeros) free((char *)l->t[i].name);
  free(l->t);
}

static void put_tensor(FILE *h, const RtOut *t, uint64_t begin) {
  char shape[256];
  json_put_string(h, t->name);
  fprintf(h, ":{\"dtype\":\"%s\",\"shape\":%s,\"data_offsets\":[%" PRIu64 ",%" PRIu64 "]}",
          rt_type_name(t->t.dtype), rt_shape_text(t->t.rank, t->t.dim, shape), begin, begin + bytes_of(t));
}

static void put_pair(FILE *h, const char *key, const char *value) {
  fputc(',', h);
  json_put_string(h, key);
  fputc(':', h);
  json_put_string(h, value);
}

/* Behind the header's own checksum, which is zeros so far. */
static void put_metadata(FILE *h, const Layout *l, const RtPair *meta, int n) {
  char digits[SAFETENSORS_DIGITS + 1];
  fprintf(h, "%s%.*s\"", SAFETENSORS_SUMMED, SAFETENSORS_DIGITS, "0000000000000000");
  put_pair(h, SAFETENSORS_FORMAT, SAFETENSORS_VERSION);
  for (int i = 0; i < n; i++) put_pair(h, meta[i].key, meta[i].value);
  fprintf(h, ",\"%s\":\"", SAFETENSORS_SUMS);
  for (int i = 0; i < l->n; i++) {
    safetensors_sum_text(safetensors_sum(l->t[i].data, bytes_of(&l->t[i])), digits);
    fputs(digits, h);
  }
  fputs("\"}", h);
}

/* The length and the header, padded so that the data starts at a multiple of ALIGN; to be freed. NULL when
 * memory does not hold it. */
static char *make_header(const Layout *l, const RtPair *meta, int nmeta, size_t *len) {
  TextStream text;
  if (!text_stream_open(&text)) return NULL;
  FILE *h = text.f;
  fwrite("\0\0\0\0\0\0\0\0", 1, SAFETENSORS_LENGTH, h);
  put_metadata(h, l, meta, nmeta);
  uint64_t at = 0;
  for (int i = 0; i < l->n; i++) {
    fputc(',', h);
    put_tensor(h, &l->t[i], at);
    at += bytes_of(&l->t[i]);
  }
  fputc('}', h);
  fflush(h);
  for (size_t pad = -text.size % ALIGN; pad; pad--) fputc(' ', h);
  if (!text_stream_close(&text)) return NULL;
  *len = text.size;
  for (int i = 0; i < SAFETENSORS_LENGTH; i++) text.text[i] = (char)((*len - SAFETENSORS_LENGTH) >> (8 * i));
  safetensors_put_sum(text.text + SAFETENSORS_LENGTH, *len - SAFETENSORS_LENGTH);
  return text.text;
}

bool rt_file_write(const char *path, const RtOut *t, int n, const RtPair *meta, int nmeta, const char *pad) {
  return rt_file_write_to(&(RtDest){.path = path}, t, n, meta, nmeta, pad);
}

bool rt_file_write_to(const RtDest *to, const RtOut *t, int n, const RtPair *meta, int nmeta,
                      const char *pad) {
  Layout l = lay_out(t, n, pad);
  RtPiece *piece = RT_NEW(l.n + 1, RtPiece);
  size_t len = 0;
  char *header = make_header(&l, meta, nmeta, &len);
  piece[0] = (RtPiece){header, len};
  for (int i = 0; i < l.n; i++) piece[i + 1] = (RtPiece){l.t[i].data, bytes_of(&l.t[i])};
  if (!header) rt_error("%s: no memory for its header; it is as it was", to->path);
  bool ok = header && rt_write_whole(to, piece, l.n + 1);
  free(header);
  free(piece);
  free_layout(&l);
  return ok;
}
