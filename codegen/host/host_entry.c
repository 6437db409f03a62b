/* The entries' functions: a loop over a table of launches, whose arguments go into a stack array, a word
 * each. So the code is as long for many launches as it is for one. */
#include "codegen/host/host_entry.h"

#include "codegen/cpu/cpu_emit.h"
#include "codegen/host/host_table.h"

static const char *const entry_name[EN_COUNT] = {
#define X(e, text) text,
    GRAPH_ENTRIES(X)
#undef X
};

/* A launch in its entry's table. */
typedef struct LaunchRow {
  void *kernel; /* as tess_launch takes it */
  int64_t tasks;
  uint64_t guard;
  int64_t word, last_buf,
      last_word;     /* its arguments in the table of words: offsets of buffers, then numbers */
  int64_t last_dead; /* the end of its poisoned memory; it begins where the last row's ends */
} LaunchRow;

/* Memory that a launch leaves dead. */
typedef struct DeadRow {
  int64_t offset, bytes;
} DeadRow;

/* What the functions need of LLVM. */
typedef struct HostFn {
  CpuFn f; /* the function under construction, as far as cpu_loop needs it */
  LLVMTypeRef ptr, i8, i32, i64;
  LLVMTypeRef launch_type;
  LLVMValueRef launch;            /* tess_launch */
  LLVMValueRef run, memory, step; /* parameters */
  LLVMValueRef args;              /* its stack array */
  LLVMValueRef row, word, dead;   /* its tables, each NULL when empty */
} HostFn;

/* The tables of one entry, as long as they are. */
typedef struct HostEntry {
  HostTable row, word, dead;
  int64_t nword, ndead;
} HostEntry;

static HostFn start(const Prog *p, LLVMModuleRef mod) {
  LLVMContextRef cx = LLVMGetModuleContext(mod);
  HostFn h = {.f = {.arena = p->arena, .cx = cx, .mod = mod, .b = LLVMCreateBuilderInContext(cx)},
              .ptr = LLVMPointerTypeInContext(cx, 0),
              .i8 = LLVMInt8TypeInContext(cx),
              .i32 = LLVMInt32TypeInContext(cx),
              .i64 = LLVMInt64TypeInContext(cx)};
  LLVMTypeRef params[] = {h.ptr, h.i32, h.ptr, h.ptr, h.ptr, h.i64, h.i64};
  h.launch_type = LLVMFunctionType(LLVMVoidTypeInContext(cx), params, 7, 0);
  h.launch = LLVMAddFunction(mod, "tess_launch", h.launch_type);
  return h;
}

static LLVMValueRef kernel_of(const HostFn *h, const PLaunch *l) {
  LLVMValueRef kernel = LLVMGetNamedFunction(h->f.mod, l->kernel->name);
  if (!kernel) kernel = LLVMGetNamedGlobal(h->f.mod, l->kernel->name);
  if (!kernel) ice("kernel %s is not in the module", l->kernel->name);
  return kernel;
}

static void fill_launch(const HostFn *h, HostEntry *t, const PLaunch *l, LaunchRow *row) {
  int64_t *word = (int64_t *)t->word.bytes;
  host_point(&t->row, &row->kernel, kernel_of(h, l));
  row->tasks = l->tasks;
  row->guard = l->guard;
  row->word = t->nword;
  for (int i = 0; i < l->kernel->nbuf; i++) word[t->nword++] = l->buf[i]->offset + l->at[i];
  row->last_buf = t->nword;
  for (int i = 0; i < l->kernel->nword; i++) word[t->nword++] = (int64_t)l->word[i];
  row->last_word = t->nword;
}

/* Lists what no launch after number `last` of the entry touches; -1: what is dead until the first one. */
static void fill_dead(HostEntry *t, const Prog *p, int entry, int last) {
  DeadRow *row = (DeadRow *)t->dead.bytes;
  for (int i = 0; i < p->nbuf; i++) {
    const PBuf *b = p->buf[i];
    if (b->persistent || b->pinned || b->entry != entry || (last >= 0 && b->last != last)) continue;
    row[t->ndead++] = (DeadRow){.offset = b->offset, .bytes = b->bytes};
  }
}

static size_t count_words(const PEntry *e) {
  size_t n = 0;
  for (int i = 0; i < e->nlaunch; i++) n += (size_t)(e->launch[i].kernel->nbuf + e->launch[i].kernel->nword);
  return n;
}

/* Row 0 launches nothing: it stands for the entry's beginning. */
static HostEntry fill_entry(const HostFn *h, const Prog *p, int entry, bool poisoned) {
  const PEntry *e = &p->entry[entry];
  HostEntry t = {.row = host_table(h->f.arena, h->f.mod, (size_t)e->nlaunch + 1, sizeof(LaunchRow)),
                 .word = host_table(h->f.arena, h->f.mod, count_words(e), sizeof(int64_t)),
                 .dead = host_table(h->f.arena, h->f.mod, 2 * (size_t)p->nbuf, sizeof(DeadRow))};
  LaunchRow *row = (LaunchRow *)t.row.bytes;
  for (int i = -1; i < e->nlaunch; i++, row++) {
    if (i >= 0) fill_launch(h, &t, &e->launch[i], row);
    if (poisoned) fill_dead(&t, p, entry, i);
    row->last_dead = t.ndead;
  }
  return t;
}
static LLVMValueRef at_bytes(HostFn *h, LLVMValueRef base, LLVMValueRef by) {
  return LLVMBuildInBoundsGEP2(h->f.b, h->i8, base, &by, 1, "");
}

