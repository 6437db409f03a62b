/* The runtime's tables filled in from the program. */
#include <llvm-c/Core.h>
#include <string.h>

#include "abi/program.h"
#include "base/i64.h"
#include "codegen/host/host.h"
#include "codegen/host/host_entry.h"
#include "codegen/host/host_llvm.h"
#include "codegen/host/host_table.h"

_Static_assert((int)DT_F32 == TESS_F32 && (int)DT_BF16 == TESS_BF16 && (int)DT_F16 == TESS_F16 &&
                   (int)DT_I32 == TESS_I32 && (int)DT_U8 == TESS_U8 && (int)DT_BOOL == TESS_BOOL &&
                   (int)DT_U64 == TESS_U64,
               "the runtime names the types in the compiler's order");
_Static_assert((int)V_SUPPLY == TESS_SUPPLY && (int)V_REPORT == TESS_REPORT && (int)V_DATA == TESS_DATA &&
                   (int)V_LOSS == TESS_LOSS && (int)V_INDEX == TESS_INDEX,
               "the runtime names the flags of a value with the compiler's bits");
_Static_assert((int)MAX_RANK == TESS_MAX_RANK, "tables hold a shape whole");

enum { SCRATCH_ALIGN = 64, MAX_SUPPLIED = 64 };
enum { MOST_PIECES = 4096 };

static TessTensor tensor(DType t, const Shape *s, int64_t offset) {
  TessTensor r = {.dtype = t, .rank = (uint32_t)s->rank, .offset = (uint64_t)offset};
  for (int i = 0; i < s->rank; i++) r.dim[i] = (uint64_t)s->dim[i];
  r.count = (uint64_t)shape_count(s);
  return r;
}

/* How many of a buffer's leading dimensions are not one dense run with those after them. */
static int loose_dims(const KBuf *b) {
  int64_t run = 1;
  for (int i = b->rank - 1; i >= 0; i--) {
    if (b->dim[i] != 1 && b->stride[i] != run) return i + 1;
    run *= b->dim[i];
  }
  return 0;
}

static int64_t piece_count(const KBuf *b) {
  int64_t n = 1;
  for (int i = loose_dims(b) - 1; i >= 0; i--) n *= b->dim[i];
  return n;
}

/* Dense piece number i of what a launch writes through a buffer: a whole buffer is one piece, a slice of one
 * a piece for each index of the dimensions that are cut. */
static TessTensor piece(const KBuf *b, int64_t offset, int64_t i) {
  int loose = loose_dims(b);
  Shape s = shape_of(b->rank - loose, b->dim + loose);
  int64_t at = 0;
  for (int d = loose - 1; d >= 0; d--) {
    at += i % b->dim[d] * b->stride[d];
    i /= b->dim[d];
  }
  return tensor(b->dtype, &s, offset + at * dtype_size(b->dtype));
}

/* A buffer in too many pieces is left out: the first launch that reads it is then the one blamed. */
static bool listed(const KBuf *b) {
  return b->kind != KB_IN && piece_count(b) <= MOST_PIECES;
}

static LLVMValueRef outs(const Prog *p, LLVMModuleRef mod, const PLaunch *l, uint32_t *count) {
  const Kernel *k = l->kernel;
  int64_t n = 0;
  for (int i = 0; i < k->nbuf; i++) n += listed(&k->buf[i]) ? piece_count(&k->buf[i]) : 0;
  HostTable t = host_table(p->arena, mod, (size_t)n, sizeof(TessTensor));
  TessTensor *out = (TessTensor *)t.bytes;
  for (int i = 0; i < k->nbuf; i++)
    for (int64_t j = 0; listed(&k->buf[i]) && j < piece_count(&k->buf[i]); j++)
      *out++ = piece(&k->buf[i], l->buf[i]->offset + l->at[i], j);
  *count = (uint32_t)n;
  return host_table_emit(&t, NULL);
}

/* The launches of one entry: an array of TessLaunch, or NULL when there are none. */
static LLVMValueRef launch_table(const Prog *p, LLVMModuleRef mod, const PEntry *e) {
  HostTable t = host_table(p->arena, mod, (size_t)e->nlaunch, sizeof(TessLaunch));
  TessLaunch *row = (TessLaunch *)t.bytes;
  for (int i = 0; i < e->nlaunch; i++, row++) {
    const PLaunch *l = &e->launch[i];
    host_text(&t, &row->kernel, l->kernel->name);
    host_text(&t, &row->origin, l->origin ? l->origin : "");
    host_text(&t, &row->source, host_place(p->arena, l->loc));
    host_point(&t, &row->out, outs(p, mod, l, &row->nout));
    row->flop = l->flop;
    row->bytes = l->bytes;
  }
  return host_table_emit(&t, NULL);
}

