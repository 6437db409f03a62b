/* bench: seconds a step on random data, beside what the machine can do at most, as one JSON line. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/machine/peak.h"
#include "runtime/rt_base.h"
#include "runtime/rt_output.h"
#include "runtime/rt_random.h"
#include "runtime/state/rt_type.h"
#include "runtime/verbs/rt_profile.h"
#include "runtime/verbs/rt_verb.h"

static const double peak_seconds = 0.3;

/* Data is drawn once, at most DRAWN elements of each value, and repeated; an odd number, so that rows differ.
 */
enum { DEFAULT_STEPS = 10, MAX_STEPS = 1000000, DRAWN = 61441 };

typedef struct Bench {
  RtSession s;
  RtProfile *profile; /* or NULL */
  void **drawn;       /* by value; NULL for those that are computed */
  double filling;     /* seconds spent on data in the step in hand: not part of its time */
  uint64_t steps;
  double first_step;          /* seconds from the start of the run to the end of its first step */
  double *seconds;            /* of each timed step, ascending */
  double peak_f32, peak_bf16; /* operations a second */
} Bench;

/* Box and Muller. */
static double normal(uint64_t key, uint64_t i) {
  double u = rt_uniform(rt_random(key, 2 * i)), v = rt_uniform(rt_random(key, 2 * i + 1));
  return sqrt(-2 * log(1 - u)) * cos(6.283185307179586 * v);
}

static double draw(const TessValue *v, uint64_t key, uint64_t i) {
  if (rt_type_is_float(v->t.dtype)) return normal(key, i);
  uint64_t bits = rt_random(key, i);
  if (v->classes > 0) return (double)rt_below(bits, (uint64_t)v->classes);
  return v->t.dtype == TESS_U8 ? (double)rt_below(bits, 256) : 0;
}

static uint64_t drawn_count(const TessValue *v) {
  return v->t.count < DRAWN ? v->t.count : DRAWN;
}

static void draw_data(Bench *b) {
  b->drawn = RT_NEW(tess_program.nvalue, void *);
  for (uint32_t k = 0; k < tess_program.nvalue; k++) {
    const TessValue *v = &tess_program.value[k];
    uint64_t key = rt_random(b->s.step.seed, k), n = drawn_count(v);
    if (!(v->flags & TESS_DATA)) continue;
    b->drawn[k] = rt_alloc(n, rt_type_size(v->t.dtype));
    for (uint64_t i = 0; i < n; i++) rt_type_set(v->t.dtype, b->drawn[k], i, draw(v, key, i));
  }
}

static void free_data(Bench *b) {
  for (uint32_t k = 0; b->drawn && k < tess_program.nvalue; k++) free(b->drawn[k]);
  free(b->drawn);
}

/* Before every pass: behind it the memory of its data is used for other things. */
static bool fill(void *ctx, uint64_t step, uint64_t micro) {
  (void)step;
  (void)micro;
  Bench *b = ctx;
  TessEntryKind pass = rt_pass();
  double start = rt_now();
  for (uint32_t k = 0; k < tess_program.nvalue; k++) {
    const TessValue *v = &tess_program.value[k];
    uint64_t size = rt_type_size(v->t.dtype), n = drawn_count(v);
    for (uint64_t i = 0; b->drawn[k] && v->entry == (uint32_t)pass && i < v->t.count; i += n)
      memcpy((char *)rt_at(&b->s, &v->t) + i * size, b->drawn[k],
             (v->t.count - i < n ? v->t.count - i : n) * size);
    if (b->drawn[k] && v->entry == (uint32_t)pass) rt_send(&b->s, &v->t);
  }
  if (b->profile) b->profile->entry = pass;
  b->filling += rt_now() - start;
  return true;
}

static void before_update(void *ctx, uint64_t micro) {
  Bench *b = ctx;
  if (b->profile && micro + 1 == tess_program.accumulate) b->profile->entry = TESS_UPDATE;
}

static double step_flop(void) {
  double sum = 0;
  for (int e = TESS_MICRO; e <= TESS_EVAL; e++) {
    bool runs = rt_is_training() ? e != TESS_EVAL : e == TESS_EVAL;
    double times = e == TESS_MICRO ? (double)tess_program.accumulate : 1;
    for (uint32_t i = 0; runs && i < tess_program.entry[e].nlaunch; i++)
      sum += times * tess_program.entry[e].launch[i].flop;
  }
  return sum;
}

static int ascending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return x < y ? -1 : x > y;
}

