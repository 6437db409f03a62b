#include "runtime/data/rt_table.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/data/rt_image.h"
#include "runtime/rt_base.h"
#include "runtime/state/rt_hash.h"

enum { PIECE = 1 << 20, MOST_HASHED = 1 << 30 };

static bool is_source(const TessValue *v, const char *source) {
  return !strcmp(v->data, source);
}

static uint64_t row_bytes(const RtTable *t) {
  return t->per * rt_type_size(t->type);
}

static bool type_fits(const RtTable *t, const TessValue *v) {
  return is_source(v, "image") ? t->type == RT_U8 : rt_type_is_float(t->type) == rt_type_is_float(v->t.dtype);
}

/* Rows are images of one channel, or [channels, height, width]; smaller ones than the program's are centred.
 */
static bool image_fits(const RtTable *t, const TessValue *v) {
  if (t->rank != 3 && t->rank != 4) return false;
  uint64_t chans = t->rank == 4 ? t->dim[1] : 1, h = t->dim[t->rank - 2], w = t->dim[t->rank - 1];
  return chans == v->t.dim[1] && h > 0 && w > 0 && h <= v->t.dim[2] && w <= v->t.dim[3];
}

static bool shape_fits(const RtTable *t, const TessValue *v) {
  if (is_source(v, "image")) return image_fits(t, v);
  bool same = t->rank == v->t.rank;
  for (uint32_t i = 1; same && i < t->rank; i++) same = t->dim[i] == v->t.dim[i];
  return same;
}

static void say_unfit(const RtColumn *c, const RtTable *t) {
  char found[256], expected[300];
  const TessValue *v = c->value;
  rt_error("%s: found %s %s, expected %s for the program's \"%s\"%s", c->name, rt_type_name(t->type),
           rt_shape_text(t->rank, t->dim, found), rt_value_text(v, expected), v->name,
           is_source(v, "image") ? ": the same channels, and at most that height and width" : "");
}

bool rt_table_new(RtColumn *c, RtType type, uint32_t rank, const uint64_t *dim) {
  RtTable *t = RT_NEW(1, RtTable);
  *t = (RtTable){.type = type, .rank = rank, .per = 1};
  memcpy(t->dim, dim, rank * sizeof *dim);
  for (uint32_t i = 1; i < rank; i++) t->per *= dim[i];
  c->own = t;
  if (rank && type_fits(t, c->value) && shape_fits(t, c->value)) {
    c->n = dim[0];
    return true;
  }
  say_unfit(c, t);
  return false;
}

void rt_table_drop(RtColumn *c) {
  RtTable *t = c->own;
  if (!t) return;
  free(t->data);
  free(t->row);
  free(t);
}

uint64_t rt_table_bytes(const RtColumn *c) {
  const RtTable *t = c->own;
  return row_bytes(t) * (t->data ? t->dim[0] : 1);
}

/* Rows in the file's type, in memory or read to `room`; NULL with an error. */
static const char *rows_at(const RtTable *t, uint64_t first, uint64_t n, char *room) {
  uint64_t inexact = 0;
  if (t->data) return t->data + first * row_bytes(t);
  bool ok = rt_file_read(t->file, t->tensor, first * t->per, n * t->per, t->type, room, &inexact);
  return ok ? room : NULL;
}

typedef struct Range {
  double lo, hi;
} Range;

static Range range_of(uint32_t type) {
  switch (type) {
  case RT_U8: return (Range){0, UINT8_MAX};
  case RT_I8: return (Range){INT8_MIN, INT8_MAX};
  case RT_U16: return (Range){0, UINT16_MAX};
  case RT_I16: return (Range){INT16_MIN, INT16_MAX};
  case RT_I32: return (Range){INT32_MIN, INT32_MAX};
  case RT_BOOL: return (Range){0, 1};
  case RT_F64: return (Range){-INFINITY, INFINITY};
  default: return (Range){-0x1p64, 0x1p64}; /* more than the program's types hold */
  }
}

/* Of a finite value: what is less than half a step above the largest f32 is rounded to that. */
static const double beyond_f32 = 0x1.ffffffp127;

static Range wanted(const TessValue *v) {
  if (rt_type_is_float(v->t.dtype)) return (Range){-beyond_f32, beyond_f32};
  return v->classes > 0 ? (Range){0, (double)v->classes - 1} : range_of(v->t.dtype);
}

/* Whether rows hold what the program's type can: integers always do where the file's type can't be out of
 * range, and of floats only f64 has values that f32 lacks. */
