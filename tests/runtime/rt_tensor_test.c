/* Data of any type from safetensors and IDX files: what comes into a batch against what was written, what is
 * refused, and what identifies it. */
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stddef.h>

#include "runtime/data/rt_data.h"
#include "runtime/rt_base.h"
#include "runtime/state/rt_type.h"
#include "tests/runtime/rt_run.h"
#include "tests/suite.h"

enum { BATCH = 4, WIDTH = 3, N = 11, LARGE = 1 << 16, CLASSES = 7 };

static struct {
  float x[BATCH * WIDTH];
  int32_t token[BATCH * 2], y[BATCH], large[BATCH * LARGE];
  uint8_t byte[BATCH * WIDTH], image[BATCH * 16];
} memory;

#define AT(member)                                                                                           \
  .offset = offsetof(__typeof__(memory), member), .count = sizeof memory.member / sizeof *memory.member
#define VALUE(n, e, d, ...) {.name = (n), .flags = TESS_DATA, .entry = (e), .data = (d), __VA_ARGS__}

/* Entries are only names here: of one datum each, but for the last. */
static const TessValue values[] = {
    VALUE("x", TESS_INIT, "tensor", .t = {TESS_F32, 2, {BATCH, WIDTH}, AT(x)}),
    VALUE("token", TESS_PREPARE, "tensor", .classes = CLASSES, .t = {TESS_I32, 2, {BATCH, 2}, AT(token)}),
    VALUE("large", TESS_UPDATE, "tensor", .classes = CLASSES, .t = {TESS_I32, 2, {BATCH, LARGE}, AT(large)}),
    VALUE("byte", TESS_MICRO, "tensor", .t = {TESS_U8, 2, {BATCH, WIDTH}, AT(byte)}),
    VALUE("x", TESS_EVAL, "tensor", .t = {TESS_F32, 2, {BATCH, WIDTH}, AT(x)}),
    VALUE("y", TESS_EVAL, "label", .classes = CLASSES, .t = {TESS_I32, 1, {BATCH}, AT(y)}),
    VALUE("image", TESS_EVAL, "image", .t = {TESS_U8, 4, {BATCH, 1, 4, 4}, AT(image)})};
const TessProgram tess_program = {.batch = BATCH, .nvalue = sizeof values / sizeof *values, .value = values};

static char said[4096];

/* Opens --data of what is given, NULL-ended; what is said stays. */
static bool opens(RtData *d, TessEntryKind entry, RtPart part, const char *const *text) {
  RtOptions o = {.verb = part == RT_PART_EVAL ? RT_EVAL : RT_TRAIN};
  for (; text[o.data.n]; o.data.n++) o.data.v[o.data.n] = text[o.data.n];
  memset(said, 0, sizeof said);
  FILE *to = fmemopen(said, sizeof said - 1, "w");
  rt_messages_to(to);
  bool ok = rt_data_open(d, &o, part, entry);
  rt_messages_to(stderr);
  fclose(to);
  return ok;
}

#define OPENS(d, entry, ...)                                                                                 \
  ck_assert_msg(opens(d, entry, RT_PART_TRAIN, (const char *const[]){__VA_ARGS__, NULL}), "%s", said)
#define SAYS(text) ck_assert_msg(strstr(said, text) != NULL, "said %s, expected %s", said, text)
#define REFUSED(text, entry, ...)                                                                            \
  do {                                                                                                       \
    RtData refused;                                                                                          \
    ck_assert(!opens(&refused, entry, RT_PART_TRAIN, (const char *const[]){__VA_ARGS__, NULL}));             \
    SAYS(text);                                                                                              \
  } while (0)

static void fill(RtData *d, uint64_t first, uint64_t count) {
  RtPick p = {.first = first, .count = count};
  ck_assert(rt_data_fill(d, &p, (char *)&memory));
}

/* A tensor of a type that files have, and its elements as numbers. */
typedef struct Made {
  RtType type;
  uint32_t rank;
  uint64_t dim[4], count;
  char bytes[1024];
} Made;

