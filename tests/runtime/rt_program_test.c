/* Whole programs: training, checkpoints through kills and full disks, bad values, evaluation, errors. */
#include <math.h>
#include <signal.h>

#include "base/json.h"
#include "runtime/state/rt_safetensors.h"
#include "tests/runtime/rt_toy_run.h"

static RtFile *open_file(const char *name) {
  char path[600];
  snprintf(path, sizeof path, "%s/%s", run_dir, name);
  RtFile *f = rt_file_open(path);
  ck_assert(f != NULL);
  return f;
}

START_TEST(trains) {
  OK(TRAIN "--epochs 20 --checkpoint c --print 50 --log log");
  PRINTS("toy: 200 updates of 2 x 4 images, 10 an epoch");
  PRINTS("memory ");
  PRINTS("step 50/200  loss ");
  PRINTS("  lr ");
  PRINTS("s left");
  PRINTS("done at update 200/200");
  static char log[1 << 16];
  run_read("log", log, sizeof log);
  double first = 0, last = 0, lr = 0, epoch = 0;
  int step = 0;
  for (char *line = strtok(log, "\n"); line; line = strtok(NULL, "\n")) {
    int now;
    double loss, norm;
    ck_assert_int_eq(
        sscanf(line, "{\"step\":%d,\"epoch\":%lf,\"loss\":%lf,\"grad_norm\":%lf,\"lr\":%lf,\"seconds\":",
               &now, &epoch, &loss, &norm, &lr),
        5);
    ck_assert_int_eq(now, ++step);
    ck_assert(fabs(epoch - step / 10.0) < 1e-9 && fabs(lr - 0.05 * (1 - (step - 1) / 200.0)) < 1e-6);
    if (step <= 20) first += loss / 20;
    if (step > 180) last += loss / 20;
  }
  ck_assert_int_eq(step, 200);
  /* Both are means over all images twice. They were 0.76 to 0.91 apart over 60 seeds. */
  ck_assert_msg(last < 0.95 * first, "%g, %g", first, last);
}
END_TEST

START_TEST(threads_share_bits) {
  for (int t = 1; t <= 3; t++) OK(TOY " train --data . --epochs 5 --threads %d --checkpoint c%d", t, t);
  ck_assert(run_same("c1", "c2") && run_same("c1", "c3"));
  OK(TOY " train --data . --epochs 5 --threads 1 --checkpoint d --seed 1");
  ck_assert(!run_same("c1", "d"));
}
END_TEST

/* Every update from 1 to n has one line, in order. */
static void check_log(const char *name, int n) {
  static char log[1 << 20];
  int step = 0;
  run_read(name, log, sizeof log);
  for (char *line = strtok(log, "\n"); line; line = strtok(NULL, "\n")) {
    int now = 0;
    ck_assert_msg(sscanf(line, "{\"step\":%d,", &now) == 1 && now == step + 1 && strstr(line, "\"seconds\":"),
                  "behind step %d: %s", step, line);
    step = now;
  }
  ck_assert_int_eq(step, n);
}

/* Kills the run at random moments and goes on from what it left, until it ends: the same bytes as a run in
 * one go, and no gap or repetition in the log. */
START_TEST(survives_kills) {
  OK(TRAIN "--steps 1500 --checkpoint whole");
  int kills = 0;
  for (int round = 0; round < 40; round++) {
    const char *from = run_exists("c") ? "--resume c" : "--steps 1500";
    int hundredths = round ? 3 + draw_below(20) : 2; /* the first run surely does not end by itself */
    if (!run_exists("c")) OK("rm -f log");
    int status =
        run("timeout -s KILL 0.%02d " TRAIN "%s --checkpoint c --every 7 --log log", hundredths, from);
    if (status == 0) break;
    ck_assert_int_eq(status, 137);
    kills++;
  }
  OK("printf '{\"step\":1500,\"epo' >>log");
  OK(TRAIN "--resume c --checkpoint c --every 500 --log log");
  ck_assert_int_gt(kills, 0);
  ck_assert(run_same("whole", "c"));
  check_log("log", 1500);
}
END_TEST

