/* A whole program for CUDA: its kernels as one text, compiled for each architecture, and both in the
 * program's object as the tables of abi/program_cuda.h. */
#include <stdlib.h>
#include <string.h>

#include "abi/program_cuda.h"
#include "codegen/cuda/cuda_program.h"
#include "codegen/host/host_table.h"

bool cuda_archs(Arena *a, const char *list, const char *const **arch, int *n) {
  const char **names = ARENA_ARRAY(a, strlen(list) + 1, const char *);
  *n = 0;
  *arch = names;
  for (const char *p = list; *p; p += *p == ',') {
    size_t len = strcspn(p, ",");
    const char *name = arena_strndup(a, p, len);
    p += len;
    if (cuda_arch_ok(name)) {
      names[(*n)++] = name;
      continue;
    }
    diag_error((Loc){0}, "unknown CUDA architecture \"%s\"; expected a list as in cuda:sm_80,sm_90a", name);
    return false;
  }
  if (!*n) diag_error((Loc){0}, "which CUDA architectures? Expected a list as in cuda:sm_80,sm_90a");
  return *n > 0;
}

/* The tensor-core dot copies 16 bytes at a time. */
static bool aligned(const Prog *p, const Kernel *k) {
  for (int e = 0; e < EN_COUNT; e++)
    for (int i = 0; i < p->entry[e].nlaunch; i++) {
      const PLaunch *l = &p->entry[e].launch[i];
      for (int b = 0; l->kernel == k && b < k->nbuf; b++)
        if ((l->buf[b]->offset + l->at[b]) % 16) return false;
    }
  return true;
}

bool cuda_program_emit(const Prog *p, CudaProgram *out) {
  const Graph *g = p->graph;
  const char **setting = ARENA_ARRAY(p->arena, g->nsetting, const char *);
  for (int i = 0; i < g->nsetting; i++) setting[i] = g->setting[i].name;
  CudaUnit *u = cuda_unit_new(p->arena, setting, g->nsetting);
  bool ok = true;
  for (int i = 0; i < p->nkernel; i++) ok &= cuda_unit_add(u, p->kernel[i], aligned(p, p->kernel[i]));
  *out = (CudaProgram){0};
  cuda_unit_launches(u, &out->launch);
  const char *text = cuda_unit_text(u);
  out->text = diag_source(p->arena, "kernels.cu", text, strlen(text));
  return ok;
}

/* Where kernel i's comment begins. */
static const char *kernel_text(const Prog *p, const CudaProgram *c, int i) {
  const char *at = strstr(c->text->text, arena_printf(p->arena, "\n/* %s: ", p->kernel[i]->name));
  if (!at) ice("kernel %s is not in the CUDA text", p->kernel[i]->name);
  return at + 1;
}

char *cuda_program_kernel(const Prog *p, const CudaProgram *c, int i) {
  const char *from = kernel_text(p, c, i);
  size_t len = i + 1 < p->nkernel ? (size_t)(kernel_text(p, c, i + 1) - from) : strlen(from);
  return arena_strndup(p->arena, from, len);
}

bool cuda_program_compile(const Prog *p, CudaProgram *c, const char *const *arch, int narch) {
  int *nparam = ARENA_ARRAY(p->arena, p->nkernel, int);
  for (int i = 0; i < p->nkernel; i++) nparam[i] = cuda_params(p->kernel[i]);
  c->image = ARENA_ARRAY(p->arena, narch, CudaImage);
  for (c->nimage = 0; c->nimage < narch; c->nimage++) {
    CudaImage *image = &c->image[c->nimage];
    if (!cuda_compile(p->arena, c->text, arch[c->nimage], image) ||
        !cuda_check(p->arena, image, c->text, p->nkernel, c->launch, nparam))
      return false;
  }
  return true;
}

static LLVMValueRef embed_kernel(const Prog *p, LLVMModuleRef mod, const CudaLaunch *l, int index) {
  HostTable t = host_table(p->arena, mod, 1, sizeof(TessCudaKernel));
  TessCudaKernel *k = (TessCudaKernel *)t.bytes;
  k->index = (uint32_t)index;
  k->nbuf = (uint32_t)p->kernel[index]->nbuf;
  k->nstream = (uint32_t)p->kernel[index]->nstream;
  k->grid = (uint64_t)l->grid;
  k->block = (uint32_t)l->block;
  k->shared = (uint32_t)l->shared;
  host_text(&t, &k->name, l->name);
  return host_table_emit(&t, p->kernel[index]->name);
}

static LLVMValueRef embed_kernels(const Prog *p, LLVMModuleRef mod, const CudaProgram *c) {
  HostTable t = host_table(p->arena, mod, (size_t)p->nkernel, sizeof(TessCudaKernel *));
  for (int i = 0; i < p->nkernel; i++)
    host_point(&t, t.bytes + (size_t)i * sizeof(TessCudaKernel *), embed_kernel(p, mod, &c->launch[i], i));
  return host_table_emit(&t, NULL);
}

/* "sm_90a": 9, 0, exactly. */
static void set_arch(TessCudaImage *i, const char *arch) {
  int n = atoi(arch + 3);
  i->major = (uint32_t)n / 10;
  i->minor = (uint32_t)n % 10;
  i->exact = arch[strlen(arch) - 1] == 'a';
}

static LLVMValueRef embed_images(const Prog *p, LLVMModuleRef mod, const CudaProgram *c) {
  HostTable t = host_table(p->arena, mod, (size_t)c->nimage, sizeof(TessCudaImage));
  TessCudaImage *image = (TessCudaImage *)t.bytes;
  for (int i = 0; i < c->nimage; i++) {
    set_arch(&image[i], c->image[i].arch);
    image[i].size = c->image[i].size;
    host_text(&t, &image[i].arch, c->image[i].arch);
    host_point(&t, &image[i].bytes, host_bytes(mod, c->image[i].bytes, c->image[i].size, ".tessera.cubin"));
  }
  return host_table_emit(&t, NULL);
}

void cuda_program_embed(CpuModule *m, const Prog *p, const CudaProgram *c) {
  LLVMModuleRef mod = cpu_module_llvm(m);
  HostTable t = host_table(p->arena, mod, 1, sizeof(TessCuda));
  TessCuda *head = (TessCuda *)t.bytes;
  head->nkernel = (uint32_t)p->nkernel;
  head->nimage = (uint32_t)c->nimage;
  host_point(&t, &head->kernel, embed_kernels(p, mod, c));
  host_point(&t, &head->image, embed_images(p, mod, c));
  host_table_emit(&t, "tess_cuda");
}
