/* replay: a reference run computed here in f64 passes; each planted fault fails and is named. */
#include <math.h>

#include "runtime/state/rt_safetensors.h"
#include "tests/runtime/rt_run.h"
#include "tests/suite.h"

enum {
  STEPS = 3,
  MICRO = 2,
  BATCH = 4,
  IMAGES = MICRO * BATCH,
  PIXELS = 36,
  CLASSES = 3,
  WEIGHTS = CLASSES * PIXELS
};

#define TOY BUILD_TESTS "/rt_toy"
#define FORWARD BUILD_TESTS "/rt_toy_forward"

/* What the file holds. Written as f32, but images as f64 and labels as i64. */
static struct {
  double weight[WEIGHTS], bias[CLASSES], gain[1];
  double images[STEPS][IMAGES * PIXELS];
  int64_t labels[STEPS][IMAGES];
  double logits[STEPS][IMAGES * CLASSES], loss[STEPS];
  double weight_grad[WEIGHTS], bias_grad[CLASSES], final_weight[WEIGHTS], final_bias[CLASSES];
} ref;

static void one_step(int step, double *w, double *b, double *mw, double *mb, double lr) {
  double gw[WEIGHTS] = {0}, gb[CLASSES] = {0}, gain = 2 * ref.gain[0];
  for (int i = 0; i < IMAGES; i++)
    for (int c = 0; c < CLASSES; c++) {
      double z = b[c];
      for (int p = 0; p < PIXELS; p++) z += ref.images[step][i * PIXELS + p] * w[c * PIXELS + p] * gain;
      double off = z - (ref.labels[step][i] == c);
      ref.logits[step][i * CLASSES + c] = z;
      ref.loss[step] += off * off / (CLASSES * IMAGES);
      for (int p = 0; p < PIXELS; p++)
        gw[c * PIXELS + p] += 2 * off / (CLASSES * IMAGES) * ref.images[step][i * PIXELS + p] * gain;
      gb[c] += 2 * off / (CLASSES * IMAGES);
    }
  for (int i = 0; i < WEIGHTS; i++) w[i] -= lr * (mw[i] = 0.9 * mw[i] + gw[i]);
  for (int c = 0; c < CLASSES; c++) b[c] -= lr * (mb[c] = 0.9 * mb[c] + gb[c]);
  if (step == 0) {
    memcpy(ref.weight_grad, gw, sizeof gw);
    memcpy(ref.bias_grad, gb, sizeof gb);
  }
}

/* Element 5 of the weights has a dark pixel in every image: its gradient is nothing but zero. */
static void compute(void) {
  double mw[WEIGHTS] = {0}, mb[CLASSES] = {0};
  memset(&ref, 0, sizeof ref);
  for (int i = 0; i < WEIGHTS; i++) ref.weight[i] = draw_real(-1, 1);
  for (int c = 0; c < CLASSES; c++) ref.bias[c] = draw_real(-1, 1);
  ref.gain[0] = 0.5;
  memcpy(ref.final_weight, ref.weight, sizeof ref.weight);
  memcpy(ref.final_bias, ref.bias, sizeof ref.bias);
  for (int s = 0; s < STEPS; s++) {
    for (int i = 0; i < IMAGES * PIXELS; i++) ref.images[s][i] = i % PIXELS == 5 ? 0 : draw_real(-1, 1);
    for (int i = 0; i < IMAGES; i++) ref.labels[s][i] = draw_below(CLASSES);
    one_step(s, ref.final_weight, ref.final_bias, mw, mb, (double)0.02f);
  }
}

enum { MAX_OUT = 64, MAX_FLOATS = 1 << 14 };

typedef struct Writer {
  RtOut out[MAX_OUT];
  char name[MAX_OUT][32];
  int n;
  float floats[MAX_FLOATS]; /* what put_f32 made */
  size_t used;
} Writer;

static void put(Writer *w, const char *name, uint32_t type, const void *data, uint32_t rank, uint64_t d0,
                uint64_t d1) {
  RtOut *o = &w->out[w->n];
  snprintf(w->name[w->n], sizeof w->name[0], "%s", name);
  *o = (RtOut){w->name[w->n++], {.dtype = type, .rank = rank, .dim = {d0, d1}, .count = 1}, data};
  for (uint32_t i = 0; i < rank; i++) o->t.count *= o->t.dim[i];
}

/* As f32. */
static void put_f32(Writer *w, const char *name, const double *v, uint32_t rank, uint64_t d0, uint64_t d1) {
  put(w, name, RT_F32, NULL, rank, d0, d1);
  RtOut *o = &w->out[w->n - 1];
  float *f = w->floats + w->used;
  w->used += o->t.count;
  ck_assert_uint_le(w->used, MAX_FLOATS);
  for (uint64_t i = 0; i < o->t.count; i++) f[i] = (float)v[i];
  o->data = f;
}

