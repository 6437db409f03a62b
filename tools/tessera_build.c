/* tessera build: the pipeline, from a description to a program. */
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "codegen/cuda_program.h"
#include "codegen/link.h"
#include "codegen/manifest_fill.h"
#include "codegen/sha256.h"
#include "frontend/frontend.h"
#include "passes/passes.h"
#include "passes/strategy.h"
#include "tools/tessera_build.h"

typedef struct Build {
  Arena *arena;
  const BuildOptions *o;
  Graph *graph;
  FrontInfo front;
  const CpuTarget *cpu; /* of a CUDA program: that of its host code */
  const char *target;   /* in full: "cpu:znver4", "cuda:sm_80,sm_90a" */
  int narch;
  const char *const *arch; /* of CUDA */
  CudaProgram cuda;
  Prog *prog;
  CpuModule *module;
} Build;

static bool find_cuda_target(Build *b, const char *archs) {
  b->cpu = cuda_host_cpu();
  b->target = b->o->target;
  if (b->o->poison) diag_error((Loc){0}, "--debug-poison is for programs that run on a CPU");
  return cuda_archs(b->arena, archs, &b->arch, &b->narch) && !b->o->poison;
}

static bool unknown_target(Build *b) {
  const char *list = "native";
  for (const char *const *name = cpu_target_names(b->arena); *name; name++)
    list = arena_printf(b->arena, "%s, %s", list, *name);
  diag_error((Loc){0}, "unknown target \"%s\"; expected cpu:NAME (%s) or cuda:sm_80,sm_90a and the like",
             b->o->target, list);
  return false;
}

static bool find_target(Build *b) {
  const char *t = b->o->target;
  if (strncmp(t, "cuda:", 5) == 0) return find_cuda_target(b, t + 5);
  if (b->o->emit.folder[EMIT_CUDA]) {
    diag_error((Loc){0}, "--emit=cuda wants --target cuda:ARCH,..; found \"%s\"", t);
    return false;
  }
  if (strncmp(t, "cpu:", 4) == 0) b->cpu = cpu_target(t + 4);
  if (!b->cpu) return unknown_target(b);
  b->target = arena_printf(b->arena, "cpu:%s", b->cpu->name);
  return true;
}

/* The text of a stage, when --emit asks for it. */
static bool emit(Build *b, EmitKind kind, char *(*text)(Build *)) {
  return !b->o->emit.folder[kind] || emit_write(b->arena, &b->o->emit, kind, text(b));
}

static char *graph_text(Build *b) {
  return graph_print(b->arena, b->graph);
}

static char *kernels_text(Build *b) {
  char *text = "";
  for (int i = 0; i < b->prog->nkernel; i++)
    text = arena_printf(b->arena, "%s%s\n", text, kern_print(b->arena, b->prog->kernel[i]));
  return text;
}

static char *llvm_text(Build *b) {
  return cpu_module_ir(b->module);
}

static char *asm_text(Build *b) {
  return cpu_module_asm(b->module);
}

static char *cuda_text(Build *b) {
  return arena_strdup(b->arena, b->cuda.text->text);
}

/* Description to graph. From then on its files are called as seen from its folder. */
static bool describe(Build *b) {
  FrontArgs args = {
      .ndefine = b->o->ndefine, .define = b->o->define, .train = b->o->block, .library = TESSERA_LIBRARY};
  b->graph = front_build(b->arena, b->o->description, &args, &b->front);
  if (!b->graph || !graph_verify(b->graph)) return false;
  for (int i = 0; i < b->front.nsource; i++) diag_rename(b->front.source[i].src, b->front.source[i].relative);
  return emit(b, EMIT_GRAPH, graph_text);
}

static bool read_strategy(Build *b, const Strategy **strategy) {
  const Source *src = b->o->fusion ? diag_read(b->arena, b->o->fusion) : NULL;
  if (src) *strategy = strategy_parse(b->arena, src);
  return !b->o->fusion || *strategy;
}

/* Graph to kernels, launches and a memory plan. */
static bool plan(Build *b) {
  PassOptions options = {.target = "cpu", .dump_after = b->o->dump_after, .dump = stdout};
  if (!read_strategy(b, &options.strategy)) return false;
  b->prog = passes_run(b->arena, b->graph, &options);
  if (!b->prog) return false;
  host_count_tasks(b->prog);
  return emit(b, EMIT_KERNELS, kernels_text);
}

/* Kernels to CUDA C to cubins, kept in the object. */
static bool add_cuda_kernels(Build *b) {
  if (!cuda_program_emit(b->prog, &b->cuda) || !emit(b, EMIT_CUDA, cuda_text) ||
      !cuda_program_compile(b->prog, &b->cuda, b->arch, b->narch))
    return false;
  cuda_program_embed(b->module, b->prog, &b->cuda);
  return true;
}

