/* Safetensors: files written byte by byte here are read; files that lie are refused with what was found;
 * what is written is compared with bytes given here; failures of writing leave the old file. */
#define _GNU_SOURCE /* RTLD_NEXT */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

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

void *realloc(void *old, size_t n) {
  static void *(*real)(void *, size_t);
  if (!real) *(void **)&real = dlsym(RTLD_NEXT, "realloc");
  return failing == MEMORY ? NULL : real(old, n);
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
  memset(said, 0, sizeof said);
  FILE *to = fmemopen(said, sizeof said - 1, "w");
  rt_messages_to(to);
  RtFile *f = rt_file_open(path);
  rt_messages_to(stderr);
  fclose(to);
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
    {"{\"a\":" T("[1,1,1,1,1,1,1,1,4]", "0", "16") "}", "more than 8 dimensions"},
    {"{\"a\":" T("[-4]", "0", "16") "}", "expected a number, found '-'"},
    {"{\"a\":" T("[4.0]", "0", "16") "}", "found '.'"},
    {"{\"a\":{\"dtype\":\"F33\",\"shape\":[4],\"data_offsets\":[0,16]}}", "unknown dtype \"F33\""},
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

START_TEST(writes) {
  float a[4] = {1, 2, 3, 4};
  uint16_t b[2] = {0x3f80, 0xbf80};
  RtOut out[] = {{"a", {.dtype = TESS_F32, .rank = 2, .dim = {2, 2}, .count = 4}, a},
                 {"b\"", {.dtype = TESS_BF16, .rank = 1, .dim = {2}, .count = 2}, b}};
  RtPair meta[] = {{"k", "v\n"}};
  char path[600], got[512];
  snprintf(path, sizeof path, "%s/z", run_dir);
  run_write("z.tmp", "stale", 5);
  ck_assert(rt_file_write(path, out, 2, meta, 1));
  ck_assert(!run_exists("z.tmp"));
  static const char want[] = "{\"__metadata__\":{\"k\":\"v\\u000a\"},"
                             "\"a\":{\"dtype\":\"F32\",\"shape\":[2, 2],\"data_offsets\":[0,16]},"
                             "\"b\\\"\":{\"dtype\":\"BF16\",\"shape\":[2],\"data_offsets\":[16,20]}}";
  size_t n = run_read("z", got, sizeof got), header = (sizeof want - 1 + 7) / 8 * 8;
  ck_assert_uint_eq(n, 8 + header + 20);
  ck_assert_uint_eq((unsigned char)got[0], header);
  ck_assert(memcmp(got + 8, want, sizeof want - 1) == 0);
  ck_assert(memcmp(got + 8 + header, "\0\0\x80\x3f\0\0\0\x40\0\0\x40\x40\0\0\x80\x40", 16) == 0);
  ck_assert(memcmp(got + 8 + header + 16, b, 4) == 0);
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
  bool ok = rt_file_write(path, &out, 1, NULL, 0);
  setrlimit(RLIMIT_FSIZE, &before);
  ck_assert(!ok && !run_exists("full.tmp"));
  char got[64];
  ck_assert_uint_eq(run_read("full", got, sizeof got), 11);
  ck_assert(!rt_file_write("/nowhere/at/all", &out, 1, NULL, 0));
  rt_messages_to(stderr);
}
END_TEST

/* Memory for the header, the disk under the new file, or its folder fails: an error each. Only the last comes
 * when the file is the new one. */
START_TEST(tells_failures_of_writing) {
  static const char *const why[] = {
      [MEMORY] = "kept: no memory for its header; ",
      [DISK] = "kept.tmp: Input/output error; ",
      [FOLDER] = "kept: it was written, but its folder cannot be brought to the disk: Input/output error"};
  float a[4] = {1, 2, 3, 4};
  char name[1000] = ""; /* more than a header has room for at first */
  memset(name, 'a', sizeof name - 1);
  RtOut out = {name, {.dtype = TESS_F32, .rank = 1, .dim = {4}, .count = 4}, a};
  char path[600], got[64];
  snprintf(path, sizeof path, "%s/kept", run_dir);
  for (failing = MEMORY; failing <= FOLDER; failing++) {
    run_write("kept", "the old one", 11);
    memset(said, 0, sizeof said);
    FILE *to = fmemopen(said, sizeof said - 1, "w");
    rt_messages_to(to);
    ck_assert(!rt_file_write(path, &out, 1, NULL, 0));
    rt_messages_to(stderr);
    fclose(to);
    ck_assert_msg(strstr(said, why[failing]) != NULL, "said %s, expected %s", said, why[failing]);
    ck_assert(!run_exists("kept.tmp"));
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
  ck_assert(rt_file_write(path, &out, 1, NULL, 0));
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
  tcase_add_test(t, refuses_lengths);
  tcase_add_test(t, survives_damage);
  tcase_add_test(t, writes);
  tcase_add_test(t, keeps_the_old_file);
  tcase_add_test(t, tells_failures_of_writing);
  tcase_add_test(t, converts);
}