/* What a run that was ended has left is a checkpoint of its way. */
static void check_it_went(const char *name) {
  RtFile *f = open_file(name);
  ck_assert(atoi(rt_file_meta(f, "tessera.step")) > 0);
  rt_file_close(f);
}

START_TEST(ends_by_a_signal) {
  OK(TRAIN "--steps 3000 --checkpoint whole");
  for (int i = 0; i < 2; i++) {
    int status =
        run("timeout --preserve-status -s %s 0.1 " TRAIN "--steps 100000000 --print 10000000 --checkpoint c",
            i ? "INT" : "TERM");
    ck_assert_int_eq(status, i ? 130 : 143);
    PRINTS("ended by a signal at update ");
    check_it_went("c");
  }
}
END_TEST

/* `| tee` dies of the same Ctrl-C: what is left has no reader, and still writes its state. A run that writes
 * none has nothing to go on for. */
START_TEST(goes_on_without_a_reader) {
  OK(TRAIN "--steps 400 --checkpoint whole");
  OK("{ " TRAIN "--steps 400 --print 1 --checkpoint c; echo $? >status; } | head -n 5");
  SAYS("error: the output is not complete");
  OK("test $(cat status) = 1");
  ck_assert(run_same("whole", "c"));
  OK("{ " TRAIN "--steps 100000000 --print 1; echo $? >status; } | head -n 5");
  OK("test $(cat status) = 141");
}
END_TEST

START_TEST(lives_with_a_full_disk) {
  OK(TRAIN "--steps 20 --checkpoint c --every 5");
  OK("cp c good && printf mine >c.tmp");
  FAILS("ulimit -f 1; " TRAIN "--steps 40 --resume c --checkpoint c --every 5");
  SAYS("error: c: cannot be written: File too large; it is as it was");
  PRINTS("done at update 40/40");
  ck_assert(run_same("c", "good") && run("test \"$(cat c.tmp)\" = mine") == 0 && !left());
  FAILS(TRAIN "--steps 1 --checkpoint nowhere/c");
  SAYS("--checkpoint nowhere/c: cannot write there: No such file or directory");
  OK("{ (ulimit -f 0; " TOY " bench --steps 1 --profile-out p 2>&1); echo status $?; } | cat");
  PRINTS("error: p: cannot be written: File too large; it is as it was");
  PRINTS("status 1");
  ck_assert(!run_exists("p") && !left());
}
END_TEST

/* What is printed is a result: one that did not arrive is an error. Training that cannot be followed goes on.
 */
START_TEST(misses_no_output) {
  OK(TRAIN "--steps 20 --checkpoint whole");
  FAILS(TRAIN "--steps 20 --checkpoint c >/dev/full");
  SAYS("error: the output is not complete: No space left on device");
  ck_assert(run_same("c", "whole"));
  FAILS(TRAIN "--steps 20 --checkpoint logged --log /dev/full");
  SAYS("error: /dev/full: the log is not complete: No space left on device");
  ck_assert(run_same("logged", "whole"));
  static const char *const verb[] = {"--help", "info", "info --json", "bench --steps 1",
                                     "eval --data . --init c"};
  for (size_t i = 0; i < sizeof verb / sizeof *verb; i++) {
    FAILS(TOY " %s >/dev/full", verb[i]);
    SAYS("error: the output is not complete");
  }
}
END_TEST

START_TEST(names_the_culprit) {
  FAILS(TRAIN "--steps 20 --poison 13 --checkpoint c --every 1");
  SAYS("step 13: a value is not finite; the update was refused");
  SAYS(
      "toy.tess:8: step 13, micro-batch 0: kernel k_logits makes the first value that is not finite: logits, "
      "element 7: found ");
  RtFile *f = open_file("c");
  ck_assert_str_eq(rt_file_meta(f, "tessera.step"), "13");
  rt_file_close(f);
}
END_TEST