static uint32_t state_kind(const State *s) {
  switch (s->kind) {
  case ST_PARAM: return TESS_PARAM;
  case ST_FROZEN: return TESS_FROZEN;
  case ST_CARRIED: return TESS_CARRIED;
  case ST_GRAD: return TESS_GRAD;
  case ST_SLOT: return TESS_SLOT;
  case ST_TEMP: return TESS_TEMP;
  case ST_GROUP: break;
  }
  ice("the flat group %s is listed; its members should be", s->name);
}

static LLVMValueRef aliases(const Prog *p, LLVMModuleRef mod, const char *const *alias) {
  if (!alias) return NULL;
  size_t n = 0;
  while (alias[n]) n++;
  HostTable t = host_table(p->arena, mod, n + 1, sizeof(char *));
  for (size_t i = 0; i < n; i++) host_text(&t, t.bytes + i * sizeof(char *), alias[i]);
  return host_table_emit(&t, NULL);
}

/* 1 + the row of the state that its first value is from, or 0. */
static uint64_t source_row(const Prog *p, const State *s) {
  for (int i = 0; s->from && i < p->nstate; i++)
    if (p->state[i].state == s->from) return (uint64_t)i + 1;
  return 0;
}

static LLVMValueRef states(const Prog *p, LLVMModuleRef mod) {
  HostTable t = host_table(p->arena, mod, (size_t)p->nstate, sizeof(TessState));
  TessState *row = (TessState *)t.bytes;
  for (int i = 0; i < p->nstate; i++, row++) {
    const PState *s = &p->state[i];
    host_text(&t, &row->name, s->name);
    host_point(&t, &row->alias, aliases(p, mod, s->state->alias));
    host_text(&t, &row->module, s->state->module ? s->state->module : "");
    host_text(&t, &row->slot, s->slot ? s->slot : "");
    row->kind = state_kind(s->state);
    row->from = source_row(p, s->state);
    row->t = tensor(s->state->dtype, &s->shape, s->buf->offset + s->at);
  }
  return host_table_emit(&t, NULL);
}

/* What an entry gives: its reports and its assignments. */
static bool *roots(const Prog *p, const Entry *e) {
  bool *root = ARENA_ARRAY(p->arena, p->graph->nnode + 1, bool);
  for (int i = 0; i < e->nassign; i++) root[e->assign[i].value->id] = true;
  for (int i = 0; i < e->nvalue; i++)
    if (e->value[i].flags & V_REPORT) root[e->value[i].node->id] = true;
  return root;
}

static uint64_t *supply_bits(const Prog *p, EntryKind entry) {
  uint64_t *bit = ARENA_ARRAY(p->arena, p->graph->nnode + 1, uint64_t);
  for (int i = 0; i < p->nvalue && i < MAX_SUPPLIED; i++)
    if (p->value[i].entry == entry && p->value[i].value->flags & V_SUPPLY)
      bit[p->value[i].value->node->id] |= (uint64_t)1 << i;
  return bit;
}

/* Follows a value that may be supplied through what is computed from it, up to others and to what its entry
 * gives. */
static void find_readers(const Prog *p, const PValue *v, TessValue *row) {
  const Graph *g = p->graph;
  const Node *from = v->value->node;
  bool *root = roots(p, &g->entry[v->entry]), *need = roots(p, &g->entry[v->entry]);
  bool *reached = ARENA_ARRAY(p->arena, g->nnode + 1, bool);
  uint64_t *bit = supply_bits(p, v->entry);
  graph_mark(g, need);
  reached[from->id] = true;
  for (int i = from->id; i < g->nnode; i++) {
    const Node *n = g->node[i];
    for (int k = 0; need[i] && k < n->nin; k++) reached[i] = reached[i] || reached[n->in[k]->id];
    if (reached[i] && n != from && bit[i]) {
      row->readers |= bit[i];
      reached[i] = false;
    }
    if (reached[i] && root[i]) row->flags |= TESS_READ;
  }
}

static LLVMValueRef values(const Prog *p, LLVMModuleRef mod) {
  HostTable t = host_table(p->arena, mod, (size_t)p->nvalue, sizeof(TessValue));
  TessValue *row = (TessValue *)t.bytes;
  for (int i = 0; i < p->nvalue; i++, row++) {
    const Value *v = p->value[i].value;
    host_text(&t, &row->name, v->name);
    host_text(&t, &row->data, v->source ? v->source : "");
    row->flags = v->flags;
    row->entry = p->value[i].entry;
    row->shift = (float)v->shift;
    row->flip = (float)v->flip;
    row->classes = v->classes;
    host_text(&t, &row->source, host_place(p->arena, v->loc));
    row->t = tensor(v->node->dtype, &v->node->shape, p->value[i].buf->offset + p->value[i].at);
    if (v->flags & V_SUPPLY) find_readers(p, &p->value[i], row);
  }
  return host_table_emit(&t, NULL);
}

static LLVMValueRef settings(const Prog *p, LLVMModuleRef mod) {
  HostTable t = host_table(p->arena, mod, (size_t)p->graph->nsetting, sizeof(TessSetting));
  TessSetting *row = (TessSetting *)t.bytes;
  for (int i = 0; i < p->graph->nsetting; i++, row++) {
    const Setting *s = &p->graph->setting[i];
    host_text(&t, &row->name, s->name);
    host_text(&t, &row->help, s->help ? s->help : "");
    row->value = (float)s->value;
  }
  return host_table_emit(&t, NULL);
}

