/* A program written by hand, as the compiler would emit one: a linear map from 6 x 6 images to three classes,
 * squared error, momentum. Small enough to be computed again by a test, with everything that the runtime
 * must handle: aliases, two micro-batches, a guard, a frozen module (TOY_FROZEN), a value that turns bad. */
#include <math.h>
#include <stddef.h>

#include "abi/program.h"

enum { BATCH = 4, SIDE = 6, PIXELS = SIDE * SIDE, CLASSES = 3, WEIGHTS = CLASSES * PIXELS };

#ifdef TOY_FORWARD
#define TOY_TRAINS 0
#else
#define TOY_TRAINS 1
#endif

typedef struct Memory {
  float weight[WEIGHTS], bias[CLASSES];
  float weight_grad[WEIGHTS], bias_grad[CLASSES];
  float weight_m[WEIGHTS], bias_m[CLASSES];
  float gain[1], packed_gain[1];
  float pixels[BATCH * PIXELS], logits[BATCH * CLASSES], part[BATCH], hit[BATCH];
  float loss[1], top1[1], lr[1], grad_norm[1];
  int32_t label[BATCH];
  uint8_t image[BATCH * PIXELS];
  uint8_t finite;
} Memory;

enum { SETTING_LR, SETTING_POISON };

/* init: weights from the seed. */
static void k_init(void *const *buf, const TessStep *s, char *scratch, int64_t task, int64_t end) {
  (void)scratch;
  for (int64_t i = task; i < end; i++) {
    uint64_t x = (s->seed * 1000003 + (uint64_t)i + 1) * 0x9e3779b97f4a7c15u;
    x ^= x >> 29;
    x *= 0xbf58476d1ce4e5b9u;
    ((float *)buf[0])[i] = (float)(x >> 40) * 0x1p-24f - 0.5f;
  }
}

static void k_gain(void *const *buf, const TessStep *s, char *scratch, int64_t task, int64_t end) {
  (void)s, (void)scratch, (void)task, (void)end;
  *(float *)buf[1] = *(const float *)buf[0] * 2;
}

/* A task an image. */
static void k_pixels(void *const *buf, const TessStep *s, char *scratch, int64_t task, int64_t end) {
  (void)s;
  float *row = (float *)scratch;
  for (int64_t b = task; b < end; b++) {
    for (int i = 0; i < PIXELS; i++) row[i] = (float)((const uint8_t *)buf[0])[b * PIXELS + i] / 255;
    for (int i = 0; i < PIXELS; i++) ((float *)buf[1])[b * PIXELS + i] = row[i];
  }
}

static void k_logits(void *const *buf, const TessStep *s, char *scratch, int64_t task, int64_t end) {
  (void)scratch;
  const float *x = buf[0], *w = buf[1], *bias = buf[2], *gain = buf[3];
  for (int64_t t = task; t < end; t++) {
    int64_t b = t / CLASSES, c = t % CLASSES;
    float sum = bias[c];
    for (int i = 0; i < PIXELS; i++) sum += x[b * PIXELS + i] * w[c * PIXELS + i] * gain[0];
    if (s->step_f == s->setting[SETTING_POISON] && t == 7) sum /= 0 * sum;
    ((float *)buf[4])[t] = sum;
  }
}

static void k_part(void *const *buf, const TessStep *s, char *scratch, int64_t task, int64_t end) {
  (void)s, (void)scratch;
  const float *logits = buf[0];
  const int32_t *label = buf[1];
  for (int64_t b = task; b < end; b++) {
    float sum = 0;
    int best = 0;
    for (int c = 0; c < CLASSES; c++) {
      float d = logits[b * CLASSES + c] - (label[b] == c);
      sum += d * d;
      if (logits[b * CLASSES + c] > logits[b * CLASSES + best]) best = c;
    }
    ((float *)buf[2])[b] = sum / CLASSES;
    ((float *)buf[3])[b] = best == label[b];
  }
}

