/* The arena in a GPU's memory: one context, one stream, the program's own cubin. Copies and launches go to
 * the stream in order; the host waits for it where it reads. The step block has a place on the device,
 * written anew before each entry. */
#include <stdio.h>
#include <stdlib.h>

#include "abi/program_cuda.h"
#include "runtime/cuda/driver.h"
#include "runtime/rt_base.h"
#include "runtime/rt_session.h"
#include "runtime/state/rt_type.h"

enum { STATIC_SHARED = 48 * 1024 };

static struct {
  CuDriver cu;
  CuDevice device;
  char name[256];
  int major, minor;
  CuContext *context;
  CuModule *module;
  CuFunction **function; /* by TessCudaKernel.index */
  void **param;          /* where a launch's parameters stand: as many as any kernel takes */
  CuStream *stream;
  CuPtr arena, step;
} gpu;

/* A failure in the middle of a run leaves nothing to go on with. */
static void must(CuResult result, const char *what) {
  if (!cu_ok(&gpu.cu, result, what)) exit(1);
}

static bool choose_device(void) {
  const CuDriver *cu = &gpu.cu;
  int n = 0;
  if (!cu_ok(cu, cu->device_count(&n), "counting devices")) return false;
  if (n == 0) {
    rt_error("this program needs an NVIDIA GPU; the driver sees none");
    return false;
  }
  return cu_ok(cu, cu->device_get(&gpu.device, 0), "taking the first device") &&
         cu_ok(cu, cu->device_name(gpu.name, sizeof gpu.name, gpu.device), "asking for the device's name") &&
         cu_ok(cu, cu->device_attribute(&gpu.major, CU_CAPABILITY_MAJOR, gpu.device), "compute capability") &&
         cu_ok(cu, cu->device_attribute(&gpu.minor, CU_CAPABILITY_MINOR, gpu.device), "compute capability") &&
         cu_ok(cu, cu->context_retain(&gpu.context, gpu.device), "opening a context") &&
         cu_ok(cu, cu->context_set(gpu.context), "entering the context");
}

static bool fits(const TessCudaImage *i) {
  int major = (int)i->major, minor = (int)i->minor;
  return major == gpu.major && (i->exact ? minor == gpu.minor : minor <= gpu.minor);
}

/* The image for exactly this device, or else the newest that it runs. */
static const TessCudaImage *choose_image(void) {
  const TessCudaImage *best = NULL;
  for (uint32_t i = 0; i < tess_cuda.nimage; i++) {
    const TessCudaImage *x = &tess_cuda.image[i];
    if (!fits(x)) continue;
    if (!best || x->exact > best->exact || (x->exact == best->exact && x->minor > best->minor)) best = x;
  }
  if (best) return best;
  char built[256] = "";
  for (uint32_t i = 0, n = 0; i < tess_cuda.nimage && n < sizeof built; i++)
    n += (uint32_t)snprintf(built + n, sizeof built - n, "%s%s", i ? ", " : "", tess_cuda.image[i].arch);
  rt_error("%s has compute capability %d.%d; this program was built for %s", gpu.name, gpu.major, gpu.minor,
           built);
  return NULL;
}

static bool find_kernel(const TessCudaKernel *k) {
  const CuDriver *cu = &gpu.cu;
  CuFunction **f = &gpu.function[k->index];
  if (!cu_ok(cu, cu->module_function(f, gpu.module, k->name), k->name)) return false;
  return k->shared <= STATIC_SHARED ||
         cu_ok(cu, cu->function_set(*f, CU_FUNC_DYNAMIC_SHARED, (int)k->shared), k->name);
}

static size_t param_count(const TessCudaKernel *k) {
  return (size_t)k->nbuf + 1 + k->nword;
}

static bool load_kernels(void) {
  const TessCudaImage *image = choose_image();
  if (!image) return false;
  if (!cu_ok(&gpu.cu, gpu.cu.module_load(&gpu.module, image->bytes), "loading the program's kernels"))
    return false;
  size_t most = 0;
  gpu.function = RT_NEW(tess_cuda.nkernel, CuFunction *);
  for (uint32_t i = 0; i < tess_cuda.nkernel; i++) {
    const TessCudaKernel *k = tess_cuda.kernel[i];
    if (!find_kernel(k)) return false;
    if (param_count(k) > most) most = param_count(k);
  }
  gpu.param = RT_NEW(most, void *);
  return true;
}

