#include "runtime/cuda/driver.h"

#include <dlfcn.h>
#include <string.h>

#include "runtime/rt_base.h"

static bool find(void *library, const char *name, void *member) {
  void *p = dlsym(library, name);
  memcpy(member, &p, sizeof p);
  if (!p) rt_error("the CUDA driver that was found (libcuda.so.1) has no %s; it is too old", name);
  return p != NULL;
}

bool cu_ok(const CuDriver *d, CuResult result, const char *what) {
  const char *name = NULL, *text = NULL;
  if (result == 0) return true;
  if (d->error_name(result, &name) || !name) name = "an unknown error";
  if (d->error_string(result, &text) || !text) text = "no explanation";
  rt_error("CUDA: %s: %s (%d): %s", what, name, result, text);
  return false;
}

bool cu_open(CuDriver *d) {
  void *library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    rt_error("this program needs an NVIDIA GPU and its driver: %s", dlerror());
    return false;
  }
#define X(member, name, params)                                                                              \
  if (!find(library, name, &d->member)) return false;
  CU_FUNCTIONS(X)
#undef X
  return cu_ok(d, d->init(0), "starting the driver");
}
