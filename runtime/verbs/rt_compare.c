#include "runtime/verbs/rt_compare.h"

#include <math.h>
#include <stdlib.h>

#include "runtime/rt_base.h"

enum { PIECE = 2048 };
static const double noise = 1e-6; /* of the gradient's root mean square */

/* Below this, an element's gradient is rounding noise: 0 when there is no gradient to judge by. */
static double gradient_floor(const RtRef *ref) {
  if (!ref->grad) return 0;
  double piece[PIECE], sum = 0;
  uint64_t inexact = 0, n = ref->grad->count;
  for (uint64_t i = 0; i < n; i += PIECE) {
    uint64_t m = n - i < PIECE ? n - i : PIECE;
    if (!rt_file_read(ref->file, ref->grad, i, m, RT_F64, piece, &inexact)) return NAN;
    for (uint64_t k = 0; k < m; k++) sum += piece[k] * piece[k];
  }
  return noise * sqrt(sum / (double)(n ? n : 1));
}

/* Reads elements of a tensor as f64; zeros when there is no tensor. */
static bool read_piece(const RtRef *ref, const RtTensor *t, uint64_t first, uint64_t n, double *to) {
  uint64_t inexact = 0;
  for (uint64_t i = 0; !t && i < n; i++) to[i] = 0;
  return !t || rt_file_read(ref->file, t, first, n, RT_F64, to, &inexact);
}

double rt_distance(const RtRef *ref, uint32_t type, const void *found, uint64_t n, uint64_t *left_out) {
  double want[PIECE], base[PIECE], grad[PIECE], off = 0, size = 0, floor = gradient_floor(ref);
  uint64_t out = 0;
  for (uint64_t i = 0; i < n; i += PIECE) {
    uint64_t m = n - i < PIECE ? n - i : PIECE;
    if (!read_piece(ref, ref->want, ref->first + i, m, want) || !read_piece(ref, ref->base, i, m, base) ||
        !read_piece(ref, ref->grad, i, m, grad))
      return NAN;
    for (uint64_t k = 0; k < m; k++) {
      double v = rt_type_get(type, found, i + k), d = v - want[k], s = want[k] - base[k];
      if (ref->grad && fabs(grad[k]) < floor && isfinite(v)) {
        out++;
        continue;
      }
      d = fabs(d) - ref->rounding * fabs(want[k]);
      if (d < 0) d = 0;
      off += d * d;
      size += s * s;
    }
  }
  *left_out += out;
  if (out == n && n) return -1;
  if (off == 0 && size == 0) return 0;
  double r = sqrt(off) / sqrt(size);
  return isfinite(off) && isfinite(size) ? r : NAN;
}

void rt_kind_add(RtKind *k, double distance, const char *tensor) {
  k->compared++;
  if (k->tensor && !(distance > k->worst) && !isnan(distance)) return;
  if (k->tensor && isnan(k->worst)) return;
  free(k->tensor);
  k->tensor = rt_format("%s", tensor);
  k->worst = distance;
}

bool rt_kind_passes(const RtKind *k) {
  return k->compared == 0 || k->worst <= k->bound;
}
