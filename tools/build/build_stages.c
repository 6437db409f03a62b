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

/* "cpu:NAME or cuda:ARCH,..". */
static const char *forms(Arena *a) {
  const char *list = "";
  for (const TargetRow *r = target_rows; r->prefix; r++)
    list = arena_printf(a, "%s%s%s", list, r == target_rows ? "" : r[1].prefix ? ", " : " or ", r->form);
  return list;
}

static const TargetRow *row_of(const char *text) {
  size_t n = strcspn(text, ":");
  for (const TargetRow *r = target_rows; r->prefix; r++)
    if (text[n] && strlen(r->prefix) == n && !strncmp(r->prefix, text, n)) return r;
  return NULL;
}

static bool check_options(const Build *b) {
  const BuildOptions *o = b->o;
  const TargetRow *text = o->emit.text;
  if (o->poison && !b->target->threaded)
    diag_error((Loc){0}, "--debug-poison is for programs that run on a CPU");
  else if (text && text != b->row)
    diag_error((Loc){0}, "--emit=%s wants --target %s; found \"%s\"", text->text, text->form, o->target);
  else
    return true;
  return false;
}

bool build_target(Build *b) {
  const char *text = b->o->target;
  b->row = row_of(text);
  if (!b->row) {
    diag_error((Loc){0}, "unknown target \"%s\"; expected %s", text, forms(b->arena));
    return false;
  }
  b->target = b->row->open(b->arena, text + strlen(b->row->prefix) + 1);
  return b->target && check_options(b);
}

typedef struct Kind {
  const char *name, *ending;
} Kind;

static const Kind kinds[EMIT_TEXT] = {[EMIT_GRAPH] = {"graph", "graph"},
                                      [EMIT_KERNELS] = {"kernels", "kern"},
                                      [EMIT_LLVM] = {"llvm", "ll"},
                                      [EMIT_ASM] = {"asm", "s"}};

bool build_emit(Emit *e, const char *kind, const char *folder) {
  for (int k = 0; k < EMIT_TEXT; k++)
    if (strcmp(kinds[k].name, kind) == 0) {
      e->folder[k] = folder;
      return true;
    }
  for (const TargetRow *r = target_rows; r->prefix; r++)
    if (r->text && strcmp(r->text, kind) == 0) {
      e->folder[EMIT_TEXT] = folder;
      e->text = r;
      return true;
    }
  return false;
}

const char *build_emit_kinds(Arena *a) {
  const char *list = "", *last = NULL;
  for (int k = 0; k < EMIT_TEXT; k++) list = arena_printf(a, "%s%s%s", list, k ? ", " : "", kinds[k].name);
  for (const TargetRow *r = target_rows; r->prefix; r++) {
    if (!r->text) continue;
    if (last) list = arena_printf(a, "%s, %s", list, last);
    last = r->text;
  }
  return last ? arena_printf(a, "%s or %s", list, last) : list;
}

/* Writes FOLDER/NAME.ENDING, making the folder where it is missing; false after reporting. */
static bool write_text(Arena *a, const Emit *e, EmitKind kind, const char *text) {
  const char *folder = e->folder[kind], *ending = kind == EMIT_TEXT ? e->text->ending : kinds[kind].ending;
  Source place = {.path = folder};
  Output file;
  if (mkdir(folder, 0777) != 0 && errno != EEXIST) {
    diag_error((Loc){.src = &place}, "cannot make the folder: %s", strerror(errno));
    return false;
  }
  if (!output_open(arena_printf(a, "%s/%s.%s", folder, e->name, ending), &file)) return false;
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
  return host_module_ir(b->module);
}

static char *asm_text(Build *b) {
  return host_module_asm(b->module);
}

static char *target_text(Build *b) {
  return arena_strdup(b->arena, b->text.whole->text);
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
  host_count_tasks(b->prog, b->target);
  return emit(b, EMIT_KERNELS, kernels_text);
}

bool build_try(Build *b, PassVisit *visit, void *ctx) {
  PassOptions options;
  return pass_options(b, &options) && passes_try(b->arena, b->graph, &options, visit, ctx);
}

bool build_text(Build *b) {
  return !b->target->write || b->target->write(b->target, b->prog, &b->text);
}

