/* NVRTC, the CUDA compiler as a library, found when it is needed: text to a cubin, its log to errors. */
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include "codegen/cuda/cuda.h"

typedef struct Nvrtc {
  int (*create)(void **program, const char *text, const char *name, int headers, const char *const *header,
                const char *const *include);
  int (*compile)(void *program, int n, const char *const *option);
  int (*log_size)(void *program, size_t *size);
  int (*log)(void *program, char *text);
  int (*cubin_size)(void *program, size_t *size);
  int (*cubin)(void *program, char *bytes);
  int (*destroy)(void **program);
  const char *(*error)(int status);
} Nvrtc;

static const char *const names[] = {"libnvrtc.so.13", "libnvrtc.so.12"};

/* In the loader's path, then in the toolkit's folder. */
static void *open_library(void) {
  const char *home = getenv("CUDA_HOME");
  Arena *a = arena_new();
  void *lib = NULL;
  for (int i = 0; i < 2 && !lib; i++) lib = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
  for (int i = 0; i < 2 && !lib; i++)
    lib = dlopen(arena_printf(a, "%s/lib64/%s", home ? home : "/usr/local/cuda", names[i]),
                 RTLD_NOW | RTLD_LOCAL);
  arena_free(a);
  return lib;
}

static bool find(void *lib, const char *name, void *function) {
  void *p = dlsym(lib, name);
  memcpy(function, &p, sizeof p);
  if (!p) diag_error((Loc){0}, "the NVRTC library that was found lacks %s", name);
  return p != NULL;
}

/* Loaded once a process and kept. */
static const Nvrtc *nvrtc(void) {
  static Nvrtc n;
  static bool ready;
  if (ready) return &n;
  void *lib = open_library();
  if (!lib) {
    diag_error((Loc){0}, "a CUDA program needs NVRTC (libnvrtc.so.13), which was not found");
    diag_note((Loc){0},
              "install CUDA's toolkit, or Python's package nvidia-cuda-nvrtc, and put the library's "
              "folder into LD_LIBRARY_PATH");
    return NULL;
  }
  ready = find(lib, "nvrtcCreateProgram", &n.create) && find(lib, "nvrtcCompileProgram", &n.compile) &&
          find(lib, "nvrtcGetProgramLogSize", &n.log_size) && find(lib, "nvrtcGetProgramLog", &n.log) &&
          find(lib, "nvrtcGetCUBINSize", &n.cubin_size) && find(lib, "nvrtcGetCUBIN", &n.cubin) &&
          find(lib, "nvrtcDestroyProgram", &n.destroy) && find(lib, "nvrtcGetErrorString", &n.error);
  return ready ? &n : NULL;
}

bool cuda_arch_ok(const char *arch) {
  if (strncmp(arch, "sm_", 3) != 0) return false;
  size_t digits = strspn(arch + 3, "0123456789");
  const char *end = arch + 3 + digits;
  return digits >= 2 && digits <= 3 && (!*end || !strcmp(end, "a") || !strcmp(end, "f"));
}

/* "kernels.cu(41): error: ..": the line, or 0. */
static int line_of(const char *message, const char *end) {
  const char *open = memchr(message, '(', (size_t)(end - message));
  return open ? atoi(open + 1) : 0;
}

/* Whether the line is an error, and not the count of them. */
static bool is_error(const char *line, const char *end) {
  const char *error = strstr(line, "error"), *count = strstr(line, "detected in the compilation");
  return error && error < end && (!count || count > end);
}

/* One diag_error a line of the log that is an error; everything as one error when there is no such line. */
static void report(const Source *text, const char *arch, const char *why, const char *log) {
  bool any = false;
  for (const char *line = log; *line;) {
    size_t len = strcspn(line, "\n");
    const char *end = line + len;
    if (is_error(line, end)) {
      diag_error((Loc){text, line_of(line, end), 1}, "%s: %.*s", arch, (int)len, line);
      any = true;
    }
    line = *end ? end + 1 : end;
  }
  if (!any) diag_error((Loc){text, 0, 0}, "%s: %s\n%s", arch, why, log);
}

static char *take_log(Arena *a, const Nvrtc *n, void *program) {
  size_t size = 0;
  if (n->log_size(program, &size) || !size) return arena_strdup(a, "");
  char *log = arena_alloc(a, size + 1);
  if (n->log(program, log)) *log = 0;
  return log;
}

static bool take_cubin(Arena *a, const Nvrtc *n, void *program, CudaImage *out) {
  if (n->cubin_size(program, &out->size) || !out->size) return false;
  char *bytes = arena_alloc(a, out->size);
  out->bytes = bytes;
  return n->cubin(program, bytes) == 0;
}

bool cuda_compile(Arena *a, const Source *text, const char *arch, CudaImage *out) {
  const Nvrtc *n = nvrtc();
  if (!n) return false;
  const char *option[] = {arena_printf(a, "--gpu-architecture=%s", arch), "--std=c++17", "-lineinfo"};
  void *program = NULL;
  *out = (CudaImage){.arch = arena_strdup(a, arch)};
  const char *name =
      arena_printf(a, "/%s", text->path); /* line tables would have the current folder otherwise */
  int status = n->create(&program, text->text, name, 0, NULL, NULL);
  if (!status) status = n->compile(program, 3, option);
  if (status)
    report(text, arch, n->error(status), program ? take_log(a, n, program) : "");
  else if (!take_cubin(a, n, program, out))
    diag_error((Loc){text, 0, 0}, "%s: NVRTC made no machine code", arch);
  if (program) n->destroy(&program);
  return !status && out->size;
}
