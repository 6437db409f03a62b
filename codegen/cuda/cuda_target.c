/* GPUs as targets, one a list of architectures: a program's kernels are one text, compiled for each
 * architecture, and both stand in the program's object as the tables of abi/program_cuda.h. */
#include <stdlib.h>
#include <string.h>

#include "abi/program_cuda.h"
#include "codegen/cuda/cuda.h"
#include "codegen/host/host_llvm.h"
#include "codegen/host/host_table.h"
#include "codegen/plan_roles.h"

/* Target.own. */
typedef struct Archs {
  int n;
  const char *const *name;
} Archs;

typedef struct Program {
  const CudaLaunch *launch; /* one a kernel of the program */
  int nimage;
  CudaImage *image;
} Program;

/* "sm_80,sm_90a" to names; false after reporting one that is no architecture, or none at all. */
static bool read_archs(Arena *a, const char *list, const char *const **arch, int *n) {
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

enum { DOT = 1 << SK_DOT, ALL = (1 << SK_COUNT) - 1 };

static const KPlanNumber numbers[CUDA_NUMBERS] = {
    [CUDA_BM] = {"bm", DOT, 512},    [CUDA_BN] = {"bn", DOT, 512},      [CUDA_BK] = {"bk", DOT, 512},
    [CUDA_RING] = {"ring", DOT, 16}, [CUDA_WARPS] = {"warps", DOT, 32},
};

static const KPlanPlace places[PLAN_PLACES] = {
    [PLAN_ACC] = {"acc", DOT, true},
    [PLAN_ROW] = {"row", 1 << SK_ROWS | 1 << SK_CHAIN, false},
};

const KPlanRules cuda_plans = {.word = "cuda",
                               .skeletons = ALL,
                               .nnumber = CUDA_NUMBERS,
                               .number = numbers,
                               .nplace = PLAN_PLACES,
                               .place = places};

/* By the first architecture; the last row for want of another. */
static const struct {
  const char *arch;
  TargetSpeed speed;
} speeds[] = {{"sm_90", {"H100 SXM, data sheet", 67e12, 33e12, 3.35e12, 3.35e12, 3e-6}},
              {"sm_80", {"A100 SXM, data sheet", 19.5e12, 9.7e12, 2e12, 2e12, 3e-6}},
              {"", {"A100 SXM, data sheet, for want of another", 19.5e12, 9.7e12, 2e12, 2e12, 3e-6}}};

static TargetSpeed speed_of(const char *arch) {
  int i = 0;
  while (strncmp(arch, speeds[i].arch, strlen(speeds[i].arch)) != 0) i++;
  return speeds[i].speed;
}

/* The plain rule evaluates whatever stands in an operand. */
static bool in_operand(const Node *n) {
  (void)n;
  return true;
}

/* The GPU itself shares a launch out. */
static int64_t tasks(const Target *t, const Kernel *k) {
  (void)t, (void)k;
  return 1;
}

static int64_t scratch(const Target *t, const Kernel *k) {
  (void)t, (void)k;
  return 0;
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

/* Where kernel i's comment begins. */
static const char *kernel_text(const Prog *p, const Source *whole, int i) {
  const char *at = strstr(whole->text, arena_printf(p->arena, "\n/* %s: ", p->kernel[i]->name));
  if (!at) ice("kernel %s is not in the CUDA text", p->kernel[i]->name);
  return at + 1;
}

static const char *const *split_by_kernel(const Prog *p, const Source *whole) {
  const char **text = ARENA_ARRAY(p->arena, p->nkernel, const char *);
  for (int i = 0; i < p->nkernel; i++) {
    const char *from = kernel_text(p, whole, i);
    size_t len = i + 1 < p->nkernel ? (size_t)(kernel_text(p, whole, i + 1) - from) : strlen(from);
    text[i] = arena_strndup(p->arena, from, len);
  }
  return text;
}

static bool write(const Target *t, const Prog *p, TargetText *out) {
  const Graph *g = p->graph;
  const CudaLaunch *launch;
  (void)t;
  const char **setting = ARENA_ARRAY(p->arena, g->nsetting, const char *);
  for (int i = 0; i < g->nsetting; i++) setting[i] = g->setting[i].name;
  CudaUnit *u = cuda_unit_new(p->arena, setting, g->nsetting);
  for (int i = 0; i < p->nkernel; i++) cuda_unit_add(u, p->kernel[i], aligned(p, p->kernel[i]));
  cuda_unit_launches(u, &launch);
  const char *text = cuda_unit_text(u);
  out->whole = diag_source(p->arena, "kernels.cu", text, strlen(text));
  out->kernel = split_by_kernel(p, out->whole);
  out->own = launch;
  return true;
}

/* Compiles the text for each architecture and checks what came out. */
static bool compile(const Prog *p, const Source *text, const Archs *arch, Program *c) {
  int *nparam = ARENA_ARRAY(p->arena, p->nkernel, int);
  for (int i = 0; i < p->nkernel; i++) nparam[i] = cuda_params(p->kernel[i]);
  c->image = ARENA_ARRAY(p->arena, arch->n, CudaImage);
  for (c->nimage = 0; c->nimage < arch->n; c->nimage++) {
    CudaImage *image = &c->image[c->nimage];
    if (!cuda_compile(p->arena, text, arch->name[c->nimage], image) ||
        !cuda_check(p->arena, image, text, p->nkernel, c->launch, nparam))
      return false;
  }
  return true;
}

static LLVMValueRef embed_kernel(const Prog *p, LLVMModuleRef mod, const CudaLaunch *l, int index) {
  HostTable t = host_table(p->arena, mod, 1, sizeof(TessCudaKernel));
  TessCudaKernel *k = (TessCudaKernel *)t.bytes;
  k->index = (uint32_t)index;
  k->nbuf = (uint32_t)p->kernel[index]->nbuf;
  k->nword = (uint32_t)p->kernel[index]->nword;
  k->grid = (uint64_t)l->grid;
  k->block = (uint32_t)l->block;
  k->shared = (uint32_t)l->shared;
  host_text(&t, &k->name, l->name);
  return host_table_emit(&t, p->kernel[index]->name);
}

static LLVMValueRef embed_all(const Prog *p, LLVMModuleRef mod, const Program *c) {
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

static LLVMValueRef embed_images(const Prog *p, LLVMModuleRef mod, const Program *c) {
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

/* Adds a global a kernel, under its name, and `tess_cuda`. */
static void embed(LLVMModuleRef mod, const Prog *p, const Program *c) {
  HostTable t = host_table(p->arena, mod, 1, sizeof(TessCuda));
  TessCuda *head = (TessCuda *)t.bytes;
  head->nkernel = (uint32_t)p->nkernel;
  head->nimage = (uint32_t)c->nimage;
  host_point(&t, &head->kernel, embed_all(p, mod, c));
  host_point(&t, &head->image, embed_images(p, mod, c));
  host_table_emit(&t, "tess_cuda");
}

static bool emit(const Target *t, const Prog *p, const TargetText *text, HostModule *m) {
  Program c = {.launch = text->own};
  if (!compile(p, text->whole, t->own, &c)) return false;
  embed(m->mod, p, &c);
  return true;
}

/* Kernels are cut as for a CPU, and their plans, which give no numbers, ask for the plain rule. */
const Target *cuda_target(Arena *a, const char *archs) {
  Archs *arch = ARENA_NEW(a, Archs);
  if (!read_archs(a, archs, &arch->name, &arch->n)) return NULL;
  Target *t = ARENA_NEW(a, Target);
  *t = (Target){.name = arena_printf(a, "cuda:%s", archs),
                .plans = &cuda_plans,
                .speed = speed_of(arch->name[0]),
                .cost = plan_roles_cost,
                .chain = {.least_batches = 8, .most_resident = 1 << 20, .block_rows = 16, .element_bytes = 4},
                .in_operand = in_operand,
                .plan = plan_by_roles,
                .tasks = tasks,
                .scratch = scratch,
                .write = write,
                .emit = emit,
                .host = &processor_any,
                .archive = "libtessera_rt_cuda.a",
                .own = arch};
  return t;
}