static LLVMValueRef facts(const Prog *p, LLVMModuleRef mod, const HostInfo *info) {
  HostTable t = host_table(p->arena, mod, (size_t)info->nfact, sizeof(TessFact));
  TessFact *row = (TessFact *)t.bytes;
  for (int i = 0; i < info->nfact; i++, row++) {
    host_text(&t, &row->key, info->fact[i].key);
    host_text(&t, &row->value, info->fact[i].value);
  }
  return host_table_emit(&t, NULL);
}

static void fill_texts(HostTable *t, const Prog *p, const HostInfo *info) {
  TessProgram *r = (TessProgram *)t->bytes;
  host_text(t, &r->name, p->graph->name_of_block ? p->graph->name_of_block : "");
  host_text(t, &r->description, info->description);
  host_text(t, &r->source_hash, info->source_hash);
  host_text(t, &r->build, info->build);
  host_text(t, &r->cpu_needs, info->cpu_needs);
  if (!info->manifest) return;
  host_point(t, &r->manifest,
             host_bytes(t->mod, info->manifest, info->manifest_bytes, HOST_MANIFEST_SECTION));
  r->manifest_bytes = info->manifest_bytes;
}

static void fill_numbers(TessProgram *r, const Prog *p, const HostInfo *info) {
  r->abi = TESS_ABI;
  r->batch = (uint64_t)p->graph->batch;
  r->accumulate = (uint64_t)p->graph->accumulate;
  r->arena_bytes = (uint64_t)p->arena_bytes;
  r->live_bytes = (uint64_t)p->live_bytes;
  r->scratch_bytes = (uint64_t)info->scratch_bytes;
  r->max_threads = (uint32_t)info->max_threads;
  r->nstate = (uint32_t)p->nstate;
  r->nvalue = (uint32_t)p->nvalue;
  r->nsetting = (uint32_t)p->graph->nsetting;
  r->nfact = (uint32_t)info->nfact;
  r->finite = p->finite ? p->finite->offset + p->finite_at : -1;
}

/* Adds `tess_program`; entry[] are the entries' functions and launch tables (NULL: absent). */
static void add_program(const Prog *p, LLVMModuleRef mod, const HostInfo *info, const LLVMValueRef *entry,
                        const LLVMValueRef *launches) {
  HostTable t = host_table(p->arena, mod, 1, sizeof(TessProgram));
  TessProgram *r = (TessProgram *)t.bytes;
  fill_numbers(r, p, info);
  fill_texts(&t, p, info);
  host_point(&t, &r->state, states(p, mod));
  host_point(&t, &r->value, values(p, mod));
  host_point(&t, &r->setting, settings(p, mod));
  host_point(&t, &r->fact, facts(p, mod, info));
  for (int e = 0; e < EN_COUNT; e++) {
    host_point(&t, &r->entry[e].fn, entry[e]);
    host_point(&t, &r->entry[e].launch, launches[e]);
    r->entry[e].nlaunch = entry[e] ? (uint32_t)p->entry[e].nlaunch : 0;
  }
  host_table_emit(&t, "tess_program");
}

_Static_assert((int)EN_INIT == TESS_INIT && (int)EN_PREPARE == TESS_PREPARE && (int)EN_MICRO == TESS_MICRO &&
                   (int)EN_UPDATE == TESS_UPDATE && (int)EN_EVAL == TESS_EVAL &&
                   (int)EN_COUNT == TESS_ENTRIES,
               "the runtime names the entries in the graph's order");

int64_t host_scratch(const Prog *p, const Target *t) {
  int64_t most = 0;
  for (int i = 0; i < p->nkernel; i++) most = i64_max(most, t->scratch(t, p->kernel[i]));
  return i64_round_up(most, SCRATCH_ALIGN);
}

void host_count_tasks(Prog *p, const Target *t) {
  for (int e = 0; e < EN_COUNT; e++)
    for (int i = 0; i < p->entry[e].nlaunch; i++) {
      PLaunch *l = &p->entry[e].launch[i];
      l->tasks = t->tasks(t, l->kernel);
    }
}

const char *host_place(Arena *a, Loc loc) {
  return loc.src ? arena_printf(a, "%s:%d", loc.src->path, loc.line) : "";
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

bool host_emit(HostModule *m, const Prog *p, const HostInfo *info) {
  if (!check_limits(p)) return false;
  LLVMModuleRef mod = m->mod;
  LLVMValueRef entry[EN_COUNT], launches[EN_COUNT] = {0};
  host_entries(p, mod, info->poison, entry);
  for (int e = 0; e < EN_COUNT; e++)
    if (p->entry[e].present) launches[e] = launch_table(p, mod, &p->entry[e]);
  add_program(p, mod, info, entry, launches);
  return true;
}
