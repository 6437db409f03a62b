#include "base/safetensors.h"

#include <string.h>

static const uint64_t most_header = 100000000; /* the format's own limit */

bool safetensors_length(const unsigned char at[SAFETENSORS_LENGTH], uint64_t size, uint64_t *len,
                        uint64_t *most) {
  *len = 0;
  for (int i = SAFETENSORS_LENGTH; i-- > 0;) *len = *len << 8 | at[i];
  *most = size - SAFETENSORS_LENGTH < most_header ? size - SAFETENSORS_LENGTH : most_header;
  return *len >= 2 && *len <= *most;
}

static bool read_metadata(Json *j, const SafetensorsReader *r) {
  if (!json_take(j, '{')) return false;
  if (json_maybe(j, '}')) return true;
  do {
    const char *key = json_string(j), *value = key && json_take(j, ':') ? json_string(j) : NULL;
    if (!value || !r->pair(r->ctx, j, key, value)) return false;
  } while (json_maybe(j, ','));
  return json_take(j, '}');
}

static bool read_shape(Json *j, SafetensorsEntry *t) {
  size_t start = j->at;
  if (!json_take(j, '[')) return false;
  if (json_maybe(j, ']')) return true;
  do {
    if (t->rank == SAFETENSORS_MOST_RANK)
      return json_fail(j, start, "a shape of more than %d dimensions", SAFETENSORS_MOST_RANK);
    if (!json_u64(j, &t->dim[t->rank++])) return false;
  } while (json_maybe(j, ','));
  return json_take(j, ']');
}

static bool read_type(Json *j, SafetensorsEntry *t) {
  t->type_at = j->at;
  t->type = json_string(j);
  return t->type != NULL;
}

static bool read_offsets(Json *j, SafetensorsEntry *t) {
  return json_take(j, '[') && json_u64(j, &t->begin) && json_take(j, ',') && json_u64(j, &t->end) &&
         json_take(j, ']');
}

enum { HAS_TYPE = 1, HAS_SHAPE = 2, HAS_OFFSETS = 4, HAS_ALL = 7 };

/* One member of a tensor's object; says in *has which it was. */
static bool read_member(Json *j, SafetensorsEntry *t, unsigned *has) {
  size_t start = j->at;
  const char *key = json_string(j);
  if (!key || !json_take(j, ':')) return false;
  unsigned bit = !strcmp(key, "dtype")          ? HAS_TYPE
                 : !strcmp(key, "shape")        ? HAS_SHAPE
                 : !strcmp(key, "data_offsets") ? HAS_OFFSETS
                                                : 0;
  if (*has & bit) return json_fail(j, start, "a second \"%s\" of tensor \"%.96s\"", key, t->name);
  *has |= bit;
  switch (bit) {
  case HAS_TYPE: return read_type(j, t);
  case HAS_SHAPE: return read_shape(j, t);
  case HAS_OFFSETS: return read_offsets(j, t);
  default: return json_skip(j);
  }
}

static bool read_tensor(Json *j, SafetensorsEntry *t) {
  unsigned has = 0;
  if (!json_take(j, '{')) return false;
  if (!json_maybe(j, '}')) {
    do {
      if (!read_member(j, t, &has)) return false;
    } while (json_maybe(j, ','));
    if (!json_take(j, '}')) return false;
  }
  if (has == HAS_ALL) return true;
  const char *lacks = !(has & HAS_TYPE) ? "dtype" : !(has & HAS_SHAPE) ? "shape" : "data_offsets";
  return json_fail(j, t->at, "tensor \"%.96s\" has no \"%s\"", t->name, lacks);
}

/* One member of the header. */
static bool read_entry(Json *j, const SafetensorsReader *r, bool *metadata) {
  json_peek(j);
  SafetensorsEntry t = {.at = j->at};
  if (!(t.name = json_string(j)) || !json_take(j, ':')) return false;
  if (!strcmp(t.name, "__metadata__")) {
    if (*metadata) return json_fail(j, j->at, "a second __metadata__");
    *metadata = true;
    return read_metadata(j, r);
  }
  if (!r->tensor) return json_skip(j);
  return read_tensor(j, &t) && r->tensor(r->ctx, j, &t);
}

bool safetensors_header(Json *j, const SafetensorsReader *r) {
  bool metadata = false;
  if (!json_take(j, '{')) return false;
  if (json_maybe(j, '}')) return json_end(j);
  do {
    if (!read_entry(j, r, &metadata)) return false;
  } while (json_maybe(j, ','));
  return json_take(j, '}') && json_end(j);
}