static Made make(RtType type, uint32_t rank, const uint64_t *dim, double lo, double hi) {
  Made m = {.type = type, .rank = rank, .count = 1};
  for (uint32_t i = 0; i < rank; i++) m.count *= m.dim[i] = dim[i];
  for (uint64_t i = 0; i < m.count; i++) {
    double v = rt_type_is_float(type) ? draw_real(lo, hi) : lo + draw_below((uint32_t)(hi - lo + 1));
    switch (type) { /* those that rt_type_set does not write */
    case RT_I64: ((int64_t *)m.bytes)[i] = (int64_t)v; break;
    case RT_I16: ((int16_t *)m.bytes)[i] = (int16_t)v; break;
    case RT_I8: ((int8_t *)m.bytes)[i] = (int8_t)v; break;
    case RT_U16: ((uint16_t *)m.bytes)[i] = (uint16_t)v; break;
    case RT_U32: ((uint32_t *)m.bytes)[i] = (uint32_t)v; break;
    default: rt_type_set(type, m.bytes, i, v);
    }
  }
  return m;
}

static double at(const Made *m, uint64_t i) {
  return rt_type_get(m->type, m->bytes, i);
}

typedef struct Named {
  const char *name;
  const Made *of;
} Named;

/* The file and its header are written by hand: the types go beyond the program's. */
static void write_tensors(const char *file, const Named *t, int n) {
  static char all[1 << 16];
  char head[4096] = "{", shape[256];
  size_t len = 1, data = 0;
  for (int i = 0; i < n; i++) {
    size_t bytes = t[i].of->count * rt_type_size(t[i].of->type);
    len += (size_t)snprintf(head + len, sizeof head - len,
                            "%s\"%s\":{\"dtype\":\"%s\",\"shape\":%s,\"data_offsets\":[%zu,%zu]}",
                            i ? "," : "", t[i].name, rt_type_name(t[i].of->type),
                            rt_shape_text(t[i].of->rank, t[i].of->dim, shape), data, data + bytes);
    data += bytes;
  }
  head[len++] = '}';
  uint64_t length = len;
  memcpy(all, &length, sizeof length);
  memcpy(all + sizeof length, head, len);
  size_t end = sizeof length + len;
  for (int i = 0; i < n; i++) {
    size_t bytes = t[i].of->count * rt_type_size(t[i].of->type);
    memcpy(all + end, t[i].of->bytes, bytes);
    end += bytes;
  }
  run_write(file, all, end);
}

static void write_one(const char *file, const char *name, const Made *m) {
  write_tensors(file, &(Named){name, m}, 1);
}

/* Most significant byte first, as the format has it. */
static void write_idx(const char *file, unsigned char code, const Made *m) {
  char all[2048] = {0, 0, (char)code, (char)m->rank};
  size_t n = 4, size = rt_type_size(m->type);
  for (uint32_t i = 0; i < m->rank; i++)
    for (int k = 3; k >= 0; k--) all[n++] = (char)(m->dim[i] >> (8 * k));
  for (uint64_t i = 0; i < m->count; i++)
    for (size_t k = size; k > 0; k--) all[n++] = m->bytes[i * size + k - 1];
  run_write(file, all, n);
}

static void enter(void) {
  run_fresh();
  if (chdir(run_dir) != 0) abort();
}

static void leave(void) {
  if (chdir("/") != 0) abort();
  run_clean();
}

static const uint64_t rows[] = {N, WIDTH}, pairs[] = {N, 2}, single[] = {N};

/* Every sample of the column, in its own order, as the program's type. */
static void check_x(const char *place, const Made *m) {
  RtData d;
  OPENS(&d, TESS_INIT, place);
  ck_assert_uint_eq(d.n, N);
  for (uint64_t s = 0; s + BATCH <= N; s++) {
    fill(&d, s, BATCH);
    for (uint64_t i = 0; i < BATCH * WIDTH; i++) ck_assert(memory.x[i] == (float)at(m, s * WIDTH + i));
  }
  rt_data_close(&d);
}

START_TEST(floats_are_rounded_once) {
  static const RtType types[] = {RT_F32, RT_F64, RT_F16, RT_BF16};
  for (int k = 0; k < 4; k++) {
    Made m = make(types[k], 2, rows, -9, 9);
    write_one("t", "x", &m);
    check_x("t", &m);
    check_x("x=t", &m);
  }
}
END_TEST

