#include "runtime/data/rt_data.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/rt_base.h"
#include "runtime/rt_random.h"
#include "runtime/state/rt_safetensors.h"

/* Keys of what is drawn. */
enum { DRAW_ORDER = 1, DRAW_AUGMENT = 2 };

static bool is_source(const TessValue *v, uint32_t entry, const char *source) {
  return v->entry == entry && (v->flags & TESS_DATA) && !strcmp(v->data, source);
}

bool rt_data_needed(uint32_t entry) {
  for (uint32_t i = 0; i < tess_program.nvalue; i++) {
    const TessValue *v = &tess_program.value[i];
    if (is_source(v, entry, "image") || is_source(v, entry, "label")) return true;
  }
  return false;
}

bool rt_data_possible(uint32_t entry) {
  bool ok = true;
  for (uint32_t i = 0; i < tess_program.nvalue; i++) {
    const TessValue *v = &tess_program.value[i];
    if (!is_source(v, entry, "given")) continue;
    rt_error(
        "the program's \"%s\" is given from outside: no data folder has it, so that the program can only be "
        "replayed and timed; to train, build it from a description that computes \"%s\" (\"info\" prints the "
        "parameters that the description was built with)",
        v->name, v->name);
    ok = false;
  }
  return ok;
}

static bool find_file(const char *dir, const char *prefix, const char *what, uint64_t limit, RtIdx *out) {
  char *name = rt_format("%s-%s", prefix, what);
  bool ok = rt_idx_find(dir, name, limit, out);
  free(name);
  return ok;
}

/* [samples, height, width], or [samples, channels, height, width]. */
static bool take_extent(RtData *d) {
  const RtIdx *x = &d->images;
  if (x->rank < 3) {
    rt_error("%s: found %" PRIu32 " dimensions, expected samples, height and width", x->path, x->rank);
    return false;
  }
  d->chans = x->rank == 4 ? x->dim[1] : 1;
  d->height = x->dim[x->rank - 2];
  d->width = x->dim[x->rank - 1];
  if (d->labels.rank == 1 && d->labels.dim[0] == x->dim[0]) return true;
  rt_error("%s: found %" PRIu64 " labels in %" PRIu32 " dimensions, expected one for each of the %" PRIu64
           " images in %s",
           d->labels.path, d->labels.dim[0], d->labels.rank, x->dim[0], x->path);
  return false;
}

static bool check_images(const RtData *d, const TessValue *v) {
  const TessTensor *t = &v->t;
  char want[256];
  if (t->rank == 4 && t->dtype == TESS_U8 && t->dim[1] == d->chans && t->dim[2] >= d->height &&
      t->dim[3] >= d->width)
    return true;
  rt_error("%s: found images of %" PRIu64 " channel(s), %" PRIu64 " x %" PRIu64
           "; the program's \"%s\" is %s %s: the same channels and at least that size are expected",
           d->images.path, d->chans, d->height, d->width, v->name, rt_type_name(t->dtype),
           rt_shape_text(t->rank, t->dim, want));
  return false;
}

static bool check_labels(const RtData *d, const TessValue *v) {
  for (uint64_t i = 0; i < d->n; i++)
    if (v->classes > 0 && d->labels.data[i] >= v->classes) {
      rt_error("%s: sample %" PRIu64 ": found label %d, expected 0 to %" PRId64, d->labels.path, i,
               d->labels.data[i], v->classes - 1);
      return false;
    }
  return true;
}

static bool check_values(const RtData *d, uint32_t entry) {
  for (uint32_t i = 0; i < tess_program.nvalue; i++) {
    const TessValue *v = &tess_program.value[i];
    if (is_source(v, entry, "image") && !check_images(d, v)) return false;
    if (is_source(v, entry, "label") && !check_labels(d, v)) return false;
  }
  return true;
}

bool rt_data_open(RtData *d, const char *dir, const char *prefix, uint64_t limit, uint32_t entry) {
  *d = (RtData){0};
  bool ok = find_file(dir, prefix, "images-idx3-ubyte", limit, &d->images) &&
            find_file(dir, prefix, "labels-idx1-ubyte", limit, &d->labels) && take_extent(d);
  if (ok) {
    d->n = d->images.kept;
    if (limit > d->n)
      rt_note("--limit %" PRIu64 ": %s has %" PRIu64 " samples, all are used", limit, d->images.path, d->n);
    ok = check_values(d, entry);
  }
  if (!ok) rt_data_close(d);
  return ok;
}

