/* A stand-in for the CUDA driver, for tests on machines without a GPU: the entry points that programs use,
 * each refusing what the real one would refuse and everything that it does not implement. Kernels are those
 * of the cubin that was loaded, run by the side library of the same text compiled for the host
 * (tests/codegen/cuda/side.c).
 *
 * Device addresses are reserved and never accessible, so that the host can't read device memory by mistake;
 * what lies behind them is kept elsewhere and starts as NaN. Stream work is queued and done when the stream
 * is waited for, the latest time that is allowed.
 *
 *   STANDIN_SIDE        the side library's path
 *   STANDIN_CAPABILITY  the device's compute capability: "8.0" (default), "9.0"
 *   STANDIN_ORDER       "forward" (default), "reverse", "random": in which threads run
 *   STANDIN_FAIL        number of the call, from 1, that fails; 0 or none: no call does */
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "abi/program.h"
#include "codegen/cuda/cuda.h"
#include "tests/codegen/cuda/launch.h"

/* cuda.h's numbers. */
enum {
  SUCCESS = 0,
  INVALID_VALUE = 1,
  OUT_OF_MEMORY = 2,
  NOT_INITIALIZED = 3,
  INVALID_DEVICE = 101,
  INVALID_IMAGE = 200,
  INVALID_CONTEXT = 201,
  NO_BINARY_FOR_GPU = 209,
  INVALID_HANDLE = 400,
  NOT_FOUND = 500,
  LAUNCH_FAILED = 719,
  NOT_SUPPORTED = 801,
  UNKNOWN = 999
};
enum { ATTRIBUTE_MAJOR = 75, ATTRIBUTE_MINOR = 76, FUNC_DYNAMIC_SHARED = 8, NON_BLOCKING = 1 };
enum {
  MAX_BLOCKS = 64,
  MAX_WORK = 65536,
  MAX_PARAMS = 64,
  MAX_STATIC_SHARED = 48 * 1024,
  MAX_SHARED = 160 * 1024
};
static const size_t page = 4096, memory = (size_t)16 << 30;

typedef struct Block {
  char *device; /* reserved addresses */
  char *host;   /* what is there */
  size_t bytes, mapped;
} Block;

typedef struct Function {
  const CudaCode *code;
  ShimRun *run;
  int dynamic; /* most bytes of dynamic shared memory */
} Function;

typedef struct Module {
  Arena *arena;
  void *bytes;
  int ncode;
  CudaCode *code;
  Function *function;
} Module;

/* A queued copy, fill or launch. */
typedef struct Work {
  Function *f; /* a launch */
  ShimLaunch launch;
  uint64_t param[MAX_PARAMS];
  void *to;         /* else a copy, */
  const void *from; /* or, when this is NULL, a fill */
  void *staged;     /* the copied-in bytes: the caller may change its own at once */
  size_t bytes;
  int value;
} Work;

typedef struct Stream {
  int nwork;
  Work work[MAX_WORK];
} Stream;

static struct {
  int calls;
  int initialised, retained, current;
  Block block[MAX_BLOCKS];
  size_t used;
  Stream *stream;
  void *side;
} standin;

static int refuse(int code, const char *why) {
  fprintf(stderr, "standin: %s\n", why);
  return code;
}

/* Counts the call; fails the one that STANDIN_FAIL names. */
static int begin(int context) {
  const char *fail = getenv("STANDIN_FAIL");
  standin.calls++;
  if (fail && atoi(fail) == standin.calls) return UNKNOWN;
  if (!standin.initialised) return NOT_INITIALIZED;
  return context && !standin.current ? INVALID_CONTEXT : SUCCESS;
}

#define BEGIN(context)                                                                                       \
  do {                                                                                                       \
    int failed = begin(context);                                                                             \
    if (failed) return failed;                                                                               \
  } while (0)

int cuInit(unsigned flags) {
  standin.initialised = 1;
  BEGIN(0);
  return flags ? INVALID_VALUE : SUCCESS;
}

int cuGetErrorName(int code, const char **name) {
  *name = code == UNKNOWN         ? "CUDA_ERROR_UNKNOWN"
          : code == OUT_OF_MEMORY ? "CUDA_ERROR_OUT_OF_MEMORY"
                                  : "CUDA_ERROR";
  return SUCCESS;
}

int cuGetErrorString(int code, const char **text) {
  *text = code ? "the stand-in driver refuses" : "no error";
  return SUCCESS;
}

int cuDeviceGetCount(int *n) {
  BEGIN(0);
  *n = 1;
  return SUCCESS;
}