static void k_mean(void *const *buf, const TessStep *s, char *scratch, int64_t task, int64_t end) {
  (void)s, (void)scratch, (void)task, (void)end;
  float loss = 0, hit = 0;
  for (int b = 0; b < BATCH; b++) {
    loss += ((const float *)buf[0])[b];
    hit += ((const float *)buf[1])[b];
  }
  *(float *)buf[2] = loss / BATCH;
  *(float *)buf[3] = hit / BATCH;
}

#if TOY_TRAINS
/* A task a class: micro-batch 0 overwrites, the others add. */
static void k_grad(void *const *buf, const TessStep *s, char *scratch, int64_t task, int64_t end) {
  (void)scratch;
  const float *x = buf[0], *logits = buf[1], *gain = buf[3];
  const int32_t *label = buf[2];
  float *dw = buf[4], *db = buf[5], keep = s->micro ? 1 : 0;
  for (int64_t c = task; c < end; c++) {
    for (int i = 0; i < PIXELS; i++) dw[c * PIXELS + i] = keep ? dw[c * PIXELS + i] : 0;
    db[c] = keep ? db[c] : 0;
    for (int b = 0; b < BATCH; b++) {
      float d = 2 * (logits[b * CLASSES + c] - (label[b] == c)) / (CLASSES * BATCH * TOY_ACCUMULATE);
      for (int i = 0; i < PIXELS; i++) dw[c * PIXELS + i] += d * x[b * PIXELS + i] * gain[0];
      db[c] += d;
    }
  }
}

static void k_norm(void *const *buf, const TessStep *s, char *scratch, int64_t task, int64_t end) {
  (void)scratch, (void)task, (void)end;
  float sum = 0;
  for (int i = 0; i < WEIGHTS; i++) sum += ((const float *)buf[0])[i] * ((const float *)buf[0])[i];
  for (int c = 0; c < CLASSES; c++) sum += ((const float *)buf[1])[c] * ((const float *)buf[1])[c];
  *(float *)buf[2] = sqrtf(sum);
  *(float *)buf[3] = s->setting[SETTING_LR] * (s->constant != 0 ? 1 : 1 - s->step_f / s->total);
  *(uint8_t *)buf[4] = isfinite(sum) != 0;
}

static void k_step(void *const *buf, const TessStep *s, char *scratch, int64_t task, int64_t end) {
  (void)s, (void)scratch;
  float *w = buf[0], *m = buf[1];
  const float *g = buf[2], *lr = buf[3];
  for (int64_t i = task; *(const uint8_t *)buf[4] && i < end; i++) {
    m[i] = 0.9f * m[i] + g[i];
    w[i] -= lr[0] * m[i];
  }
}
#endif

#define LAUNCH(id, kernel, tasks, guard, ...)                                                                \
  tess_launch(run, id, kernel, (void *[]){__VA_ARGS__}, s, tasks, guard)

static void e_init(TessRun *run, char *arena, const TessStep *s) {
  Memory *m = (Memory *)arena;
  LAUNCH(0, k_init, WEIGHTS, 0, m->weight);
  LAUNCH(1, k_init, 1, 0, m->gain);
}

static void e_prepare(TessRun *run, char *arena, const TessStep *s) {
  Memory *m = (Memory *)arena;
  LAUNCH(0, k_gain, 1, 0, m->gain, m->packed_gain);
}

static void forward(TessRun *run, Memory *m, const TessStep *s, uint64_t guard) {
  LAUNCH(0, k_pixels, BATCH, guard, m->image, m->pixels);
  LAUNCH(1, k_logits, (int64_t)BATCH * CLASSES, 0, m->pixels, m->weight, m->bias, m->packed_gain, m->logits);
  LAUNCH(2, k_part, BATCH, 0, m->logits, m->label, m->part, m->hit);
  LAUNCH(3, k_mean, 1, 0, m->part, m->hit, m->loss, m->top1);
}

static void e_eval(TessRun *run, char *arena, const TessStep *s) {
  forward(run, (Memory *)arena, s, 2);
}

#if TOY_TRAINS
static void e_micro(TessRun *run, char *arena, const TessStep *s) {
  Memory *m = (Memory *)arena;
  forward(run, m, s, 1);
  LAUNCH(4, k_grad, CLASSES, 0, m->pixels, m->logits, m->label, m->packed_gain, m->weight_grad, m->bias_grad);
}