void rt_data_close(RtData *d) {
  rt_idx_free(&d->images);
  rt_idx_free(&d->labels);
  free(d->order);
  *d = (RtData){0};
}

uint64_t rt_data_bytes(const RtData *d) {
  return d->images.count + d->labels.count + d->n * sizeof *d->order;
}

static uint64_t draw_key(uint64_t seed, uint64_t epoch, uint64_t what) {
  return rt_random(rt_random(seed, what), epoch);
}

/* Fisher and Yates with counted draws. */
static void shuffle(RtData *d, uint64_t seed, uint64_t epoch) {
  if (d->order && d->order_seed == seed && d->order_epoch == epoch) return;
  if (!d->order) d->order = RT_NEW(d->n, uint32_t);
  for (uint64_t i = 0; i < d->n; i++) d->order[i] = (uint32_t)i;
  uint64_t key = draw_key(seed, epoch, DRAW_ORDER);
  for (uint64_t i = d->n; i > 1; i--) {
    uint64_t j = rt_below(rt_random(key, i), i);
    uint32_t keep = d->order[i - 1];
    d->order[i - 1] = d->order[j];
    d->order[j] = keep;
  }
  d->order_seed = seed;
  d->order_epoch = epoch;
}

/* Where a sample's pixels come from. */
typedef struct View {
  int64_t dx, dy; /* shift to the right and down */
  bool flip;
} View;

static int64_t draw_shift(uint64_t bits, float most) {
  int64_t n = (int64_t)most;
  return (int64_t)rt_below(bits, (uint64_t)(2 * n + 1)) - n;
}

static View draw_view(const RtPick *p, const TessValue *v, uint64_t sample) {
  if (!p->shuffled) return (View){0};
  uint64_t key = rt_random(draw_key(p->seed, p->epoch, DRAW_AUGMENT), sample);
  return (View){draw_shift(rt_random(key, 0), v->shift), draw_shift(rt_random(key, 1), v->shift),
                rt_uniform(rt_random(key, 2)) < (double)v->flip};
}

/* One channel of an image, centred in h x w, mirrored, then shifted. */
static void place(const RtData *d, const uint8_t *from, uint8_t *to, const TessTensor *t, View view) {
  int64_t h = (int64_t)t->dim[2], w = (int64_t)t->dim[3], ih = (int64_t)d->height, iw = (int64_t)d->width;
  int64_t top = (h - ih) / 2 + view.dy, left = (w - iw) / 2 + view.dx;
  memset(to, 0, (size_t)(h * w));
  for (int64_t y = 0; y < ih; y++) {
    if (y + top < 0 || y + top >= h) continue;
    for (int64_t x = 0; x < iw; x++)
      if (x + left >= 0 && x + left < w)
        to[(y + top) * w + x + left] = from[y * iw + (view.flip ? iw - 1 - x : x)];
  }
}

static void fill_images(RtData *d, const RtPick *p, const TessValue *v, uint64_t slot, uint64_t sample,
                        char *arena) {
  uint64_t plane = d->height * d->width, out = v->t.dim[2] * v->t.dim[3];
  View view = draw_view(p, v, sample);
  uint8_t *to = (uint8_t *)arena + v->t.offset + slot * d->chans * out;
  for (uint64_t c = 0; c < d->chans; c++)
    place(d, d->images.data + (sample * d->chans + c) * plane, to + c * out, &v->t, view);
}

void rt_data_fill(RtData *d, const RtPick *p, uint32_t entry, char *arena) {
  if (p->shuffled) shuffle(d, p->seed, p->epoch);
  for (uint32_t i = 0; i < tess_program.nvalue; i++) {
    const TessValue *v = &tess_program.value[i];
    bool image = is_source(v, entry, "image"), label = is_source(v, entry, "label");
    for (uint64_t b = 0; (image || label) && b < v->t.dim[0]; b++) {
      uint64_t at = p->first + b % p->count, sample = p->shuffled ? d->order[at] : at;
      if (image) fill_images(d, p, v, b, sample, arena);
      if (label) ((int32_t *)(arena + v->t.offset))[b] = d->labels.data[sample];
    }
  }
}