int cuDeviceGet(int *device, int ordinal) {
  BEGIN(0);
  *device = 0;
  return ordinal ? INVALID_DEVICE : SUCCESS;
}

int cuDeviceGetName(char *name, int size, int device) {
  BEGIN(0);
  if (device) return INVALID_DEVICE;
  snprintf(name, (size_t)size, "stand-in GPU");
  return SUCCESS;
}

static void capability(int *major, int *minor) {
  const char *text = getenv("STANDIN_CAPABILITY");
  *major = 8, *minor = 0;
  if (text && sscanf(text, "%d.%d", major, minor) != 2) abort();
}

int cuDeviceGetAttribute(int *value, int attribute, int device) {
  int major, minor;
  BEGIN(0);
  if (device) return INVALID_DEVICE;
  capability(&major, &minor);
  if (attribute != ATTRIBUTE_MAJOR && attribute != ATTRIBUTE_MINOR)
    return refuse(NOT_SUPPORTED, "a device attribute that is not implemented");
  *value = attribute == ATTRIBUTE_MAJOR ? major : minor;
  return SUCCESS;
}

int cuDevicePrimaryCtxRetain(void **context, int device) {
  BEGIN(0);
  if (device) return INVALID_DEVICE;
  standin.retained++;
  *context = &standin;
  return SUCCESS;
}

int cuDevicePrimaryCtxRelease_v2(int device) {
  BEGIN(0);
  if (device || !standin.retained) return INVALID_CONTEXT;
  standin.retained--;
  for (int i = 0; i < MAX_BLOCKS; i++)
    if (standin.block[i].device) return refuse(INVALID_CONTEXT, "memory is still allocated at the end");
  return standin.stream ? refuse(INVALID_CONTEXT, "a stream is still there at the end") : SUCCESS;
}

int cuCtxSetCurrent(void *context) {
  BEGIN(0);
  standin.current = context == &standin;
  return standin.retained ? SUCCESS : INVALID_CONTEXT;
}

int cuMemGetInfo_v2(size_t *left, size_t *total) {
  BEGIN(1);
  *total = memory;
  *left = memory - standin.used;
  return SUCCESS;
}

