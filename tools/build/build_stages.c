/* The stages of a build: from a description to a graph, to kernels, to machine code, to a program. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/diag.h"
#include "base/sha256.h"
#include "codegen/host/host.h"
#include "codegen/host/link.h"
#include "passes/passes.h"
#include "passes/place/strategy.h"
#include "passes/rewrite/simplify.h"
#include "tools/build/build.h"
#include "tools/cli/cleanup.h"
#include "tools/cli/output.h"
#include "tools/cli/shipped.h"

static bool find_cuda_target(Build *b, const char *archs) {
  b->cpu = &processor_any;
  b->target = cuda_target(b->arena, archs);
  if (b->o->poison) diag_error((Loc){0}, "--debug-poison is for programs that run on a CPU");
  return b->target && cuda_archs(b->arena, archs, &b->arch, &b->narch) && !b->o->poison;
}

const Processor *build_cpu(Arena *a, const char *text, const char *others) {
  const Processor *t = strncmp(text, "cpu:", 4) == 0 ? processor_named(text + 4) : NULL;
  if (t) return t;
  const char *list = "native";
  for (const char *const *name = processor_names(a); *name; name++)
    list = arena_printf(a, "%s, %s", list, *name);
  diag_error((Loc){0}, "unknown target \"%s\"; expected cpu:NAME (%s)%s", text, list, others);
  return NULL;
}

bool build_target(Build *b) {
  const char *t = b->o->target;
  if (strncmp(t, "cuda:", 5) == 0) return find_cuda_target(b, t + 5);
  if (b->o->emit.folder[EMIT_CUDA]) {
    diag_error((Loc){0}, "--emit=cuda wants --target cuda:ARCH,..; found \"%s\"", t);
    return false;
  }
  b->cpu = build_cpu(b->arena, t, " or cuda:sm_80,sm_90a and the like");
  if (!b->cpu) return false;
  b->target = cpu_target(b->cpu->name);
  return true;
}

typedef struct Kind {
  const char *name, *ending;
} Kind;

static const Kind kinds[EMIT_KINDS] = {[EMIT_GRAPH] = {"graph", "graph"},
                                       [EMIT_KERNELS] = {"kernels", "kern"},
                                       [EMIT_LLVM] = {"llvm", "ll"},
                                       [EMIT_ASM] = {"asm", "s"},
                                       [EMIT_CUDA] = {"cuda", "cu"}};

EmitKind build_emit_kind(const char *name) {
  for (int k = 0; k < EMIT_KINDS; k++)
    if (strcmp(kinds[k].name, name) == 0) return (EmitKind)k;
  return EMIT_KINDS;
}

/* Writes FOLDER/NAME.ENDING, making the folder where it is missing; false after reporting. */
static bool write_text(Arena *a, const Emit *e, EmitKind kind, const char *text) {
  const char *folder = e->folder[kind];
  Source place = {.path = folder};
  Output file;
  if (mkdir(folder, 0777) != 0 && errno != EEXIST) {
    diag_error((Loc){.src = &place}, "cannot make the folder: %s", strerror(errno));
    return false;
  }
  if (!output_open(a, arena_printf(a, "%s/%s.%s", folder, e->name, kinds[kind].ending), &file)) return false;
  fputs(text, file.f);
  return output_close(&file);
}

