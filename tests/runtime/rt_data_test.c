/* IDX files and batches: what is read against files written here, batches against a second computation of
 * where each pixel must come from. */
#include <fcntl.h>
#include <zlib.h>

#include "runtime/data/rt_data.h"
#include "runtime/rt_base.h"
#include "tests/runtime/rt_run.h"
#include "tests/suite.h"

enum { BATCH = 6, SIDE = 8, CHANS = 2, IMAGE = CHANS * SIDE * SIDE, IH = 5, IW = 6, PLANE = IH * IW, N = 40 };

static struct {
  int32_t label[BATCH];
  uint8_t image[BATCH * IMAGE], plain[BATCH * IMAGE];
} memory;

static const TessValue values[] = {
    {"x",
     TESS_DATA,
     TESS_MICRO,
     "image",
     2,
     0.5f,
     0,
     "",
     {TESS_U8, 4, {BATCH, CHANS, SIDE, SIDE}, BATCH * sizeof(int32_t), BATCH *IMAGE},
     0},
    {"plain",
     TESS_DATA,
     TESS_MICRO,
     "image",
     0,
     0,
     0,
     "",
     {TESS_U8, 4, {BATCH, CHANS, SIDE, SIDE}, BATCH * sizeof(int32_t) + BATCH *IMAGE, BATCH *IMAGE},
     0},
    {"y", TESS_DATA, TESS_MICRO, "label", 0, 0, 10, "", {TESS_I32, 1, {BATCH}, 0, BATCH}, 0}};
const TessProgram tess_program = {.batch = BATCH, .nvalue = 3, .value = values};

static uint8_t images[N * CHANS * IH * (SIDE + 1)], labels[N];

/* Pixels are never 0, and sample i's first is i + 1. */
static void make_files(void) {
  run_fresh();
  for (size_t i = 0; i < sizeof images; i++) images[i] = (uint8_t)(1 + draw_below(255));
  for (int i = 0; i < N; i++) {
    labels[i] = (uint8_t)(i % 10);
    images[i * CHANS * PLANE] = (uint8_t)(i + 1);
  }
  run_write_idx("train-images-idx3-ubyte", 4, (uint32_t[]){N, CHANS, IH, IW}, images);
  run_write_idx("train-labels-idx1-ubyte", 1, (uint32_t[]){N}, labels);
  if (run("gzip -k train-labels-idx1-ubyte && mv train-labels-idx1-ubyte plain-labels") != 0) abort();
}

static bool try_open(RtData *d, uint64_t limit) {
  RtOptions o = {.verb = RT_TRAIN, .data = {1, {run_dir}}};
  o.value[RT_OPT_limit].u64 = limit;
  return rt_data_open(d, &o, RT_PART_TRAIN, TESS_MICRO);
}

static RtData open_data(uint64_t limit) {
  RtData d;
  ck_assert(try_open(&d, limit));
  return d;
}

static void fill(RtData *d, const RtPick *p) {
  ck_assert(rt_data_fill(d, p, (char *)&memory));
}

START_TEST(keeps_the_first) {
  for (uint64_t limit = 0; limit <= 7; limit += 7) {
    RtData d = open_data(limit);
    uint64_t n = limit ? limit : N;
    ck_assert_uint_eq(d.n, n);
    ck_assert_uint_eq(rt_data_bytes(&d), n * (2 * CHANS * PLANE + 1 + sizeof(uint32_t)));
    rt_data_close(&d);
  }
}
END_TEST

/* The sample in a slot of `plain`, by its first pixel, which is at (1, 1) when it is centred. */
static int sample_at(int slot) {
  return memory.plain[slot * IMAGE + SIDE + 1] - 1;
}

START_TEST(centres) {
  RtData d = open_data(0);
  RtPick p = {.first = 3, .count = 4};
  fill(&d, &p);
  for (int b = 0; b < BATCH; b++) {
    int s = 3 + b % 4;
    ck_assert_int_eq(memory.label[b], labels[s]);
    for (int i = 0; i < IMAGE; i++) {
      int c = i / (SIDE * SIDE), y = i / SIDE % SIDE - 1, x = i % SIDE - 1;
      bool inside = y >= 0 && y < IH && x >= 0 && x < IW;
      ck_assert_int_eq(memory.image[b * IMAGE + i],
                       inside ? images[(s * CHANS + c) * PLANE + y * IW + x] : 0);
    }
  }
  rt_data_close(&d);
}
END_TEST

START_TEST(shuffles) {
  RtData d = open_data(0);
  int first[N], same = 0;
  for (uint64_t epoch = 0; epoch < 3; epoch++) {
    bool seen[N] = {false};
    for (uint64_t at = 0; at + BATCH <= N; at += BATCH) {
      RtPick p = {.seed = 5, .epoch = epoch, .first = at, .count = BATCH, .shuffled = true};
      fill(&d, &p);
      for (int b = 0; b < BATCH; b++) {
        int s = sample_at(b);
        ck_assert(s >= 0 && s < N && !seen[s]);
        ck_assert_int_eq(memory.label[b], labels[s]);
        seen[s] = true;
        if (epoch == 0) first[at + (uint64_t)b] = s;
        if (epoch == 1) same += first[at + (uint64_t)b] == s;
      }
    }
  }
  ck_assert_int_lt(same, N / 3);
  RtPick again = {.seed = 5, .epoch = 0, .first = BATCH, .count = BATCH, .shuffled = true};
  fill(&d, &again);
  for (int b = 0; b < BATCH; b++) ck_assert_int_eq(sample_at(b), first[BATCH + b]);
  rt_data_close(&d);
}
END_TEST

