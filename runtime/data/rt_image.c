#include "runtime/data/rt_image.h"

#include <stdbool.h>
#include <string.h>

#include "runtime/rt_random.h"

/* Where a sample's pixels come from. */
typedef struct View {
  int64_t dx, dy; /* shift to the right and down */
  bool flip;
} View;

static int64_t draw_shift(uint64_t bits, float most) {
  int64_t n = (int64_t)most;
  return (int64_t)rt_below(bits, (uint64_t)(2 * n + 1)) - n;
}

static View draw_view(const TessValue *v, const uint64_t *key) {
  if (!key) return (View){0};
  return (View){draw_shift(rt_random(*key, 0), v->shift), draw_shift(rt_random(*key, 1), v->shift),
                rt_uniform(rt_random(*key, 2)) < (double)v->flip};
}

/* One channel, centred in h x w, mirrored, then shifted. */
static void place(const RtImage *image, const uint8_t *from, uint8_t *to, const TessTensor *t, View view) {
  int64_t h = (int64_t)t->dim[2], w = (int64_t)t->dim[3];
  int64_t ih = (int64_t)image->height, iw = (int64_t)image->width;
  int64_t top = (h - ih) / 2 + view.dy, left = (w - iw) / 2 + view.dx;
  memset(to, 0, (size_t)(h * w));
  for (int64_t y = 0; y < ih; y++) {
    if (y + top < 0 || y + top >= h) continue;
    for (int64_t x = 0; x < iw; x++)
      if (x + left >= 0 && x + left < w)
        to[(y + top) * w + x + left] = from[y * iw + (view.flip ? iw - 1 - x : x)];
  }
}

void rt_image_put(const RtImage *image, const TessValue *v, const uint64_t *key, uint8_t *to) {
  uint64_t plane = image->height * image->width, out = v->t.dim[2] * v->t.dim[3];
  View view = draw_view(v, key);
  for (uint64_t c = 0; c < image->chans; c++)
    place(image, image->pixels + c * plane, to + c * out, &v->t, view);
}
