/* Safetensors: files written byte by byte here are read; files that lie are refused with what was found;
 * what is written is compared with bytes given here; failures of writing leave the old file. */
#define _GNU_SOURCE /* memfd_create, RTLD_NEXT */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/safetensors.h"
#include "runtime/rt_base.h"
#include "runtime/state/rt_safetensors.h"
#include "tests/runtime/rt_run.h"
#include "tests/suite.h"

static char said[4096];

/* What fails next: calls of the C library that are taken here, before it. */
static enum { NOTHING, MEMORY, DISK, FOLDER } failing;

int fsync(int fd) {
  static int (*real)(int);
  if (!real) *(void **)&real = dlsym(RTLD_NEXT, "fsync");
  struct stat st;
  bool folder = fstat(fd, &st) == 0 && S_ISDIR(st.st_mode);
  if (failing != (folder ? FOLDER : DISK)) return real(fd);
  errno = EIO;
  return -1;
}

#if !SANITIZED /* a sanitizer has its own */
void *realloc(void *old, size_t n) {
  static void *(*real)(void *, size_t);
  if (!real) *(void **)&real = dlsym(RTLD_NEXT, "realloc");
  return failing == MEMORY ? NULL : real(old, n);
}
#endif

static bool same_bytes(const void *x, const void *y, size_t n) {
  return memcmp(x, y, n) == 0;
}

/* What is said until said_end lands in `said`. */
static FILE *said_to(void) {
  memset(said, 0, sizeof said);
  FILE *to = fmemopen(said, sizeof said - 1, "w");
  rt_messages_to(to);
  return to;
}

static void said_end(FILE *to) {
  rt_messages_to(stderr);
  fclose(to);
}

/* Opens a file made of a header and zeros; what was said lands in `said`. */
static RtFile *open_with(const char *header, size_t data) {
  static char bytes[1 << 16];
  size_t n = strlen(header);
  for (int i = 0; i < 8; i++) bytes[i] = (char)(n >> (8 * i));
  for (size_t i = 0; i < n; i++) bytes[8 + i] = header[i];
  memset(bytes + 8 + n, 0, data);
  run_write("x", bytes, 8 + n + data);
  char path[600];
  snprintf(path, sizeof path, "%s/x", run_dir);
  FILE *to = said_to();
  RtFile *f = rt_file_open(path);
  said_end(to);
  return f;
}

START_TEST(reads) {
  RtFile *f = open_with(
      "{\"__metadata__\":{\"lr\":\"0.5\",\"a\\u00e9\\n\":\"\\\"\"},"
      "\"b\" : {\"shape\":[2, 3],\"dtype\":\"F16\",\"data_offsets\":[4,16], \"more\":[{\"x\":null}]},"
      "\"a\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]}}  ",
      16);
  ck_assert_msg(f != NULL, "%s", said);
  ck_assert_int_eq(f->ntensor, 2);
  ck_assert_str_eq(rt_file_meta(f, "lr"), "0.5");
  ck_assert_str_eq(rt_file_meta(f, "a\xc3\xa9\n"), "\"");
  ck_assert_ptr_null(rt_file_meta(f, "b"));
  const RtTensor *t = rt_file_find(f, "b");
  ck_assert_int_eq(t->type, RT_F16);
  ck_assert_uint_eq(t->rank, 2);
  ck_assert_uint_eq(t->count, 6);
  ck_assert_ptr_null(rt_file_find(f, "c"));
  rt_file_close(f);
}
END_TEST

#define T(shape, from, to) "{\"dtype\":\"F32\",\"shape\":" shape ",\"data_offsets\":[" from "," to "]}"

