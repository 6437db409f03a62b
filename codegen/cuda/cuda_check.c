/* What a build asserts of the machine code it made, since no GPU is there to show it. */
#include <string.h>

#include "codegen/cuda/cuda.h"

enum { REGISTER_FILE = 65536 };

static const CudaCode *find(const CudaCode *code, int n, const char *name) {
  for (int i = 0; i < n; i++)
    if (!strcmp(code[i].name, name)) return &code[i];
  return NULL;
}

int cuda_params(const Kernel *k) {
  return k->nbuf + 1 + k->nstream;
}

/* The launcher packs words of 8 bytes, one after the other. */
static bool check_parameters(const CudaCode *c, const char *arch, Loc at, int want) {
  bool ok = c->nparam == want && c->param_bytes == 8 * want;
  for (int i = 0; i < want && i < 64; i++) ok &= c->param_offset[i] == 8 * i && c->param_size[i] == 8;
  if (!ok)
    diag_error(at, "%s: kernel %s takes %d parameters in %d bytes; the launcher packs %d of 8 bytes", arch,
               c->name, c->nparam, c->param_bytes, want);
  return ok;
}

static bool check_code(const CudaCode *c, const CudaLaunch *l, const char *arch, Loc at) {
  bool ok = true;
  bool local = cuda_count(c, CUDA_LDL) + cuda_count(c, CUDA_STL) || c->frame;
  if (l->mma && local) {
    diag_error(at, "%s: kernel %s spills: %d bytes a thread in local memory, expected none", arch, c->name,
               c->frame);
    ok = false;
  }
  if (c->registers * l->block > REGISTER_FILE) {
    diag_error(at, "%s: kernel %s needs %d registers for each of %d threads; a block has %d", arch, c->name,
               c->registers, l->block, REGISTER_FILE);
    ok = false;
  }
  if (l->mma && !cuda_count(c, CUDA_HMMA)) {
    diag_error(at, "%s: kernel %s has no tensor-core instruction, though its plan is a dot", arch, c->name);
    ok = false;
  }
  return ok;
}

bool cuda_check(Arena *a, const CudaImage *image, const Source *text, int n, const CudaLaunch *launch,
                const int *nparam) {
  Loc at = {text, 0, 0};
  CudaCode *code;
  int ncode = cuda_cubin(a, image->bytes, image->size, &code);
  bool ok = ncode >= 0;
  if (!ok) diag_error(at, "%s: what NVRTC made is not a cubin", image->arch);
  for (int i = 0; i < n && ncode >= 0; i++) {
    const CudaCode *c = find(code, ncode, launch[i].name);
    if (!c) diag_error(at, "%s: kernel %s is not in the cubin", image->arch, launch[i].name);
    ok &= c && check_parameters(c, image->arch, at, nparam[i]) && check_code(c, &launch[i], image->arch, at);
  }
  return ok;
}
