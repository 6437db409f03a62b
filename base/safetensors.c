#include "base/safetensors.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

static const uint64_t most_header = 100000000; /* the format's own limit */

bool safetensors_length(const unsigned char at[SAFETENSORS_LENGTH], uint64_t size, uint64_t *len,
                        uint64_t *most) {
  *len = 0;
  for (int i = SAFETENSORS_LENGTH; i-- > 0;) *len = *len << 8 | at[i];
  *most = size - SAFETENSORS_LENGTH < most_header ? size - SAFETENSORS_LENGTH : most_header;
  return *len >= 2 && *len <= *most;
}

uint64_t safetensors_sum(const void *data, size_t n) {
  return XXH3_64bits(data, n);
}

bool safetensors_sum_file(int fd, uint64_t at, uint64_t n, uint64_t *sum) {
  enum { PIECE = 1 << 16 }; /* stays in the cache between reading and summing */
  unsigned char piece[PIECE];
  XXH3_state_t state;
  XXH3_64bits_reset(&state);
  while (n) {
    ssize_t got = pread(fd, piece, n < PIECE ? n : PIECE, (off_t)at);
    if (got < 0 && errno == EINTR) continue;
    if (got == 0) errno = 0;
    if (got <= 0) return false;
    XXH3_64bits_update(&state, piece, (size_t)got);
    at += (uint64_t)got;
    n -= (uint64_t)got;
  }
  *sum = XXH3_64bits_digest(&state);
  return true;
}

void safetensors_sum_text(uint64_t sum, char out[SAFETENSORS_DIGITS + 1]) {
  snprintf(out, SAFETENSORS_DIGITS + 1, "%016" PRIx64, sum);
}

bool safetensors_sum_parse(const char *text, uint64_t *sum) {
  *sum = 0;
  for (int i = 0; i < SAFETENSORS_DIGITS; i++) {
    char c = text[i];
    if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) return false;
    *sum = *sum << 4 | (uint64_t)(c <= '9' ? c - '0' : c - 'a' + 10);
  }
  return true;
}

enum { SUM_AT = sizeof SAFETENSORS_SUMMED - 1 };

/* A few flipped bits make no other writer's layout: that differs in hundreds. */
bool safetensors_summed(const char *header, size_t len) {
  enum { FEW = 32 };
  int off = 0;
  if (len < SUM_AT + SAFETENSORS_DIGITS) return false;
  for (size_t i = 0; i < SUM_AT; i++)
    off += __builtin_popcount((unsigned char)header[i] ^ (unsigned char)SAFETENSORS_SUMMED[i]);
  return off <= FEW;
}

/* Of a header whose own digits are zeros meanwhile. */
static uint64_t sum_of(char *header, size_t len) {
  char digits[SAFETENSORS_DIGITS];
  memcpy(digits, header + SUM_AT, sizeof digits);
  memset(header + SUM_AT, '0', sizeof digits);
  uint64_t sum = safetensors_sum(header, len);
  memcpy(header + SUM_AT, digits, sizeof digits);
  return sum;
}

void safetensors_put_sum(char *header, size_t len) {
  char digits[SAFETENSORS_DIGITS + 1];
  safetensors_sum_text(sum_of(header, len), digits);
  memcpy(header + SUM_AT, digits, SAFETENSORS_DIGITS);
}

/* A header that has a checksum must be what it says. */
static bool check_sum(Json *j) {
  if (!safetensors_summed(j->text, j->len)) return true;
  char found[SAFETENSORS_DIGITS + 1];
  uint64_t sum = sum_of(j->text, j->len), said;
  if (safetensors_sum_parse(j->text + SUM_AT, &said) && said == sum) return true;
  safetensors_sum_text(sum, found);
  return json_fail(j, 0, "the header is damaged: found bytes of checksum %s, expected %.16s", found,
                   j->text + SUM_AT);
}

static bool check_version(Json *j, const char *key, const char *value) {
  if (strcmp(key, SAFETENSORS_FORMAT) != 0 || !strcmp(value, "1") || !strcmp(value, SAFETENSORS_VERSION))
    return true;
  return json_fail(j, j->at, "found a file of version %.16s, expected 1 or " SAFETENSORS_VERSION, value);
}

static bool read_metadata(Json *j, const SafetensorsReader *r) {
  if (json_word(j, "null")) return true;
  if (!json_take(j, '{')) return false;
  if (json_maybe(j, '}')) return true;
  do {
    const char *key = json_string(j), *value = key && json_take(j, ':') ? json_string(j) : NULL;
    if (!value || !check_version(j, key, value) || !r->pair(r->ctx, j, key, value)) return false;
  } while (json_maybe(j, ','));
  return json_take(j, '}');
}

static bool read_shape(Json *j, SafetensorsEntry *t) {
  size_t start = j->at;
  t->count = 1;
  if (!json_take(j, '[')) return false;
  if (json_maybe(j, ']')) return true;
  do {
    uint64_t n;
    if (!json_u64(j, &n)) return false;
    if (__builtin_mul_overflow(t->count, n, &t->count))
      return json_fail(j, start, "tensor \"%.96s\" has more than 2^64 elements", t->name);
    if (t->rank < SAFETENSORS_MOST_RANK) t->dim[t->rank] = n;
    t->rank++;
  } while (json_maybe(j, ','));
  return json_take(j, ']');
}

static bool read_type(Json *j, SafetensorsEntry *t) {
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
  if (!check_sum(j) || !json_take(j, '{')) return false;
  if (json_maybe(j, '}')) return json_end(j);
  do {
    if (!read_entry(j, r, &metadata)) return false;
  } while (json_maybe(j, ','));
  return json_take(j, '}') && json_end(j);
}