static void *reserve(size_t bytes, int protection) {
  void *p = mmap(NULL, bytes, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return p == MAP_FAILED ? NULL : p;
}

int cuMemAlloc_v2(uint64_t *pointer, size_t bytes) {
  BEGIN(1);
  int i = 0;
  while (i < MAX_BLOCKS && standin.block[i].device) i++;
  if (!bytes) return INVALID_VALUE;
  if (i == MAX_BLOCKS || bytes > memory - standin.used) return OUT_OF_MEMORY;
  Block b = {.bytes = bytes, .mapped = (bytes + page - 1) / page * page};
  b.device = reserve(b.mapped + page, PROT_NONE);
  b.host = reserve(b.mapped, PROT_READ | PROT_WRITE);
  if (!b.device || !b.host) return OUT_OF_MEMORY;
  memset(b.host, 0xff, b.mapped);
  standin.block[i] = b;
  standin.used += bytes;
  *pointer = (uint64_t)(uintptr_t)b.device;
  return SUCCESS;
}

int cuMemFree_v2(uint64_t pointer) {
  BEGIN(1);
  for (int i = 0; i < MAX_BLOCKS; i++) {
    Block *b = &standin.block[i];
    if (!pointer || (uint64_t)(uintptr_t)b->device != pointer) continue;
    munmap(b->device, b->mapped + page);
    munmap(b->host, b->mapped);
    standin.used -= b->bytes;
    *b = (Block){0};
    return SUCCESS;
  }
  return INVALID_VALUE;
}

/* The host's view of `bytes` of device memory, or NULL where not all of it is allocated. */
static void *behind(uint64_t pointer, size_t bytes) {
  for (int i = 0; i < MAX_BLOCKS; i++) {
    const Block *b = &standin.block[i];
    uint64_t start = (uint64_t)(uintptr_t)b->device;
    if (b->device && pointer >= start && pointer - start <= b->bytes && bytes <= b->bytes - (pointer - start))
      return b->host + (pointer - start);
  }
  return NULL;
}

static Work *queue(void *stream) {
  Stream *s = stream;
  if (!s || s != standin.stream || s->nwork == MAX_WORK) return NULL;
  s->work[s->nwork] = (Work){0};
  return &s->work[s->nwork++];
}

int cuMemcpyHtoDAsync_v2(uint64_t to, const void *from, size_t bytes, void *stream) {
  BEGIN(1);
  void *at = behind(to, bytes);
  if (!at) return refuse(INVALID_VALUE, "a copy to memory that is not allocated");
  Work *w = queue(stream);
  if (!w) return refuse(INVALID_HANDLE, "no such stream, or too much work in it");
  w->to = at, w->bytes = bytes, w->staged = malloc(bytes ? bytes : 1);
  if (!w->staged) return OUT_OF_MEMORY;
  memcpy(w->staged, from, bytes);
  w->from = w->staged;
  return SUCCESS;
}

int cuMemcpyDtoHAsync_v2(void *to, uint64_t from, size_t bytes, void *stream) {
  BEGIN(1);
  void *at = behind(from, bytes);
  if (!at) return refuse(INVALID_VALUE, "a copy from memory that is not allocated");
  Work *w = queue(stream);
  if (!w) return refuse(INVALID_HANDLE, "no such stream, or too much work in it");
  w->to = to, w->from = at, w->bytes = bytes;
  return SUCCESS;
}

int cuMemsetD8Async(uint64_t to, unsigned char value, size_t bytes, void *stream) {
  BEGIN(1);
  void *at = behind(to, bytes);
  if (!at) return refuse(INVALID_VALUE, "a fill of memory that is not allocated");
  Work *w = queue(stream);
  if (!w) return refuse(INVALID_HANDLE, "no such stream, or too much work in it");
  w->to = at, w->value = value, w->bytes = bytes;
  return SUCCESS;
}

/* An image's length: the end of what its headers name. */
static size_t image_size(const unsigned char *p) {
  uint64_t sections, each_section, count, end;
  uint16_t half;
  memcpy(&sections, p + 40, 8);
  memcpy(&half, p + 58, 2);
  each_section = half;
  memcpy(&half, p + 60, 2);
  count = half;
  end = sections + each_section * count;
  for (uint64_t i = 0; i < count; i++) {
    const unsigned char *s = p + sections + i * each_section;
    uint32_t type;
    uint64_t offset, size;
    memcpy(&type, s + 4, 4);
    memcpy(&offset, s + 24, 8);
    memcpy(&size, s + 32, 8);
    if (type != 8 && offset + size > end) end = offset + size;
  }
  return end;
}

/* The SM version that an image was made for, from its ELF flags (ABI version 8 keeps it in bits 8 to 15, the
 * older one in bits 0 to 7). */
static int image_sm(const unsigned char *p) {
  uint32_t flags;
  memcpy(&flags, p + 48, 4);
  return p[8] >= 8 ? (int)(flags >> 8 & 0xff) : (int)(flags & 0xff);
}

static ShimRun *side_kernel(const char *name) {
  char symbol[256];
  ShimRun *run = NULL;
  const char *path = getenv("STANDIN_SIDE");
  if (!standin.side && path) standin.side = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!standin.side) return NULL;
  snprintf(symbol, sizeof symbol, "shim_%s", name);
  void *p = dlsym(standin.side, symbol);
  memcpy(&run, &p, sizeof p);
  return run;
}

int cuModuleLoadData(Module **module, const void *image) {
  int major, minor;
  BEGIN(1);
  if (memcmp(image, "\177ELF", 4) != 0) return INVALID_IMAGE;
  capability(&major, &minor);
  int sm = image_sm(image);
  if (sm / 10 != major || sm % 10 > minor) {
    fprintf(stderr, "standin: an image for sm_%d on a device of %d.%d\n", sm, major, minor);
    return NO_BINARY_FOR_GPU;
  }
  Module *m = calloc(1, sizeof *m);
  size_t size = image_size(image);
  m->arena = arena_new();
  m->bytes = arena_copy(m->arena, image, size);
  m->ncode = cuda_cubin(m->arena, m->bytes, size, &m->code);
  if (m->ncode < 0) return INVALID_IMAGE;
  m->function = ARENA_ARRAY(m->arena, m->ncode, Function);
  for (int i = 0; i < m->ncode; i++)
    m->function[i] = (Function){&m->code[i], side_kernel(m->code[i].name), MAX_STATIC_SHARED};
  *module = m;
  return SUCCESS;
}

int cuModuleUnload(Module *m) {
  BEGIN(1);
  arena_free(m->arena);
  free(m);
  return SUCCESS;
}