START_TEST(integers_are_exact) {
  static const RtType types[] = {RT_U8, RT_I8, RT_I16, RT_U16, RT_I32, RT_U32, RT_I64};
  for (int k = 0; k < 7; k++) {
    RtData d;
    Made m = make(types[k], 2, pairs, 0, CLASSES - 1), b = make(types[k], 2, rows, 0, k == 1 ? 127 : 255);
    write_tensors("t", (Named[]){{"byte", &b}, {"token", &m}}, 2);
    OPENS(&d, TESS_PREPARE, "t");
    fill(&d, N - BATCH, BATCH);
    for (uint64_t i = 0; i < BATCH * 2; i++) ck_assert(memory.token[i] == at(&m, (N - BATCH) * 2 + i));
    rt_data_close(&d);
    OPENS(&d, TESS_MICRO, "t");
    fill(&d, 2, BATCH);
    for (uint64_t i = 0; i < BATCH * WIDTH; i++) ck_assert(memory.byte[i] == at(&b, 2 * WIDTH + i));
    rt_data_close(&d);
  }
}
END_TEST

START_TEST(idx_has_all_its_types) {
  static const struct {
    unsigned char code;
    RtType type;
  } row[] = {{0x08, RT_U8}, {0x09, RT_I8}, {0x0b, RT_I16}, {0x0c, RT_I32}, {0x0d, RT_F32}, {0x0e, RT_F64}};
  for (int k = 0; k < 6; k++) {
    bool real = rt_type_is_float(row[k].type);
    Made m = make(row[k].type, 2, real ? rows : pairs, 0, CLASSES - 1);
    write_idx("train-token-idx2-int", row[k].code, &m);
    write_idx("train-x.idx2", row[k].code, &m);
    if (real) check_x(".", &m);
    if (real) check_x("x=train-x.idx2", &m);
    RtData d;
    if (real) continue;
    OPENS(&d, TESS_PREPARE, ".");
    fill(&d, 0, BATCH);
    for (uint64_t i = 0; i < BATCH * 2; i++) ck_assert(memory.token[i] == at(&m, i));
    rt_data_close(&d);
  }
}
END_TEST

/* Images and labels come from tensors as from IDX files; images of less than the program's size are centred.
 */
START_TEST(a_file_serves_every_datum) {
  RtData d;
  Made x = make(RT_F32, 2, rows, -1, 1), y = make(RT_I64, 1, single, 0, CLASSES - 1),
       image = make(RT_U8, 3, (uint64_t[]){N, 2, 4}, 1, 255);
  write_tensors("t", (Named[]){{"image", &image}, {"x", &x}, {"y", &y}}, 3);
  OPENS(&d, TESS_EVAL, "t");
  fill(&d, N - 2, 2);
  for (uint64_t b = 0; b < BATCH; b++) {
    uint64_t s = N - 2 + b % 2;
    ck_assert(memory.y[b] == at(&y, s));
    for (uint64_t i = 0; i < WIDTH; i++) ck_assert(memory.x[b * WIDTH + i] == (float)at(&x, s * WIDTH + i));
    for (uint64_t i = 0; i < 16; i++)
      ck_assert_int_eq(memory.image[b * 16 + i],
                       i / 4 == 0 || i / 4 == 3 ? 0 : (int)at(&image, s * 8 + i - 4));
  }
  rt_data_close(&d);
}
END_TEST

START_TEST(a_folder_has_two_parts) {
  RtData d;
  Made train = make(RT_F32, 2, rows, -1, 1), val = make(RT_F32, 2, rows, -1, 1),
       y = make(RT_U8, 1, single, 0, CLASSES - 1), image = make(RT_U8, 3, (uint64_t[]){N, 4, 4}, 0, 255);
  write_one("train.safetensors", "x", &train);
  write_one("val.safetensors", "x", &val);
  write_idx("t10k-labels-idx1-ubyte", 8, &y);
  write_idx("t10k-images-idx3-ubyte", 8, &image);
  OPENS(&d, TESS_INIT, ".");
  fill(&d, 0, BATCH);
  ck_assert(memory.x[0] == (float)at(&train, 0));
  rt_data_close(&d);
  ck_assert(opens(&d, TESS_EVAL, RT_PART_EVAL, (const char *const[]){".", NULL}));
  fill(&d, 0, BATCH);
  ck_assert(memory.x[0] == (float)at(&val, 0) && memory.y[0] == at(&y, 0));
  rt_data_close(&d);
  write_idx("train-x-idx2-float", 0x0d, &train);
  REFUSED("is found in ./train.safetensors: tensor \"x\" and in ./train-x-idx2-float", TESS_INIT, ".");
  OPENS(&d, TESS_INIT, ".", "x=train-x-idx2-float");
  rt_data_close(&d);
  ck_assert_int_eq(run("rm train.safetensors && cp train-x-idx2-float train-x-idx2"), 0);
  REFUSED("expected one of them", TESS_INIT, ".");
}
END_TEST