static bool add_kernels(Build *b) {
  const Graph *g = b->graph;
  const char **settings = ARENA_ARRAY(b->arena, g->nsetting, const char *);
  for (int i = 0; i < g->nsetting; i++) settings[i] = g->setting[i].name;
  host_module_settings(b->module, settings, g->nsetting);
  return build_text(b) && emit(b, EMIT_TEXT, target_text) &&
         b->target->emit(b->target, b->prog, &b->text, b->module);
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

/* Over the text of all kernels: with the same build, they make the same bits. */
static const char *kernels_hash(const Build *b) {
  enum { DIGITS = 16 };
  char *digits = arena_alloc(b->arena, 65);
  Sha256 h;
  sha256_start(&h);
  for (int i = 0; i < b->prog->nkernel; i++) {
    const char *text = kern_print(b->arena, b->prog->kernel[i]);
    hash_text(&h, text, strlen(text));
  }
  sha256_finish(&h, digits);
  return arena_strndup(b->arena, digits, DIGITS);
}

static int model_facts(const Build *b, const FrontModel *m, TessFact *out) {
  out[0] = (TessFact){arena_printf(b->arena, "model.%s", m->name),
                      arena_printf(b->arena, "%s %s", m->module, m->text)};
  for (int i = 0; i < m->narg; i++)
    out[1 + i] = (TessFact){arena_printf(b->arena, "model.%s.%s", m->name, m->arg[i].name), m->arg[i].value};
  return 1 + m->narg;
}

/* What files of the program say that it is (abi/program.h). */
static void add_facts(const Build *b, HostInfo *info) {
  const FrontInfo *f = &b->front;
  int most = 1 + f->nparam, n = 0;
  for (int i = 0; i < f->nmodel; i++) most += 1 + f->model[i].narg;
  TessFact *fact = ARENA_ARRAY(b->arena, most, TessFact);
  for (int i = 0; i < f->nparam; i++)
    fact[n++] = (TessFact){arena_printf(b->arena, "parameter.%s", f->param[i].name), f->param[i].value};
  for (int i = 0; i < f->nmodel; i++) n += model_facts(b, &f->model[i], fact + n);
  fact[n++] = (TessFact){"kernels", kernels_hash(b)};
  info->fact = fact;
  info->nfact = n;
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
  const Target *t = b->target;
  HostInfo info = {.description = b->front.source[0].relative,
                   .source_hash = build_hash(b),
                   .build = arena_printf(b->arena, "tessera " TESSERA_VERSION ", %s%s", b->target->name,
                                         refused_licences(b)),
                   .cpu_needs = t->host->needs,
                   .scratch_bytes = build_scratch(b),
                   .max_threads = t->threaded ? b->o->threads : 1,
                   .poison = b->o->poison};
  add_facts(b, &info);
  host_manifest(b->prog, t, defines(b), b->front.nparam, &info);
  b->module = host_module_new(b->arena, t->host, info.description);
  bool ok = add_kernels(b) && host_emit(b->module, b->prog, &info) && emit(b, EMIT_LLVM, llvm_text) &&
            emit(b, EMIT_ASM, asm_text) && host_module_object(b->module, object);
  host_module_free(b->module);
  return ok;
}

/* The linker is another process, whose file nobody would remove: until the program is there, signals wait. */
static bool link_object(const Build *b, const char *object) {
  const char *device = b->target->archive ? shipped_archive(b->arena, b->target->archive) : NULL;
  cleanup_hold(true);
  bool ok = link_program(object, device, shipped_archive(b->arena, "libtessera_rt.a"), b->o->out);
  cleanup_hold(false);
  return ok;
}

/* In a folder of its own beside the program, which signals do not leave behind. */
static const char *open_folder(Build *b) {
  OutFile program;
  Source file = {.path = b->o->out};
  char *folder = arena_alloc(b->arena, PATH_MAX);
  cleanup_hold(true);
  bool ok = outfile_folder(&program, b->o->out, folder);
  if (ok) cleanup_unfinished(folder);
  cleanup_hold(false);
  if (!ok) diag_error((Loc){.src = &file}, "cannot write the file: %s", program.why);
  return ok ? folder : NULL;
}

bool build_program(Build *b) {
  const char *folder = open_folder(b);
  if (!folder) return false;
  const char *object = arena_printf(b->arena, "%s/object.o", folder);
  cleanup_unfinished(object);
  bool ok = generate(b, object) && link_object(b, object);
  unlink(object);
  cleanup_finished(object);
  rmdir(folder);
  cleanup_finished(folder);
  return ok;
}

int64_t build_scratch(const Build *b) {
  return host_scratch(b->prog, b->target);
}

int64_t build_takes(const Build *b, const Prog *p) {
  return p->arena_bytes + (b->target->threaded ? b->o->threads : 1) * host_scratch(p, b->target);
}

int64_t build_memory(const Build *b) {
  return build_takes(b, b->prog);
}