static void e_update(TessRun *run, char *arena, const TessStep *s) {
  Memory *m = (Memory *)arena;
  LAUNCH(0, k_norm, 1, 0, m->weight_grad, m->bias_grad, m->grad_norm, m->lr, &m->finite);
  LAUNCH(1, k_step, WEIGHTS, 0, m->weight, m->weight_m, m->weight_grad, m->lr, &m->finite);
  LAUNCH(2, k_step, CLASSES, 0, m->bias, m->bias_m, m->bias_grad, m->lr, &m->finite);
}
#endif

#define AT(member) .offset = offsetof(Memory, member)
#define WEIGHT(member) {.rank = 2, .dim = {CLASSES, PIXELS}, .count = WEIGHTS, AT(member)}
#define BIAS(member) {.rank = 1, .dim = {CLASSES}, .count = CLASSES, AT(member)}
#define ONE(member) {.rank = 0, .count = 1, AT(member)}
#define LOGITS {.rank = 2, .dim = {BATCH, CLASSES}, .count = BATCH * CLASSES, AT(logits)}
#define PIXELS_T {.rank = 2, .dim = {BATCH, PIXELS}, .count = BATCH * PIXELS, AT(pixels)}
#define IMAGE {.dtype = TESS_U8, .rank = 4, .dim = {BATCH, 1, SIDE, SIDE}, .count = BATCH * PIXELS, AT(image)}
#define LABEL {.dtype = TESS_I32, .rank = 1, .dim = {BATCH}, .count = BATCH, AT(label)}

static const TessTensor t_weight = WEIGHT(weight), t_grad[] = {WEIGHT(weight_grad), BIAS(bias_grad)},
                        t_gain = ONE(packed_gain), t_pixels = PIXELS_T, t_logits = LOGITS,
                        t_part = {.rank = 1, .dim = {BATCH}, .count = BATCH, AT(part)},
                        t_loss[] = {ONE(loss), ONE(top1)};

static const TessLaunch l_init[] = {{"k_init", "head.weight", "toy.tess:3", 1, &t_weight, 0, 4 * WEIGHTS},
                                    {"k_init", "teacher/gain", "toy.tess:4", 0, NULL, 0, 4}};
static const TessLaunch l_prepare[] = {{"k_gain", "teacher/gain packed", "toy.tess:4", 1, &t_gain, 0, 8}};
static const TessLaunch l_micro[] = {
    {"k_pixels", "images", "toy.tess:7", 1, &t_pixels, 0, 5 * BATCH *PIXELS},
    {"k_logits", "logits", "toy.tess:8", 1, &t_logits, 2e9, 4 * BATCH *PIXELS},
    {"k_part", "loss terms", "toy.tess:9", 1, &t_part, 0, 4 * BATCH},
    {"k_mean", "loss", "toy.tess:10", 2, t_loss, 0, 8},
    {"k_grad", "head.weight gradient", "toy.tess:8", 2, t_grad, 1e9, 4 * WEIGHTS}};
#if TOY_TRAINS
static const TessTensor t_norm[] = {ONE(grad_norm), ONE(lr)};
static const TessLaunch l_update[] = {{"k_norm", "grad_norm", "toy.tess:12", 2, t_norm, 0, 4 * WEIGHTS},
                                      {"k_step", "head.weight", "toy.tess:13", 1, &t_weight, 0, 16 * WEIGHTS},
                                      {"k_step", "head.bias", "toy.tess:13", 0, NULL, 0, 16 * CLASSES}};
#endif

static const char *const weight_alias[] = {"tied.0.weight", "tied.1.weight", NULL};

#ifdef TOY_FROZEN
static const char *const gain_alias[] = {"gain", NULL};
#endif