START_TEST(what_does_not_fit_is_refused) {
  Made ints = make(RT_I32, 2, rows, 0, 9), narrow = make(RT_F32, 2, pairs, -1, 1),
       flat = make(RT_F32, 1, single, -1, 1), none = make(RT_F32, 2, (uint64_t[]){0, WIDTH}, 0, 1);
  write_one("t", "x", &ints);
  REFUSED("t: tensor \"x\": found I32 [11, 3], expected F32 [samples, 3] for the program's \"x\"", TESS_INIT,
          "t");
  write_one("t", "x", &narrow);
  REFUSED("found F32 [11, 2], expected F32 [samples, 3]", TESS_INIT, "t");
  write_one("t", "x", &flat);
  REFUSED("found F32 [11], expected F32 [samples, 3]", TESS_INIT, "t");
  write_one("t", "x", &none);
  REFUSED("found no samples", TESS_INIT, "t");
  write_one("t", "z", &narrow);
  REFUSED("t: found no tensor \"x\", expected F32 [samples, 3]", TESS_INIT, "t");
  SAYS("t: has the tensors: z");
  write_idx("i", 0x0d, &narrow);
  REFUSED("i: an IDX file has no names: expected x=i", TESS_INIT, "i");
  REFUSED("found F32 [11, 2], expected F32 [samples, 3]", TESS_INIT, "x=i");
  REFUSED("did you mean \"token\"", TESS_INIT, "tokens=t");
  REFUSED("t2: No such file", TESS_INIT, "t2");
  REFUSED("found no --data for the program's \"x\"", TESS_INIT, "token=t");
  static const char *const odd[] = {"\"F99\",\"shape\":[1]", "\"U8\",\"shape\":[1,1,1,1,1,1,1,1,1]"};
  for (int i = 0; i < 2; i++) {
    char all[256];
    uint64_t len =
        (uint64_t)snprintf(all + 8, sizeof all - 8, "{\"x\":{\"dtype\":%s,\"data_offsets\":[0,1]}}", odd[i]);
    memcpy(all, &len, 8);
    run_write("t", all, 8 + len + 1);
    REFUSED(i ? "found U8 in 9 dimensions, expected" : "found F99 in 1 dimensions, expected", TESS_INIT, "t");
  }
  ck_assert_int_eq(run("mkfifo p"), 0);
  REFUSED("p: expected a file, found a pipe", TESS_INIT, "p");
}
END_TEST

static void set(Made *m, uint64_t i, double v) {
  rt_type_set(m->type, m->bytes, i, v);
}

START_TEST(values_out_of_range_are_refused) {
  Made token = make(RT_I32, 2, pairs, 0, CLASSES - 1), byte = make(RT_I32, 2, rows, 0, 255),
       x = make(RT_F64, 2, rows, -1, 1), good = make(RT_F32, 2, rows, -1, 1),
       y = make(RT_I32, 1, single, 0, 6), image = make(RT_U8, 3, (uint64_t[]){N, 4, 4}, 0, 255);
  set(&token, 9, CLASSES);
  write_one("t", "token", &token);
  REFUSED("t: tensor \"token\": sample 4: found 7, expected 0 to 6", TESS_PREPARE, "t");
  set(&token, 9, -1);
  write_one("t", "token", &token);
  REFUSED("sample 4: found -1, expected 0 to 6", TESS_PREPARE, "t");
  set(&byte, 20, 256);
  write_one("t", "byte", &byte);
  REFUSED("sample 6: found 256, expected 0 to 255", TESS_MICRO, "t");
  set(&y, 8, CLASSES);
  write_tensors("t", (Named[]){{"image", &image}, {"x", &good}, {"y", &y}}, 3);
  REFUSED("sample 8: found label 7, expected 0 to 6", TESS_EVAL, "t");
  set(&x, 7, 1e39);
  write_one("t", "x", &x);
  REFUSED("sample 2: found 9.9", TESS_INIT, "t");
  set(&x, 7, 0x1.fffffeffp127); /* rounded to the largest f32 */
  write_one("t", "x", &x);
  check_x("t", &x);
}
END_TEST