/* Headers that lie, with 16 bytes of data behind them, and a part of what must be said. */
static const char *const bad[][2] = {
    {"{\"a\":" T("[4]", "0", "16") ",\"a\":" T("[4]", "0", "16") "}", "overlaps"},
    {"{\"a\":" T("[4]", "0", "16") ",\"a\":" T("[0]", "16", "16") "}", "two tensors named \"a\""},
    {"{\"a\":" T("[3]", "0", "12") "}", "found a file of"},
    {"{\"a\":" T("[5]", "0", "20") "}", "the data has 16 bytes"},
    {"{\"a\":" T("[5]", "0", "16") "}", "found 16 bytes, its shape needs 20"},
    {"{\"a\":" T("[3]", "4", "16") "}", "leaves a hole"},
    {"{\"a\":" T("[2]", "8", "0") "}", "lies at 8 .. 0"},
    {"{\"a\":" T("[4294967296,4294967296,4]", "0", "16") "}", "2^64 elements"},
    {"{\"a\":" T("[4611686018427387904]", "0", "16") "}", "2^64 bytes"},
    {"{\"a\":" T("[18446744073709551616]", "0", "16") "}", "above 2^64"},
    {"{\"a\":" T("[1,1,1,1,1,1,1,1,5]", "0", "16") "}", "found 16 bytes, its shape needs 20"},
    {"{\"a\":{\"dtype\":\"F8_E4M3\",\"shape\":[4],\"data_offsets\":[0,17]}}", "the data has 16 bytes"},
    {"{\"a\":{\"dtype\":\"F4\",\"shape\":[4],\"data_offsets\":[0,15]}}", "found a file of"},
    {"{\"__metadata__\":nil}", "expected '{', found 'n'"},
    {"{\"__metadata__\":{\"tessera.format\":\"3\"}}", "version 3, expected 1 or 2"},
    {"{\"a\":" T("[-4]", "0", "16") "}", "expected a number, found '-'"},
    {"{\"a\":" T("[4.0]", "0", "16") "}", "found '.'"},
    {"{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,16]}}", "has no \"shape\""},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4],\"shape\":[4],\"data_offsets\":[0,16]}}", "a second \"shape\""},
    {"{\"a\":{}}", "has no \"dtype\""},
    {"{\"__metadata__\":{\"a\":1}}", "expected a string, found '1'"},
    {"{\"a\\u0000b\":" T("[4]", "0", "16") "}", "NUL"},
    {"{\"\\ud800\":" T("[4]", "0", "16") "}", "surrogate"},
    {"{\"a\":" T("[4]", "0", "16"), "found the end"},
    {"{\"a\":" T("[4]", "0", "16") "} x", "expected the end, found 'x'"},
    {"{\"a", "found the end"},
    {"[]", "expected '{', found '['"},
    {"{\"a\":{\"x\":[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]}}", "nested deeper"}};

START_TEST(refuses) {
  RtFile *f = open_with(bad[_i][0], 16);
  ck_assert_msg(f == NULL, "accepted %s", bad[_i][0]);
  ck_assert_msg(strstr(said, bad[_i][1]) != NULL, "%s: said %s, expected %s", bad[_i][0], said, bad[_i][1]);
  ck_assert(strstr(said, "/x: ") != NULL);
}
END_TEST

/* What nobody asked for is passed over: types that came later, many dimensions, no metadata. Whoever wants
 * such a tensor is told. */
START_TEST(passes_over) {
  static const char header[] = "{\"__metadata__\":null,\"a\":" T("[1]", "0", "4") ",\"deep\":" T(
      "[1,1,1,1,1,1,1,1,2]", "4",
      "12") ",\"half\":{\"dtype\":\"F4\",\"shape\":[7],\"data_offsets\":[12,16]}}";
  static const TessTensor want = {.rank = 1, .dim = {2}, .count = 2};
  float v[2] = {1, 1};
  uint64_t inexact = 0;
  RtFile *f = open_with(header, 16);
  ck_assert_msg(f != NULL, "%s", said);
  ck_assert(rt_file_read(f, rt_file_find(f, "a"), 0, 1, TESS_F32, v, &inexact) && v[0] == 0);
  FILE *to = said_to();
  ck_assert(!rt_file_read(f, rt_file_find(f, "half"), 0, 7, TESS_F32, v, &inexact));
  ck_assert(!rt_file_shape(f, rt_file_find(f, "deep"), &want));
  said_end(to);
  ck_assert_msg(strstr(said, "x: tensor \"half\": found the dtype \"F4\", which this program does not know"),
                "%s", said);
  ck_assert_msg(strstr(said, "\"deep\": found shape [1, 1, 1, 1, 1, 1, 1, 1, ..], expected [2]"), "%s", said);
  rt_file_close(f);
}
END_TEST

