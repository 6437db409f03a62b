/* The strings of a safetensors file's header. */
#include "frontend/train/metadata.h"

#include <errno.h>
#include <string.h>

#include "base/files/infile.h"
#include "base/safetensors.h"

typedef struct Collect {
  Arena *arena;
  Metadata *out;
} Collect;

static bool collect(void *ctx, Json *j, const char *key, const char *value) {
  (void)j;
  Collect *c = ctx;
  ARENA_GROW(c->arena, c->out->v, c->out->n, c->out->cap);
  c->out->v[c->out->n++] = (MetaPair){key, value};
  return true;
}

bool metadata_parse(Arena *a, char *json, size_t len, Loc loc, Metadata *out) {
  *out = (Metadata){0};
  Json j = json_new(json, len);
  SafetensorsReader r = {.pair = collect, .ctx = &(Collect){a, out}};
  if (safetensors_header(&j, &r)) return true;
  diag_error(loc, "the header is not JSON at byte %zu: %s", j.error_at, j.error);
  return false;
}

/* The header's text, or NULL after an error. */
static char *read_header(Arena *a, FILE *f, Loc loc, size_t *len) {
  unsigned char first[SAFETENSORS_LENGTH];
  uint64_t n, most;
  long size = fseek(f, 0, SEEK_END) ? -1 : ftell(f);
  if (size < 0 || fseek(f, 0, SEEK_SET) || fread(first, 1, sizeof first, f) != sizeof first) {
    diag_error(loc, "not a safetensors file: it has no header");
    return NULL;
  }
  if (!safetensors_length(first, (uint64_t)size, &n, &most)) {
    diag_error(loc, "not a safetensors file, or a cut one: a header of %llu bytes in a file of %ld",
               (unsigned long long)n, size);
    return NULL;
  }
  char *text = arena_alloc(a, (size_t)n);
  *len = fread(text, 1, (size_t)n, f);
  return text;
}

bool metadata_read(Arena *a, const char *path, Metadata *out) {
  Loc loc = {.src = diag_source(a, path, "", 0)};
  const char *why = NULL;
  int fd = infile_open(path, &why);
  FILE *f = fd >= 0 ? fdopen(fd, "rb") : NULL;
  if (!f) {
    diag_error(loc, "cannot read the file: %s", why ? why : strerror(errno));
    return false;
  }
  size_t len;
  char *text = read_header(a, f, loc, &len);
  fclose(f);
  return text && metadata_parse(a, text, len, loc, out);
}
