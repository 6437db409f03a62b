/* One kernel's function: arguments, entry block, alias information, and the skeleton that fills it. */
#include <string.h>

#include "codegen/cpu/cpu_impl.h"

static int64_t no_scratch(Arena *a, const Kernel *k, const KPlan *p, const Processor *t) {
  (void)a, (void)k, (void)p, (void)t;
  return 0;
}

static const struct {
  void (*emit)(CpuFn *f);
  int64_t (*tasks)(Arena *a, const Kernel *k, const KPlan *p);
  int64_t (*scratch)(Arena *a, const Kernel *k, const KPlan *p, const Processor *t);
} skeletons[SK_COUNT] = {[SK_FLAT] = {cpu_flat, cpu_flat_tasks, no_scratch},
                         [SK_ROWS] = {cpu_rows, cpu_rows_tasks, cpu_rows_scratch},
                         [SK_DOT] = {cpu_dot, cpu_dot_tasks, cpu_dot_scratch},
                         [SK_CHAIN] = {cpu_chain, cpu_chain_tasks, cpu_chain_scratch}};

int64_t cpu_tasks(const Kernel *k, const KPlan *p) {
  Arena *a = arena_new();
  int64_t n = skeletons[p->skeleton].tasks(a, k, p);
  arena_free(a);
  return n;
}

int64_t cpu_scratch(const Kernel *k, const KPlan *p, const Processor *t) {
  Arena *a = arena_new();
  int64_t n = skeletons[p->skeleton].scratch(a, k, p, t);
  arena_free(a);
  return n;
}

void **cpu_arguments(Arena *a, const Kernel *k, void *const *bufs, const uint64_t *word) {
  void **arg = ARENA_ARRAY(a, k->nbuf + k->nword, void *);
  for (int i = 0; i < k->nbuf; i++) arg[i] = bufs[i];
  for (int i = 0; i < k->nword; i++) {
    uint64_t w = word ? word[i] : k->word[i].value;
    memcpy(&arg[k->nbuf + i], &w, sizeof w);
  }
  return arg;
}

static void attribute(CpuFn *f, const char *key, const char *value) {
  LLVMAttributeRef a =
      LLVMCreateStringAttribute(f->cx, key, (unsigned)strlen(key), value, (unsigned)strlen(value));
  LLVMAddAttributeAtIndex(f->fn, (LLVMAttributeIndex)LLVMAttributeFunctionIndex, a);
}

static void flag(CpuFn *f, int at, const char *name, uint64_t value) {
  unsigned kind = LLVMGetEnumAttributeKindForName(name, strlen(name));
  LLVMAddAttributeAtIndex(f->fn, (LLVMAttributeIndex)at, LLVMCreateEnumAttribute(f->cx, kind, value));
}

/* Without the two widths LLVM may legalise 512-bit vectors to pairs of 256 bits. */
static void set_attributes(CpuFn *f) {
  const char *width = f->cpu->lanes == 16 ? "512" : "256";
  attribute(f, "target-cpu", f->cpu->llvm_cpu);
  attribute(f, "tune-cpu", f->cpu->tune);
  if (*f->cpu->features) attribute(f, "target-features", f->cpu->features);
  attribute(f, "prefer-vector-width", width);
  attribute(f, "min-legal-vector-width", width);
  attribute(f, "frame-pointer", "all");
  flag(f, LLVMAttributeFunctionIndex, "nounwind", 0);
  flag(f, 1, "noalias", 0), flag(f, 1, "readonly", 0);
  flag(f, 2, "noalias", 0), flag(f, 2, "readonly", 0);
  flag(f, 3, "noalias", 0), flag(f, 3, "align", 64);
}

static void declare(CpuFn *f, const char *symbol) {
  LLVMTypeRef ptr = LLVMPointerTypeInContext(f->cx, 0), i64 = LLVMInt64TypeInContext(f->cx);
  LLVMTypeRef arg[] = {ptr, ptr, ptr, i64, i64};
  f->fn = LLVMAddFunction(f->mod, symbol, LLVMFunctionType(LLVMVoidTypeInContext(f->cx), arg, 5, false));
  f->step = LLVMGetParam(f->fn, 1);
  f->scratch = LLVMGetParam(f->fn, 2);
  f->task = LLVMGetParam(f->fn, 3);
  f->end = LLVMGetParam(f->fn, 4);
  set_attributes(f);
}

