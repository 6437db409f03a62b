/* Emitted CUDA C through the host's compiler. */
#include "tests/codegen/cuda/side.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char start[] = "extern \"C\" __global__ void __launch_bounds__(";

/* Writes one registration a kernel, found by how its definition starts. */
static void write_kernels(FILE *f, const char *text) {
  for (const char *p = text; (p = strstr(p, start)); p++) {
    const char *name = strchr(p + sizeof start - 1, ')');
    if (!name) return;
    name += 2;
    fprintf(f, "SHIM_KERNEL(%.*s)\n", (int)strcspn(name, "("), name);
  }
}

static int write_file(const char *path, const char *text) {
  FILE *f = fopen(path, "w");
  if (!f || fputs(text, f) < 0) return -1;
  return fclose(f);
}

static int write_wrapper(const char *path, const char *name, const char *text) {
  FILE *f = fopen(path, "w");
  if (!f) return -1;
  fprintf(f, "#include \"shim.h\"\n#include \"%s.cu\"\n", name);
  write_kernels(f, text);
  return fclose(f);
}

void *side_build(const char *folder, const char *name, const char *text) {
  char path[512], command[2048], library[512];
  snprintf(library, sizeof library, "%s/%s.so", folder, name);
  snprintf(path, sizeof path, "%s/%s.cu", folder, name);
  if (write_file(path, text)) return NULL;
  snprintf(path, sizeof path, "%s/%s.cc", folder, name);
  if (write_wrapper(path, name, text)) return NULL;
  snprintf(
      command, sizeof command,
      "%s -std=c++17 -O2 -w -fPIC -shared -fno-strict-aliasing -Wl,-Bsymbolic -I %s/codegen/cuda -o %s %s",
      HOST_CXX, TESTS_DIR, library, path);
  if (system(command)) return NULL;
  void *side = dlopen(library, RTLD_NOW | RTLD_LOCAL);
  if (!side) fprintf(stderr, "%s\n", dlerror());
  return side;
}

ShimRun *side_find(void *side, const char *kernel) {
  char name[256];
  ShimRun *run = NULL;
  snprintf(name, sizeof name, "shim_%s", kernel);
  void *p = dlsym(side, name);
  memcpy(&run, &p, sizeof p);
  return run;
}
