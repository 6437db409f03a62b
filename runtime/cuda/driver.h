/* The CUDA driver, taken by name at run time: a program starts without one and says what is missing. */
#ifndef RUNTIME_CUDA_DRIVER_H
#define RUNTIME_CUDA_DRIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef int CuResult; /* 0: success */
typedef int CuDevice;
typedef uint64_t CuPtr; /* an address in the device's memory */
typedef struct CuContext CuContext;
typedef struct CuModule CuModule;
typedef struct CuFunction CuFunction;
typedef struct CuStream CuStream;

enum { CU_CAPABILITY_MAJOR = 75, CU_CAPABILITY_MINOR = 76 }; /* device attributes */
enum { CU_FUNC_DYNAMIC_SHARED = 8 };                         /* a function's attribute */
enum { CU_STREAM_NON_BLOCKING = 1 };

/* X(member, the driver's name, parameters): names with the versions that cuda.h maps them to. */
#define CU_FUNCTIONS(X)                                                                                      \
  X(init, "cuInit", (unsigned flags))                                                                        \
  X(error_name, "cuGetErrorName", (CuResult, const char **))                                                 \
  X(error_string, "cuGetErrorString", (CuResult, const char **))                                             \
  X(device_count, "cuDeviceGetCount", (int *))                                                               \
  X(device_get, "cuDeviceGet", (CuDevice *, int ordinal))                                                    \
  X(device_name, "cuDeviceGetName", (char *, int size, CuDevice))                                            \
  X(device_attribute, "cuDeviceGetAttribute", (int *, int attribute, CuDevice))                              \
  X(context_retain, "cuDevicePrimaryCtxRetain", (CuContext **, CuDevice))                                    \
  X(context_release, "cuDevicePrimaryCtxRelease_v2", (CuDevice))                                             \
  X(context_set, "cuCtxSetCurrent", (CuContext *))                                                           \
  X(mem_info, "cuMemGetInfo_v2", (size_t *left, size_t *total))                                              \
  X(mem_alloc, "cuMemAlloc_v2", (CuPtr *, size_t bytes))                                                     \
  X(mem_free, "cuMemFree_v2", (CuPtr))                                                                       \
  X(to_device, "cuMemcpyHtoDAsync_v2", (CuPtr to, const void *from, size_t bytes, CuStream *))               \
  X(from_device, "cuMemcpyDtoHAsync_v2", (void *to, CuPtr from, size_t bytes, CuStream *))                   \
  X(fill, "cuMemsetD8Async", (CuPtr, unsigned char value, size_t bytes, CuStream *))                         \
  X(module_load, "cuModuleLoadData", (CuModule **, const void *image))                                       \
  X(module_unload, "cuModuleUnload", (CuModule *))                                                           \
  X(module_function, "cuModuleGetFunction", (CuFunction **, CuModule *, const char *name))                   \
  X(function_set, "cuFuncSetAttribute", (CuFunction *, int attribute, int value))                            \
  X(stream_create, "cuStreamCreate", (CuStream **, unsigned flags))                                          \
  X(stream_destroy, "cuStreamDestroy_v2", (CuStream *))                                                      \
  X(stream_wait, "cuStreamSynchronize", (CuStream *))                                                        \
  X(launch, "cuLaunchKernel",                                                                                \
    (CuFunction *, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x, unsigned block_y,    \
     unsigned block_z, unsigned shared, CuStream *, void **args, void **extra))

typedef struct CuDriver {
#define X(member, name, params) CuResult(*member) params;
  CU_FUNCTIONS(X)
#undef X
} CuDriver;

/* Loads libcuda.so.1 and starts it. False with an error that says what is missing. */
bool cu_open(CuDriver *d);
/* Whether the call went well; else an error "WHAT: NAME: explanation". */
bool cu_ok(const CuDriver *d, CuResult result, const char *what);

#endif