/* The step that was refused left no trace: going on from the last checkpoint gives the unpoisoned bits. */
START_TEST(refused_update_changes_nothing) {
  OK(TRAIN "--steps 20 --checkpoint whole");
  FAILS(TRAIN "--steps 20 --poison 13 --checkpoint c --every 13");
  OK(TRAIN "--resume c --poison -1 --checkpoint c");
  SAYS("--poison -1 replaces the checkpoint's 13");
  ck_assert(run_same("whole", "c"));
}
END_TEST

static void write_tensors(const char *name, const RtOut *out, int n) {
  char path[600];
  snprintf(path, sizeof path, "%s/%s", run_dir, name);
  ck_assert(rt_file_write(path, out, n, NULL, 0, NULL));
}

#define F32(n, p, ...) {n, {.dtype = TESS_F32, __VA_ARGS__}, p}

static float weight[CLASSES * PIXELS], bias[CLASSES], gain = 0.7f, other[8];

START_TEST(loads_by_name) {
  RtOut part[] = {
      F32("tied.0.weight", weight, .rank = 2, .dim = {CLASSES, PIXELS}, .count = CLASSES * PIXELS),
      F32("head.weight", weight, .rank = 2, .dim = {CLASSES, PIXELS}, .count = CLASSES * PIXELS),
      F32("stray", other, .rank = 1, .dim = {8}, .count = 8)};
  write_tensors("part", part, 3);
  OK(TRAIN "--steps 1 --init part");
  SAYS("note: part: missing, left at their initial values: head.bias, gain");
  SAYS("note: part: unused: stray");
  static float differs[CLASSES * PIXELS];
  differs[100] = 1;
  part[1].data = differs;
  write_tensors("part", part, 3);
  FAILS(TRAIN "--steps 1 --init part");
  SAYS("tensor \"tied.0.weight\" differs from \"head.weight\"");
  part[0].t.dim[0] = PIXELS;
  part[0].t.dim[1] = CLASSES;
  write_tensors("part", part, 1);
  FAILS(TRAIN "--steps 1 --init part");
  SAYS("tensor \"tied.0.weight\": found shape [36, 3], expected [3, 36]");
  FAILS(TOY " eval --data . --init part");
  write_tensors("part", part + 2, 1);
  FAILS(TRAIN "--steps 1 --init part");
  SAYS("found 0 of the program's parameters");
}
END_TEST

#define WEIGHT(name, classes)                                                                                \
  F32(name, weight, .rank = 2, .dim = {classes, PIXELS}, .count = (uint64_t)(classes) * PIXELS)
#define BIAS(name, classes) F32(name, bias, .rank = 1, .dim = {classes}, .count = classes)
#define GAIN(name) F32(name, &gain, .rank = 0, .count = 1)

/* The program's "tied" has items 0 and 1: a file with item 2 is another network's, unless that is left out.
 */
START_TEST(refuses_further_items) {
  RtOut file[] = {WEIGHT("head.weight", CLASSES), WEIGHT("tied.2.weight", CLASSES), GAIN("tied.2.gain.3"),
                  GAIN("other.7.gain")};
  write_tensors("f", file, 4);
  FAILS(TRAIN "--steps 1 --init f");
  SAYS("error: f: further items of lists that the program has (--skip leaves names out): tied.2.gain.3, "
       "tied.2.weight");
  SAYS("note: f: unused: other.7.gain");
  OK(TRAIN "--steps 1 --init f --skip tied.2 --skip 'other.*'");
  SAYS("note: f: skipped: other.7.gain, tied.2.gain.3, tied.2.weight");
  ck_assert(!strstr(run_err, "unused"));
  FAILS(TRAIN "--steps 1 --init f --skip tied.2 --skip heda");
  SAYS("error: --skip heda: no tensor has such a name");
  OK(TRAIN "--steps 1 --init f --skip tied.2 --skip head.bias");
  SAYS("note: f: skipped, left at their initial values: head.bias");
  FAILS(TRAIN "--steps 1 --skip head");
  SAYS("--rename and --skip speak of the files of --init and --frozen: give one");
}
END_TEST