START_TEST(refuses_lengths) {
  static const struct {
    unsigned char bytes[12];
    size_t n;
  } file[] = {{{0}, 0},
              {{2, 0, 0}, 3},
              {{0}, 8},
              {{3, 0, 0, 0, 0, 0, 0, 0, '{', '}'}, 10},
              {{2, 0, 0, 0, 0, 0, 0, 0x80, '{', '}'}, 10}};
  char path[600];
  snprintf(path, sizeof path, "%s/y", run_dir);
  rt_messages_to(NULL);
  for (size_t i = 0; i < sizeof file / sizeof *file; i++) {
    run_write("y", file[i].bytes, file[i].n);
    ck_assert_ptr_null(rt_file_open(path));
  }
  ck_assert_ptr_null(rt_file_open(run_dir));
  rt_messages_to(stderr);
}
END_TEST

/* Every shorter or longer file than the right one, and every flipped byte of the header: refused or, when
 * the flip hit a name or a padding byte, read without harm. */
START_TEST(survives_damage) {
  static const char header[] = "{\"ab\":" T("[2,2]", "0", "16") ",\"__metadata__\":{\"k\":\"v\"}}";
  RtFile *f = open_with(header, 16);
  ck_assert(f != NULL);
  rt_file_close(f);
  ck_assert_ptr_null(open_with(header, 15));
  ck_assert_ptr_null(open_with(header, 17));
  for (size_t i = 0; i < sizeof header - 1; i++)
    for (int bit = 0; bit < 8; bit++) {
      char copy[sizeof header];
      memcpy(copy, header, sizeof header);
      copy[i] = (char)(copy[i] ^ 1 << bit);
      if (copy[i]) rt_file_close(open_with(copy, 16));
    }
}
END_TEST

/* Two small tensors, b behind a's padding, and one whose size is a multiple of 64. */
static float small_a[5] = {1, 2, 3, 4, 5}, whole_c[16];
static uint16_t small_b[2] = {0x3f80, 0xbf80};
static const RtOut three[] = {{"a", {.dtype = TESS_F32, .rank = 1, .dim = {5}, .count = 5}, small_a},
                              {"b\"", {.dtype = TESS_BF16, .rank = 1, .dim = {2}, .count = 2}, small_b},
                              {"c", {.dtype = TESS_F32, .rank = 2, .dim = {4, 4}, .count = 16}, whole_c}};
static const RtPair three_meta[] = {{"k", "v\n"}};

static size_t write_three(const char *name, const char *pad, char *got, size_t most) {
  char path[600];
  snprintf(path, sizeof path, "%s/%s", run_dir, name);
  for (int i = 0; i < 16; i++) whole_c[i] = (float)draw_below(1000);
  ck_assert(rt_file_write(path, three, 3, three_meta, 1, pad));
  return run_read(name, got, most);
}

START_TEST(writes) {
  char got[1024], want[1024];
  run_write("z.tmp", "stale", 5);
  size_t n = write_three("z", "slot.pad", got, sizeof got);
  ck_assert_int_eq(run("test \"$(cat z.tmp)\" = stale && rm z.tmp && ls -A | grep '^[.]'"), 1);
  int len =
      snprintf(want, sizeof want,
               "{ \"__metadata__\":{\"tessera.header\":\"%.16s\",\"tessera.format\":\"2\",\"k\":\"v\\u000a\","
               "\"tessera.tensors\":\"%016" PRIx64 "%016" PRIx64 "%016" PRIx64 "%016" PRIx64 "\"},"
               "\"c\":{\"dtype\":\"F32\",\"shape\":[4, 4],\"data_offsets\":[0,64]},"
               "\"a\":{\"dtype\":\"F32\",\"shape\":[5],\"data_offsets\":[64,84]},"
               "\"slot.pad/0\":{\"dtype\":\"U8\",\"shape\":[44],\"data_offsets\":[84,128]},"
               "\"b\\\"\":{\"dtype\":\"BF16\",\"shape\":[2],\"data_offsets\":[128,132]}}",
               got + 8 + strlen("{ \"__metadata__\":{\"tessera.header\":\""), safetensors_sum(whole_c, 64),
               safetensors_sum(small_a, 20), safetensors_sum((char[44]){0}, 44), safetensors_sum(small_b, 4));
  size_t data = n - 132;
  ck_assert_uint_eq(data % 64, 0);
  ck_assert_uint_eq(((unsigned char)got[0] | (unsigned)(unsigned char)got[1] << 8) + 8, data);
  ck_assert_msg(memcmp(got + 8, want, (size_t)len) == 0, "%.*s", (int)n, got + 8);
  for (size_t i = 8 + (size_t)len; i < data; i++) ck_assert_int_eq(got[i], ' ');
  ck_assert(same_bytes(got + data, whole_c, 64) && same_bytes(got + data + 64, small_a, 20) &&
            same_bytes(got + data + 128, small_b, 4));
  size_t tight = write_three("z", NULL, got, sizeof got);
  ck_assert(same_bytes(got + tight - 24, small_a, 20) && same_bytes(got + tight - 4, small_b, 4));
  char path[600];
  snprintf(path, sizeof path, "%s/z", run_dir);
  RtFile *f = rt_file_open(path);
  ck_assert(f && f->ntensor == 3 && !strcmp(rt_file_meta(f, "k"), "v\n"));
  rt_file_close(f);
}
END_TEST