static bool in_range(const RtColumn *c, uint64_t first, uint64_t n, const char *raw) {
  const RtTable *t = c->own;
  Range want = wanted(c->value), may = range_of(t->type);
  if (rt_type_is_float(t->type) ? t->type != RT_F64 : may.lo >= want.lo && may.hi <= want.hi) return true;
  for (uint64_t i = 0; i < n * t->per; i++) {
    double x = rt_type_get(t->type, raw, i);
    bool ok = t->type == RT_F64 ? !isfinite(x) || fabs(x) < want.hi : x >= want.lo && x <= want.hi;
    if (ok) continue;
    rt_error("%s: sample %" PRIu64 ": found %s%.17g, expected %.9g to %.9g", c->name, first + i / t->per,
             is_source(c->value, "label") ? "label " : "", x, want.lo, want.hi);
    return false;
  }
  return true;
}

/* Samples with values that are not finite, and the first of them. */
typedef struct Bad {
  uint64_t samples, sample, element;
  double value;
} Bad;

static void count_bad(const RtTable *t, uint64_t first, uint64_t n, const char *raw, Bad *bad) {
  uint64_t size = rt_type_size(t->type);
  for (uint64_t i = 0; i < n;) {
    int64_t at = rt_type_not_finite(t->type, raw + i * t->per * size, (n - i) * t->per);
    if (at < 0) return;
    uint64_t whole = i * t->per + (uint64_t)at;
    i = whole / t->per;
    if (!bad->samples++) *bad = (Bad){1, first + i, whole % t->per, rt_type_get(t->type, raw, whole)};
    i++;
  }
}

static void say_bad(const RtColumn *c, const Bad *bad, uint64_t looked) {
  RtTable *t = c->own;
  if (!bad->samples || t->said) return;
  t->said = true;
  rt_note("%s: sample %" PRIu64 ", element %" PRIu64 ": found %g; of %" PRIu64 " samples looked at %" PRIu64
          " have values that are not finite",
          c->name, bad->sample, bad->element, bad->value, looked, bad->samples);
}

/* What is hashed and looked at: pieces of whole rows, every `step`th of them. */
typedef struct Pieces {
  uint64_t rows, step;
} Pieces;

static Pieces pieces_of(const RtTable *t, uint64_t n) {
  uint64_t row = row_bytes(t);
  return (Pieces){row < PIECE ? PIECE / row : 1, 1 + n * row / MOST_HASHED};
}

static bool look(RtColumn *c, uint64_t n, char *room, uint64_t *hash) {
  RtTable *t = c->own;
  Pieces p = pieces_of(t, n);
  Bad bad = {0};
  uint64_t looked = 0;
  for (uint64_t first = 0; first < n; first += p.rows * p.step) {
    uint64_t m = n - first < p.rows ? n - first : p.rows;
    const char *raw = rows_at(t, first, m, room);
    if (!raw || !in_range(c, first, m, raw)) return false;
    count_bad(t, first, m, raw, &bad);
    uint64_t chain[2] = {*hash, rt_hash(raw, m * row_bytes(t))};
    *hash = rt_hash(chain, sizeof chain);
    looked += m;
  }
  say_bad(c, &bad, looked);
  t->looked = p.step == 1;
  return true;
}

bool rt_table_settle(RtColumn *c, uint64_t n) {
  RtTable *t = c->own;
  char shape[256], *room = t->data ? NULL : RT_NEW(pieces_of(t, n).rows * row_bytes(t), char);
  uint64_t dim[TESS_MAX_RANK], hash = 0;
  if (!look(c, n, room, &hash)) {
    free(room);
    return false;
  }
  free(room);
  t->row = t->data ? NULL : RT_NEW(row_bytes(t), char);
  memcpy(dim, t->dim, sizeof dim);
  dim[0] = n;
  c->identity =
      rt_format("%s %s xxh64:%016" PRIx64, rt_type_name(t->type), rt_shape_text(t->rank, dim, shape), hash);
  return true;
}

static void put_image(const RtTable *t, const TessValue *v, const char *raw, const uint64_t *key, void *to) {
  RtImage image = {t->rank == 4 ? t->dim[1] : 1, t->dim[t->rank - 2], t->dim[t->rank - 1],
                   (const uint8_t *)raw};
  rt_image_put(&image, v, key, to);
}

bool rt_table_read(RtColumn *c, uint64_t sample, const uint64_t *key, void *to) {
  RtTable *t = c->own;
  const char *raw = rows_at(t, sample, 1, t->row);
  if (!raw) return false;
  if (!t->looked) {
    Bad bad = {0};
    if (!in_range(c, sample, 1, raw)) return false;
    count_bad(t, sample, 1, raw, &bad);
    say_bad(c, &bad, 1);
  }
  if (is_source(c->value, "image"))
    put_image(t, c->value, raw, key, to);
  else
    rt_type_convert(c->value->t.dtype, to, t->type, raw, t->per);
  return true;
}
