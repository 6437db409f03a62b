/* The CUDA program's tables in the object (runtime/cuda/tables.h). */
#include <stdlib.h>
#include <string.h>

#include "codegen/cuda/cuda_program.h"
#include "codegen/host/host_table.h"
#include "runtime/cuda/tables.h"

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