/* Opens what `fd` has, as file "f". */
static RtFile *open_copy(int fd) {
  FILE *to = said_to();
  RtFile *f = rt_file_from(dup(fd), "f");
  said_end(to);
  return f;
}

/* Every bit of a file, flipped: refused, and the tensor is named where it lies in one. */
START_TEST(notices_every_flip) {
  static char good[1024], name[64];
  size_t n = write_three("f", "slot.pad", good, sizeof good), data = n - 132;
  int fd = memfd_create("f", 0);
  ck_assert(fd >= 0 && write(fd, good, n) == (ssize_t)n);
  RtFile *whole = open_copy(fd);
  ck_assert(whole != NULL);
  rt_file_close(whole);
  for (size_t bit = 0; bit < 8 * n; bit++) {
    size_t at = bit / 8;
    char bad = (char)(good[at] ^ 1 << bit % 8);
    ck_assert_int_eq(pwrite(fd, &bad, 1, (off_t)at), 1);
    ck_assert_msg(open_copy(fd) == NULL, "bit %zu of byte %zu is accepted", bit % 8, at);
    ck_assert_int_eq(pwrite(fd, &good[at], 1, (off_t)at), 1);
    const char *tensor = at < data + 64 ? "c" : at < data + 84 ? "a" : at < data + 128 ? "slot.pad/0" : "b\"";
    snprintf(name, sizeof name, "f: tensor \"%s\" is damaged", tensor);
    ck_assert_msg(strstr(said, at < data ? "f: " : name), "byte %zu: %s", at, said);
  }
  close(fd);
}
END_TEST

/* The first version had no checksums; one that comes later is not guessed at. */
START_TEST(knows_versions) {
  RtFile *f = open_with("{\"__metadata__\":{\"tessera.format\":\"1\"}}", 0);
  ck_assert_msg(f != NULL && !said[0], "%s", said);
  rt_file_close(f);
  char got[1024], later[1024];
  size_t n = write_three("v", NULL, got, sizeof got), len = n - 88 - 8;
  memcpy(later, got + 8, len);
  later[len] = '\0';
  *(strstr(later, "format\":\"") + strlen("format\":\"")) = '3';
  safetensors_put_sum(later, len);
  ck_assert(open_with(later, 88) == NULL);
  ck_assert_msg(strstr(said, "found a file of version 3, expected 1 or 2"), "%s", said);
}
END_TEST

/* Others write the metadata that they have read, with tensors of their own: their file has no checksums,
 * which is said. In the layouts of Python's json and of a compact writer. */
START_TEST(takes_rewritten_files) {
  static const char *const header[] = {
      "{\"__metadata__\": {\"tessera.header\": \"0123456789abcdef\", \"tessera.format\": \"2\", "
      "\"tessera.tensors\": \"0123\"}, \"a\": " T("[1]", "0", "4") "}",
      "{\"__metadata__\":{\"tessera.header\":\"0123456789abcdef\",\"tessera.format\":\"2\","
      "\"tessera.tensors\":\"0123\"},\"a\":" T("[1]", "0", "4") "}"};
  for (int i = 0; i < 2; i++) {
    RtFile *f = open_with(header[i], 4);
    ck_assert_msg(f != NULL, "%s", said);
    ck_assert_msg(strstr(said, "note: ") &&
                      strstr(said, "/x: another program wrote it, with Tessera's metadata"),
                  "%s", said);
    rt_file_close(f);
  }
}
END_TEST