/* A field of row number i of a table. */
static LLVMValueRef field(HostFn *h, LLVMTypeRef t, LLVMValueRef table, LLVMValueRef i, size_t size,
                          size_t at) {
  LLVMValueRef by = cpu_add(&h->f, cpu_mul(&h->f, i, (int64_t)size), cpu_i64(&h->f, (int64_t)at));
  return LLVMBuildLoad2(h->f.b, t, at_bytes(h, table, by), "");
}

#define LAUNCH_FIELD(h, t, i, member)                                                                        \
  field((h), (h)->t, (h)->row, (i), sizeof(LaunchRow), offsetof(LaunchRow, member))

/* Words number from..to-1 of the table, each plus `base`, to the arguments from `first` on. */
static void emit_arguments(HostFn *h, LLVMValueRef first, LLVMValueRef from, LLVMValueRef to, bool buffers) {
  if (!h->word) return;
  CpuLoop l = cpu_loop(&h->f, from, to, 1, "word");
  LLVMValueRef word = field(h, h->i64, h->word, l.i, sizeof(int64_t), 0);
  LLVMValueRef at = LLVMBuildSub(h->f.b, l.i, first, "");
  if (buffers) word = at_bytes(h, h->memory, word);
  LLVMBuildStore(h->f.b, word, LLVMBuildInBoundsGEP2(h->f.b, h->i64, h->args, &at, 1, ""));
  cpu_loop_end(&h->f, &l);
}

static void emit_launch(HostFn *h, LLVMValueRef i) {
  LLVMValueRef id = LLVMBuildSub(h->f.b, i, cpu_i64(&h->f, 1), "");
  LLVMValueRef first = LAUNCH_FIELD(h, i64, i, word), last_buf = LAUNCH_FIELD(h, i64, i, last_buf);
  emit_arguments(h, first, first, last_buf, true);
  emit_arguments(h, first, last_buf, LAUNCH_FIELD(h, i64, i, last_word), false);
  LLVMValueRef args[] = {
      h->run,  LLVMBuildTrunc(h->f.b, id, h->i32, "id"), LAUNCH_FIELD(h, ptr, i, kernel), h->args,
      h->step, LAUNCH_FIELD(h, i64, i, tasks),           LAUNCH_FIELD(h, i64, i, guard)};
  LLVMBuildCall2(h->f.b, h->launch_type, h->launch, args, 7, "");
}

/* Poisons what is dead after launch i. */
static void emit_poison(HostFn *h, LLVMValueRef from, LLVMValueRef to) {
  if (!h->dead) return;
  LLVMValueRef nan = LLVMConstInt(h->i8, 0xff, 0);
  CpuLoop l = cpu_loop(&h->f, from, to, 1, "dead");
  LLVMValueRef offset = field(h, h->i64, h->dead, l.i, sizeof(DeadRow), offsetof(DeadRow, offset));
  LLVMValueRef bytes = field(h, h->i64, h->dead, l.i, sizeof(DeadRow), offsetof(DeadRow, bytes));
  LLVMBuildMemSet(h->f.b, at_bytes(h, h->memory, offset), nan, bytes, 1);
  cpu_loop_end(&h->f, &l);
}

static int most_arguments(const PEntry *e) {
  int most = 1;
  for (int i = 0; i < e->nlaunch; i++) {
    const Kernel *k = e->launch[i].kernel;
    if (k->nbuf + k->nword > most) most = k->nbuf + k->nword;
  }
  return most;
}

static void open_function(HostFn *h, const char *name, int most_args) {
  LLVMTypeRef params[] = {h->ptr, h->ptr, h->ptr};
  LLVMTypeRef type = LLVMFunctionType(LLVMVoidTypeInContext(h->f.cx), params, 3, 0);
  h->f.fn = LLVMAddFunction(h->f.mod, name, type);
  LLVMPositionBuilderAtEnd(h->f.b, LLVMAppendBasicBlockInContext(h->f.cx, h->f.fn, "entry"));
  h->run = LLVMGetParam(h->f.fn, 0);
  h->memory = LLVMGetParam(h->f.fn, 1);
  h->step = LLVMGetParam(h->f.fn, 2);
  h->args = LLVMBuildAlloca(h->f.b, LLVMArrayType2(h->i64, (uint64_t)most_args), "args");
}

static LLVMValueRef emit_entry(HostFn *h, const Prog *p, EntryKind entry, bool poisoned) {
  const PEntry *e = &p->entry[entry];
  LLVMValueRef one = cpu_i64(&h->f, 1), zero = cpu_i64(&h->f, 0);
  HostEntry t = fill_entry(h, p, entry, poisoned);
  h->row = host_table_emit(&t.row, NULL);
  h->word = host_table_emit(&t.word, NULL);
  h->dead = poisoned ? host_table_emit(&t.dead, NULL) : NULL;
  open_function(h, arena_printf(h->f.arena, "tess_entry_%s", entry_name[entry]), most_arguments(e));
  emit_poison(h, zero, LAUNCH_FIELD(h, i64, zero, last_dead));
  CpuLoop l = cpu_loop(&h->f, one, cpu_i64(&h->f, e->nlaunch + 1), 1, "launch");
  emit_launch(h, l.i);
  LLVMValueRef before = LLVMBuildSub(h->f.b, l.i, one, "");
  emit_poison(h, LAUNCH_FIELD(h, i64, before, last_dead), LAUNCH_FIELD(h, i64, l.i, last_dead));
  cpu_loop_end(&h->f, &l);
  LLVMBuildRetVoid(h->f.b);
  return h->f.fn;
}

void host_entries(const Prog *p, LLVMModuleRef mod, bool poisoned, LLVMValueRef fn[EN_COUNT]) {
  HostFn h = start(p, mod);
  for (int e = 0; e < EN_COUNT; e++)
    fn[e] = p->entry[e].present ? emit_entry(&h, p, (EntryKind)e, poisoned) : NULL;
  LLVMDisposeBuilder(h.f.b);
}
