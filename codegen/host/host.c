/* The entries' functions: each launch gets its arguments in a stack array, a word each. */
#include "codegen/host/host.h"

#include <llvm-c/Core.h>

#include "codegen/host/host_tables.h"
#include "runtime/program.h"

enum { SCRATCH_ALIGN = 64, MAX_SUPPLIED = 64 };

static const char *const entry_name[EN_COUNT] = {
#define X(e, text) text,
    GRAPH_ENTRIES(X)
#undef X
};

_Static_assert((int)EN_INIT == TESS_INIT && (int)EN_PREPARE == TESS_PREPARE && (int)EN_MICRO == TESS_MICRO &&
                   (int)EN_UPDATE == TESS_UPDATE && (int)EN_EVAL == TESS_EVAL &&
                   (int)EN_COUNT == TESS_ENTRIES,
               "the runtime names the entries in the graph's order");

/* What the functions need of LLVM. */
typedef struct HostFn {
  Arena *arena;
  LLVMModuleRef mod;
  LLVMBuilderRef b;
  LLVMTypeRef ptr, i8, i32, i64;
  LLVMTypeRef launch_type;
  LLVMValueRef launch;            /* tess_launch */
  LLVMValueRef run, memory, step; /* parameters of the function under construction */
  LLVMValueRef args;              /* its stack array */
} HostFn;

int64_t host_scratch(const Prog *p, const CpuTarget *t) {
  int64_t most = 0;
  for (int i = 0; i < p->nkernel; i++) {
    const KPlan *plan = kern_plan_for(p->kernel[i], "cpu");
    if (!plan) ice("kernel %s has no plan for cpu", p->kernel[i]->name);
    int64_t bytes = cpu_scratch(p->kernel[i], plan, t);
    if (bytes > most) most = bytes;
  }
  return (most + SCRATCH_ALIGN - 1) / SCRATCH_ALIGN * SCRATCH_ALIGN;
}

void host_count_tasks(Prog *p) {
  for (int e = 0; e < EN_COUNT; e++)
    for (int i = 0; i < p->entry[e].nlaunch; i++) {
      PLaunch *l = &p->entry[e].launch[i];
      l->tasks = cpu_tasks(l->kernel, kern_plan_for(l->kernel, "cpu"));
    }
}

const char *host_place(Arena *a, Loc loc) {
  return loc.src ? arena_printf(a, "%s:%d", loc.src->path, loc.line) : "";
}

static HostFn start(const Prog *p, LLVMModuleRef mod) {
  LLVMContextRef cx = LLVMGetModuleContext(mod);
  HostFn h = {.arena = p->arena,
              .mod = mod,
              .b = LLVMCreateBuilderInContext(cx),
              .ptr = LLVMPointerTypeInContext(cx, 0),
              .i8 = LLVMInt8TypeInContext(cx),
              .i32 = LLVMInt32TypeInContext(cx),
              .i64 = LLVMInt64TypeInContext(cx)};
  LLVMTypeRef params[] = {h.ptr, h.i32, h.ptr, h.ptr, h.ptr, h.i64, h.i64};
  h.launch_type = LLVMFunctionType(LLVMVoidTypeInContext(cx), params, 7, 0);
  h.launch = LLVMAddFunction(mod, "tess_launch", h.launch_type);
  return h;
}

static void open_function(HostFn *h, LLVMValueRef fn, int most_args) {
  LLVMContextRef cx = LLVMGetModuleContext(h->mod);
  LLVMPositionBuilderAtEnd(h->b, LLVMAppendBasicBlockInContext(cx, fn, "entry"));
  h->run = LLVMGetParam(fn, 0);
  h->memory = LLVMGetParam(fn, 1);
  h->step = LLVMGetParam(fn, 2);
  h->args = LLVMBuildAlloca(h->b, LLVMArrayType2(h->i64, (uint64_t)most_args), "args");
}

static LLVMValueRef at_bytes(HostFn *h, LLVMValueRef base, int64_t offset) {
  LLVMValueRef by = LLVMConstInt(h->i64, (uint64_t)offset, 1);
  return LLVMBuildInBoundsGEP2(h->b, h->i8, base, &by, 1, "");
}

static void put_argument(HostFn *h, int i, LLVMValueRef word) {
  LLVMBuildStore(h->b, word, at_bytes(h, h->args, i * (int64_t)sizeof(void *)));
}