static const TessState states[] = {
    {"head.weight", weight_alias, "student", "", TESS_PARAM, WEIGHT(weight), 0},
    {"head.bias", NULL, "student", "", TESS_PARAM, BIAS(bias), 0},
#ifdef TOY_FROZEN
    {"teacher/gain", gain_alias, "teacher", "", TESS_FROZEN, ONE(gain), 0},
#else
    {"gain", NULL, "student", "", TESS_FROZEN, ONE(gain), 0},
#endif
#if TOY_TRAINS
    {"head.weight", NULL, "student", "", TESS_GRAD, WEIGHT(weight_grad), 0},
    {"head.bias", NULL, "student", "", TESS_GRAD, BIAS(bias_grad), 0},
    {"head.weight", NULL, "student", "m", TESS_SLOT, WEIGHT(weight_m), 0},
    {"head.bias", NULL, "student", "m", TESS_SLOT, BIAS(bias_m), 0},
#endif
    {"packed", NULL, "student", "", TESS_TEMP, ONE(packed_gain), 0}};

#define VALUE(n, f, e, d, ...) {.name = (n), .flags = (f), .entry = (e), .data = (d), .t = __VA_ARGS__}
static const TessValue values[] = {
    VALUE("images", TESS_SUPPLY | TESS_READ, TOY_TRAINS ? TESS_MICRO : TESS_EVAL, "", PIXELS_T),
    VALUE("images", TESS_SUPPLY | TESS_READ, TESS_EVAL, "", PIXELS_T),
#if TOY_TRAINS
    {"raw", TESS_DATA, TESS_MICRO, "image", 1, 0.5f, 0, "", IMAGE, 1},
    {"labels", TESS_DATA | TESS_READ, TESS_MICRO, "label", 0, 0, CLASSES, "", LABEL, 0},
    VALUE("logits", TESS_REPORT, TESS_MICRO, "", LOGITS),
    VALUE("grad_norm", TESS_REPORT, TESS_UPDATE, "", ONE(grad_norm)),
    VALUE("lr", TESS_REPORT, TESS_UPDATE, "", ONE(lr)),
    VALUE("loss", TESS_REPORT | TESS_LOSS, TESS_MICRO, "", ONE(loss)),
#else
    VALUE("logits", TESS_REPORT, TESS_EVAL, "", LOGITS),
#endif
    {"raw", TESS_DATA, TESS_EVAL, "image", 0, 0, 0, "", IMAGE, 2},
    {"labels", TESS_DATA | TESS_READ, TESS_EVAL, "label", 0, 0, CLASSES, "", LABEL, 0},
    VALUE("loss", TESS_REPORT, TESS_EVAL, "", ONE(loss)),
    VALUE("top1", TESS_REPORT, TESS_EVAL, "", ONE(top1))};

static const TessSetting settings[] = {{"lr", 0.05f, "step size"},
                                       {"poison", -1, "step at which a value turns bad"}};

#define COUNT(a) (sizeof(a) / sizeof *(a))
const TessProgram tess_program = {.abi = TESS_ABI,
                                  .name = "toy",
                                  .description = "toy.tess",
                                  .source_hash =
                                      "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
                                  .build = "by hand",
                                  .cpu_needs = TOY_NEEDS,
                                  .batch = BATCH,
                                  .accumulate = TOY_ACCUMULATE,
                                  .arena_bytes = sizeof(Memory),
                                  .live_bytes = sizeof(Memory),
                                  .scratch_bytes = PIXELS * sizeof(float),
                                  .max_threads = 3,
                                  .nstate = COUNT(states),
                                  .nvalue = COUNT(values),
                                  .nsetting = COUNT(settings),
                                  .state = states,
                                  .value = values,
                                  .setting = settings,
                                  .entry = {[TESS_INIT] = {e_init, COUNT(l_init), l_init},
                                            [TESS_PREPARE] = {e_prepare, COUNT(l_prepare), l_prepare},
#if TOY_TRAINS
                                            [TESS_MICRO] = {e_micro, COUNT(l_micro), l_micro},
                                            [TESS_UPDATE] = {e_update, COUNT(l_update), l_update},
#endif
                                            [TESS_EVAL] = {e_eval, 4, l_micro}},
                                  .finite = TOY_TRAINS ? (int64_t)offsetof(Memory, finite) : -1};