static void put_steps(Writer *w) {
  for (int s = 0; s < STEPS; s++) {
    char name[32];
    snprintf(name, sizeof name, "step%d.images", s);
    put(w, name, RT_F64, ref.images[s], 2, IMAGES, PIXELS);
    snprintf(name, sizeof name, "step%d.labels", s);
    put(w, name, RT_I64, ref.labels[s], 1, IMAGES, 0);
    snprintf(name, sizeof name, "step%d.logits", s);
    put_f32(w, name, ref.logits[s], 2, IMAGES, CLASSES);
  }
}

/* The file without the tensors whose names start with `without`. */
static void write_reference(const char *without, const char *lr) {
  static Writer w;
  w.n = 0;
  w.used = 0;
  char path[600];
  double stray[2] = {1, 2};
  put_f32(&w, "param.tied.1.weight", ref.weight, 2, CLASSES, PIXELS);
  put_f32(&w, "param.head.bias", ref.bias, 1, CLASSES, 0);
  put_f32(&w, "param.gain", ref.gain, 0, 0, 0);
  put_steps(&w);
  put_f32(&w, "losses", ref.loss, 2, STEPS, 1);
  put_f32(&w, "grad.head.weight", ref.weight_grad, 2, CLASSES, PIXELS);
  put_f32(&w, "grad.head.bias", ref.bias_grad, 1, CLASSES, 0);
  put_f32(&w, "final.head.weight", ref.final_weight, 2, CLASSES, PIXELS);
  put_f32(&w, "final.head.bias", ref.final_bias, 1, CLASSES, 0);
  put_f32(&w, "mask", stray, 1, 2, 0);
  int n = 0;
  for (int i = 0; i < w.n; i++)
    if (!without || strncmp(w.out[i].name, without, strlen(without)) != 0) w.out[n++] = w.out[i];
  RtPair meta[] = {{"lr", lr}, {"betas", "0.9,0.999"}};
  snprintf(path, sizeof path, "%s/ref", run_dir);
  ck_assert(rt_file_write(path, w.out, n, meta, 2, NULL));
}

static void begin(void) {
  run_fresh();
  compute();
}

#define REPLAY TOY " replay ref --threads 2"
#define PASSES(...) ck_assert_msg(run(__VA_ARGS__) == 0, "%s%s", run_out, run_err)
#define FAILS(...) ck_assert_msg(run(__VA_ARGS__) == 1, "%s%s", run_out, run_err)
#define SAYS(text) ck_assert_msg(strstr(run_err, text) != NULL, "expected \"%s\" in:\n%s", text, run_err)
#define PRINTS(text) ck_assert_msg(strstr(run_out, text) != NULL, "expected \"%s\" in:\n%s", text, run_out)

START_TEST(agrees) {
  write_reference(NULL, "0.02");
  PASSES(REPLAY);
  double losses, grad, final, logits;
  ck_assert_int_eq(sscanf(run_out, "{\"worst\":{\"losses\":%lf,\"grad\":%lf,\"final\":%lf,\"logits\":%lf},",
                          &losses, &grad, &final, &logits),
                   4);
  ck_assert(losses > 0 && grad > 0 && final > 0 && logits > 0);
  PRINTS("\"left_out\":3,");
  PRINTS("\"ignored\":[\"mask\"]");
  PRINTS("\"missing\":[]");
  PRINTS("\"ok\":true");
  SAYS("ignored \"mask\"");
  PASSES(TOY " replay ref --threads 1");
}
END_TEST

/* Faults by the number that is changed, by how much, and the kind that must be blamed. */
static const struct {
  double *number, off;
  const char *kind, *tensor;
} fault[] = {{&ref.loss[2], 1e-4, "losses", "step2.loss"},
             {&ref.loss[0], 1e-4, "losses", "step0.loss"},
             {&ref.weight_grad[17], 0.01, "grad", "grad.head.weight"},
             {&ref.bias_grad[1], 0.01, "grad", "grad.head.bias"},
             {&ref.logits[1][13], 0.01, "logits", "step1.logits"},
             {&ref.logits[2][23], NAN, "logits", "step2.logits"},
             {&ref.final_weight[40], NAN, "final", "final.head.weight"},
             {&ref.loss[1], NAN, "losses", "step1.loss"},
             {&ref.weight[3], NAN, "logits", "step0.logits"}};

START_TEST(finds_faults) {
  *fault[_i].number += fault[_i].off;
  write_reference(NULL, "0.02");
  FAILS(REPLAY);
  char blamed[64];
  snprintf(blamed, sizeof blamed, "%s is off by ", fault[_i].tensor);
  SAYS(blamed);
  PRINTS("\"ok\":false");
  if (isnan(fault[_i].off)) {
    snprintf(blamed, sizeof blamed, "\"%s\":null", fault[_i].kind);
    PRINTS(blamed);
  }
}
END_TEST

/* An optimizer that is off by 1 % of the distance moved is found, though the weights barely differ. */
START_TEST(measures_the_distance_moved) {
  for (int i = 0; i < WEIGHTS; i++) ref.final_weight[i] += 0.01 * (ref.final_weight[i] - ref.weight[i]);
  write_reference(NULL, "0.02");
  FAILS(REPLAY);
  SAYS("final.head.weight is off by 0.0099");
}
END_TEST

