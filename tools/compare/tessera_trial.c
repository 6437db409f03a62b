/* Buffers with random data for a kernel by itself, and the distance between two results. */
#include "tools/compare/tessera_trial.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ir/kernel/kern_walk.h"

/* What every scalar of the step block is. */
static const double field_value = 0.75;

static void collect_fields(Trial *t, const KExpr *e) {
  if (!e) return;
  for (int i = 0; i < 3; i++) collect_fields(t, e->arg[i]);
  if (e->kind != KE_STEP) return;
  for (int i = 0; i < t->nfield && i < TESS_MAX_SETTINGS; i++)
    if (strcmp(t->field[i], e->name) == 0) return;
  if (t->nfield < TESS_MAX_SETTINGS) t->field[t->nfield] = e->name;
  t->nfield++;
}

static size_t elements(const KBuf *b) {
  int64_t last = 0;
  for (int i = 0; i < b->rank; i++) last += (b->dim[i] - 1) * b->stride[i];
  return (size_t)last + 1;
}

static uint32_t next_random(uint32_t *seed) {
  *seed ^= *seed << 13;
  *seed ^= *seed >> 17;
  *seed ^= *seed << 5;
  return *seed;
}

/* Floats in [-1, 1); whole numbers below the bound, which keeps the indices among them inside. */
static void fill(void *p, DType t, size_t n, int64_t bound, uint32_t *seed) {
  for (size_t i = 0; i < n; i++) {
    uint32_t r = next_random(seed);
    float f = (float)(r >> 8) * 0x1p-23f - 1.0f;
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    switch (t) {
    case DT_F32: ((float *)p)[i] = f; break;
    case DT_BF16: ((uint16_t *)p)[i] = (uint16_t)(bits >> 16); break;
    case DT_F16: ((uint16_t *)p)[i] = (uint16_t)(0x3000 | (r & 0x83ff)); break;
    case DT_I32: ((int32_t *)p)[i] = (int32_t)(r % (uint32_t)(bound > 0 ? bound : 10)); break;
    case DT_U8: ((uint8_t *)p)[i] = (uint8_t)r; break;
    case DT_BOOL: ((uint8_t *)p)[i] = r & 1; break;
    case DT_U64: ((uint64_t *)p)[i] = r; break;
    case DT_COUNT: break;
    }
  }
}

static double buffer_bytes(const Kernel *k) {
  double sum = 0;
  for (int i = 0; i < k->nbuf; i++) sum += 2.0 * (double)elements(&k->buf[i]) * dtype_size(k->buf[i].dtype);
  return sum;
}

/* Physical memory is the bound, since more would be granted and then not be there. */
static bool has_memory(const Kernel *k) {
  double most = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE), need = buffer_bytes(k);
  if (need < most) return true;
  diag_error(k->loc, "kernel %s and the interpreter need %.1f GiB for its buffers; this machine has %.1f",
             k->name, need * 0x1p-30, most * 0x1p-30);
  return false;
}

static void *need(void *p, size_t bytes) {
  if (!p) ice("out of memory: %zu bytes", bytes);
  return p;
}

static void make_buffers(Trial *t) {
  const Kernel *k = t->kernel;
  int64_t *bound = kern_read_bounds(t->arena, k);
  uint32_t seed = 2463534242u;
  t->count = ARENA_ARRAY(t->arena, k->nbuf, size_t);
  t->ours = ARENA_ARRAY(t->arena, k->nbuf, void *);
  t->theirs = ARENA_ARRAY(t->arena, k->nbuf, void *);
  for (int i = 0; i < k->nbuf; i++) {
    size_t n = t->count[i] = elements(&k->buf[i]), bytes = n * (size_t)dtype_size(k->buf[i].dtype);
    t->ours[i] = need(aligned_alloc(64, (bytes + 127) / 64 * 64), bytes);
    t->theirs[i] = need(malloc(bytes), bytes);
    fill(t->ours[i], k->buf[i].dtype, n, bound[i], &seed);
    memcpy(t->theirs[i], t->ours[i], bytes);
  }
}

bool trial_open(Arena *a, const Kernel *k, Trial *t) {
  *t = (Trial){.arena = a, .kernel = k};
  for (int v = 0; v < k->nval; v++) collect_fields(t, k->val[v].expr);
  if (t->nfield > TESS_MAX_SETTINGS) {
    diag_error(k->loc, "kernel %s reads %d scalars of the step, at most %d are there", k->name, t->nfield,
               TESS_MAX_SETTINGS);
    return false;
  }
  if (!has_memory(k)) return false;
  make_buffers(t);
  return true;
}

void trial_close(Trial *t) {
  for (int i = 0; i < t->kernel->nbuf; i++) {
    free(t->ours[i]);
    free(t->theirs[i]);
  }
}

TessStep trial_step(void) {
  float v = (float)field_value;
  TessStep s = {.step_f = v, .micro_f = v, .total = v, .epoch_steps = v, .constant = v};
  for (int i = 0; i < TESS_MAX_SETTINGS; i++) s.setting[i] = v;
  return s;
}

static double scalar(void *ctx, const char *name) {
  (void)ctx;
  (void)name;
  return field_value;
}

void trial_interpret(Trial *t) {
  kern_interp(t->kernel, t->theirs, &(KStepEnv){.scalar = scalar}, false);
}

static float element(const void *p, DType t, size_t i) {
  uint32_t bits;
  float f;
  switch (t) {
  case DT_F32: return ((const float *)p)[i];
  case DT_BF16:
    bits = (uint32_t)((const uint16_t *)p)[i] << 16;
    memcpy(&f, &bits, sizeof f);
    return f;
  case DT_F16: return __extension__(float)((const _Float16 *)p)[i];
  case DT_I32: return (float)((const int32_t *)p)[i];
  case DT_U64: return (float)((const uint64_t *)p)[i];
  default: return ((const uint8_t *)p)[i];
  }
}

/* The data may lead to values that are no numbers (logarithms of what is negative): those agree. */
static bool agree(double x, double y) {
  return x == y || (isnan(x) && isnan(y));
}

double trial_distance(const Trial *t) {
  double apart = 0, norm = 0;
  for (int b = 0; b < t->kernel->nbuf; b++) {
    const KBuf *buf = &t->kernel->buf[b];
    for (size_t i = 0; buf->kind != KB_IN && i < t->count[b]; i++) {
      double x = (double)element(t->ours[b], buf->dtype, i), y = (double)element(t->theirs[b], buf->dtype, i);
      if (!isfinite(y) || !isfinite(x)) {
        if (!agree(x, y)) return NAN;
        continue;
      }
      apart += (x - y) * (x - y);
      norm += y * y;
    }
  }
  return norm > 0 ? sqrt(apart / norm) : sqrt(apart);
}

double trial_tolerance(const Kernel *k) {
  double most = 1e-4; /* sums in another order than the interpreter's */
  for (int i = 0; i < k->nbuf; i++) {
    bool stored = k->buf[i].kind != KB_IN;
    if (stored && k->buf[i].dtype == DT_F16 && most < 2e-3) most = 2e-3;
    if (stored && k->buf[i].dtype == DT_BF16) most = 1e-2;
  }
  return most;
}