START_TEST(keeps_the_old_file) {
  float a[1000] = {0};
  RtOut out = {"a", {.dtype = TESS_F32, .rank = 1, .dim = {1000}, .count = 1000}, a};
  char path[600];
  snprintf(path, sizeof path, "%s/full", run_dir);
  run_write("full", "the old one", 11);
  struct rlimit small = {1024, RLIM_INFINITY}, before;
  getrlimit(RLIMIT_FSIZE, &before);
  signal(SIGXFSZ, SIG_IGN);
  setrlimit(RLIMIT_FSIZE, &small);
  rt_messages_to(NULL);
  bool ok = rt_file_write(path, &out, 1, NULL, 0, NULL);
  setrlimit(RLIMIT_FSIZE, &before);
  ck_assert(!ok && run("ls -A | grep '^[.]'") == 1);
  char got[64];
  ck_assert_uint_eq(run_read("full", got, sizeof got), 11);
  ck_assert(!rt_file_write("/nowhere/at/all", &out, 1, NULL, 0, NULL));
  rt_messages_to(stderr);
}
END_TEST

/* Memory for the header, the disk under the new file, or its folder fails: an error each. Only the last comes
 * when the file is the new one. */
START_TEST(tells_failures_of_writing) {
  static const char *const why[] = {
      [MEMORY] = "kept: no memory for its header; ",
      [DISK] = "kept: cannot be written: Input/output error; it is as it was",
      [FOLDER] = "kept: it was written, but its folder cannot be brought to the disk: Input/output error"};
  float a[4] = {1, 2, 3, 4};
  char name[1000] = ""; /* more than a header has room for at first */
  memset(name, 'a', sizeof name - 1);
  RtOut out = {name, {.dtype = TESS_F32, .rank = 1, .dim = {4}, .count = 4}, a};
  char path[600], got[64];
  snprintf(path, sizeof path, "%s/kept", run_dir);
  for (failing = SANITIZED ? DISK : MEMORY; failing <= FOLDER; failing++) {
    run_write("kept", "the old one", 11);
    FILE *to = said_to();
    ck_assert(!rt_file_write(path, &out, 1, NULL, 0, NULL));
    said_end(to);
    ck_assert_msg(strstr(said, why[failing]) != NULL, "said %s, expected %s", said, why[failing]);
    ck_assert_int_eq(run("ls -A | grep '^[.]'"), 1);
    ck_assert_int_eq(run_read("kept", got, sizeof got) == 11, failing != FOLDER);
  }
  failing = NOTHING;
}
END_TEST

/* Conversion while reading, in pieces that cross the buffer. */
START_TEST(converts) {
  enum { N = 10000 };
  static double v[N];
  static float f[N];
  for (int i = 0; i < N; i++) v[i] = sin(i);
  RtOut out = {"v", {.dtype = RT_F64, .rank = 1, .dim = {N}, .count = N}, v};
  char path[600];
  snprintf(path, sizeof path, "%s/v", run_dir);
  ck_assert(rt_file_write(path, &out, 1, NULL, 0, NULL));
  RtFile *file = rt_file_open(path);
  uint64_t inexact = 0;
  ck_assert(rt_file_read(file, rt_file_find(file, "v"), 7, N - 7, TESS_F32, f, &inexact));
  for (int i = 0; i < N - 7; i++) ck_assert(f[i] == (float)v[i + 7]);
  ck_assert_uint_gt(inexact, N / 2);
  rt_file_close(file);
}
END_TEST

SUITE("rt_file") {
  tcase_add_unchecked_fixture(t, run_fresh, run_clean);
  tcase_add_test(t, reads);
  tcase_add_loop_test(t, refuses, 0, sizeof bad / sizeof *bad);
  tcase_add_test(t, passes_over);
  tcase_add_test(t, refuses_lengths);
  tcase_add_test(t, survives_damage);
  tcase_add_test(t, writes);
  tcase_add_test(t, notices_every_flip);
  tcase_add_test(t, knows_versions);
  tcase_add_test(t, takes_rewritten_files);
  tcase_add_test(t, keeps_the_old_file);
  tcase_add_test(t, tells_failures_of_writing);
  tcase_add_test(t, converts);
}