/* The text of a stage, when --emit asks for it. */
static bool emit(Build *b, EmitKind kind, char *(*text)(Build *)) {
  return !b->o->emit.folder[kind] || write_text(b->arena, &b->o->emit, kind, text(b));
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

bool build_describe(Build *b) {
  FrontArgs args = {.ndefine = b->o->ndefine,
                    .define = b->o->define,
                    .train = b->o->block,
                    .library = shipped_library(b->arena),
                    .refused = b->o->refused};
  b->graph = front_build(b->arena, shipped_path(b->arena, b->o->description), &args, &b->front);
  if (!b->graph || !graph_verify(b->graph)) return false;
  for (int i = 0; i < b->front.nsource; i++) diag_rename(b->front.source[i].src, b->front.source[i].relative);
  return emit(b, EMIT_GRAPH, graph_text);
}

static bool read_strategy(Build *b, const Strategy **strategy) {
  const Source *src = b->o->fusion ? diag_read(b->arena, shipped_path(b->arena, b->o->fusion)) : NULL;
  if (src) *strategy = strategy_parse(b->arena, src);
  return !b->o->fusion || *strategy;
}

static int64_t takes(void *build, const Prog *p) {
  return build_takes(build, p);
}

/* False after reporting errors. */
static bool pass_options(Build *b, PassOptions *out) {
  *out = (PassOptions){.target = b->target,
                       .dump_after = b->o->dump_after,
                       .dump_diff = b->o->dump_diff,
                       .dump = stdout,
                       .lowered = b->lower,
                       .most_bytes = b->o->max_memory,
                       .takes = takes,
                       .takes_ctx = b};
  return read_strategy(b, &out->strategy);
}

bool build_plan(Build *b) {
  PassOptions options;
  if (!pass_options(b, &options)) return false;
  b->prog = passes_run(b->arena, b->graph, &options);
  if (!b->prog) return false;
  host_count_tasks(b->prog);
  return emit(b, EMIT_KERNELS, kernels_text);
}

bool build_try(Build *b, PassVisit *visit, void *ctx) {
  PassOptions options;
  return pass_options(b, &options) && passes_try(b->arena, b->graph, &options, visit, ctx);
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

/* Each text after its length. */
const char *build_hash(const Build *b) {
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

/* ", without const": what makes this program differ from one that was built with every licence. */
static const char *refused_licences(const Build *b) {
  const char *list = "";
  for (const SimplifyLicenceRow *l = simplify_licences; l->name; l++)
    if (b->o->refused & l->bit) list = arena_printf(b->arena, "%s, without %s", list, l->name);
  return list;
}

/* Kernels to machine code, with the entries and tables around them. */
static bool generate(Build *b, const char *object) {
  const Processor *t = b->cpu;
  HostInfo info = {.description = b->front.source[0].relative,
                   .source_hash = build_hash(b),
                   .build = arena_printf(b->arena, "tessera " TESSERA_VERSION ", %s%s", b->target->name,
                                         refused_licences(b)),
                   .cpu_needs = t->needs,
                   .scratch_bytes = build_scratch(b),
                   .max_threads = b->narch ? 1 : b->o->threads,
                   .poison = b->o->poison};
  host_manifest(b->prog, b->narch ? NULL : t, defines(b), b->front.nparam, &info);
  b->module = cpu_module_new(b->arena, t, info.description);
  bool ok = add_kernels(b) && host_emit(b->module, b->prog, &info) && emit(b, EMIT_LLVM, llvm_text) &&
            emit(b, EMIT_ASM, asm_text) && cpu_module_object(b->module, object);
  cpu_module_free(b->module);
  return ok;
}

/* The linker is another process, whose file nobody would remove: until it is done, signals wait. */
static bool link_object(const Build *b, const char *object) {
  const char *device = b->narch ? shipped_archive(b->arena, "libtessera_rt_cuda.a") : NULL;
  cleanup_hold(true);
  bool ok = link_program(object, device, shipped_archive(b->arena, "libtessera_rt.a"), b->o->out);
  cleanup_hold(false);
  return ok;
}

bool build_program(Build *b) {
  const char *object = arena_printf(b->arena, "%s.o.part", b->o->out);
  cleanup_unfinished(object);
  bool ok = generate(b, object) && link_object(b, object);
  unlink(object);
  cleanup_unfinished(NULL);
  return ok;
}

int64_t build_scratch(const Build *b) {
  return b->narch ? 0 : host_scratch(b->prog, b->cpu);
}

int64_t build_takes(const Build *b, const Prog *p) {
  return p->arena_bytes + (b->narch ? 0 : b->o->threads * host_scratch(p, b->cpu));
}

int64_t build_memory(const Build *b) {
  return build_takes(b, b->prog);
}