/* A scope for each buffer and one for scratch: they are distinct, since arguments never overlap. */
static void make_alias_scopes(CpuFn *f, const char *symbol) {
  int n = f->k->nbuf + 1;
  LLVMMetadataRef name = LLVMMDStringInContext2(f->cx, symbol, strlen(symbol));
  LLVMMetadataRef domain = LLVMMDNodeInContext2(f->cx, &name, 1);
  LLVMMetadataRef *scope = ARENA_ARRAY(f->arena, n, LLVMMetadataRef);
  LLVMMetadataRef *others = ARENA_ARRAY(f->arena, n, LLVMMetadataRef);
  f->alias = ARENA_ARRAY(f->arena, 2 * n, LLVMValueRef);
  for (int i = 0; i < n; i++) {
    const char *text = arena_printf(f->arena, "%s.%s", symbol, i < n - 1 ? f->k->buf[i].name : "scratch");
    LLVMMetadataRef pair[] = {LLVMMDStringInContext2(f->cx, text, strlen(text)), domain};
    scope[i] = LLVMMDNodeInContext2(f->cx, pair, 2);
  }
  for (int i = 0; i < n; i++) {
    size_t m = 0;
    for (int j = 0; j < n; j++)
      if (j != i) others[m++] = scope[j];
    f->alias[i] = LLVMMetadataAsValue(f->cx, LLVMMDNodeInContext2(f->cx, &scope[i], 1));
    f->alias[n + i] = LLVMMetadataAsValue(f->cx, LLVMMDNodeInContext2(f->cx, others, m));
  }
}

static LLVMValueRef load_argument(CpuFn *f, LLVMTypeRef t, int i, const char *name) {
  LLVMValueRef at = cpu_i64(f, i), words = LLVMGetParam(f->fn, 0);
  return LLVMBuildLoad2(f->b, t, LLVMBuildGEP2(f->b, LLVMInt64TypeInContext(f->cx), words, &at, 1, ""), name);
}

/* The entry block loads the buffers' pointers and the words; it ends with a branch from the start,
 * so that what a launch needs once can be put before it at any time. */
static void open_body(CpuFn *f) {
  const Kernel *k = f->k;
  LLVMTypeRef ptr = LLVMPointerTypeInContext(f->cx, 0);
  LLVMBasicBlockRef entry = LLVMAppendBasicBlockInContext(f->cx, f->fn, "entry");
  LLVMBasicBlockRef body = LLVMAppendBasicBlockInContext(f->cx, f->fn, "body");
  LLVMPositionBuilderAtEnd(f->b, entry);
  f->buf = ARENA_ARRAY(f->arena, k->nbuf + 1, LLVMValueRef);
  f->word = ARENA_ARRAY(f->arena, k->nword + 1, LLVMValueRef);
  for (int i = 0; i < k->nbuf; i++) f->buf[i] = load_argument(f, ptr, i, k->buf[i].name);
  for (int i = 0; i < k->nword; i++)
    f->word[i] = load_argument(f, cpu_vec(f, k->word[i].type, 1), k->nbuf + i, k->word[i].name);
  LLVMBuildBr(f->b, body);
  LLVMPositionBuilderAtEnd(f->b, body);
}

void cpu_add_kernel(HostModule *m, const Kernel *k, const char *symbol, bool red_zones) {
  CpuFn f = {.k = k,
             .plan = kern_plan_for(k, &cpu_plans),
             .cpu = m->cpu,
             .arena = m->arena,
             .cx = m->cx,
             .mod = m->mod,
             .lanes = 1,
             .lane_axis = -1,
             .lane_align = 1,
             .red_zones = red_zones,
             .setting = m->setting,
             .nsetting = m->nsetting,
             .memo = cpu_memo_new(m->arena)};
  if (!f.plan) ice("kernel %s has no plan for the CPU", k->name);
  f.b = LLVMCreateBuilderInContext(m->cx);
  declare(&f, symbol);
  make_alias_scopes(&f, symbol);
  cpu_debug_function(m, &f, symbol);
  open_body(&f);
  skeletons[f.plan->skeleton].emit(&f);
  LLVMBuildRetVoid(f.b);
  LLVMDisposeBuilder(f.b);
}