int cuModuleGetFunction(Function **f, Module *m, const char *name) {
  BEGIN(1);
  for (int i = 0; i < m->ncode; i++) {
    if (strcmp(m->code[i].name, name) != 0) continue;
    if (!m->function[i].run) return refuse(NOT_FOUND, "a kernel of the cubin is not in the side library");
    *f = &m->function[i];
    return SUCCESS;
  }
  return NOT_FOUND;
}

int cuFuncSetAttribute(Function *f, int attribute, int value) {
  BEGIN(1);
  if (attribute != FUNC_DYNAMIC_SHARED)
    return refuse(NOT_SUPPORTED, "a function attribute that is not implemented");
  if (value < 0 || value > MAX_SHARED) return INVALID_VALUE;
  f->dynamic = value;
  return SUCCESS;
}

int cuStreamCreate(Stream **stream, unsigned flags) {
  BEGIN(1);
  if (flags != NON_BLOCKING || standin.stream)
    return refuse(NOT_SUPPORTED, "one non-blocking stream is implemented");
  *stream = standin.stream = calloc(1, sizeof(Stream));
  return *stream ? SUCCESS : OUT_OF_MEMORY;
}

int cuStreamDestroy_v2(Stream *stream) {
  BEGIN(1);
  if (!stream || stream != standin.stream) return INVALID_HANDLE;
  for (int i = 0; i < stream->nwork; i++) free(stream->work[i].staged);
  free(stream);
  standin.stream = NULL;
  return SUCCESS;
}

static int is_step_block(uint64_t pointer) {
  for (int i = 0; i < MAX_BLOCKS; i++)
    if (pointer && (uint64_t)(uintptr_t)standin.block[i].device == pointer)
      return standin.block[i].bytes == sizeof(TessStep);
  return 0;
}

/* Each parameter up to the step block's must be a device address; those that follow it are numbers. */
static int take_params(Work *w, const CudaCode *code, void **args) {
  if (code->nparam > MAX_PARAMS) return NOT_SUPPORTED;
  for (int i = 0, numbers = 0; i < code->nparam; i++) {
    if (code->param_size[i] != 8) return refuse(NOT_SUPPORTED, "a parameter that is not of 8 bytes");
    memcpy(&w->param[i], args[i], 8);
    if (numbers) continue;
    numbers = is_step_block(w->param[i]);
    void *at = behind(w->param[i], 1);
    if (!at) return refuse(INVALID_VALUE, "a parameter that is no address of device memory");
    w->param[i] = (uint64_t)(uintptr_t)at;
  }
  return SUCCESS;
}

static ShimOrder order(void) {
  const char *text = getenv("STANDIN_ORDER");
  if (!text || !strcmp(text, "forward")) return SHIM_FORWARD;
  if (!strcmp(text, "reverse")) return SHIM_REVERSE;
  if (!strcmp(text, "random")) return SHIM_RANDOM;
  abort();
}

int cuLaunchKernel(Function *f, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz,
                   unsigned shared, void *stream, void **args, void **extra) {
  BEGIN(1);
  if (!f || extra || gy != 1 || gz != 1 || by != 1 || bz != 1)
    return refuse(NOT_SUPPORTED, "launches along x with parameters by address are implemented");
  if (!gx || gx > 0x7fffffff || !bx || bx > 1024)
    return refuse(INVALID_VALUE, "a grid or block out of range");
  if (f->code->max_threads && (int)bx > f->code->max_threads)
    return refuse(INVALID_VALUE, "more threads a block than the kernel was compiled for");
  if ((int)shared + f->code->shared > f->dynamic) return refuse(INVALID_VALUE, "too much shared memory");
  Work *w = queue(stream);
  if (!w) return refuse(INVALID_HANDLE, "no such stream, or too much work in it");
  w->f = f;
  w->launch = (ShimLaunch){gx, (int)bx, shared, order(), (uint32_t)standin.calls};
  return take_params(w, f->code, args);
}

static void perform(Work *w) {
  void *args[MAX_PARAMS];
  if (w->f) {
    for (int i = 0; i < w->f->code->nparam; i++) args[i] = &w->param[i];
    w->f->run(&w->launch, args);
  } else if (w->from) {
    memcpy(w->to, w->from, w->bytes);
  } else {
    memset(w->to, w->value, w->bytes);
  }
  free(w->staged);
}

int cuStreamSynchronize(Stream *stream) {
  BEGIN(1);
  if (!stream || stream != standin.stream) return INVALID_HANDLE;
  for (int i = 0; i < stream->nwork; i++) perform(&stream->work[i]);
  stream->nwork = 0;
  return SUCCESS;
}