/* Whether the image in a slot is sample s mirrored or not and shifted by (dx, dy), zeros outside. */
static bool is_view(int slot, int s, int dx, int dy, bool flip) {
  for (int i = 0; i < IMAGE; i++) {
    int c = i / (SIDE * SIDE), y = i / SIDE % SIDE - 1 - dy, x = i % SIDE - 1 - dx;
    bool inside = y >= 0 && y < IH && x >= 0 && x < IW;
    int want = inside ? images[(s * CHANS + c) * PLANE + y * IW + (flip ? IW - 1 - x : x)] : 0;
    if (memory.image[slot * IMAGE + i] != want) return false;
  }
  return true;
}

/* Every image is one of the allowed views of its sample; all of them turn up; and which one depends on the
 * sample and the epoch, not on the place in the batch. */
START_TEST(augments) {
  RtData d = open_data(0);
  int count[2][5][5] = {0}, kinds = 0, view_of[N];
  for (uint64_t epoch = 0; epoch < 60; epoch++)
    for (uint64_t at = 0; at + BATCH <= N; at += BATCH) {
      RtPick p = {.seed = 1, .epoch = epoch, .first = at, .count = BATCH, .shuffled = true};
      fill(&d, &p);
      for (int b = 0; b < BATCH; b++) {
        int found = -1;
        for (int v = 0; v < 50 && found < 0; v++)
          if (is_view(b, sample_at(b), v % 5 - 2, v / 5 % 5 - 2, v >= 25)) found = v;
        ck_assert_int_ge(found, 0);
        count[found / 25][found / 5 % 5][found % 5]++;
        if (epoch == 7) view_of[sample_at(b)] = found;
      }
    }
  for (int v = 0; v < 50; v++) kinds += count[v / 25][v / 5 % 5][v % 5] > 10;
  ck_assert_int_eq(kinds, 50);
  RtPick p = {.seed = 1, .epoch = 7, .first = 1, .count = BATCH, .shuffled = true};
  fill(&d, &p);
  for (int b = 0; b < BATCH - 1; b++) {
    int v = view_of[sample_at(b)];
    ck_assert(is_view(b, sample_at(b), v % 5 - 2, v / 5 % 5 - 2, v >= 25));
  }
  rt_data_close(&d);
}
END_TEST

static char said[2048];

static bool opens(uint64_t limit) {
  RtData d;
  memset(said, 0, sizeof said);
  FILE *to = fmemopen(said, sizeof said - 1, "w");
  rt_messages_to(to);
  bool ok = try_open(&d, limit);
  rt_messages_to(stderr);
  fclose(to);
  if (ok) rt_data_close(&d);
  return ok;
}

#define REFUSED(text)                                                                                        \
  do {                                                                                                       \
    ck_assert(!opens(0));                                                                                    \
    ck_assert_msg(strstr(said, text) != NULL, "said %s", said);                                              \
  } while (0)

START_TEST(refuses) {
  static const char *const name = "train-images-idx3-ubyte";
  run_write_idx(name, 4, (uint32_t[]){N, CHANS, IH, SIDE + 1}, images);
  REFUSED("found U8 [40, 2, 5, 9], expected U8 [samples, 2, 8, 8]");
  run_write_idx(name, 3, (uint32_t[]){N, IH, IW}, images);
  REFUSED("found U8 [40, 5, 6], expected U8 [samples, 2, 8, 8]");
  run_write_idx(name, 4, (uint32_t[]){N - 1, CHANS, IH, IW}, images);
  REFUSED("train-labels-idx1-ubyte.gz: found 40 samples, expected 39 as in ");
  run_write_idx(name, 1, (uint32_t[]){N}, images);
  REFUSED("found U8 [40], expected U8 [samples, 2, 8, 8]");
  run_write(name, "\0\0\x0a\1\0\0\0\0", 8);
  REFUSED("found 00 00 0a 01");
  run_write(name, "\0\0\x08\4\0\0\0\0\0\0\0\2\0\0\0\5\0\0\0\6", 20);
  REFUSED("found no samples");
  run_write(name, "\0\0\x08\1\0", 5);
  REFUSED("cut: found 5 bytes of the header, expected 8");
  run_write(name, "\0\0\x08\2\xff\xff\xff\xff\xff\xff\xff\xff", 12);
  REFUSED("promises more data");
  run_write(name, "\0\0\x08\1\0\0\0\5abcd", 12);
  REFUSED("cut: found 4 bytes of data, expected 5");
  run_write(name, "\0\0\x08\1\0\0\0\5abcdef", 14);
  REFUSED("found more than the 5 bytes");
  run_write_idx(name, 4, (uint32_t[]){N, CHANS, IH, IW}, images);
  ck_assert(opens(0));
  ck_assert_int_eq(run("head -c 40 train-labels-idx1-ubyte.gz >x && mv x train-labels-idx1-ubyte.gz"), 0);
  REFUSED("train-labels-idx1-ubyte.gz: ");
  ck_assert(!opens(3)); /* even where the part that is used is whole */
  labels[9] = 10;
  run_write_idx("train-labels-idx1-ubyte", 1, (uint32_t[]){N}, labels);
  REFUSED("sample 9: found label 10, expected 0 to 9");
  ck_assert(opens(9));
  ck_assert_int_eq(run("rm %s", name), 0);
  REFUSED("found no train-images-idx*[.gz] for the program's \"x\", expected U8 [samples, 2, 8, 8]");
}
END_TEST

SUITE("rt_data") {
  tcase_add_checked_fixture(t, make_files, run_clean);
  tcase_add_test(t, keeps_the_first);
  tcase_add_test(t, centres);
  tcase_add_test(t, shuffles);
  tcase_add_test(t, augments);
  tcase_add_test(t, refuses);
}