static bool time_steps(Bench *b) {
  int threads = b->s.run.threads;
  b->peak_f32 = peak_flops_threads(PEAK_F32, threads, peak_seconds);
  b->peak_bf16 = peak_flops_threads(PEAK_BF16, threads, peak_seconds);
  if (b->profile) b->s.run.hook = &b->profile->hook;
  b->seconds = RT_NEW(b->steps, double);
  bool ok = true;
  for (uint64_t i = 0; i < b->steps && ok; i++) {
    b->filling = 0;
    double start = rt_now();
    ok = rt_session_step(&b->s, i + 1, fill, before_update, b);
    b->seconds[i] = rt_now() - start - b->filling;
  }
  b->s.run.hook = NULL;
  qsort(b->seconds, b->steps, sizeof *b->seconds, ascending);
  return ok;
}

static void put(const char *key, const char *format, double v) {
  char text[64];
  snprintf(text, sizeof text, format, v);
  printf(",\"%s\":%s", key, isfinite(v) ? text : "null");
}

static void print_json(const Bench *b) {
  uint64_t n = b->steps;
  double median = (b->seconds[(n - 1) / 2] + b->seconds[n / 2]) / 2, flop = step_flop();
  double images = (double)tess_program.batch * (double)(rt_is_training() ? tess_program.accumulate : 1);
  RtMemory m = rt_memory_plan(b->s.run.threads, 0);
  fputs("{\"program\":", stdout);
  json_put_string(stdout, tess_program.name);
  printf(",\"threads\":%d,\"batch\":%" PRIu64 ",\"accumulate\":%" PRIu64 ",\"steps\":%" PRIu64,
         b->s.run.threads, tess_program.batch, tess_program.accumulate, n);
  printf(",\"seconds\":{\"median\":%.6g,\"min\":%.6g,\"max\":%.6g}", median, b->seconds[0],
         b->seconds[n - 1]);
  put("images_per_s", "%.6g", images / median);
  put("gflop", "%.6g", flop * 1e-9);
  put("gflop_per_s", "%.6g", flop / median * 1e-9);
  put("peak_f32_gflop_per_s", "%.1f", b->peak_f32 * 1e-9);
  put("peak_bf16_gflop_per_s", "%.1f", b->peak_bf16 * 1e-9);
  put("share_of_f32_peak", "%.4f", flop / median / b->peak_f32);
  put("share_of_bf16_peak", "%.4f", flop / median / b->peak_bf16);
  printf(",\"memory_planned\":%" PRIu64 ",\"memory_peak\":%" PRIu64, m.total, rt_memory_peak());
  put("first_step_s", "%.4f", b->first_step);
  puts("}");
}

static bool bench(Bench *b, RtOptions *o, double start) {
  b->s.step.total = (float)(b->steps + 1);
  b->s.step.epoch_steps = (float)(b->steps + 1);
  if (!rt_load_all(&b->s, o, false)) return false;
  draw_data(b);
  if (!rt_session_step(&b->s, 0, fill, NULL, b)) return false;
  b->first_step = rt_now() - start;
  const char *out = RT_GIVEN(o, profile_out) ? RT_TEXT(o, profile_out) : NULL;
  bool table = o->value[RT_OPT_profile].flag;
  if (table || out) b->profile = rt_profile_new();
  if (!time_steps(b)) return false;
  bool written = !out || rt_profile_write(b->profile, b->s.run.threads, b->steps, out);
  print_json(b);
  if (table) rt_profile_print(b->profile, b->steps, stderr);
  return written && !(table && ferror(stderr)); /* the table is a result */
}

int rt_bench(RtOptions *o) {
  double start = rt_now();
  Bench b = {.steps = RT_GIVEN(o, steps) ? RT_U64(o, steps) : DEFAULT_STEPS};
  if (b.steps < 1 || b.steps > MAX_STEPS) {
    rt_error("--steps: found %" PRIu64 ", expected 1 to %d", b.steps, MAX_STEPS);
    return 1;
  }
  if (!rt_is_training() && !rt_has_entry(TESS_EVAL)) {
    rt_error("%s has nothing to run", tess_program.name);
    return 1;
  }
  if (RT_GIVEN(o, profile_out) && !rt_can_write("--profile-out", RT_TEXT(o, profile_out), NULL, NULL))
    return 1;
  if (!rt_begin(&b.s, o)) return 1;
  bool ok = bench(&b, o, start);
  rt_profile_free(b.profile);
  free_data(&b);
  free(b.seconds);
  rt_session_close(&b.s);
  return ok ? 0 : 1;
}