START_TEST(renames) {
  RtOut file[] = {WEIGHT("net.head.weight", CLASSES), BIAS("net.head.bias", CLASSES), GAIN("gain")};
  write_tensors("f", file, 3);
  FAILS(TRAIN "--steps 1 --init f --rename nut.=");
  SAYS("error: --rename nut.: no tensor has such a name");
  OK(TOY " eval --data . --init f --rename net.=");
  SAYS("note: f: 2 of 3 tensors are renamed");
  ck_assert(!strstr(run_err, "missing") && !strstr(run_err, "unused"));
  OK(FROZEN " train --data . --steps 1 --init f --frozen teacher=f --rename net.= --skip gain");
  file[2].name = "head.bias";
  write_tensors("f", file, 3);
  FAILS(TRAIN "--steps 1 --init f --rename net.=");
  SAYS("found two tensors named \"head.bias\", expected one");
  FAILS(TRAIN "--steps 1 --init f --rename net.");
  SAYS("--rename: found \"net.\", expected OLD=NEW");
}
END_TEST

/* Another number of classes: training starts with a head of its own; evaluation has none to take. */
START_TEST(swaps_the_head) {
  static float five[5 * PIXELS];
  RtOut file[] = {WEIGHT("head.weight", 5), BIAS("head.bias", 5), GAIN("gain")};
  file[0].data = file[1].data = five;
  write_tensors("f", file, 3);
  OK(TRAIN "--steps 1 --init f");
  SAYS("note: f: of 5 classes, not 3, left at their initial values: head.weight, head.bias");
  FAILS(TOY " eval --data . --init f");
  SAYS("error: f: tensor \"head.weight\": found shape [5, 36], expected [3, 36]");
  file[1].t.dim[0] = file[1].t.count = 4;
  write_tensors("f", file, 3);
  FAILS(TRAIN "--steps 1 --init f");
  SAYS("error: f: tensor \"head.bias\": found shape [4], expected [3]");
}
END_TEST

START_TEST(checkpoint_holds_all_names) {
  OK(TRAIN "--steps 3 --checkpoint c --lr 0.25 --seed 9");
  RtFile *f = open_file("c");
  static const char *const name[] = {"head.weight",        "tied.0.weight",    "tied.1.weight", "head.bias",
                                     "slot.m.head.weight", "slot.m.head.bias", "gain"};
  ck_assert_int_eq(f->ntensor, 13); /* each but the last has padding behind it */
  for (int i = 0; i < 7; i++) {
    const RtTensor *t = rt_file_find(f, name[i]);
    ck_assert_msg(t != NULL && (f->data + t->begin) % 64 == 0, "%s", name[i]);
  }
  ck_assert_str_eq(rt_file_meta(f, "tessera.setting.lr"), "0.25");
  ck_assert_str_eq(rt_file_meta(f, "tessera.seed"), "9");
  ck_assert_str_eq(rt_file_meta(f, "tessera.samples"), "83");
  rt_file_close(f);
  FAILS(TRAIN "--resume c --limit 40");
  SAYS("found a run whose \"raw\" is U8 [83, 6, 6] xxh64:");
  SAYS("expected that of ./train-images-idx3-ubyte, U8 [40, 6, 6] xxh64:");
  FAILS(TRAIN "--resume c --steps 1");
  SAYS("found a run of 1 updates, c is at update ");
  RtOut none = F32("head.weight", weight, .rank = 2, .dim = {CLASSES, PIXELS}, .count = CLASSES * PIXELS);
  write_tensors("none", &none, 1);
  FAILS(TRAIN "--resume none");
  SAYS("found nothing for \"tessera.step\" in the metadata");
}
END_TEST