START_TEST(leaves_out_noise) {
  ref.final_weight[5] += 0.1;
  write_reference(NULL, "0.02");
  PASSES(REPLAY);
  ref.final_weight[6] += 0.1;
  write_reference(NULL, "0.02");
  FAILS(REPLAY);
}
END_TEST

START_TEST(needs_every_kind) {
  static const char *const kind[] = {"losses", "grad", "final", "param"};
  for (int i = 0; i < 4; i++) {
    char text[64];
    write_reference(kind[i], "0.02");
    FAILS(REPLAY);
    snprintf(text, sizeof text, "\"missing\":[\"%s\"", kind[i]);
    if (i < 3) PRINTS(text);
    PRINTS("\"ok\":false");
  }
  write_reference("step", "0.02");
  FAILS(REPLAY);
  SAYS("found no tensor named step0.NAME");
  write_reference("step1", "0.02");
  FAILS(REPLAY);
  SAYS("expected a step 1 before it");
}
END_TEST

/* Images are computed from raw ones, which are not needed when the images are there. */
START_TEST(a_missing_datum_is_an_error) {
  static const char *const lost[][2] = {{"step0.images", "step0.raw"}, {"step2.labels", "step2.labels"}};
  for (int i = 0; i < 2; i++) {
    char text[64];
    write_reference(lost[i][0], "0.02");
    FAILS(REPLAY);
    snprintf(text, sizeof text, "ref: found no %s, which the program reads", lost[i][1]);
    SAYS(text);
    PRINTS("\"ok\":false");
  }
}
END_TEST

/* Whatever becomes of it. */
START_TEST(prints_one_object) {
  static const char *const command[] = {REPLAY, TOY " replay nothing", FORWARD " replay ref",
                                        REPLAY " --frozen a=ref"};
  write_reference("step1", "0.02");
  for (int i = 0; i < 4; i++) {
    FAILS("%s", command[i]);
    run_write("json", run_out, strlen(run_out));
    PASSES("python3 -c 'import json; assert json.load(open(\"json\"))[\"ok\"] is False'");
  }
}
END_TEST

START_TEST(takes_settings) {
  write_reference(NULL, "0.021");
  FAILS(REPLAY);
  SAYS("final.head.");
  PASSES(REPLAY " --lr 0.02");
  PASSES(REPLAY " --tolerance 100000");
  write_reference(NULL, "fast");
  FAILS(REPLAY);
  SAYS("metadata \"lr\": found \"fast\", expected a number");
}
END_TEST

START_TEST(refuses_misfits) {
  ref.labels[1][2] = (int64_t)1 << 40;
  write_reference(NULL, "0.02");
  FAILS(REPLAY);
  SAYS("\"step1.labels\": found 1 values of type I64 that are no I32");
  FAILS(TOY " replay");
  SAYS("expected a FILE");
  FAILS(TOY " replay nothing");
  SAYS("nothing: No such file");
}
END_TEST

/* A program that only runs forward: eval once a step. */
START_TEST(runs_forward) {
  static Writer w;
  w.n = 0;
  w.used = 0;
  char path[600];
  snprintf(path, sizeof path, "%s/ref", run_dir);
  put_f32(&w, "param.head.weight", ref.weight, 2, CLASSES, PIXELS);
  put_f32(&w, "param.head.bias", ref.bias, 1, CLASSES, 0);
  put_f32(&w, "param.gain", ref.gain, 0, 0, 0);
  put(&w, "step0.images", RT_F64, ref.images[0], 2, BATCH, PIXELS);
  put(&w, "step0.labels", RT_I64, ref.labels[0], 1, BATCH, 0);
  put_f32(&w, "step0.logits", ref.logits[0], 2, BATCH, CLASSES);
  ck_assert(rt_file_write(path, w.out, w.n, NULL, 0, NULL));
  PASSES(FORWARD " replay ref");
  PRINTS("{\"worst\":{\"logits\":");
  w.n--;
  ck_assert(rt_file_write(path, w.out, w.n, NULL, 0, NULL));
  FAILS(FORWARD " replay ref");
  PRINTS("\"missing\":[\"reported values\"]");
}
END_TEST

SUITE("rt_replay") {
  tcase_add_checked_fixture(t, begin, run_clean);
  tcase_add_test(t, agrees);
  tcase_add_loop_test(t, finds_faults, 0, sizeof fault / sizeof *fault);
  tcase_add_test(t, measures_the_distance_moved);
  tcase_add_test(t, leaves_out_noise);
  tcase_add_test(t, needs_every_kind);
  tcase_add_test(t, a_missing_datum_is_an_error);
  tcase_add_test(t, prints_one_object);
  tcase_add_test(t, takes_settings);
  tcase_add_test(t, refuses_misfits);
  tcase_add_test(t, runs_forward);
}
