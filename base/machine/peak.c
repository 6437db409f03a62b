/* The meter: see peak.h. Sixteen accumulators hide the latency of every multiply-add we know of (4 cycles,
 * two a cycle at most) and fit the registers of AVX-512; the values converge, so nothing becomes denormal. */
#include "base/machine/peak.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

enum { ROUND = 4096, MAX_THREADS = 256 };

#define EACH12(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11)
#define EACH16(X) EACH12(X) X(12) X(13) X(14) X(15)

/* Volatile, so that results stay alive and no two accumulators are known to be equal. */
static volatile float sink;
static volatile float seed = 0.5F;
/* Volatile too, since copying back what was just copied is otherwise left out. */
static void *(*volatile copy)(void *, const void *, size_t) = memcpy;

/* A loop runs ROUND rounds and returns the operations that it made. */
typedef double Loop(void);

static double loop_plain(void) {
  float a = seed, acc[16];
  for (int i = 0; i < 16; i++) acc[i] = seed;
  for (int r = 0; r < ROUND; r++)
    for (int i = 0; i < 16; i++) acc[i] = acc[i] * a + a;
  for (int i = 0; i < 16; i++) sink = acc[i];
  return 2.0 * 16 * ROUND;
}

#if defined(__x86_64__)
__attribute__((target("avx2,fma"))) static double loop_avx2(void) {
  __m256 a = _mm256_set1_ps(seed);
#define ZERO(i) __m256 acc##i = _mm256_set1_ps(seed);
#define STEP(i) acc##i = _mm256_fmadd_ps(acc##i, a, a);
#define KEEP(i) sink = _mm256_cvtss_f32(acc##i);
  EACH12(ZERO);
  for (int r = 0; r < ROUND; r++) {
    EACH12(STEP);
  }
  EACH12(KEEP);
#undef ZERO
#undef STEP
#undef KEEP
  return 2.0 * 8 * 12 * ROUND;
}

__attribute__((target("avx512f"))) static double loop_avx512(void) {
  __m512 a = _mm512_set1_ps(seed);
#define ZERO(i) __m512 acc##i = _mm512_set1_ps(seed);
#define STEP(i) acc##i = _mm512_fmadd_ps(acc##i, a, a);
#define KEEP(i) sink = _mm512_cvtss_f32(acc##i);
  EACH16(ZERO);
  for (int r = 0; r < ROUND; r++) {
    EACH16(STEP);
  }
  EACH16(KEEP);
#undef STEP
  return 2.0 * 16 * 16 * ROUND;
}

__attribute__((target("avx512f,avx512bf16"))) static double loop_bf16(void) {
  __m512 half = _mm512_set1_ps(seed);
  __m512bh a = _mm512_cvtne2ps_pbh(half, half);
#define STEP(i) acc##i = _mm512_dpbf16_ps(acc##i, a, a);
  EACH16(ZERO);
  for (int r = 0; r < ROUND; r++) {
    EACH16(STEP);
  }
  EACH16(KEEP);
#undef ZERO
#undef STEP
#undef KEEP
  return 2.0 * 32 * 16 * ROUND;
}

static Loop *loop_for(PeakKind kind) {
  if (kind == PEAK_BF16) return __builtin_cpu_supports("avx512bf16") ? loop_bf16 : NULL;
  if (__builtin_cpu_supports("avx512f")) return loop_avx512;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return loop_avx2;
  return loop_plain;
}
#else
static Loop *loop_for(PeakKind kind) {
  return kind == PEAK_F32 ? loop_plain : NULL;
}
#endif

static double now(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

double peak_flops(PeakKind kind, double seconds, clockid_t clock) {
  Loop *loop = loop_for(kind);
  if (!loop) return 0;
  loop(); /* wakes the vector units */
  double flops = 0, start = now(clock), took;
  do {
    flops += loop();
    took = now(clock) - start;
  } while (took < seconds);
  return flops / took;
}

typedef struct Job {
  pthread_t thread;
  PeakKind kind;
  double seconds;
  long bytes;
  double rate; /* the result */
} Job;

static void *flops_job(void *arg) {
  Job *j = arg;
  j->rate = peak_flops(j->kind, j->seconds, CLOCK_MONOTONIC);
  return NULL;
}

static void *copy_job(void *arg) {
  Job *j = arg;
  char *a = malloc((size_t)j->bytes), *b = malloc((size_t)j->bytes);
  if (a && b) {
    memset(a, 1, (size_t)j->bytes);
    memset(b, 2, (size_t)j->bytes);
    double moved = 0, start = now(CLOCK_MONOTONIC), took;
    do {
      copy(a, b, (size_t)j->bytes);
      copy(b, a, (size_t)j->bytes);
      moved += 4.0 * (double)j->bytes;
      took = now(CLOCK_MONOTONIC) - start;
    } while (took < j->seconds);
    j->rate = moved / took;
  }
  free(a);
  free(b);
  return NULL;
}

/* The sum of the rates of `threads` jobs like *like. */
static double rate_of(void *(*run)(void *), int threads, const Job *like) {
  Job job[MAX_THREADS];
  int n = threads < 1 ? 1 : threads > MAX_THREADS ? MAX_THREADS : threads, started = 0;
  for (; started < n; started++) {
    job[started] = *like;
    if (pthread_create(&job[started].thread, NULL, run, &job[started])) break;
  }
  double sum = 0;
  for (int i = 0; i < started; i++) {
    pthread_join(job[i].thread, NULL);
    sum += job[i].rate;
  }
  return sum;
}

double peak_flops_threads(PeakKind kind, int threads, double seconds) {
  return rate_of(flops_job, threads, &(Job){.kind = kind, .seconds = seconds});
}

double peak_copy(int threads, long bytes, double seconds) {
  return rate_of(copy_job, threads, &(Job){.seconds = seconds, .bytes = bytes});
}