START_TEST(frozen_modules) {
  RtOut teacher = F32("gain", &gain, .rank = 0, .count = 1);
  write_tensors("t", &teacher, 1);
  FAILS(FROZEN " train --data . --steps 5");
  SAYS("module teacher is frozen: expected --frozen teacher=FILE");
  OK(FROZEN " train --data . --steps 5 --frozen teacher=t --checkpoint c");
  RtFile *f = open_file("c");
  ck_assert(rt_file_find(f, "gain") == NULL && rt_file_find(f, "teacher/gain") == NULL);
  ck_assert(strncmp(rt_file_meta(f, "tessera.frozen.teacher"), "xxh64:", 6) == 0);
  rt_file_close(f);
  OK(FROZEN " train --data . --steps 9 --frozen teacher=t --resume c --checkpoint d");
  FAILS(FROZEN " eval --data . --init c");
  OK(FROZEN " eval --data . --init c --frozen teacher=t");
  gain = 0.8f;
  write_tensors("t", &teacher, 1);
  FAILS(FROZEN " train --data . --steps 9 --frozen teacher=t --resume c --checkpoint d");
  SAYS("t: frozen module teacher: found a file of hash xxh64:");
  FAILS(FROZEN " train --data . --steps 9 --frozen teacher=t --frozen pupil=t");
  SAYS("the program has no frozen module pupil");
  teacher.name = "loss";
  write_tensors("t", &teacher, 1);
  FAILS(FROZEN " train --data . --steps 9 --frozen teacher=t");
  SAYS("t: missing: teacher/gain");
  RtOut more[] = {GAIN("gain"), GAIN("gamma")};
  write_tensors("t", more, 2);
  OK(FROZEN " train --data . --steps 1 --frozen teacher=t");
  SAYS("note: t: unused: gamma");
}
END_TEST

/* Top-1 and loss of the test set computed here from the checkpoint: 23 images are 5 batches, 2 and 1. */
START_TEST(evaluates) {
  OK(TRAIN "--epochs 3 --checkpoint c");
  OK(TOY " eval --data . --init c --json");
  RtFile *f = open_file("c");
  uint64_t inexact = 0;
  float g;
  ck_assert(rt_file_read(f, rt_file_find(f, "head.weight"), 0, CLASSES * PIXELS, TESS_F32, weight, &inexact));
  ck_assert(rt_file_read(f, rt_file_find(f, "head.bias"), 0, CLASSES, TESS_F32, bias, &inexact));
  ck_assert(rt_file_read(f, rt_file_find(f, "gain"), 0, 1, TESS_F32, &g, &inexact));
  rt_file_close(f);
  double loss = 0, hits = 0;
  for (int i = 0; i < T; i++) {
    double z[CLASSES];
    int best = 0;
    for (int c = 0; c < CLASSES; c++) {
      z[c] = (double)bias[c];
      for (int p = 0; p < PIXELS; p++)
        z[c] += images[i * PIXELS + p] / 255.0 * (double)weight[c * PIXELS + p] * (double)(2 * g);
      loss += pow(z[c] - (labels[i] == c), 2) / CLASSES / T;
      if (z[c] > z[best]) best = c;
    }
    hits += best == labels[i];
  }
  double got_loss, got_top1;
  ck_assert_int_eq(sscanf(run_out, "{\"images\":23,\"loss\":%lf,\"top1\":%lf", &got_loss, &got_top1), 2);
  ck_assert_msg(fabs(got_loss - loss) < 1e-5 * loss, "%g, expected %g", got_loss, loss);
  ck_assert_msg(fabs(got_top1 - hits / T) < 1e-6, "%g, expected %g", got_top1, hits / T);
  OK(TOY " eval --data . --init c");
  PRINTS("23 images  loss ");
}
END_TEST

START_TEST(benches) {
  OK(TOY " bench --steps 7 --threads 2 --profile");
  SAYS("k_logits (toy.tess:8): logits x1\n");
  SAYS("k_step (toy.tess:13): head.bias x1, head.weight x1\n");
  double median, min, max, rate, gflop;
  ck_assert_int_eq(
      sscanf(run_out,
             "{\"program\":\"toy\",\"threads\":2,\"batch\":4,\"accumulate\":2,\"steps\":7,\"seconds\":{"
             "\"median\":%lf,\"min\":%lf,\"max\":%lf},\"images_per_s\":%lf,\"gflop\":%lf,",
             &median, &min, &max, &rate, &gflop),
      5);
  ck_assert(0 < min && min <= median && median <= max);
  ck_assert(fabs(rate * median / 8 - 1) < 1e-3 && gflop == 6);
  unsigned long planned, peak;
  const char *memory = strstr(run_out, "\"memory_planned\":");
  ck_assert(memory && sscanf(memory, "\"memory_planned\":%lu,\"memory_peak\":%lu", &planned, &peak) == 2);
  ck_assert_msg(peak > 100000 && peak < planned + (32ul << 20), "%lu, planned %lu", peak, planned);
}
END_TEST

