#include "runtime/verbs/rt_compare.h"

#include <math.h>
#include <stdlib.h>

#include "runtime/rt_base.h"

enum { PIECE = 2048 };
static const double noise = 1e-6; /* of a gradient's root mean square, and of the norm of all gradients */

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

RtDistance rt_distance(const RtRef *ref, uint32_t type, const void *found, uint64_t n) {
  double want[PIECE], base[PIECE], grad[PIECE], floor = gradient_floor(ref);
  RtDistance sum = {0};
  for (uint64_t i = 0; i < n; i += PIECE) {
    uint64_t m = n - i < PIECE ? n - i : PIECE;
    if (!read_piece(ref, ref->want, ref->first + i, m, want) || !read_piece(ref, ref->base, i, m, base) ||
        !read_piece(ref, ref->grad, i, m, grad))
      return (RtDistance){.off = NAN};
    for (uint64_t k = 0; k < m; k++) {
      double v = rt_type_get(type, found, i + k), d = v - want[k], s = want[k] - base[k], f = v - base[k];
      if (ref->grad && fabs(grad[k]) < floor && isfinite(v)) {
        sum.left_out++;
        continue;
      }
      d = fabs(d) - ref->rounding * fabs(want[k]);
      if (d < 0) d = 0;
      sum.off += d * d;
      sum.wanted += s * s;
      sum.found += f * f;
    }
  }
  return (RtDistance){sqrt(sum.off), sqrt(sum.wanted), sqrt(sum.found), sum.left_out};
}

double rt_relative(const RtDistance *d) {
  if (d->off == 0 && d->wanted == 0) return 0;
  return isfinite(d->off) && isfinite(d->wanted) ? d->off / d->wanted : NAN;
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

/* Whether something of it was compared, and is further off than it may be. */
static bool is_off(const RtMeasured *m, const RtKind *k) {
  return m->tensor && m->d.left_out < m->count && !(rt_relative(&m->d) <= k->bound);
}

static void add_all(const RtMeasured *m, int n, RtKind *k, const bool *out) {
  for (int i = 0; i < n; i++)
    if (m[i].tensor && !out[i] && m[i].d.left_out < m[i].count)
      rt_kind_add(k, rt_relative(&m[i].d), m[i].tensor);
}

void rt_judge_gradients(RtMeasured *m, int n, RtKind *k) {
  bool *out = RT_NEW(n, bool);
  double all = 0, small = 0;
  for (int i = 0; i < n; i++)
    if (m[i].tensor) all += m[i].d.wanted * m[i].d.wanted;
  const double most = noise * noise * all;
  for (int i = 0; i < n; i++) {
    double size = fmax(m[i].d.wanted, m[i].d.found), square = size * size;
    m[i].zero = m[i].tensor && isfinite(m[i].d.off) && square <= most;
    out[i] = m[i].left_out = m[i].zero && is_off(&m[i], k) && small + square <= most;
    if (out[i]) small += square;
  }
  add_all(m, n, k, out);
  free(out);
}

/* How far an element moved, in the root mean square. */
static double pace(const RtMeasured *m, double distance) {
  return distance / sqrt((double)(m->count - m->d.left_out));
}

void rt_judge_finals(const RtMeasured *m, int n, RtKind *k, uint64_t *left_out) {
  bool *out = RT_NEW(n, bool);
  double most = 0;
  for (int i = 0; i < n; i++)
    if (m[i].tensor && m[i].param->kind == TESS_PARAM && !m[i].zero && m[i].d.left_out < m[i].count)
      most = fmax(most, pace(&m[i], m[i].d.wanted));
  for (int i = 0; i < n; i++) {
    out[i] = m[i].zero && is_off(&m[i], k) && isfinite(m[i].d.off) && pace(&m[i], m[i].d.found) <= 2 * most;
    if (m[i].tensor) *left_out += out[i] ? m[i].count : m[i].d.left_out;
  }
  add_all(m, n, k, out);
  free(out);
}