static bool make_memory(void) {
  const CuDriver *cu = &gpu.cu;
  size_t left = 0, total = 0, bytes = tess_program.arena_bytes ? tess_program.arena_bytes : 1;
  if (!cu_ok(cu, cu->mem_info(&left, &total), "asking for free memory")) return false;
  if (left < bytes) {
    rt_error("%s: found %zu MiB of memory free, the program needs %zu MiB", gpu.name, left >> 20,
             bytes >> 20);
    return false;
  }
  return cu_ok(cu, cu->stream_create(&gpu.stream, CU_STREAM_NON_BLOCKING), "creating a stream") &&
         cu_ok(cu, cu->mem_alloc(&gpu.arena, bytes), "allocating the arena") &&
         cu_ok(cu, cu->mem_alloc(&gpu.step, sizeof(TessStep)), "allocating the step block") &&
         cu_ok(cu, cu->fill(gpu.arena, 0, bytes, gpu.stream), "clearing the arena");
}

bool rt_device_open(RtSession *s) {
  if (cu_open(&gpu.cu) && choose_device() && load_kernels() && make_memory()) return true;
  rt_device_close(s);
  return false;
}

void rt_device_close(RtSession *s) {
  (void)s;
  const CuDriver *cu = &gpu.cu;
  if (gpu.step) cu->mem_free(gpu.step);
  if (gpu.arena) cu->mem_free(gpu.arena);
  if (gpu.stream) cu->stream_destroy(gpu.stream);
  if (gpu.module) cu->module_unload(gpu.module);
  if (gpu.context) cu->context_release(gpu.device);
  free(gpu.function);
  free(gpu.param);
  gpu.step = gpu.arena = 0;
  gpu.stream = NULL;
  gpu.module = NULL;
  gpu.context = NULL;
  gpu.function = NULL;
  gpu.param = NULL;
}

static void wait(void) {
  must(gpu.cu.stream_wait(gpu.stream), "waiting for the device");
}

void rt_device_run(RtSession *s, TessEntryFn *entry) {
  must(gpu.cu.to_device(gpu.step, &s->step, sizeof s->step, gpu.stream), "copying the step block");
  entry(&s->run, (char *)(uintptr_t)gpu.arena, &s->step);
  wait();
}

static size_t bytes_of(const TessTensor *t) {
  return t->count * rt_type_size(t->dtype);
}

const void *rt_fetch(const RtSession *s, const TessTensor *t) {
  void *at = rt_at(s, t);
  must(gpu.cu.from_device(at, gpu.arena + t->offset, bytes_of(t), gpu.stream), "copying from the device");
  wait();
  return at;
}

/* Waits, since the host may write there again at once. */
void rt_send(const RtSession *s, const TessTensor *t) {
  must(gpu.cu.to_device(gpu.arena + t->offset, rt_at(s, t), bytes_of(t), gpu.stream),
       "copying to the device");
  wait();
}

static void start(const TessCudaKernel *k, void *const *arg) {
  void **to = gpu.param;
  for (uint32_t i = 0; i < k->nbuf; i++) *to++ = (void *)(uintptr_t)&arg[i];
  *to++ = &gpu.step;
  for (uint32_t i = k->nbuf; i < k->nbuf + k->nword; i++) *to++ = (void *)(uintptr_t)&arg[i];
  must(gpu.cu.launch(gpu.function[k->index], (unsigned)k->grid, 1, 1, k->block, 1, 1, k->shared, gpu.stream,
                     gpu.param, NULL),
       k->name);
}

void tess_launch(TessRun *run, uint32_t id, TessKernel *kernel, void *const *arg, const TessStep *step,
                 int64_t tasks, uint64_t guard) {
  if (run->stop || tasks <= 0 || (guard && (step->supplied & guard) == guard)) return;
  if (run->hook) wait();
  double from = run->hook ? rt_now() : 0;
  start((const TessCudaKernel *)(uintptr_t)kernel, arg);
  if (!run->hook) return;
  wait();
  run->hook->after(run->hook->ctx, run, id, rt_now() - from);
}