START_TEST(writes_its_profile) {
  OK(TOY " bench --steps 3 --threads 2 --profile-out p.json");
  ck_assert(!strstr(run_err, "k_logits") && !left());
  run_read("p.json", run_out, sizeof run_out);
  PRINTS("{\"tessera_profile\":1,\"program\":\"toy\",\"source_hash\":\"");
  PRINTS("\"threads\":2,\"steps\":3,\"entries\":[\n {\"name\":\"micro\",\"launches\":[\n");
  PRINTS("{\"kernel\":\"k_logits\",\"runs\":6,\"ns\":");
  FAILS(TOY " bench --steps 1 --profile-out missing/p.json");
  SAYS("--profile-out missing/p.json: cannot write there: No such file");
}
END_TEST

START_TEST(explains) {
  OK(TOY);
  PRINTS("Examples:");
  OK(TOY " train --help");
  PRINTS("--lr X");
  OK(TOY " info");
  PRINTS("k_grad (toy.tess:8)");
  PRINTS("at most 3 threads");
  OK(TOY " info --json");
  static char json[sizeof run_out];
  memcpy(json, run_out, sizeof json);
  Json j = json_new(json, strlen(json));
  ck_assert_msg(json_skip(&j) && json_end(&j), "byte %zu: %s", j.error_at, j.error);
  FAILS(TOY " trian");
  SAYS("unknown verb \"trian\"; did you mean train?");
  FAILS(TRAIN "--epcohs 3 --lr much --seed -1 --steps 3 --epochs 2 --tolerance 2");
  SAYS("unknown option --epcohs; did you mean --epochs?");
  SAYS("--lr: found \"much\", expected a number");
  SAYS("--seed: found \"-1\", expected a whole number");
  SAYS("--tolerance has no meaning here");
  FAILS(TOY " train --steps 3");
  SAYS("expected --data PATH");
  FAILS(TRAIN);
  SAYS("expected --steps N or --epochs N");
  FAILS(TRAIN "--steps 3 --limit 7");
  SAYS("found 7 samples, an update needs 8");
  FAILS(TRAIN "--steps 3 --init nothing");
  SAYS("nothing: No such file");
  FAILS(TRAIN "--steps");
  SAYS("--steps: expected N behind it");
  OK(TOY " train --data=. --steps=1 --threads=99");
  SAYS("built for at most 3");
  FAILS(BUILD_TESTS "/rt_toy_needs bench --steps 1");
  SAYS("needs a processor with avx512moon; found ");
  OK(BUILD_TESTS "/rt_toy_needs info");
  FAILS(BUILD_TESTS "/rt_toy_forward train --data . --steps 1");
  SAYS("can't be trained");
}
END_TEST

SUITE("rt_program") {
  tcase_add_checked_fixture(t, make_files, run_clean);
  tcase_add_test(t, trains);
  tcase_add_test(t, threads_share_bits);
  tcase_add_test(t, survives_kills);
  tcase_add_test(t, ends_by_a_signal);
  tcase_add_test(t, goes_on_without_a_reader);
  tcase_add_test(t, lives_with_a_full_disk);
  tcase_add_test(t, misses_no_output);
  tcase_add_test(t, names_the_culprit);
  tcase_add_test(t, refused_update_changes_nothing);
  tcase_add_test(t, loads_by_name);
  tcase_add_test(t, refuses_further_items);
  tcase_add_test(t, renames);
  tcase_add_test(t, swaps_the_head);
  tcase_add_test(t, checkpoint_holds_all_names);
  tcase_add_test(t, frozen_modules);
  tcase_add_test(t, evaluates);
  tcase_add_test(t, benches);
  tcase_add_test(t, writes_its_profile);
  tcase_add_test(t, explains);
}
