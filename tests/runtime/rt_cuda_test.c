/* The device of programs for a GPU, on a driver that is made of functions here. */
#include <string.h>

#include "abi/program_cuda.h"
#include "runtime/cuda/driver.h"
#include "runtime/rt_session.h"
#include "tests/suite.h"

/* One kernel with many parameters. */
enum { BUFFERS = 1500, STREAMS = 500, PARAMS = BUFFERS + 1 + STREAMS };
static const TessCudaKernel wide = {
    .name = "wide", .nbuf = BUFFERS, .grid = 2, .block = 32, .nword = STREAMS};
static const TessCudaKernel *const kernels[] = {&wide};
static const TessCudaImage image = {.arch = "sm_80", .major = 8, .exact = 1};
const TessCuda tess_cuda = {1, 1, kernels, &image};
const TessProgram tess_program = {.abi = TESS_ABI, .arena_bytes = 64};

/* A driver that takes everything. */
enum { STEP = 0x5000 };
static int launched, wrong;

static CuResult count(int *n) {
  return *n = 1, 0;
}

static CuResult take_device(CuDevice *d, int ordinal) {
  return *d = ordinal, 0;
}

static CuResult name_of(char *to, int size, CuDevice d) {
  (void)d;
  return to[size > 0 ? 0 : 1] = '\0', 0;
}

static CuResult attribute(int *to, int which, CuDevice d) {
  (void)d;
  return *to = which == CU_CAPABILITY_MAJOR ? 8 : 0, 0;
}

static CuResult retain(CuContext **c, CuDevice d) {
  (void)d;
  return *c = NULL, 0;
}

static CuResult set(CuContext *c) {
  (void)c;
  return 0;
}

static CuResult memory(size_t *left, size_t *total) {
  return *left = *total = 1 << 20, 0;
}

static CuResult allocate(CuPtr *to, size_t bytes) {
  return *to = bytes == sizeof(TessStep) ? STEP : 0x1000, 0;
}

static CuResult release(CuPtr p) {
  (void)p;
  return 0;
}

static CuResult clear(CuPtr p, unsigned char value, size_t bytes, CuStream *s) {
  (void)p, (void)value, (void)bytes, (void)s;
  return 0;
}

static CuResult load(CuModule **m, const void *bytes) {
  (void)bytes;
  return *m = NULL, 0;
}

static CuResult function(CuFunction **f, CuModule *m, const char *name) {
  (void)m, (void)name;
  return *f = NULL, 0;
}

static CuResult stream(CuStream **s, unsigned flags) {
  (void)flags;
  return *s = NULL, 0;
}

/* Buffers are 0, 1, .., the step block's address comes behind them, then the words go on. */
static CuResult launch(CuFunction *f, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by,
                       unsigned bz, unsigned shared, CuStream *s, void **args, void **extra) {
  (void)f, (void)gx, (void)gy, (void)gz, (void)bx, (void)by, (void)bz, (void)shared, (void)s, (void)extra;
  launched++;
  for (uint64_t i = 0; i < PARAMS; i++) {
    uint64_t found, want = i < BUFFERS ? i : i == BUFFERS ? STEP : i - 1;
    memcpy(&found, args[i], sizeof found);
    wrong += found != want;
  }
  return 0;
}

bool cu_open(CuDriver *d) {
  *d = (CuDriver){.device_count = count, .device_get = take_device, .device_name = name_of};
  d->device_attribute = attribute;
  d->context_retain = retain;
  d->context_set = set;
  d->mem_info = memory;
  d->mem_alloc = allocate;
  d->mem_free = release;
  d->fill = clear;
  d->module_load = load;
  d->module_function = function;
  d->stream_create = stream;
  d->launch = launch;
  return true;
}

bool cu_ok(const CuDriver *d, CuResult result, const char *what) {
  (void)d, (void)what;
  return result == 0;
}

START_TEST(launches_with_any_number_of_parameters) {
  RtSession s = {0};
  void *arg[BUFFERS + STREAMS];
  for (uintptr_t i = 0; i < BUFFERS + STREAMS; i++) arg[i] = (void *)i;
  ck_assert(rt_device_open(&s));
  tess_launch(&s.run, 0, (TessKernel *)(uintptr_t)&wide, arg, &s.step, 1, 0);
  ck_assert_int_eq(launched, 1);
  ck_assert_int_eq(wrong, 0);
  rt_device_close(&s);
}
END_TEST

SUITE("rt_cuda") {
  tcase_add_test(t, launches_with_any_number_of_parameters);
}