static bool add_kernels(Build *b) {
  if (b->narch) return add_cuda_kernels(b);
  const Graph *g = b->graph;
  const char **settings = ARENA_ARRAY(b->arena, g->nsetting, const char *);
  for (int i = 0; i < g->nsetting; i++) settings[i] = g->setting[i].name;
  cpu_module_settings(b->module, settings, g->nsetting);
  for (int i = 0; i < b->prog->nkernel; i++)
    cpu_module_add(b->module, b->prog->kernel[i], b->prog->kernel[i]->name, false);
  return true;
}

static void hash_text(Sha256 *h, const char *text, size_t len) {
  sha256_add(h, &len, sizeof len);
  sha256_add(h, text, len);
}

/* Over the files' texts and the parameters' values, each after its length. */
static const char *source_hash(const Build *b) {
  char *digits = arena_alloc(b->arena, 65);
  Sha256 h;
  sha256_start(&h);
  for (int i = 0; i < b->front.nsource; i++) {
    hash_text(&h, b->front.source[i].relative, strlen(b->front.source[i].relative));
    hash_text(&h, b->front.source[i].src->text, b->front.source[i].src->len);
  }
  for (int i = 0; i < b->front.nparam; i++) {
    hash_text(&h, b->front.param[i].name, strlen(b->front.param[i].name));
    hash_text(&h, b->front.param[i].value, strlen(b->front.param[i].value));
  }
  sha256_finish(&h, digits);
  return digits;
}

static const Define *defines(const Build *b) {
  Define *d = ARENA_ARRAY(b->arena, b->front.nparam, Define);
  for (int i = 0; i < b->front.nparam; i++)
    d[i] = (Define){.name = b->front.param[i].name, .value = b->front.param[i].value};
  return d;
}

/* Kernels to machine code, with the entries and tables around them. */
static bool generate(Build *b, const char *object) {
  const CpuTarget *t = b->cpu;
  HostInfo info = {.description = b->front.source[0].relative,
                   .source_hash = source_hash(b),
                   .build = arena_printf(b->arena, "tessera " TESSERA_VERSION ", %s", b->target),
                   .cpu_needs = t->needs,
                   .scratch_bytes = b->narch ? 0 : host_scratch(b->prog, t),
                   .max_threads = b->narch ? 1 : b->o->threads,
                   .poison = b->o->poison};
  manifest_fill(b->prog, b->narch ? NULL : t, defines(b), b->front.nparam, &info);
  b->module = cpu_module_new(b->arena, t, info.description);
  bool ok = add_kernels(b) && host_emit(b->module, b->prog, &info) && emit(b, EMIT_LLVM, llvm_text) &&
            emit(b, EMIT_ASM, asm_text) && cpu_module_object(b->module, object);
  cpu_module_free(b->module);
  return ok;
}

/* The archive lies beside the compiler. */
static const char *runtime_archive(Arena *a, const char *name) {
  char self[4096];
  ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
  if (n < 0) ice("/proc/self/exe cannot be read");
  self[n] = 0;
  return arena_printf(a, "%s/%s", dirname(self), name);
}

/* Object and runtime to a program. */
static bool make_program(Build *b) {
  const char *object = arena_printf(b->arena, "%s.o.part", b->o->out);
  const char *device = b->narch ? runtime_archive(b->arena, "libtessera_rt_cuda.a") : NULL;
  bool ok = generate(b, object) &&
            link_program(object, device, runtime_archive(b->arena, "libtessera_rt.a"), b->o->out);
  unlink(object);
  return ok;
}

static void announce(const Build *b) {
  const Prog *p = b->prog;
  int launches = 0;
  for (int e = 0; e < EN_COUNT; e++) launches += p->entry[e].nlaunch;
  printf("%s: %s of %s for %s; %d nodes, %d kernels, %d launches\n", b->o->out, p->graph->name_of_block,
         b->front.source[0].relative, b->target, p->graph->nnode, p->nkernel, launches);
  printf("%s: memory %.1f MiB, and %.2f MiB more for each thread; at least %.1f MiB are live at once\n",
         b->o->out, (double)p->arena_bytes / (1 << 20),
         (b->narch ? 0 : (double)host_scratch(p, b->cpu)) / (1 << 20), (double)p->live_bytes / (1 << 20));
}

int verb_build(int argc, char **argv) {
  Arena *a = arena_new();
  Args args = args_start("build", argc, argv);
  BuildOptions o;
  bool understood = build_options(a, &args, &o), ok = false;
  if (understood) {
    Build b = {.arena = a, .o = &o};
    ok = find_target(&b) && describe(&b) && plan(&b) && make_program(&b);
    if (ok) announce(&b);
  }
  arena_free(a);
  return understood ? !ok : 2;
}