START_TEST(what_is_not_finite_is_said) {
  RtData d;
  Made x = make(RT_F32, 2, rows, -1, 1);
  set(&x, 13, NAN);
  set(&x, 30, INFINITY);
  set(&x, 31, NAN);
  write_one("t", "x", &x);
  OPENS(&d, TESS_INIT, "t");
  SAYS("t: tensor \"x\": sample 4, element 1: found nan; of 11 samples looked at 2 have values");
  rt_data_close(&d);
  set(&x, 13, 0);
  set(&x, 30, 0);
  set(&x, 31, 0);
  write_one("t", "x", &x);
  OPENS(&d, TESS_INIT, "t");
  ck_assert_str_eq(said, "");
  rt_data_close(&d);
}
END_TEST

static char *identity(TessEntryKind entry, const char *place) {
  RtData d;
  OPENS(&d, entry, place);
  char *text = rt_format("%s", d.held[0].what);
  rt_data_close(&d);
  return text;
}

/* The same samples are the same data in any file; one bit makes other data, still below CLASSES. */
START_TEST(data_is_known_by_what_it_holds) {
  Made m = make(RT_I32, 2, pairs, 0, CLASSES - 2);
  write_one("t", "token", &m);
  write_idx("i", 0x0c, &m);
  write_tensors("both", (Named[]){{"other", &m}, {"token", &m}}, 2);
  ck_assert_int_eq(run("cp i z && gzip z"), 0);
  char *one = identity(TESS_PREPARE, "t");
  static const char *const same[] = {"token=i", "both", "token=z.gz"};
  for (int i = 0; i < 3; i++) {
    char *other = identity(TESS_PREPARE, same[i]);
    ck_assert_str_eq(one, other);
    free(other);
  }
  m.bytes[4 * draw_below(2 * N)] ^= 1;
  write_one("t", "token", &m);
  char *other = identity(TESS_PREPARE, "t");
  ck_assert_str_ne(one, other);
  free(one);
  free(other);
}
END_TEST

/* 1.5 GiB that no disk has: every second piece of 1 MiB is looked at, the rest when it is used. */
START_TEST(large_files_are_looked_at_in_pieces) {
  enum { COUNT = 6144, ROW = 4 * LARGE };
  char head[256];
  uint64_t len = (uint64_t)snprintf(
      head, sizeof head, "{\"large\":{\"dtype\":\"I32\",\"shape\":[%d,%d],\"data_offsets\":[0,%" PRIu64 "]}}",
      COUNT, LARGE, (uint64_t)COUNT * ROW);
  int fd = open("t", O_RDWR | O_CREAT, 0600), seven = 7, one = 1;
  ck_assert(pwrite(fd, &len, 8, 0) == 8 && pwrite(fd, head, len, 8) == (ssize_t)len);
  off_t data = (off_t)(8 + len);
  ck_assert_int_eq(ftruncate(fd, data + (off_t)COUNT * ROW), 0);
  char *before = identity(TESS_UPDATE, "t");
  ck_assert(pwrite(fd, &seven, 4, data + (off_t)6 * ROW) == 4);
  RtData d;
  OPENS(&d, TESS_UPDATE, "t");
  ck_assert_str_eq(d.held[0].what, before);
  fill(&d, 0, BATCH);
  rt_messages_to(NULL);
  RtPick p = {.first = 4, .count = BATCH};
  ck_assert(!rt_data_fill(&d, &p, (char *)&memory));
  rt_messages_to(stderr);
  rt_data_close(&d);
  ck_assert(pwrite(fd, &one, 4, data + (off_t)8 * ROW) == 4);
  char *after = identity(TESS_UPDATE, "t");
  ck_assert_str_ne(before, after);
  ck_assert(pwrite(fd, &seven, 4, data + (off_t)8 * ROW) == 4);
  REFUSED("sample 8: found 7", TESS_UPDATE, "t");
  free(before);
  free(after);
  close(fd);
}
END_TEST

SUITE("rt_tensor") {
  tcase_add_checked_fixture(t, enter, leave);
  tcase_set_timeout(t, 60);
  tcase_add_test(t, floats_are_rounded_once);
  tcase_add_test(t, integers_are_exact);
  tcase_add_test(t, idx_has_all_its_types);
  tcase_add_test(t, a_file_serves_every_datum);
  tcase_add_test(t, a_folder_has_two_parts);
  tcase_add_test(t, what_does_not_fit_is_refused);
  tcase_add_test(t, values_out_of_range_are_refused);
  tcase_add_test(t, what_is_not_finite_is_said);
  tcase_add_test(t, data_is_known_by_what_it_holds);
  tcase_add_test(t, large_files_are_looked_at_in_pieces);
}