static void emit_launch(HostFn *h, const PLaunch *l, int id) {
  LLVMValueRef kernel = LLVMGetNamedFunction(h->mod, l->kernel->name);
  if (!kernel) kernel = LLVMGetNamedGlobal(h->mod, l->kernel->name);
  if (!kernel) ice("kernel %s is not in the module", l->kernel->name);
  int nbuf = l->kernel->nbuf;
  for (int i = 0; i < nbuf; i++) put_argument(h, i, at_bytes(h, h->memory, l->buf[i]->offset + l->at[i]));
  for (int i = 0; i < l->kernel->nstream; i++)
    put_argument(h, nbuf + i, LLVMConstInt(h->i64, l->stream[i], 0));
  LLVMValueRef args[] = {h->run,
                         LLVMConstInt(h->i32, (uint64_t)id, 0),
                         kernel,
                         h->args,
                         h->step,
                         LLVMConstInt(h->i64, (uint64_t)l->tasks, 1),
                         LLVMConstInt(h->i64, l->guard, 0)};
  LLVMBuildCall2(h->b, h->launch_type, h->launch, args, 7, "");
}

static int most_arguments(const PEntry *e) {
  int most = 1;
  for (int i = 0; i < e->nlaunch; i++) {
    const Kernel *k = e->launch[i].kernel;
    if (k->nbuf + k->nstream > most) most = k->nbuf + k->nstream;
  }
  return most;
}

/* Poisons what no launch after number `last` of the entry touches; -1: what is dead until the first one. */
static void poison(HostFn *h, const Prog *p, int entry, int last) {
  LLVMValueRef nan = LLVMConstInt(h->i8, 0xff, 0);
  for (int i = 0; i < p->nbuf; i++) {
    const PBuf *b = p->buf[i];
    if (b->persistent || b->pinned || b->entry != entry || (last >= 0 && b->last != last)) continue;
    LLVMValueRef bytes = LLVMConstInt(h->i64, (uint64_t)b->bytes, 0);
    LLVMBuildMemSet(h->b, at_bytes(h, h->memory, b->offset), nan, bytes, 1);
  }
}

static LLVMValueRef emit_entry(HostFn *h, const Prog *p, int entry, bool poisoned) {
  const PEntry *e = &p->entry[entry];
  LLVMTypeRef params[] = {h->ptr, h->ptr, h->ptr};
  LLVMTypeRef type = LLVMFunctionType(LLVMVoidTypeInContext(LLVMGetModuleContext(h->mod)), params, 3, 0);
  LLVMValueRef fn = LLVMAddFunction(h->mod, arena_printf(h->arena, "tess_entry_%s", entry_name[entry]), type);
  open_function(h, fn, most_arguments(e));
  if (poisoned) poison(h, p, entry, -1);
  for (int i = 0; i < e->nlaunch; i++) {
    emit_launch(h, &e->launch[i], i);
    if (poisoned) poison(h, p, entry, i);
  }
  LLVMBuildRetVoid(h->b);
  return fn;
}

/* What the runtime's tables can say. */
static bool check_limits(const Prog *p) {
  int supplied = 0;
  for (int i = 0; i < p->nvalue; i++)
    if (p->value[i].value->flags & V_SUPPLY && ++supplied == MAX_SUPPLIED + 1)
      diag_error(p->value[i].value->loc, "a program can have at most %d named values that can be supplied",
                 MAX_SUPPLIED);
  if (p->graph->nsetting > TESS_MAX_SETTINGS)
    diag_error((Loc){0}, "a program can have at most %d settings, found %d", TESS_MAX_SETTINGS,
               p->graph->nsetting);
  return supplied <= MAX_SUPPLIED && p->graph->nsetting <= TESS_MAX_SETTINGS;
}

bool host_emit(CpuModule *m, const Prog *p, const HostInfo *info) {
  if (!check_limits(p)) return false;
  LLVMModuleRef mod = cpu_module_llvm(m);
  LLVMValueRef entry[EN_COUNT] = {0}, launches[EN_COUNT] = {0};
  HostFn h = start(p, mod);
  for (int e = 0; e < EN_COUNT; e++) {
    if (!p->entry[e].present) continue;
    entry[e] = emit_entry(&h, p, e, info->poison);
    launches[e] = host_launches(p, mod, &p->entry[e]);
  }
  host_program(p, mod, info, entry, launches);
  LLVMDisposeBuilder(h.b);
  return true;
}
